public import CryptoPrimitives

/// A view that is folded from the log and follows it live.
///
/// Calls come one at a time and in log order, from the writer's thread or from that of one who asks; `apply` sees a block
/// once it is durable and before those who asked for it are answered.
public protocol Projection: Sendable {
    /// Starts from a snapshot, or from an empty log. False if the snapshot is not one of this projection's: it is then
    /// asked to start from nothing.
    func restore(from snapshot: [UInt8]?) -> Bool
    /// Folds a committed block.
    func apply(_ block: Block)
    /// Everything folded so far, as bytes that depend on the blocks only.
    func snapshot() -> [UInt8]
}

/// What an event says beyond its 128 bytes, sealed by the caller: opaque to the store.
public struct EventDetails: Sendable, Hashable {
    /// The event's index in its request.
    public var index: Int
    /// What is stored.
    public let sealed: [UInt8]
    /// What binds it to the event, and stays when the details are forgotten.
    public let commitment: SHA256Digest

    /// Details of the event at `index` of a request.
    public init(index: Int, sealed: [UInt8], commitment: SHA256Digest) {
        self.index = index
        self.sealed = sealed
        self.commitment = commitment
    }
}
