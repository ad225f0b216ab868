import Ledger

/// The engine the way a store runs it: from time to time what is recent becomes history, accounts are saved by their
/// changes, and the whole is opened again from what was saved.
struct FlushingEngine {
    private(set) var machine = StateMachine()
    private var flushed = FlushedTransfers()
    /// The accounts as a store knows them from the changes it was given.
    private var savedAccounts: [Account] = []

    mutating func createAccounts(
        _ events: inout [Account], timestamp: UInt64
    ) throws(HistoryUnreadable) -> [CreateAccountResult] {
        var results: [CreateAccountResult] = []
        try machine.createAccounts(&events, timestamp: timestamp, results: &results)
        return results
    }

    mutating func createTransfers(
        _ events: inout [Transfer], timestamp: UInt64
    ) throws(HistoryUnreadable) -> [CreateTransferResult] {
        var results: [CreateTransferResult] = []
        try machine.createTransfers(&events, timestamp: timestamp, results: &results)
        return results
    }

    mutating func expire(timestamp: UInt64) -> Int { machine.expire(timestamp: timestamp) }

    /// Says what is wrong with the changes that the engine gave, if anything is.
    mutating func flush(reopening: Bool) -> String? {
        for (place, account) in machine.drainChangedAccounts() {
            if Int(place) < savedAccounts.count {
                savedAccounts[Int(place)] = account
            } else if Int(place) == savedAccounts.count {
                savedAccounts.append(account)
            } else {
                return "the changed accounts have a gap before place \(place)"
            }
        }
        if savedAccounts != machine.allAccounts { return "the changed accounts are not all that changed" }
        flushed.parts.append(machine.recentTransfers)
        machine.retireRecentTransfers(to: flushed)
        if reopening {
            machine = StateMachine(
                history: flushed, accounts: savedAccounts, openTransfers: machine.openTransfers.reversed(),
                lastTransferTimestamp: machine.lastTransferTimestamp, lastTimestamp: machine.lastTimestamp)
        }
        return nil
    }

    // MARK: What is stored

    var transferCount: Int { flushed.transferCount + machine.recentTransfers.transfers.count }
    var balanceCount: Int { flushed.balanceCount + machine.recentTransfers.balances.count }
    var failedIDCount: Int { flushed.failedIDCount + machine.recentTransfers.failedIDs.count }

    private var parts: [RecentTransfers] { flushed.parts + [machine.recentTransfers] }
    var allTransfers: [Transfer] { parts.flatMap(\.transfers) }
    var allFailedIDs: [UInt128] { parts.flatMap(\.failedIDs) }
    var allBalances: [NaiveModel.BalanceRow] {
        parts.flatMap(\.balances).map { NaiveModel.BalanceRow(accountID: $0.accountID, balance: $0.balance) }
    }

    func resolution(ofPending timestamp: UInt64) -> PendingStatus? {
        machine.recentTransfers.resolution(ofPending: timestamp) ?? flushed.resolution(ofPending: timestamp)
    }

    // MARK: Reads, by the engine's own filters

    func transfers(_ filter: AccountFilter) -> [Transfer] {
        filter.isValid ? rows(allTransfers.filter(filter.matches), filter.window) : []
    }

    func balances(_ filter: AccountFilter) -> [AccountBalance] {
        guard filter.isValid, machine.account(filter.accountID)?.flags.contains(.history) == true else { return [] }
        let matching = Set(allTransfers.filter(filter.matches).map(\.timestamp))
        let own = allBalances.filter { $0.accountID == filter.accountID && matching.contains($0.balance.timestamp) }
        return rows(own.map(\.balance), filter.window)
    }

    func accounts(_ filter: QueryFilter) -> [Account] {
        filter.isValid ? rows(machine.allAccounts.filter(filter.matches), filter.window) : []
    }

    func transfers(_ filter: QueryFilter) -> [Transfer] {
        filter.isValid ? rows(allTransfers.filter(filter.matches), filter.window) : []
    }

    private func rows<Row>(_ matching: [Row], _ window: Window) -> [Row] {
        Array((window.isReversed ? matching.reversed() : matching).prefix(window.rowLimit))
    }
}

/// A history that keeps every part it was given.
private struct FlushedTransfers: TransferHistory {
    var parts: [RecentTransfers] = [] {
        didSet {
            transferCount = parts.reduce(0) { $0 + $1.transfers.count }
            balanceCount = parts.reduce(0) { $0 + $1.balances.count }
            failedIDCount = parts.reduce(0) { $0 + $1.failedIDs.count }
        }
    }
    private(set) var transferCount = 0
    private(set) var balanceCount = 0
    private(set) var failedIDCount = 0

    func transfer(_ id: UInt128) -> PastTransfer? {
        for part in parts { if let found = part.transfer(id) { return found } }
        return nil
    }

    func resolution(ofPending timestamp: UInt64) -> PendingStatus? {
        for part in parts { if let status = part.resolution(ofPending: timestamp) { return status } }
        return nil
    }

    func containsTransfer(timestamp: UInt64) -> Bool { parts.contains { $0.containsTransfer(timestamp: timestamp) } }
}
