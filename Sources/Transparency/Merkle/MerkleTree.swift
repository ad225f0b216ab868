public import CryptoPrimitives

/// A Merkle tree one can append to, reduced to what appending needs: the hashes of the complete subtrees that make up
/// its leaves (a compact range: as many hashes as the size has bits set, never more than 63).
///
/// Appending costs one inner node on average and reads nothing. Where the hashes of complete subtrees are kept too,
/// ``ProofNodes`` makes proofs from them.
public struct MerkleTree: Hashable, Sendable {
    /// The number of leaves.
    public private(set) var size: TreeSize
    /// The complete subtrees from left to right, which is from the largest to the smallest.
    public private(set) var completeSubtrees: [SHA256Digest]

    /// The tree without leaves.
    public init() {
        size = .zero
        completeSubtrees = []
    }

    /// The tree with these complete subtrees, or nil unless there are as many as `size` has bits set.
    public init?(size: TreeSize, completeSubtrees: [SHA256Digest]) {
        guard completeSubtrees.count == size.leafCount.nonzeroBitCount else { return nil }
        self.size = size
        self.completeSubtrees = completeSubtrees
    }

    /// The tree of the first `size` leaves of a log whose complete subtrees are kept somewhere.
    public init<Failure: Error>(
        size: TreeSize, hash: (Subtree) throws(Failure) -> SHA256Digest
    ) throws(Failure) {
        self.size = size
        completeSubtrees = []
        for subtree in Subtree.covering(0..<size.leafCount) { completeSubtrees.append(try hash(subtree)) }
    }

    /// The root hash (RFC 9162, section 2.1.1).
    public var root: SHA256Digest { MerkleHash.fold(completeSubtrees) ?? MerkleHash.emptyRoot }

    /// Appends a leaf, given as its hash (``MerkleHash/leaf(_:)``).
    public mutating func append(_ leafHash: SHA256Digest) { append(leafHash) { _, _ in } }

    /// Appends a leaf and hands every subtree it completes to `keep`, the leaf itself first.
    ///
    /// If `keep` throws, the tree stays as it was.
    public mutating func append<Failure: Error>(
        _ leafHash: SHA256Digest, keep: (Subtree, SHA256Digest) throws(Failure) -> Void
    ) throws(Failure) {
        var subtree = Subtree(leaf: LeafIndex(size.leafCount))
        var hash = leafHash
        try keep(subtree, hash)
        // The new leaf completes one subtree for every 1 at the end of the size in binary, as a carry does.
        let merged = size.leafCount.trailingOnes
        for left in completeSubtrees.suffix(merged).reversed() {
            hash = MerkleHash.node(left, hash)
            subtree = subtree.parent
            try keep(subtree, hash)
        }
        completeSubtrees.removeLast(merged)
        completeSubtrees.append(hash)
        size = size.next
    }
}

// MARK: - State

extension MerkleTree {
    /// The tree as bytes: the size (8 bytes, big-endian), then the complete subtrees (32 bytes each).
    public var state: [UInt8] {
        size.leafCount.bigEndianBytes + completeSubtrees.flatMap(\.bytes)
    }

    /// The tree with this ``state``, or nil if the bytes are none.
    public init?(state: [UInt8]) {
        guard state.count >= 8, (state.count - 8).isMultiple(of: SHA256Digest.byteCount),
            let size = TreeSize(state[..<8].reduce(0) { $0 << 8 | UInt64($1) })
        else { return nil }
        let hashes = stride(from: 8, to: state.count, by: SHA256Digest.byteCount).compactMap {
            SHA256Digest(state[$0..<$0 + SHA256Digest.byteCount])
        }
        self.init(size: size, completeSubtrees: hashes)
    }

}

extension UInt64 {
    /// How many of the lowest bits are set without a gap.
    fileprivate var trailingOnes: Int { (~self).trailingZeroBitCount }

    /// The eight bytes, most significant first.
    var bigEndianBytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> (56 - 8 * UInt64($0))) } }
}
