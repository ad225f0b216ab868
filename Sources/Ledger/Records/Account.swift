/// An account: what it may do, and its four balances. 128 bytes whose memory is the little-endian disk format.
///
/// ```
///   0 id                 16 debits_pending   32 debits_posted   48 credits_pending   64 credits_posted
///  80 user_data_128      96 user_data_64    104 user_data_32   108 reserved
/// 112 ledger            116 code            118 flags          120 timestamp
/// ```
public struct Account: BitwiseCopyable, Hashable, Sendable {
    /// Unique among accounts; neither 0 nor 2^128 − 1.
    public var id: UInt128
    /// The sum of pending transfers that debit this account.
    public var debitsPending: UInt128 = 0
    /// The sum of posted transfers that debit this account.
    public var debitsPosted: UInt128 = 0
    /// The sum of pending transfers that credit this account.
    public var creditsPending: UInt128 = 0
    /// The sum of posted transfers that credit this account.
    public var creditsPosted: UInt128 = 0
    /// Free for the caller; cannot change.
    public var userData128: UInt128
    /// Free for the caller; cannot change.
    public var userData64: UInt64
    /// Free for the caller; cannot change.
    public var userData32: UInt32
    /// Must be zero.
    public var reserved: UInt32 = 0
    /// Transfers connect accounts of one ledger only; not 0.
    public var ledger: UInt32
    /// A reason for the account's existence, chosen by the caller; not 0.
    public var code: UInt16
    /// Limits and state.
    public var flags: Flags
    /// Nanoseconds since 1970 at which the account was created; unique. Zero in a request, unless imported.
    public var timestamp: UInt64

    /// The properties of an account, `closed` being the only one that changes.
    public struct Flags: OptionSet, BitwiseCopyable, Hashable, Sendable {
        /// The bits as they stand in the record.
        public let rawValue: UInt16
        /// Flags from the bits of a record, reserved ones included.
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// Succeeds or fails together with the next event of the batch.
        public static let linked = Flags(rawValue: 1 << 0)
        /// Debits, pending ones included, may never be more than the posted credits.
        public static let debitsMustNotExceedCredits = Flags(rawValue: 1 << 1)
        /// Credits, pending ones included, may never be more than the posted debits.
        public static let creditsMustNotExceedDebits = Flags(rawValue: 1 << 2)
        /// The balances after every transfer can be read later.
        public static let history = Flags(rawValue: 1 << 3)
        /// The account comes from elsewhere and brings its own timestamp.
        public static let imported = Flags(rawValue: 1 << 4)
        /// Accepts nothing but the void of a pending transfer.
        public static let closed = Flags(rawValue: 1 << 5)

        static let defined: Flags = [
            .linked, .debitsMustNotExceedCredits, .creditsMustNotExceedDebits, .history, .imported, .closed,
        ]
    }

    /// An account to be created.
    public init(
        id: UInt128, ledger: UInt32, code: UInt16, flags: Flags = [], userData128: UInt128 = 0, userData64: UInt64 = 0,
        userData32: UInt32 = 0, timestamp: UInt64 = 0
    ) {
        self.id = id
        self.ledger = ledger
        self.code = code
        self.flags = flags
        self.userData128 = userData128
        self.userData64 = userData64
        self.userData32 = userData32
        self.timestamp = timestamp
    }
}

/// The balances of an account just after the transfer with the same timestamp. 128 bytes, little-endian.
public struct AccountBalance: BitwiseCopyable, Hashable, Sendable {
    /// The sum of pending transfers that debit the account.
    public var debitsPending: UInt128
    /// The sum of posted transfers that debit the account.
    public var debitsPosted: UInt128
    /// The sum of pending transfers that credit the account.
    public var creditsPending: UInt128
    /// The sum of posted transfers that credit the account.
    public var creditsPosted: UInt128
    /// That of the transfer, nanoseconds since 1970.
    public var timestamp: UInt64
    private var reserved: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)

    /// The balances of `account` as they are now, under the timestamp of the transfer that made them so.
    public init(of account: Account, timestamp: UInt64) {
        debitsPending = account.debitsPending
        debitsPosted = account.debitsPosted
        creditsPending = account.creditsPending
        creditsPosted = account.creditsPosted
        self.timestamp = timestamp
    }

    private var amounts: [UInt128] { [debitsPending, debitsPosted, creditsPending, creditsPosted] }

    /// Whether both say the same.
    public static func == (a: Self, b: Self) -> Bool { a.timestamp == b.timestamp && a.amounts == b.amounts }

    /// Hashes what is compared.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(timestamp)
        hasher.combine(amounts)
    }
}
