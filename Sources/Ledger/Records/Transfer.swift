/// A transfer of an amount between two accounts, immutable once created. 128 bytes whose memory is the
/// little-endian disk format.
///
/// ```
///   0 id             16 debit_account_id  32 credit_account_id  48 amount          64 pending_id
///  80 user_data_128  96 user_data_64     104 user_data_32      108 timeout (s)
/// 112 ledger        116 code             118 flags             120 timestamp (ns)
/// ```
public struct Transfer: BitwiseCopyable, Hashable, Sendable {
    /// Unique among transfers; neither 0 nor 2^128 − 1.
    public var id: UInt128
    /// The account whose debits grow.
    public var debitAccountID: UInt128
    /// The account whose credits grow.
    public var creditAccountID: UInt128
    /// How much; zero is allowed.
    public var amount: UInt128
    /// The pending transfer that a post or void resolves; zero otherwise.
    public var pendingID: UInt128
    /// Free for the caller. A post or void that leaves it 0 takes that of its pending transfer.
    public var userData128: UInt128
    /// Free for the caller. A post or void that leaves it 0 takes that of its pending transfer.
    public var userData64: UInt64
    /// Free for the caller. A post or void that leaves it 0 takes that of its pending transfer.
    public var userData32: UInt32
    /// Seconds after which a pending transfer expires; 0 means never.
    public var timeoutSeconds: UInt32
    /// That of both accounts.
    public var ledger: UInt32
    /// A reason for the transfer, chosen by the caller; not 0.
    public var code: UInt16
    /// What kind of transfer this is.
    public var flags: Flags
    /// Nanoseconds since 1970 at which the transfer was created; unique. Zero in a request, unless imported.
    public var timestamp: UInt64

    /// The kinds of transfer.
    public struct Flags: OptionSet, BitwiseCopyable, Hashable, Sendable {
        /// The bits as they stand in the record.
        public let rawValue: UInt16
        /// Flags from the bits of a record, reserved ones included.
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// Succeeds or fails together with the next event of the batch.
        public static let linked = Flags(rawValue: 1 << 0)
        /// Reserves the amount until it is posted, voided or expires.
        public static let pending = Flags(rawValue: 1 << 1)
        /// Posts a pending transfer, wholly or in part.
        public static let postPendingTransfer = Flags(rawValue: 1 << 2)
        /// Gives a pending transfer up.
        public static let voidPendingTransfer = Flags(rawValue: 1 << 3)
        /// At most what keeps the debit account's debits within its posted credits.
        public static let balancingDebit = Flags(rawValue: 1 << 4)
        /// At most what keeps the credit account's credits within its posted debits.
        public static let balancingCredit = Flags(rawValue: 1 << 5)
        /// Closes the debit account for as long as this transfer is pending.
        public static let closingDebit = Flags(rawValue: 1 << 6)
        /// Closes the credit account for as long as this transfer is pending.
        public static let closingCredit = Flags(rawValue: 1 << 7)
        /// The transfer comes from elsewhere and brings its own timestamp.
        public static let imported = Flags(rawValue: 1 << 8)

        static let defined = Flags(rawValue: (1 << 9) - 1)
        static let resolving: Flags = [.postPendingTransfer, .voidPendingTransfer]
        static let closing: Flags = [.closingDebit, .closingCredit]
        static let balancing: Flags = [.balancingDebit, .balancingCredit]
    }

    /// The amount with which a post means "all that is pending".
    public static let amountMax = UInt128.max

    /// A transfer to be created.
    public init(
        id: UInt128, debit: UInt128 = 0, credit: UInt128 = 0, amount: UInt128 = 0, pendingID: UInt128 = 0,
        ledger: UInt32 = 0, code: UInt16 = 0, flags: Flags = [], timeoutSeconds: UInt32 = 0, userData128: UInt128 = 0,
        userData64: UInt64 = 0, userData32: UInt32 = 0, timestamp: UInt64 = 0
    ) {
        self.id = id
        debitAccountID = debit
        creditAccountID = credit
        self.amount = amount
        self.pendingID = pendingID
        self.ledger = ledger
        self.code = code
        self.flags = flags
        self.timeoutSeconds = timeoutSeconds
        self.userData128 = userData128
        self.userData64 = userData64
        self.userData32 = userData32
        self.timestamp = timestamp
    }

    /// When a pending transfer expires, in nanoseconds since 1970, or nil if never.
    public var expiresAt: UInt64? {
        timeoutSeconds == 0 ? nil : timestamp + UInt64(timeoutSeconds) * 1_000_000_000
    }
}

/// What became of a pending transfer.
public enum PendingStatus: UInt8, Sendable, Hashable {
    case pending = 1
    case posted = 2
    case voided = 3
    case expired = 4
}
