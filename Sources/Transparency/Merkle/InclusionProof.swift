public import CryptoPrimitives

/// The hashes that lead from one leaf to the root of a tree, sibling of the leaf first (RFC 9162, section 2.1.3).
///
/// A value has a leaf that is in the tree and exactly as many hashes as that takes; whether they are the right ones
/// ``verify(leafHash:root:)`` says.
public struct InclusionProof: Hashable, Sendable {
    /// The leaf whose inclusion is claimed.
    public let index: LeafIndex
    /// The size of the tree.
    public let size: TreeSize
    /// The siblings on the way up.
    public let hashes: [SHA256Digest]

    /// - Throws: ``ProofRefusal/indexOutsideTree(_:_:)``, ``ProofRefusal/wrongLength(expected:found:)``.
    public init(index: LeafIndex, size: TreeSize, hashes: [SHA256Digest]) throws(ProofRefusal) {
        let expected = try Self.length(index: index, size: size)
        guard hashes.count == expected else { throw .wrongLength(expected: expected, found: hashes.count) }
        self.index = index
        self.size = size
        self.hashes = hashes
    }

    /// How many hashes the proof for this leaf has.
    ///
    /// On the levels where the paths of this leaf and of the last one differ there is always a sibling; above, only
    /// where the path turns right.
    static func length(index: LeafIndex, size: TreeSize) throws(ProofRefusal) -> Int {
        guard index.position < size.leafCount else { throw .indexOutsideTree(index, size) }
        let inner = (index.position ^ (size.leafCount - 1)).bitLength
        return inner + (index.position >> UInt64(inner)).nonzeroBitCount
    }

    /// Checks that the leaf is in the tree with this root, which the caller trusts (RFC 9162, section 2.1.3.2).
    ///
    /// - Throws: ``ProofRefusal/leadsToOtherRoot(computed:)``.
    public func verify(leafHash: SHA256Digest, root: SHA256Digest) throws(ProofRefusal) {
        let computed = self.root(leafHash: leafHash)
        guard computed == root else { throw .leadsToOtherRoot(computed: computed) }
    }

    /// The root that leaf and proof lead to. The RFC's two checks for the length of the proof are the initialiser's.
    private func root(leafHash: SHA256Digest) -> SHA256Digest {
        var path = AuditPath(node: index.position, lastNode: size.leafCount - 1)
        return hashes.reduce(leafHash) { path.climb() == .left ? MerkleHash.node($1, $0) : MerkleHash.node($0, $1) }
    }
}

/// The way from a node up to the root, as the RFC walks it: the node's place on its level and that of the last one.
struct AuditPath {
    /// On which side of the path a sibling is.
    enum Side { case left, right }

    private var node: UInt64
    private var lastNode: UInt64

    init(node: UInt64, lastNode: UInt64) {
        self.node = node
        self.lastNode = lastNode
    }

    /// Goes up to the next level with a sibling and says on which side that sibling was.
    mutating func climb() -> Side {
        let isLeft = node & 1 == 1 || node == lastNode
        if isLeft {
            // The last node of a level without a left sibling stands for itself on the next level.
            while node & 1 == 0 && node != 0 { shift() }
        }
        shift()
        return isLeft ? .left : .right
    }

    private mutating func shift() {
        node >>= 1
        lastNode >>= 1
    }
}
