/// What happened to transfers since the last flush: the part of the ledger that indexes on disk do not know yet.
///
/// Answers as a history does, so that a part on its way to disk stays readable until it is there.
public struct RecentTransfers: TransferHistory {
    /// The transfers created, in order of creation and so of timestamp.
    public private(set) var transfers: [Transfer] = []
    /// Ids refused for a transient reason.
    public private(set) var failedIDs: [UInt128] = []
    /// Pending transfers that were posted, voided or expired, by timestamp. Their creation may be older.
    public private(set) var resolutions: [UInt64: PendingStatus] = [:]
    /// The balances of accounts with history after each transfer that touched them, in order.
    public private(set) var balances: [(accountID: UInt128, balance: AccountBalance)] = []
    private var index: IDIndex
    /// No id is above this one: ids that ascend with time are new without a look.
    private var highestID: UInt128 = 0
    /// For each transfer the one before it of its debit account and of its credit account, as ordinal + 1: chains that
    /// make an account's transfers found without a search.
    private var previous: [(debit: UInt32, credit: UInt32)] = []
    /// The ordinal + 1 of each account's last transfer, by the account's place; 0, or missing, for none.
    private var last: [UInt32] = []

    /// Nothing, with room for as many transfers as are expected before the next flush.
    init(capacity: Int = 0, hash: IDHash = .ofThisProcess) {
        index = IDIndex(capacity: capacity, hash: hash)
        transfers.reserveCapacity(capacity)
        previous.reserveCapacity(capacity)
    }

    private static let failedBit: UInt32 = 1 << 31

    /// What the id led to since the last flush, or nil if it was not used.
    public func transfer(_ id: UInt128) -> PastTransfer? {
        guard let place = place(of: id) else { return nil }
        return place & Self.failedBit != 0 ? .failed : .created(transfers[Int(place)])
    }

    /// Whether the id was used since the last flush.
    package func contains(_ id: UInt128) -> Bool { place(of: id) != nil }

    /// What became of a pending transfer since the last flush, or nil if it was not resolved.
    public func resolution(ofPending timestamp: UInt64) -> PendingStatus? { resolutions[timestamp] }

    /// Whether a transfer created since the last flush has this timestamp.
    public func containsTransfer(timestamp: UInt64) -> Bool {
        let place = transfers.partitionPoint { $0.timestamp < timestamp }
        return place < transfers.count && transfers[place].timestamp == timestamp
    }

    /// The place in ``transfers``, or with ``failedBit`` that in ``failedIDs``.
    private func place(of id: UInt128) -> UInt32? {
        if id > highestID { return nil }
        return index.place(of: id) { place in
            place & Self.failedBit == 0
                ? transfers[Int(place)].id == id : failedIDs[Int(place & ~Self.failedBit)] == id
        }
    }

    /// The balances of an account with history just after the transfer with this timestamp.
    public func balance(of account: UInt128, timestamp: UInt64) -> AccountBalance? {
        let first = balances.partitionPoint { $0.balance.timestamp < timestamp }
        // A transfer touches two accounts.
        return balances[first...].prefix(2).first { $0.balance.timestamp == timestamp && $0.accountID == account }?
            .balance
    }

    mutating func append(_ transfer: Transfer, debitPlace: Int, creditPlace: Int) {
        index.insert(transfer.id, at: UInt32(transfers.count))
        highestID = max(highestID, transfer.id)
        transfers.append(transfer)
        let end = max(debitPlace, creditPlace) + 1
        if last.count < end { last.append(contentsOf: repeatElement(0, count: end - last.count)) }
        previous.append((last[debitPlace], last[creditPlace]))
        last[debitPlace] = UInt32(transfers.count)
        last[creditPlace] = UInt32(transfers.count)
    }

    /// Takes back the last `append`.
    mutating func removeLast(debitPlace: Int, creditPlace: Int) {
        let transfer = transfers.removeLast()
        index.remove(transfer.id, at: UInt32(transfers.count))
        let links = previous.removeLast()
        last[debitPlace] = links.debit
        last[creditPlace] = links.credit
    }

    /// The transfers that touched an account, newest first, until `body` returns false.
    package func forEachTransfer(of account: UInt128, at place: Int, _ body: (Transfer) -> Bool) {
        var next = place < last.count ? last[place] : 0
        while next != 0 {
            let transfer = transfers[Int(next) - 1]
            guard body(transfer) else { return }
            let links = previous[Int(next) - 1]
            next = transfer.debitAccountID == account ? links.debit : links.credit
        }
    }

    mutating func fail(_ id: UInt128) {
        index.insert(id, at: Self.failedBit | UInt32(failedIDs.count))
        highestID = max(highestID, id)
        failedIDs.append(id)
    }

    mutating func resolve(pending timestamp: UInt64, as status: PendingStatus) { resolutions[timestamp] = status }

    /// Takes back a `resolve`.
    mutating func unresolve(pending timestamp: UInt64) { resolutions[timestamp] = nil }

    mutating func append(_ balance: AccountBalance, of accountID: UInt128) { balances.append((accountID, balance)) }

    /// Takes back the last `append` of a balance.
    mutating func removeLastBalance() { balances.removeLast() }
}
