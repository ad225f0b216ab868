internal import CryptoPrimitives

/// Reads a ledger's log, also while another process writes it: what it sees is always a whole number of commits.
public final class LedgerReader: Sendable {
    /// Where the ledger lives.
    public let folder: LedgerFolder
    let log: Log

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

    /// The projection's snapshot in `state/`, and the number of the first event that is not in it; nil if there is none
    /// that can be read.
    public func flushedProjection() throws(StoreError) -> (snapshot: [UInt8], nextSequence: UInt64)? {
        try DerivedState.flushedProjection(folder).map { ($0.snapshot, $0.position.nextSequence) }
    }

    /// How many events have details stored.
    public func detailsCount() throws(StoreError) -> UInt64 { try log.detailsCount() }

    /// The block that holds an event, or nil beyond the end.
    public func block(containing sequence: UInt64) throws(StoreError) -> Block? { try log.block(containing: sequence) }

    /// Hands out the blocks from the one that holds `sequence` up to the one that holds `end − 1`, checked against their
    /// checksums and each following the one before. `body` returns false to stop.
    ///
    /// - Parameters:
    ///   - sequence: Where to start.
    ///   - end: Where to stop; nil means the end of the log at the time of the call.
    ///   - mapping: Makes a failure of the store one of the caller's.
    ///   - body: Called outside any transaction, so it may take its time.
    /// - Throws: ``StoreError/damaged(path:sequence:reason:)`` at the first block that is not as it was committed, after
    ///   all before it were handed out; and what `body` throws.
    public func forEachBlock<Failure: Error>(
        from sequence: UInt64 = 0, to end: UInt64? = nil, mapping: (StoreError) -> Failure,
        _ body: (Block) throws(Failure) -> Bool
    ) throws(Failure) {
        // Where the log ends is taken from the last block's key: its bytes may be damaged, and the blocks before it are
        // readable all the same.
        let lastFirst = try storeResult(mapping) { () throws(StoreError) in try log.lastFirstSequence() }
        guard let lastFirst else { return }
        var next = sequence
        var previous: Block?
        while next < end ?? .max {
            let chunk = try storeResult(mapping) { () throws(StoreError) in
                try log.chunk(from: next, eventCount: Block.eventCountMax)
            }
            for block in chunk.blocks {
                if let reason = flaw(of: block, after: previous) {
                    throw mapping(.damaged(path: folder.logPath, sequence: next, reason: reason))
                }
                guard try body(block) else { return }
                next = block.nextSequence
                previous = block
                if next > lastFirst || next >= end ?? .max { return }
            }
            if let damage = chunk.damage { throw mapping(damage) }
            if chunk.blocks.isEmpty {
                if next > lastFirst { return }
                throw mapping(
                    .damaged(path: folder.logPath, sequence: next, reason: "the block with this event is missing"))
            }
        }
    }

    /// Why a block cannot stand where it was found.
    private func flaw(of block: Block, after previous: Block?) -> String? {
        guard let previous else {
            let isStart = block.firstSequence == 0
            return isStart && block.previousChecksum != .zero ? "the first block names one before it" : nil
        }
        if block.firstSequence != previous.nextSequence || block.previousChecksum != previous.checksum {
            return "block \(block.firstSequence) does not follow block \(previous.firstSequence)"
        }
        return nil
    }

    private func storeResult<Result, Failure: Error>(
        _ mapping: (StoreError) -> Failure, _ body: () throws(StoreError) -> Result
    ) throws(Failure) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            throw mapping(error)
        }
    }
}
