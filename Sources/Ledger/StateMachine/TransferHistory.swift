/// Transfers that are no longer in memory: what the state machine asks for when an id is not recent.
public protocol TransferHistory: Sendable {
    /// What the id led to, or nil if it was never used.
    func transfer(_ id: UInt128) throws(HistoryUnreadable) -> PastTransfer?
    /// What became of the pending transfer with this timestamp, or nil if it is not resolved.
    func resolution(ofPending timestamp: UInt64) throws(HistoryUnreadable) -> PendingStatus?
    /// Whether a transfer has this timestamp.
    func containsTransfer(timestamp: UInt64) throws(HistoryUnreadable) -> Bool
    /// Sets true for those of a batch's transfers whose ids were certainly never used. A whole batch is asked at once
    /// because a history that has to look into many places can then look into all of them at the same time.
    ///
    /// - Parameter isStranger: One value for each of `transfers`, all false.
    func findStrangers(among transfers: [Transfer], _ isStranger: inout [Bool]) throws(HistoryUnreadable)
}

extension TransferHistory {
    /// Says nothing: every id is then asked for by itself.
    public func findStrangers(among transfers: [Transfer], _ isStranger: inout [Bool]) {}
}

/// What an id led to.
public enum PastTransfer: Sendable, Hashable {
    case created(Transfer)
    /// Refused for a transient reason, so the id can never be used again.
    case failed
}

/// The history could not be read. The state machine has stopped in the middle of a batch and must be rebuilt.
public struct HistoryUnreadable: Error, Sendable {
    /// What went wrong, in words for a person.
    public let reason: String
    /// The error of whoever keeps the history; nil if its answers contradict each other.
    public let cause: (any Error)?

    /// A failure to read, in words for a person.
    public init(reason: String, cause: (any Error)? = nil) {
        self.reason = reason
        self.cause = cause
    }
}

/// The history of a ledger that still has everything in memory.
public struct EmptyHistory: TransferHistory {
    /// Nothing.
    public init() {}
    /// Nil: no id was ever used.
    public func transfer(_ id: UInt128) -> PastTransfer? { nil }
    /// Nil: nothing was resolved.
    public func resolution(ofPending timestamp: UInt64) -> PendingStatus? { nil }
    /// No transfer has any timestamp.
    public func containsTransfer(timestamp: UInt64) -> Bool { false }
}
