public import CryptoPrimitives

/// The hashes that show a later tree to extend an earlier one: nothing removed, changed or inserted (RFC 9162,
/// section 2.1.4).
///
/// A value has sizes in order and exactly as many hashes as they take; whether they are the right ones
/// ``verify(firstRoot:secondRoot:)`` says.
public struct ConsistencyProof: Hashable, Sendable {
    /// The size of the earlier tree.
    public let first: TreeSize
    /// The size of the later tree.
    public let second: TreeSize
    /// The hashes from the bottom up.
    public let hashes: [SHA256Digest]

    /// - Throws: ``ProofRefusal/sizesReversed(first:second:)``, ``ProofRefusal/wrongLength(expected:found:)``.
    public init(first: TreeSize, second: TreeSize, hashes: [SHA256Digest]) throws(ProofRefusal) {
        let expected = try Self.length(first: first, second: second)
        guard hashes.count == expected else { throw .wrongLength(expected: expected, found: hashes.count) }
        self.first = first
        self.second = second
        self.hashes = hashes
    }

    /// How many hashes the proof has: the path of the last leaf of the earlier tree, without the levels on which it
    /// stays inside that tree's smallest complete subtree; and that subtree, unless it is the whole earlier tree.
    static func length(first: TreeSize, second: TreeSize) throws(ProofRefusal) -> Int {
        guard first <= second else { throw .sizesReversed(first: first, second: second) }
        guard !first.isEmpty, first < second else { return 0 }
        let last = first.leafCount - 1
        let inner = (last ^ (second.leafCount - 1)).bitLength
        let border = (last >> UInt64(inner)).nonzeroBitCount
        return (first.isPowerOfTwo ? 0 : 1) + inner - first.leafCount.trailingZeroBitCount + border
    }

    /// Checks that the tree with `secondRoot` extends the one with `firstRoot` (RFC 9162, section 2.1.4.2).
    ///
    /// The first root must be one the caller trusts; the second is the one to be trusted next.
    ///
    /// - Throws: ``ProofRefusal``: ``ProofRefusal/fork(_:)`` is misbehaviour of the log if both roots were signed.
    public func verify(firstRoot: SHA256Digest, secondRoot: SHA256Digest) throws(ProofRefusal) {
        if first.isEmpty && firstRoot != MerkleHash.emptyRoot { throw .notTheEmptyRoot(firstRoot) }
        if second.isEmpty && secondRoot != MerkleHash.emptyRoot { throw .notTheEmptyRoot(secondRoot) }
        if first == second && firstRoot != secondRoot { throw .fork(first) }
        guard !first.isEmpty, first < second else { return }
        // A complete earlier tree is itself the node the proof starts from, and is left out of it.
        var rest = hashes[...]
        guard let start = first.isPowerOfTwo ? firstRoot : rest.popFirst() else { return }
        let level = UInt64(first.leafCount.trailingZeroBitCount)
        var path = AuditPath(node: (first.leafCount - 1) >> level, lastNode: (second.leafCount - 1) >> level)
        var (earlier, later) = (start, start)
        for hash in rest {
            switch path.climb() {
            case .left:
                earlier = MerkleHash.node(hash, earlier)
                later = MerkleHash.node(hash, later)
            case .right: later = MerkleHash.node(later, hash)
            }
        }
        guard earlier == firstRoot else { throw .firstRootDiffers(computed: earlier) }
        guard later == secondRoot else { throw .secondRootDiffers(computed: later) }
    }
}

extension TreeSize {
    /// Whether the tree is one complete subtree.
    fileprivate var isPowerOfTwo: Bool { leafCount.nonzeroBitCount == 1 }
}
