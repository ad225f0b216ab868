/// Which transfers of one account to read.
public struct AccountFilter: Sendable, Hashable {
    /// The account whose transfers are meant; neither 0 nor 2^128 − 1.
    public var accountID: UInt128
    /// Only records with these fields; 0 stands for any.
    public var fields: FieldFilter
    /// When, how many, in which order.
    public var window: Window
    /// Transfers that debit the account.
    public var includesDebits: Bool
    /// Transfers that credit the account.
    public var includesCredits: Bool

    /// A filter as it was asked for; ``isValid`` says whether it makes sense.
    public init(
        accountID: UInt128, fields: FieldFilter = FieldFilter(), window: Window, includesDebits: Bool = true,
        includesCredits: Bool = true
    ) {
        self.accountID = accountID
        self.fields = fields
        self.window = window
        self.includesDebits = includesDebits
        self.includesCredits = includesCredits
    }

    /// An invalid filter is answered with nothing.
    public var isValid: Bool {
        accountID != 0 && accountID != .max && window.isValid && (includesDebits || includesCredits)
    }

    /// Whether a transfer is among those asked for, the limit aside.
    public func matches(_ transfer: Transfer) -> Bool {
        (includesDebits && transfer.debitAccountID == accountID
            || includesCredits && transfer.creditAccountID == accountID)
            && window.contains(transfer.timestamp) && fields.matches(transfer)
    }
}

/// Which accounts or transfers to read.
public struct QueryFilter: Sendable, Hashable {
    /// Only records with these fields; 0 stands for any.
    public var fields: FieldFilter
    /// When, how many, in which order.
    public var window: Window

    /// A filter as it was asked for; ``isValid`` says whether it makes sense.
    public init(fields: FieldFilter = FieldFilter(), window: Window) {
        self.fields = fields
        self.window = window
    }

    /// An invalid filter is answered with nothing.
    public var isValid: Bool { window.isValid }

    /// Whether an account is among those asked for, the limit aside.
    public func matches(_ account: Account) -> Bool { window.contains(account.timestamp) && fields.matches(account) }

    /// Whether a transfer is among those asked for, the limit aside.
    public func matches(_ transfer: Transfer) -> Bool {
        window.contains(transfer.timestamp) && fields.matches(transfer)
    }
}

/// Fields that a record must have, all of them; 0 stands for any value.
public struct FieldFilter: Sendable, Hashable {
    /// The record's `userData128`, or 0.
    public var userData128: UInt128
    /// The record's `userData64`, or 0.
    public var userData64: UInt64
    /// The record's `userData32`, or 0.
    public var userData32: UInt32
    /// The record's ledger, or 0.
    public var ledger: UInt32
    /// The record's code, or 0.
    public var code: UInt16

    /// Conditions on the fields that are not 0.
    public init(
        userData128: UInt128 = 0, userData64: UInt64 = 0, userData32: UInt32 = 0, ledger: UInt32 = 0, code: UInt16 = 0
    ) {
        self.userData128 = userData128
        self.userData64 = userData64
        self.userData32 = userData32
        self.ledger = ledger
        self.code = code
    }

    func matches(_ account: Account) -> Bool {
        matches(account.userData128, account.userData64, account.userData32, account.ledger, account.code)
    }

    func matches(_ transfer: Transfer) -> Bool {
        matches(transfer.userData128, transfer.userData64, transfer.userData32, transfer.ledger, transfer.code)
    }

    private func matches(_ a: UInt128, _ b: UInt64, _ c: UInt32, _ ledger: UInt32, _ code: UInt16) -> Bool {
        (userData128 == 0 || userData128 == a) && (userData64 == 0 || userData64 == b)
            && (userData32 == 0 || userData32 == c) && (self.ledger == 0 || self.ledger == ledger)
            && (self.code == 0 || self.code == code)
    }
}

/// The part of time to read, how much of it, and from which end.
public struct Window: Sendable, Hashable {
    /// Inclusive, nanoseconds since 1970; 0 is open.
    public var timestampMin: UInt64
    /// Inclusive, nanoseconds since 1970; 0 is open.
    public var timestampMax: UInt64
    /// At most this many rows, and never more than ``rowCountMax``.
    public var limit: UInt32
    /// Newest first.
    public var isReversed: Bool

    /// The most rows of one answer.
    public static let rowCountMax = 8189

    /// A window as it was asked for.
    public init(timestampMin: UInt64 = 0, timestampMax: UInt64 = 0, limit: UInt32, isReversed: Bool = false) {
        self.timestampMin = timestampMin
        self.timestampMax = timestampMax
        self.limit = limit
        self.isReversed = isReversed
    }

    /// How many rows the answer may have.
    public var rowLimit: Int { min(Int(limit), Self.rowCountMax) }

    var isValid: Bool {
        limit > 0 && timestampMin <= StateMachine.timestampMax && timestampMax <= StateMachine.timestampMax
            && (timestampMax == 0 || timestampMin <= timestampMax)
    }

    /// Whether a timestamp lies within.
    public func contains(_ timestamp: UInt64) -> Bool {
        timestamp >= timestampMin && (timestampMax == 0 || timestamp <= timestampMax)
    }
}
