/// Reads a ledger's log, also while another process writes it: what it sees is always a whole number of commits.
public final class LedgerReader: Sendable {
    public let folder: LedgerFolder
    private let log: Log

    /// Opens a ledger for reading only. Writes nothing to it.
    public convenience init(_ folder: LedgerFolder) throws(StoreError) {
        _ = try folder.manifest()
        self.init(folder: folder, log: try Log(path: folder.logPath, isReadOnly: true))
    }

    init(folder: LedgerFolder, log: Log) {
        self.folder = folder
        self.log = log
    }

    /// The last committed block, or nil in an empty log.
    public func lastBlock() throws(StoreError) -> Block? { try log.lastBlock() }

    /// How many events are committed.
    public func eventCount() throws(StoreError) -> UInt64 { try lastBlock()?.nextSequence ?? 0 }

    /// The sealed details of an event, or nil if it has none.
    public func sealedDetails(of sequence: UInt64) throws(StoreError) -> [UInt8]? { try log.details(of: sequence) }

    /// The projection's snapshot in `state/`, and the number of the first event that is not in it; nil if there is none.
    ///
    /// Do not call in a process that has the ledger open for writing.
    public func flushedProjection() throws(StoreError) -> (snapshot: [UInt8], nextSequence: UInt64)? {
        guard folder.hasState else { return nil }
        let state = try DerivedState(path: folder.statePath, isReadOnly: true)
        defer { state.close() }
        guard let position = try state.position(), let snapshot = try state.projectionSnapshot() else { return nil }
        return (snapshot, position.nextSequence)
    }

    /// How many events have details stored.
    public func detailsCount() throws(StoreError) -> UInt64 { try log.detailsCount() }

    /// The block that holds an event, or nil beyond the end.
    public func block(containing sequence: UInt64) throws(StoreError) -> Block? { try log.block(containing: sequence) }

    /// Hands out the blocks from the one that holds `sequence` up to the one that holds `end − 1`, checked against their
    /// digests and each following the one before. `body` returns false to stop.
    ///
    /// - Parameter end: Where to stop; nil means the end of the log at the time of the call.
    /// - Throws: ``StoreError/damaged(path:sequence:reason:)`` at the first block that is not as it was committed, after
    ///   all before it were handed out; and what `body` throws.
    public func forEachBlock<Failure: Error>(
        from sequence: UInt64 = 0, to end: UInt64? = nil, mapping: (StoreError) -> Failure,
        _ body: (Block) throws(Failure) -> Bool
    ) throws(Failure) {
        var next = sequence
        let limit: UInt64
        do throws(StoreError) {
            limit = if let end { end } else { try eventCount() }
        } catch {
            throw mapping(error)
        }
        var previous: Block?
        while next < limit {
            let chunk: LogChunk
            do throws(StoreError) {
                chunk = try log.chunk(from: next, eventCount: Block.eventCountMax)
            } catch {
                throw mapping(error)
            }
            for block in chunk.blocks {
                if let previous, block.previousDigest != previous.digest || block.firstSequence != previous.nextSequence {
                    throw mapping(
                        .damaged(
                            path: folder.logPath, sequence: previous.nextSequence,
                            reason: "block \(block.firstSequence) does not follow block \(previous.firstSequence)"))
                }
                guard try body(block) else { return }
                next = block.nextSequence
                previous = block
                if next >= limit { return }
            }
            if let damage = chunk.damage { throw mapping(damage) }
            if chunk.blocks.isEmpty { return }
        }
    }
}
