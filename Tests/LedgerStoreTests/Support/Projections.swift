import CryptoPrimitives
import Foundation
import LedgerStore
import Synchronization

/// A projection of nothing.
struct NoProjection: Projection {
    func restore(from snapshot: [UInt8]?) -> Bool { true }
    func apply(_ block: Block) {}
    func snapshot() -> [UInt8] { [] }
}

/// A projection whose content is a digest over all blocks in order: it notices one that is missing, repeated or out of
/// place.
final class DigestProjection: Projection {
    private let digest = Mutex(SHA256Digest.zero)

    var value: SHA256Digest { digest.withLock { $0 } }

    func restore(from snapshot: [UInt8]?) -> Bool {
        guard let snapshot else {
            digest.withLock { $0 = .zero }
            return true
        }
        guard let restored = SHA256Digest(unsafe snapshot.span.bytes) else { return false }
        digest.withLock { $0 = restored }
        return true
    }

    func apply(_ block: Block) {
        digest.withLock { digest in
            var hash = SHA256()
            digest.withBytes { hash.update($0) }
            block.checksum.withBytes { hash.update($0) }
            digest = hash.finalize()
        }
    }

    func snapshot() -> [UInt8] { value.bytes }
}

/// A projection that keeps the writer's thread waiting while it is shut, so that requests come together.
final class GateProjection: Projection {
    private let condition = NSCondition()
    private let state = Mutex((isShut: false, waitingCount: 0))

    func shut() { state.withLock { $0.isShut = true } }

    func open() {
        condition.lock()
        state.withLock { $0.isShut = false }
        condition.broadcast()
        condition.unlock()
    }

    /// Waits until the writer stands at the gate.
    func writerArrived() async {
        while state.withLock({ $0.waitingCount }) == 0 { await Task.yield() }
    }

    func restore(from snapshot: [UInt8]?) -> Bool { true }
    func snapshot() -> [UInt8] { [] }

    func apply(_ block: Block) {
        condition.lock()
        state.withLock { $0.waitingCount += 1 }
        while state.withLock({ $0.isShut }) { condition.wait() }
        state.withLock { $0.waitingCount -= 1 }
        condition.unlock()
    }
}

/// A projection that tells when a block comes by.
final class BlockStream: Projection {
    let blocks: AsyncStream<Block>
    private let continuation: AsyncStream<Block>.Continuation

    init() { (blocks, continuation) = AsyncStream.makeStream() }

    func restore(from snapshot: [UInt8]?) -> Bool { true }
    func apply(_ block: Block) { continuation.yield(block) }
    func snapshot() -> [UInt8] { [] }

    /// The next block of an operation.
    func next(_ operation: LedgerStore.Operation) async -> Block? {
        for await block in blocks where block.operation == operation { return block }
        return nil
    }
}

/// A clock that shows what a test set it to.
final class SetClock: Sendable {
    private let nanoseconds: Mutex<UInt64>

    init(_ start: UInt64) { nanoseconds = Mutex(start) }

    var now: UInt64 {
        get { nanoseconds.withLock { $0 } }
        set { nanoseconds.withLock { $0 = newValue } }
    }
}

/// Something that happened, once.
final class Flag: Sendable {
    private let raised = Mutex(false)

    var isRaised: Bool { raised.withLock { $0 } }
    func raise() { raised.withLock { $0 = true } }
}
