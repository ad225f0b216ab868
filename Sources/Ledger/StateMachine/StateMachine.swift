/// The account/transfer model: decides every event of a batch, in order, and changes balances accordingly.
///
/// Pure: time comes in as an argument, and the same batches give the same answers on any machine. Everything the
/// hot path needs is in memory; transfers older than the last flush are asked of a ``TransferHistory``.
///
/// Read on in `Batch.swift` (chains, common rules), `CreateAccounts.swift`, `CreateTransfers.swift`,
/// `ResolvePending.swift` (post and void) and `Expiry.swift`.
public struct StateMachine: Sendable {
    var accounts = AccountTable()
    var open = OpenTransfers()
    var recent = RecentTransfers()
    var history: any TransferHistory
    var undo = UndoLog()
    /// The timestamp of the newest transfer, 0 if there is none.
    public internal(set) var lastTransferTimestamp: UInt64 = 0
    /// The same when ``settle()`` was last called.
    package internal(set) var settledTransferTimestamp: UInt64 = 0
    /// The timestamp of the last batch or pulse; the next must be later.
    public private(set) var lastTimestamp: UInt64 = 0

    /// The most events in a batch.
    public static let batchCountMax = 8189

    /// An empty ledger.
    public init(history: any TransferHistory = EmptyHistory()) { self.history = history }

    /// Decides `events`. Those created are replaced by their stored form, those refused stay as they were sent.
    ///
    /// - Parameters:
    ///   - events: 1 to ``batchCountMax`` accounts.
    ///   - timestamp: Nanoseconds since 1970 of the last event; event *i* of *n* is decided at `timestamp − n + i + 1`,
    ///     and all of these must be later than ``lastTimestamp``.
    ///   - results: Receives one answer per event.
    /// - Throws: When the history cannot be read; the state machine must not be used any more then.
    public mutating func createAccounts(
        _ events: inout [Account], timestamp: UInt64, results: inout [CreateAccountResult]
    ) throws(HistoryUnreadable) {
        begin(count: events.count, timestamp: timestamp)
        try decide(&events, timestamp: timestamp, results: &results)
    }

    /// Decides `events`; see ``createAccounts(_:timestamp:results:)``.
    public mutating func createTransfers(
        _ events: inout [Transfer], timestamp: UInt64, results: inout [CreateTransferResult]
    ) throws(HistoryUnreadable) {
        begin(count: events.count, timestamp: timestamp)
        try decide(&events, timestamp: timestamp, results: &results)
    }

    /// Expires all pending transfers whose timeout has passed at `timestamp`, in order of (expiry, creation).
    ///
    /// - Returns: How many there were.
    public mutating func expire(timestamp: UInt64) -> Int {
        begin(count: 1, timestamp: timestamp)
        return expireDue(at: timestamp)
    }

    private mutating func begin(count: Int, timestamp: UInt64) {
        precondition((1...Self.batchCountMax).contains(count), "a batch has 1 to \(Self.batchCountMax) events")
        precondition(timestamp <= Self.timestampMax && timestamp >= UInt64(count), "the timestamp is out of range")
        precondition(timestamp - UInt64(count) >= lastTimestamp, "time runs forward")
        lastTimestamp = timestamp
    }
}

// MARK: - Reading

extension StateMachine {
    /// The account with an id.
    public func account(_ id: UInt128) -> Account? { accounts.place(of: id).map { accounts[$0] } }

    /// The place of an account in order of creation.
    package func place(ofAccount id: UInt128) -> Int? { accounts.place(of: id) }

    /// The transfer with an id.
    public func transfer(_ id: UInt128) throws(HistoryUnreadable) -> Transfer? {
        guard case .created(let transfer) = try pastTransfer(id) else { return nil }
        return transfer
    }

    /// All accounts in order of creation.
    public var allAccounts: [Account] { accounts.records }

    /// The pending transfers that are not resolved, in order of creation.
    public var openTransfers: [Transfer] { open.inOrder }

    /// When the next pending transfer may expire, in nanoseconds since 1970; never late.
    public var nextExpiry: UInt64? { open.nextExpiry }

    /// What happened to transfers since the last flush.
    public var recentTransfers: RecentTransfers { recent }

    @inline(__always)
    func pastTransfer(_ id: UInt128) throws(HistoryUnreadable) -> PastTransfer? {
        if let found = recent.transfer(id) { return found }
        return try history.transfer(id)
    }
}

// MARK: - Flushing and loading

extension StateMachine {
    /// The accounts changed since the last call, with their places in order of creation.
    public mutating func drainChangedAccounts() -> [(place: UInt32, account: Account)] { accounts.drainChanged() }

    /// Forgets what is recent: from here on `history` answers for it.
    public mutating func retireRecentTransfers(to history: any TransferHistory) {
        self.history = history
        // About as many again will come before the next flush: growing would copy all of them.
        recent = RecentTransfers(capacity: recent.transfers.count)
    }

    /// Changes who answers for what is not recent: the same answers from another place.
    public mutating func replaceHistory(with history: any TransferHistory) { self.history = history }

    /// Brings back what a flush wrote: accounts in order of creation, open pending transfers in any order.
    public init(
        history: any TransferHistory, accounts: [Account], openTransfers: [Transfer], lastTransferTimestamp: UInt64,
        lastTimestamp: UInt64
    ) {
        self.init(history: history)
        for account in accounts { self.accounts.load(account) }
        for transfer in openTransfers { open.insert(transfer) }
        self.lastTransferTimestamp = lastTransferTimestamp
        self.lastTimestamp = lastTimestamp
    }
}
