internal import FoundationEssentials
public import Ledger

/// Decides the blocks of a log again, from the first on, in memory that does not grow with the log.
///
/// What an id led to long ago has to be known to the end: it is kept in segments like those of `state/`, but of ids only,
/// in a temporary folder (`TMPDIR`) of some 35 bytes an event that nobody else sees and that is gone with this value.
public struct LogReplay: Sendable {
    /// What the blocks lead to so far.
    public private(set) var machine: StateMachine
    private let log: Log
    private let state: DerivedState
    private var segments: [Segment] = []
    private var sorter = FlushSorter()
    private var number: UInt32 = 0
    /// What was decided from this event on is only in memory; and how far behind it each recent transfer stands.
    private var recentSequence: UInt64 = 0
    private var places: [UInt32] = []
    private let flushCount: Int

    /// Before the first event of a log.
    ///
    /// - Throws: What the system says if there can be no temporary folder.
    public init(_ reader: LedgerReader) throws(StoreError) {
        try self.init(reader, flushCount: Engine.flushCountDefault)
    }

    init(_ reader: LedgerReader, flushCount: Int) throws(StoreError) {
        log = reader.log
        self.flushCount = flushCount
        state = try DerivedState.temporary()
        machine = StateMachine()
    }

    /// Decides the next block again.
    ///
    /// - Returns: Why its recorded answers do not follow from its events, nil if they do.
    /// - Throws: When the temporary folder cannot be written, or the log not be read.
    public mutating func replay(_ block: Block) throws(StoreError) -> String? {
        let flaw: String?
        do throws(HistoryUnreadable) {
            flaw = try machine.replay(block)
        } catch {
            throw error.cause as? StoreError ?? state.damage(error.reason)
        }
        if flaw != nil { return flaw }
        block.appendPlaces(to: &places, after: recentSequence)
        if Int(block.nextSequence - recentSequence) + machine.recentTransfers.resolutions.count >= flushCount {
            try flush(to: block.nextSequence)
        }
        return nil
    }

    private mutating func flush(to nextSequence: UInt64) throws(StoreError) {
        let flush = DerivedState.Flush(
            position: DerivedState.Snapshot.empty.position, accounts: [], recent: machine.recentTransfers,
            sequences: recentSequence..<nextSequence, places: places, projectionSnapshot: [])
        segments = try state.write(flush, as: nextNumber(), after: segments, sortedBy: &sorter)
        if var merge = try state.merge(of: segments, as: number + 1) {
            number += 1
            var merged: [Segment]?
            while merged == nil { merged = try state.advance(&merge, of: segments) }
            segments = merged ?? segments
        }
        // Accounts are all in memory; nobody asks which of them changed.
        _ = machine.drainChangedAccounts()
        machine.retireRecentTransfers(
            to: FlushedHistory(log: log, state: state, segments: segments, arriving: nil))
        places.removeAll(keepingCapacity: true)
        recentSequence = nextSequence
    }

    private mutating func nextNumber() -> UInt32 {
        number += 1
        return number
    }
}

extension Block {
    /// Appends how far behind a sequence each created transfer of this block stands.
    func appendPlaces(to places: inout [UInt32], after sequence: UInt64) {
        guard operation == .createTransfers else { return }
        let first = UInt32(firstSequence - sequence)
        var exceptions = exceptions[...]
        for index in transfers.indices {
            if exceptions.first?.index == UInt32(index) {
                exceptions.removeFirst()
            } else {
                places.append(first + UInt32(index))
            }
        }
    }
}
