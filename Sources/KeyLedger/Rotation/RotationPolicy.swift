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

    /// When the next run is due, in nanoseconds since 1970: what was missed while nobody was there to begin it is due at
    /// once, and once, however often it was missed. Before the first run one is due. Nil if the schedule has ended.
    ///
    /// - Parameters:
    ///   - lastRunAt: When the last run began; nil before the first.
    ///   - now: What time it is.
    public func nextRun(lastRunAt: UInt64?, now: UInt64) -> UInt64? {
        guard let lastRunAt else { return now }
        return schedule.next(after: lastRunAt).map { max($0, now) }
    }
}
