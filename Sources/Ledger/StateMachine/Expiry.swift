extension StateMachine {
    /// Returns the amounts of all pending transfers that are due, and reopens what they closed. Writes no transfer,
    /// and closed accounts do not hinder it.
    mutating func expireDue(at timestamp: UInt64) -> Int {
        var count = 0
        while let pending = open.popExpired(at: timestamp) {
            guard let debitPlace = accounts.place(of: pending.debitAccountID),
                let creditPlace = accounts.place(of: pending.creditAccountID)
            else { preconditionFailure("a pending transfer was created without its accounts") }
            release(pending, debitPlace: debitPlace, creditPlace: creditPlace, posting: 0)
            recent.resolve(pending: pending.timestamp, as: .expired)
            count += 1
        }
        return count
    }
}
