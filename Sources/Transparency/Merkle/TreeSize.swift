/// The number of leaves of a Merkle tree: 0 to 2^63 − 1, the range in which checkpoints of every implementation agree.
public struct TreeSize: Hashable, Sendable {
    /// The number of leaves.
    public let leafCount: UInt64

    /// No leaves.
    public static let zero = TreeSize(unchecked: 0)

    /// The size, or nil from 2^63.
    public init?(_ leafCount: UInt64) {
        guard leafCount < 1 << 63 else { return nil }
        self.leafCount = leafCount
    }

    private init(unchecked leafCount: UInt64) { self.leafCount = leafCount }

    /// Whether there is no leaf.
    public var isEmpty: Bool { leafCount == 0 }

    /// The size of a tree with one more leaf.
    var next: TreeSize {
        precondition(leafCount < (1 << 63) - 1, "a tree has at most 2^63 − 1 leaves")
        return TreeSize(unchecked: leafCount + 1)
    }
}

extension TreeSize: Comparable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// Whether `a` has fewer leaves.
    public static func < (a: Self, b: Self) -> Bool { a.leafCount < b.leafCount }

    /// The size; a program with a literal from 2^63 stops.
    public init(integerLiteral leafCount: UInt64) {
        precondition(leafCount < 1 << 63, "a tree has at most 2^63 − 1 leaves")
        self.leafCount = leafCount
    }

    /// The number in decimal, as checkpoints write it.
    public var description: String { String(leafCount) }
}

/// The place of a leaf in the log, counted from 0.
public struct LeafIndex: Hashable, Sendable {
    /// The number of leaves before this one.
    public let position: UInt64

    /// The index of the leaf that `position` leaves precede.
    public init(_ position: UInt64) { self.position = position }
}

extension LeafIndex: Comparable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// Whether `a` was appended earlier.
    public static func < (a: Self, b: Self) -> Bool { a.position < b.position }

    /// The index of the leaf that this many leaves precede.
    public init(integerLiteral position: UInt64) { self.position = position }

    /// The number in decimal.
    public var description: String { String(position) }
}
