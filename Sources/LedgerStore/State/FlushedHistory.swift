internal import Ledger

/// The transfers that only the log and its indexes know.
struct FlushedHistory: TransferHistory {
    let log: Log
    let state: DerivedState
    let segments: [Segment]
    /// What is on its way to disk.
    let arriving: RecentTransfers?
    /// No flushed id is above this one: ids that ascend with time are new without a look at any segment.
    private let highestID: UInt128

    init(log: Log, state: DerivedState, segments: [Segment], arriving: RecentTransfers?) {
        self.log = log
        self.state = state
        self.segments = segments
        self.arriving = arriving
        highestID = segments.map(\.lastID).max() ?? 0
    }

    func transfer(_ id: UInt128) throws(HistoryUnreadable) -> PastTransfer? {
        if let found = arriving?.transfer(id) { return found }
        if id > highestID { return nil }
        return try reading { () throws(StoreError) in
            switch state.place(of: id, in: segments) {
            case nil: return nil
            case .failed?: return .failed
            case .sequence(let sequence)?:
                guard let transfer = try log.withRecord(at: sequence, { $0.load(Transfer.self, at: 0) }),
                    transfer.id == id
                else {
                    throw .damaged(path: log.path, sequence: sequence, reason: "the index leads to another record")
                }
                return .created(transfer)
            }
        }
    }

    func resolution(ofPending timestamp: UInt64) throws(HistoryUnreadable) -> PendingStatus? {
        if let found = arriving?.resolution(ofPending: timestamp) { return found }
        return try reading { () throws(StoreError) in try state.resolution(ofPending: timestamp) }
    }

    func containsTransfer(timestamp: UInt64) throws(HistoryUnreadable) -> Bool {
        if arriving?.containsTransfer(timestamp: timestamp) == true { return true }
        return segments.contains { $0.contains(timestamp: timestamp) }
    }

    private func reading<Result>(_ body: () throws(StoreError) -> Result) throws(HistoryUnreadable) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            throw HistoryUnreadable(reason: error.description)
        }
    }
}
