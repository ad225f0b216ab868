internal import Ledger

/// Decides the recorded events again, and says where the log claims something else.
///
/// Stops at the first block that differs: what comes after it was decided on other balances.
struct Replay {
    private(set) var machine = StateMachine()
    private(set) var findings = Findings()
    private var isStopped = false

    /// Decides a block that follows what was decided before.
    mutating func decide(_ block: BlockView, in bytes: [UInt8]) {
        if isStopped { return }
        // The machine relies on both: its callers promise them.
        precondition(block.timestamp - UInt64(block.count) >= machine.lastTimestamp, "the scan checks time")
        do throws(HistoryUnreadable) {
            let difference =
                switch block.operation {
                case .createAccounts: try decideAccounts(block, in: bytes)
                case .createTransfers: try decideTransfers(block, in: bytes)
                case .expire: decideExpiry(block, in: bytes)
                }
            if let difference { report(difference, block) }
        } catch {
            preconditionFailure("a history in memory is readable: \(error.reason)")
        }
    }

    /// The first event of a block that differs, and in what.
    private struct Difference {
        let index: Int
        let kind: Finding.Kind
        let text: String
    }

    private mutating func decideAccounts(
        _ block: BlockView, in bytes: [UInt8]
    ) throws(HistoryUnreadable) -> Difference? {
        let recorded = block.accounts(in: bytes)
        var events = recorded
        forEachCreated(block, in: bytes) { index in
            if !events[index].flags.contains(.imported) { events[index].timestamp = 0 }
        }
        var results: [CreateAccountResult] = []
        try machine.createAccounts(&events, timestamp: block.timestamp, results: &results)
        return difference(block, in: bytes, results.lazy.map(\.status)) { events[$0] == recorded[$0] }
    }

    private mutating func decideTransfers(
        _ block: BlockView, in bytes: [UInt8]
    ) throws(HistoryUnreadable) -> Difference? {
        let recorded = block.transfers(in: bytes)
        var events = recorded
        forEachCreated(block, in: bytes) { index in
            if !events[index].flags.contains(.imported) { events[index].timestamp = 0 }
        }
        var results: [CreateTransferResult] = []
        results.reserveCapacity(block.count)
        try machine.createTransfers(&events, timestamp: block.timestamp, results: &results)
        return difference(block, in: bytes, results.lazy.map(\.status)) { events[$0] == recorded[$0] }
    }

    private mutating func decideExpiry(_ block: BlockView, in bytes: [UInt8]) -> Difference? {
        let count = machine.expire(timestamp: block.timestamp)
        let recorded = bytes.loadRecord(Transfer.self, at: block.record(at: 0))
        if recorded == Transfer(id: 0, amount: UInt128(count), timestamp: block.timestamp) { return nil }
        return Difference(
            index: 0, kind: .answerForged, text: "says that \(recorded.amount) transfers expired, where \(count) did")
    }

    private func forEachCreated(_ block: BlockView, in bytes: [UInt8], _ body: (Int) -> Void) {
        var refused = 0
        for index in 0..<block.count {
            if refused < block.refusedCount, block.refusal(refused, in: bytes).index == index {
                refused += 1
            } else {
                body(index)
            }
        }
    }

    private func difference<Status: RawRepresentable<UInt32>>(
        _ block: BlockView, in bytes: [UInt8], _ statuses: some RandomAccessCollection<Status>,
        isRecorded: (Int) -> Bool
    ) -> Difference? {
        var refused = 0
        for (index, status) in statuses.enumerated() {
            var recorded = BlockView.created
            if refused < block.refusedCount {
                let refusal = block.refusal(refused, in: bytes)
                if refusal.index == index {
                    recorded = refusal.status
                    refused += 1
                }
            }
            if recorded != status.rawValue {
                let found = Status(rawValue: recorded).map { "\($0)" } ?? String(recorded)
                return Difference(
                    index: index, kind: .answerForged, text: "is recorded as \(found), and follows as \(status)")
            }
            if !isRecorded(index) {
                return Difference(index: index, kind: .recordForged, text: "is not recorded as it would be stored")
            }
        }
        return nil
    }

    private mutating func report(_ difference: Difference, _ block: BlockView) {
        isStopped = true
        let sequence = block.sequence(at: difference.index)
        findings.add(
            difference.kind, event: sequence, since: block.timestamp(at: difference.index),
            "event \(sequence) \(difference.text)")
    }

    /// On every ledger the sum of debits is the sum of credits, posted and pending.
    mutating func checkConservation() {
        var sums: [UInt32: (posted: UInt128, pending: UInt128)] = [:]
        for account in machine.allAccounts {
            // Modulo 2^128: single balances may be that large.
            let sum = sums[account.ledger] ?? (0, 0)
            sums[account.ledger] = (
                sum.posted &+ account.debitsPosted &- account.creditsPosted,
                sum.pending &+ account.debitsPending &- account.creditsPending
            )
        }
        for (ledger, sum) in sums.sorted(by: { $0.key < $1.key }) where sum != (0, 0) {
            findings.add(.ledgerUnbalanced, "debits and credits differ on ledger \(ledger)")
        }
    }
}
