public import CryptoPrimitives
public import Ledger
public import LedgerStore

/// A ledger rebuilt from its log alone: no derived state, no keys, no clock.
public struct Replay: Sendable {
    /// What the events say.
    public private(set) var projection = LedgerProjection()
    /// The balances they lead to.
    public private(set) var machine = StateMachine()

    /// The ledger before its first event.
    public init() {}

    /// Folds the events from the first up to `end`, exclusive; to the end of the log if nil.
    ///
    /// Balances are kept by whole blocks: they reach to the end of the block that holds the last event.
    ///
    /// - Parameter progress: Called after each block with how many events are done and how many there are.
    /// - Throws: ``StoreError/damaged(path:sequence:reason:)`` where the log is not as it was committed.
    public init(
        _ reader: LedgerReader, to end: UInt64? = nil, progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(StoreError) {
        let last = try reader.eventCount()
        let end = min(end ?? last, last)
        var replay = try LogReplay(reader)
        var projection = LedgerProjection()
        try reader.forEachBlock(to: end, mapping: { $0 }) { (block) throws(StoreError) in
            if let reason = try replay.replay(block) {
                throw .damaged(path: reader.folder.logPath, sequence: block.firstSequence, reason: reason)
            }
            projection.apply(block, to: end)
            progress(min(block.nextSequence, end), end)
            return true
        }
        self.projection = projection
        machine = replay.machine
    }

    /// SHA-256 over all accounts and open pending transfers, in order of creation.
    public var balanceDigest: SHA256Digest {
        var hash = SHA256()
        let accounts = machine.allAccounts
        let open = machine.openTransfers
        hash.update(unsafe accounts.span.bytes)
        hash.update(unsafe open.span.bytes)
        return hash.finalize()
    }
}
