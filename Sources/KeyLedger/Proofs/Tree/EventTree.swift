package import CryptoPrimitives
internal import Glibc
package import LedgerStore
internal import Synchronization
package import Transparency

/// The Merkle tree over a ledger's events. It follows the log at a distance, and catches up when it is asked for something
/// it has not reached.
///
/// Nothing of it is truth: hashes that decayed on disk lead to proofs that do not hold, which are found before they
/// leave, and the tree is built again.
package final class EventTree: Sendable {
    private let folder: TreeFolder
    private let reader: LedgerReader
    private let feed: TreeFeed?
    private let state: Mutex<State>
    private let end = Monitor(false)

    private struct State {
        var tree: TileTree
        /// How far the files are durable.
        var durableSize: TreeSize
        /// Why the follower stopped; whoever asks meets the reason himself.
        var isBroken = false
    }

    /// Opens the tree of a ledger. With a feed, a thread of its own follows the log until ``close()``; without, it grows
    /// only when asked.
    package init(_ reader: LedgerReader, feed: TreeFeed? = nil, isReadOnly: Bool = false) throws(StoreError) {
        self.reader = reader
        self.feed = feed
        folder = TreeFolder(reader.folder, isReadOnly: isReadOnly)
        let tree = try folder.open(reader)
        state = Mutex(State(tree: tree, durableSize: tree.size))
        guard let feed else {
            end.change { $0 = true }
            return
        }
        startThread { [weak self, end] in
            // Whoever waits for a commit comes first.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
            Self.follow(feed) { self }
            end.change { $0 = true }
        }
    }

    deinit { feed?.stop() }

    /// The follower takes what the engine leaves: where it falls behind, it catches up when the engine pauses or somebody
    /// asks.
    private static let niceness: Int32 = 19
    /// The files are made durable after so many leaves, or when no more come for a while.
    private static let durableLeafCount: UInt64 = 1 << 20
    private static let quietNanoseconds: UInt64 = 1_000_000_000

    // MARK: Following

    private static func follow(_ feed: TreeFeed, _ tree: () -> EventTree?) {
        var isPending = true
        while true {
            switch feed.wait(atMost: isPending ? quietNanoseconds : nil) {
            case .stop: return
            case .work:
                tree()?.work()
                isPending = true
            case .quiet:
                try? tree()?.makeDurable()
                isPending = false
            }
        }
    }

    private func work() {
        state.withLock { state in
            guard !state.isBroken, let feed else { return }
            do throws(StoreError) {
                for block in feed.take() { try append(block, to: &state) }
                try write(&state)
            } catch {
                // The next who asks tries again, and gets the error.
                state.isBroken = true
            }
        }
    }

    private func append(_ block: Block, to state: inout State) throws(StoreError) {
        if block.firstSequence > state.tree.size.leafCount { try read(to: block.firstSequence, into: &state) }
        if block.firstSequence == state.tree.size.leafCount {
            block.forEachEntry { state.tree.append(MerkleHash.leaf($0)) }
        } else if block.nextSequence > state.tree.size.leafCount {
            // The tree ends inside of this block: it was opened with the files of a shorter copy of the log.
            try read(to: block.nextSequence, into: &state)
        }
    }

    /// Brings the tree to `size` from the log.
    private func read(to size: UInt64, into state: inout State) throws(StoreError) {
        let start = state.tree.size.leafCount
        guard start < size else { return }
        try reader.forEachBlock(from: start, to: size, mapping: { $0 }) { (block) throws(StoreError) in
            var index = block.firstSequence
            block.forEachEntry { entry in
                if index == state.tree.size.leafCount, index < size { state.tree.append(MerkleHash.leaf(entry)) }
                index += 1
            }
            if folder.isWritable { try write(&state) }
            return true
        }
        guard state.tree.size.leafCount == size else {
            throw .damaged(
                path: reader.folder.logPath, sequence: state.tree.size.leafCount,
                reason: "the log ends before event \(size)")
        }
    }

    private func write(_ state: inout State) throws(StoreError) {
        guard folder.isWritable else { return }
        try state.tree.write()
        let undurable = state.tree.size.leafCount - state.durableSize.leafCount
        if undurable >= Self.durableLeafCount { try makeDurable(&state) }
    }

    private func makeDurable(_ state: inout State) throws(StoreError) {
        guard folder.isWritable, state.durableSize < state.tree.size else { return }
        try state.tree.write()
        try folder.makeDurable(state.tree, reader)
        state.durableSize = state.tree.size
    }

    /// Makes durable what the tree has reached.
    package func makeDurable() throws(StoreError) {
        try state.withLock { (state) throws(StoreError) in try makeDurable(&state) }
    }

    /// Stops following and makes durable what the tree has reached. It can still be asked.
    package func close() throws(StoreError) {
        feed?.stop()
        end.wait { $0 ? () : nil }
        work()
        try makeDurable()
    }

    // MARK: Asking

    /// How far the tree has come, in events.
    package var size: TreeSize { state.withLock { $0.tree.size } }

    /// The head of the tree over the first `size` events, which are committed.
    package func head(at size: TreeSize) throws(StoreError) -> TreeHead {
        try with(size) { (tree) throws(StoreError) in try tree.head(at: size) }
    }

    /// The hashes of a proof for the tree over the first `size` events.
    package func hashes(of nodes: ProofNodes, in size: TreeSize) throws(StoreError) -> [SHA256Digest] {
        try with(size) { (tree) throws(StoreError) in
            try nodes.hashes { (subtree) throws(StoreError) in try tree.hash(of: subtree) }
        }
    }

    /// The hash of a complete subtree of the tree over the first `size` events.
    package func hash(of subtree: Subtree, in size: TreeSize) throws(StoreError) -> SHA256Digest {
        try with(size) { (tree) throws(StoreError) in try tree.hash(of: subtree) }
    }

    /// The content of a tile of the tree over the first `size` events.
    package func content(of tile: Tile, in size: TreeSize) throws(StoreError) -> [SHA256Digest] {
        try with(size) { (tree) throws(StoreError) in try tree.content(of: tile) }
    }

    /// Throws away what is on disk and builds the tree again from the log.
    package func rebuild() throws(StoreError) {
        try state.withLock { (state) throws(StoreError) in
            state = State(tree: try folder.emptied(), durableSize: .zero)
        }
    }

    private func with<Result>(
        _ size: TreeSize, _ body: (TileTree) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try state.withLock { (state) throws(StoreError) in
            state.isBroken = false
            for block in feed?.take() ?? [] { try append(block, to: &state) }
            try read(to: size.leafCount, into: &state)
            try write(&state)
            return try body(state.tree)
        }
    }
}
