public import Ledger

extension StateMachine {
    /// Decides a committed block again.
    ///
    /// - Returns: Why its recorded answers do not follow from its events, nil if they do.
    /// - Throws: When the history cannot be read, which says nothing about the block.
    public mutating func replay(_ block: Block) throws(HistoryUnreadable) -> String? {
        guard block.timestamp - UInt64(block.count) >= lastTimestamp else { return "time runs backwards" }
        switch block.operation {
        case .createAccounts:
            var events = block.accountsAsSent
            var results: [CreateAccountResult] = []
            try createAccounts(&events, timestamp: block.timestamp, results: &results)
            if events == block.accounts, block.exceptions == Block.exceptions(in: results.lazy.map(\.status)) {
                return nil
            }
        case .createTransfers:
            var events = block.transfersAsSent
            var results: [CreateTransferResult] = []
            results.reserveCapacity(events.count)
            try createTransfers(&events, timestamp: block.timestamp, results: &results)
            if events == block.transfers, block.exceptions == Block.exceptions(in: results.lazy.map(\.status)) {
                return nil
            }
        case .expire:
            let count = expire(timestamp: block.timestamp)
            if block.transfers == [Transfer(id: 0, amount: UInt128(count), timestamp: block.timestamp)] {
                return nil
            }
        }
        return "the recorded results do not follow from the events"
    }
}
