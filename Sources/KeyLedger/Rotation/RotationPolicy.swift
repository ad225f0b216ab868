/// When versions are due for rotation, and how many tenants' at once.
public struct RotationPolicy: Hashable, Sendable {
    /// Whether the schedule is followed. Whoever asks for a run gets one all the same.
    public var isEnabled = true
    /// A version this many days old is due; 1 to 49,710.
    public var ageDays: UInt32 = 90
    /// How many tenants a run rotates at most; at least one.
    public var batchSize = 100
    /// When runs are due.
    public var schedule = CronExpression.daily

    /// Every 90 days; 100 tenants a run; midnight UTC.
    public init() {}

    var ageSeconds: UInt32 { ageDays * 86400 }

    /// Whether a run is due: one was to begin since the last began, whether or not anybody was there to begin it. Several
    /// that were missed are one. Before the first run one is due.
    ///
    /// - Parameter now: Nanoseconds since 1970.
    public func isRunDue(after rotation: RotationRecord, at now: UInt64) -> Bool {
        guard let last = rotation.lastRunAt else { return true }
        return schedule.next(after: last).map { $0 <= now } ?? false
    }
}
