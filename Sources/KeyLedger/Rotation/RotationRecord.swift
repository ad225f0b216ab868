/// What the events say about scheduled rotations.
public struct RotationRecord: Sendable, Hashable {
    /// When the last run began, in nanoseconds since 1970; nil before the first.
    public internal(set) var lastRunAt: UInt64?
    /// The keys whose last attempt failed, and when, in nanoseconds since 1970. A success ends it.
    public internal(set) var failures: [KeyID: UInt64] = [:]
}
