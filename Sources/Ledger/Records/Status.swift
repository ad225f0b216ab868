// Cases are named as the model names them; a doc comment on each would only repeat its name.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

/// What became of one event of `create_accounts`; the raw values are TigerBeetle's, the order is that of precedence.
public enum CreateAccountStatus: UInt32, Error, Sendable, Hashable, CaseIterable {
    case created = 4_294_967_295
    case linkedEventFailed = 1
    case linkedEventChainOpen = 2
    case importedEventExpected = 22
    case importedEventNotExpected = 23
    case timestampMustBeZero = 3
    case importedEventTimestampOutOfRange = 24
    case importedEventTimestampMustNotAdvance = 25
    case reservedField = 4
    case reservedFlag = 5
    case idMustNotBeZero = 6
    case idMustNotBeIntMax = 7
    case existsWithDifferentFlags = 15
    case existsWithDifferentUserData128 = 16
    case existsWithDifferentUserData64 = 17
    case existsWithDifferentUserData32 = 18
    case existsWithDifferentLedger = 19
    case existsWithDifferentCode = 20
    case exists = 21
    case flagsAreMutuallyExclusive = 8
    case debitsPendingMustBeZero = 9
    case debitsPostedMustBeZero = 10
    case creditsPendingMustBeZero = 11
    case creditsPostedMustBeZero = 12
    case ledgerMustNotBeZero = 13
    case codeMustNotBeZero = 14
    case importedEventTimestampMustNotRegress = 26
}

/// What became of one event of `create_transfers`; the raw values are TigerBeetle's, the order is that of precedence.
public enum CreateTransferStatus: UInt32, Error, Sendable, Hashable, CaseIterable {
    case created = 4_294_967_295
    case linkedEventFailed = 1
    case linkedEventChainOpen = 2
    case importedEventExpected = 56
    case importedEventNotExpected = 57
    case timestampMustBeZero = 3
    case importedEventTimestampOutOfRange = 58
    case importedEventTimestampMustNotAdvance = 59
    case reservedFlag = 4
    case idMustNotBeZero = 5
    case idMustNotBeIntMax = 6
    case existsWithDifferentFlags = 36
    case existsWithDifferentPendingID = 40
    case existsWithDifferentTimeout = 44
    case existsWithDifferentDebitAccountID = 37
    case existsWithDifferentCreditAccountID = 38
    case existsWithDifferentAmount = 39
    case existsWithDifferentUserData128 = 41
    case existsWithDifferentUserData64 = 42
    case existsWithDifferentUserData32 = 43
    case existsWithDifferentLedger = 67
    case existsWithDifferentCode = 45
    case exists = 46
    case idAlreadyFailed = 68
    case flagsAreMutuallyExclusive = 7
    case debitAccountIDMustNotBeZero = 8
    case debitAccountIDMustNotBeIntMax = 9
    case creditAccountIDMustNotBeZero = 10
    case creditAccountIDMustNotBeIntMax = 11
    case accountsMustBeDifferent = 12
    case pendingIDMustBeZero = 13
    case pendingIDMustNotBeZero = 14
    case pendingIDMustNotBeIntMax = 15
    case pendingIDMustBeDifferent = 16
    case timeoutReservedForPendingTransfer = 17
    case closingTransferMustBePending = 64
    case ledgerMustNotBeZero = 19
    case codeMustNotBeZero = 20
    case debitAccountNotFound = 21
    case creditAccountNotFound = 22
    case accountsMustHaveTheSameLedger = 23
    case transferMustHaveTheSameLedgerAsAccounts = 24
    case pendingTransferNotFound = 25
    case pendingTransferNotPending = 26
    case pendingTransferHasDifferentDebitAccountID = 27
    case pendingTransferHasDifferentCreditAccountID = 28
    case pendingTransferHasDifferentLedger = 29
    case pendingTransferHasDifferentCode = 30
    case exceedsPendingTransferAmount = 31
    case pendingTransferHasDifferentAmount = 32
    case pendingTransferAlreadyPosted = 33
    case pendingTransferAlreadyVoided = 34
    case pendingTransferExpired = 35
    case importedEventTimestampMustNotRegress = 60
    case importedEventTimestampMustPostdateDebitAccount = 61
    case importedEventTimestampMustPostdateCreditAccount = 62
    case importedEventTimeoutMustBeZero = 63
    case debitAccountAlreadyClosed = 65
    case creditAccountAlreadyClosed = 66
    case overflowsDebitsPending = 47
    case overflowsCreditsPending = 48
    case overflowsDebitsPosted = 49
    case overflowsCreditsPosted = 50
    case overflowsDebits = 51
    case overflowsCredits = 52
    case overflowsTimeout = 53
    case exceedsCredits = 54
    case exceedsDebits = 55

    /// Whether the refusal could disappear by itself. The id of an event refused so can never be used again:
    /// otherwise a retry could succeed after the caller was told that it had failed.
    public var isTransient: Bool {
        switch self {
        case .debitAccountNotFound, .creditAccountNotFound, .pendingTransferNotFound, .exceedsCredits, .exceedsDebits,
            .debitAccountAlreadyClosed, .creditAccountAlreadyClosed:
            true
        default: false
        }
    }
}

/// The answer to one event: what became of it, and when.
public struct EventResult<Status: Sendable & Hashable>: Sendable, Hashable {
    public let status: Status
    /// Nanoseconds since 1970: of the record for a created or an existing one, of the decision otherwise.
    public let timestamp: UInt64

    /// An answer.
    public init(status: Status, timestamp: UInt64) {
        self.status = status
        self.timestamp = timestamp
    }
}

extension EventResult: BitwiseCopyable where Status: BitwiseCopyable {}

/// The answer to one event of `create_accounts`.
public typealias CreateAccountResult = EventResult<CreateAccountStatus>
/// The answer to one event of `create_transfers`.
public typealias CreateTransferResult = EventResult<CreateTransferStatus>
