package import LedgerStore
internal import Synchronization

/// Committed blocks on their way from the writer to the tree. Never makes the writer wait: what does not fit is left out,
/// and read from the log later.
package final class TreeFeed: Sendable {
    private struct State {
        var blocks: [Block] = []
        var eventCount = 0
    }

    private let state = Mutex(State())
    private let signal = Monitor(Signal())

    private struct Signal {
        var level = Level.empty
        var isStopped = false
    }

    private enum Level { case empty, some, enough }

    /// Events on their way at most: 16 MB.
    private static let eventCountMax = 1 << 17
    /// Enough to start working at once.
    private static let eventCountEnough = 1 << 14

    /// A feed without blocks.
    package init() {}

    /// Takes a block over, from the writer's thread.
    package func offer(_ block: Block) {
        let level: Level? = state.withLock { state in
            let before = state.eventCount
            if before + block.count > Self.eventCountMax {
                // The tree finds the gap and reads from the log.
                state = State()
            }
            state.blocks.append(block)
            state.eventCount += block.count
            if before == 0 { return .some }
            return before < Self.eventCountEnough && state.eventCount >= Self.eventCountEnough ? .enough : nil
        }
        if let level { signal.change { $0.level = level } }
    }

    /// Takes all blocks out, in order.
    func take() -> [Block] {
        signal.change { $0.level = .empty }
        return state.withLock { state in
            defer { state = State() }
            return state.blocks
        }
    }

    /// What a wait ended with.
    enum Awakening { case work, quiet, stop }

    /// Waits for blocks, and then a moment for more of them.
    ///
    /// - Parameter nanoseconds: How long to wait at most; nil means for ever.
    func wait(atMost nanoseconds: UInt64?) -> Awakening {
        let first: Awakening? = signal.wait(atMost: nanoseconds) { signal in
            if signal.isStopped { return .stop }
            return signal.level == .empty ? nil : .work
        }
        guard first == .work else { return first ?? .quiet }
        signal.wait(atMost: Self.collectingNanoseconds) { $0.isStopped || $0.level == .enough ? () : nil }
        return .work
    }

    private static let collectingNanoseconds: UInt64 = 50_000_000

    func stop() { signal.change { $0.isStopped = true } }
}

/// A projection and the tree's feed behind one interface.
package struct FedProjection: Projection {
    private let projection: any Projection
    private let feed: TreeFeed

    /// Shows `feed` every block that `projection` sees.
    package init(_ projection: any Projection, _ feed: TreeFeed) {
        self.projection = projection
        self.feed = feed
    }

    /// As the projection does.
    package func restore(from snapshot: [UInt8]?) -> Bool { projection.restore(from: snapshot) }

    /// Hands the block to both.
    package func apply(_ block: Block) {
        projection.apply(block)
        feed.offer(block)
    }

    /// That of the projection.
    package func snapshot() -> [UInt8] { projection.snapshot() }
}
