/// The place of a complete subtree: 2^`level` leaves, of which the first is leaf `index` · 2^`level`.
///
/// The hash of a complete subtree never changes again, so a store may keep it for ever; every root and every proof is
/// folded from such hashes.
public struct Subtree: Hashable, Sendable {
    /// The height above the leaves, 0 to 62.
    public let level: Int
    /// The number of subtrees of this level to the left.
    public let index: UInt64

    /// The place at this level with this many neighbours to the left; a program stops if no tree is that large.
    public init(level: Int, index: UInt64) {
        precondition((0...62).contains(level) && index < ((1 << 63) - 1) >> UInt64(level), "no tree has this subtree")
        self.level = level
        self.index = index
    }

    /// The leaf with this index alone.
    public init(leaf: LeafIndex) { self.init(level: 0, index: leaf.position) }

    /// The positions of its leaves.
    public var leaves: Range<UInt64> { index << UInt64(level)..<(index + 1) << UInt64(level) }

    /// The subtree of which this is a half.
    var parent: Subtree { Subtree(level: level + 1, index: index >> 1) }

    /// The fewest complete subtrees over a range of leaves, largest first, provided that the range starts where a
    /// subtree of its largest size starts. Every range that a root or a proof needs does.
    static func covering(_ range: Range<UInt64>) -> [Subtree] {
        var start = range.lowerBound
        var subtrees: [Subtree] = []
        while start < range.upperBound {
            let level = (range.upperBound - start).highestBit
            subtrees.append(Subtree(level: level, index: start >> UInt64(level)))
            start += 1 << UInt64(level)
        }
        return subtrees
    }
}

extension UInt64 {
    /// The place of the highest bit that is set. Only for numbers above zero.
    var highestBit: Int { UInt64.bitWidth - 1 - leadingZeroBitCount }

    /// The number of bits needed to write the number; 0 for 0.
    var bitLength: Int { UInt64.bitWidth - leadingZeroBitCount }
}
