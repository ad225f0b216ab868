import Ledger

/// The account/transfer model a second time, as plainly as it can be said: sorted arrays, walked through from the
/// beginning, and a copy of everything when a chain begins. Slow, and meant to be right at first sight.
///
/// Shares only the records and the names of flags and statuses with the engine, none of its rules.
struct NaiveModel {
    /// What a broken chain puts back.
    struct State: Hashable {
        /// In order of creation, which is that of timestamps.
        var accounts: [Account] = []
        /// In order of creation, which is that of timestamps.
        var transfers: [Transfer] = []
        /// Every pending transfer ever created, in order of creation.
        var pendings: [Pending] = []
        /// The balances of accounts with history after each transfer, in order.
        var balances: [BalanceRow] = []
    }

    struct Pending: Hashable {
        let transfer: Transfer
        var status: PendingStatus

        var expiresAt: UInt64? {
            transfer.timeoutSeconds == 0
                ? nil : transfer.timestamp + UInt64(transfer.timeoutSeconds) * 1_000_000_000
        }
    }

    struct BalanceRow: Hashable {
        let accountID: UInt128
        let balance: AccountBalance
    }

    var state = State()
    /// Ids refused for a transient reason. Not part of the state: such a mark outlives the roll-back of its chain.
    var failedIDs: [UInt128] = []

    func account(_ id: UInt128) -> Account? {
        for account in state.accounts where account.id == id { return account }
        return nil
    }

    func transfer(_ id: UInt128) -> Transfer? {
        for transfer in state.transfers where transfer.id == id { return transfer }
        return nil
    }

    var openTransfers: [Transfer] { state.pendings.filter { $0.status == .pending }.map(\.transfer) }

    var nextExpiry: UInt64? { state.pendings.filter { $0.status == .pending }.compactMap(\.expiresAt).min() }

    mutating func change(account id: UInt128, _ body: (inout Account) -> Void) {
        for index in state.accounts.indices where state.accounts[index].id == id { body(&state.accounts[index]) }
    }

    /// Expires what is due, in order of (expiry, creation), and says how many there were.
    mutating func expire(timestamp: UInt64) -> Int {
        func isDue(_ pending: Pending) -> Bool {
            guard pending.status == .pending, let expiresAt = pending.expiresAt else { return false }
            return expiresAt <= timestamp
        }
        let due = state.pendings.filter(isDue).sorted {
            ($0.expiresAt ?? 0, $0.transfer.timestamp) < ($1.expiresAt ?? 0, $1.transfer.timestamp)
        }
        for pending in due { resolve(pending.transfer, as: .expired, posting: 0) }
        return due.count
    }

    /// The whole pending amount leaves both pending balances, `amount` of it is posted, and what is not posted
    /// reopens the accounts it had closed.
    mutating func resolve(_ pending: Transfer, as status: PendingStatus, posting amount: UInt128) {
        change(account: pending.debitAccountID) { account in
            account.debitsPending -= pending.amount
            account.debitsPosted += amount
            if status != .posted, pending.flags.contains(.closingDebit) { account.flags.remove(.closed) }
        }
        change(account: pending.creditAccountID) { account in
            account.creditsPending -= pending.amount
            account.creditsPosted += amount
            if status != .posted, pending.flags.contains(.closingCredit) { account.flags.remove(.closed) }
        }
        for index in state.pendings.indices where state.pendings[index].transfer.id == pending.id {
            state.pendings[index].status = status
        }
    }
}
