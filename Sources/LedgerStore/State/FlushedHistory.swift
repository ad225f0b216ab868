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
            switch try place(of: id) {
            case nil: return nil
            case .failed?: return .failed
            case .sequence(let sequence)?:
                guard let transfer = try log.withRecord(at: sequence, { $0.load(Transfer.self, at: 0) }),
                    transfer.id == id
                else { throw state.damage("the index leads to another record than transfer \(id)") }
                return .created(transfer)
            }
        }
    }

    func place(of id: UInt128) throws(StoreError) -> Segment.Place? {
        let question = BloomFilter.Question(state.hash(id))
        for segment in segments.reversed() {
            if let place = try segment.place(of: id, question) { return place }
        }
        return nil
    }

    func resolution(ofPending timestamp: UInt64) throws(HistoryUnreadable) -> PendingStatus? {
        if let found = arriving?.resolution(ofPending: timestamp) { return found }
        return try reading { () throws(StoreError) in
            for segment in segments.reversed() {
                if let found = try segment.resolution(ofPending: timestamp) { return found }
            }
            return nil
        }
    }

    func containsTransfer(timestamp: UInt64) throws(HistoryUnreadable) -> Bool {
        if arriving?.containsTransfer(timestamp: timestamp) == true { return true }
        return try reading { () throws(StoreError) in
            for segment in segments {
                if try segment.contains(timestamp: timestamp) { return true }
            }
            return false
        }
    }

    /// The balances of an account with history just after the transfer with this timestamp.
    func balance(of account: UInt128, timestamp: UInt64) throws(StoreError) -> AccountBalance? {
        for segment in segments.reversed() {
            if let found = try segment.balance(of: account, timestamp: timestamp) { return found }
        }
        return nil
    }

    private func reading<Result>(_ body: () throws(StoreError) -> Result) throws(HistoryUnreadable) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            throw HistoryUnreadable(reason: error.description, cause: error)
        }
    }

    // MARK: Whole batches

    /// So many ids are asked for in one segment after the other: their questions stay in the nearest cache.
    private static let tileCount = 256

    @inline(never)
    private static func ask(
        _ filter: CheckedArray<BloomFilter.Block>, _ questions: Span<BloomFilter.Question>, _ isKnown: inout [Bool]
    ) {
        var isKnown = isKnown.mutableSpan
        for place in questions.indices {
            let mayBe = BloomFilter.mayContain(questions[place], inChecked: filter)
            isKnown[place] = isKnown[place] || mayBe
        }
    }

    func findStrangers(among transfers: [Transfer], _ isStranger: inout [Bool]) throws(HistoryUnreadable) {
        try reading { () throws(StoreError) in
            for segment in segments { try segment.filter.check(0..<segment.filter.count) }
            var questions: [BloomFilter.Question] = []
            var isKnown: [Bool] = []
            questions.reserveCapacity(Self.tileCount)
            isKnown.reserveCapacity(Self.tileCount)
            for start in stride(from: 0, to: transfers.count, by: Self.tileCount) {
                let tile = start..<min(start + Self.tileCount, transfers.count)
                if tile.allSatisfy({ transfers[$0].id > highestID }) {
                    for index in tile { isStranger[index] = true }
                } else {
                    questions.removeAll(keepingCapacity: true)
                    isKnown.removeAll(keepingCapacity: true)
                    for index in tile { questions.append(BloomFilter.Question(state.hash(transfers[index].id))) }
                    isKnown.append(contentsOf: repeatElement(false, count: tile.count))
                    // No answer decides what is asked next, so the cache misses do not wait for each other.
                    for segment in segments { Self.ask(segment.filter, questions.span, &isKnown) }
                    for (place, index) in tile.enumerated() {
                        isStranger[index] = !isKnown[place] || transfers[index].id > highestID
                    }
                }
            }
        }
        guard let arriving else { return }
        for index in transfers.indices where isStranger[index] && arriving.contains(transfers[index].id) {
            isStranger[index] = false
        }
    }
}
