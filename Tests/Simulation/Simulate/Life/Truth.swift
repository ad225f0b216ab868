internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore

/// What a log says that was never interrupted, and what follows from each of its commits.
struct Truth {
    private(set) var blocks: [Block] = []
    /// Sealed details by the sequence of their event.
    var details: [UInt64: [UInt8]] = [:]
    /// What follows from the first *n* blocks; nil where *n* blocks are no whole number of commits.
    private var points: [Point?] = [Point()]

    /// What follows from the blocks before it.
    struct Point {
        var machine = StateMachine()
        var digest = SHA256Digest.zero
        var eventCount: UInt64 = 0
        var detailsCount: UInt64 = 0
    }

    func point(_ blockCount: Int) -> Point? { points[blockCount] }

    var end: Point {
        guard let end = points[blocks.count] else { preconditionFailure("a truth ends with a commit") }
        return end
    }

    /// The truth as far as the first blocks reach.
    func prefix(_ blockCount: Int) -> Truth {
        var truth = self
        truth.blocks = Array(blocks.prefix(blockCount))
        truth.points = Array(points.prefix(blockCount + 1))
        let eventCount = truth.end.eventCount
        truth.details = details.filter { $0.key < eventCount }
        return truth
    }

    /// Decides the blocks of a longer log again.
    ///
    /// - Parameter commits: Where commits ended, as sequences.
    mutating func extend(with log: [Block], commits: Set<UInt64>) throws(Finding) {
        try expect(log.starts(with: blocks), "the log does not go on from what it was")
        var point = end
        for block in log[blocks.count...] {
            let reason: String?
            // All of it is in memory: there is no history that could be unreadable.
            do throws(HistoryUnreadable) { reason = try point.machine.replay(block) } catch { reason = error.reason }
            if let reason {
                throw Finding("block \(block.firstSequence) was decided wrongly: \(reason)")
            }
            point.digest = DigestProjection.fold(block, into: point.digest)
            point.eventCount = block.nextSequence
            point.detailsCount += UInt64(block.commitments.count)
            blocks.append(block)
            points.append(commits.contains(block.nextSequence) ? point : nil)
        }
        try expect(points[blocks.count] != nil, "the log ends within a commit")
    }
}

extension LedgerReader {
    /// All blocks, each checked.
    func allBlocks() throws(StoreError) -> [Block] {
        var blocks: [Block] = []
        try forEachBlock(mapping: { $0 }) { (block: Block) throws(StoreError) in
            blocks.append(block)
            return true
        }
        return blocks
    }
}
