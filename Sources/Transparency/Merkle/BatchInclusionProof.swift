public import CryptoPrimitives

/// One proof that several leaves are in a tree: the hashes that are missing to its root, left to right.
///
/// The tree is divided as RFC 9162, section 2.1.1, does. A part without any of the leaves is one hash of the proof; a part
/// that is a single leaf is that leaf; every other part is the node over its two halves.
public struct BatchInclusionProof: Hashable, Sendable {
    /// The size of the tree.
    public let size: TreeSize
    /// What is missing, left to right.
    public let hashes: [SHA256Digest]

    /// The proof with these hashes. Whether they are the right ones ``verify(_:root:)`` says.
    public init(size: TreeSize, hashes: [SHA256Digest]) {
        self.size = size
        self.hashes = hashes
    }

    /// Checks that the leaves, in ascending order, are in the tree with this root, which the caller trusts.
    ///
    /// - Throws: ``ProofRefusal``.
    public func verify(
        _ leaves: [(index: LeafIndex, hash: SHA256Digest)], root: SHA256Digest
    ) throws(ProofRefusal) {
        let expected = try ProofNodes(inclusionOf: leaves.map(\.index), in: size).subtrees.count
        guard hashes.count == expected else { throw .wrongLength(expected: expected, found: hashes.count) }
        guard !size.isEmpty else { throw .leadsToOtherRoot(computed: MerkleHash.emptyRoot) }
        var rest = hashes[...]
        let computed = Self.root(over: leaves[...], in: 0..<size.leafCount, &rest)
        guard computed == root else { throw .leadsToOtherRoot(computed: computed) }
    }

    private static func root(
        over leaves: ArraySlice<(index: LeafIndex, hash: SHA256Digest)>, in range: Range<UInt64>,
        _ rest: inout ArraySlice<SHA256Digest>
    ) -> SHA256Digest {
        guard let first = leaves.first else {
            guard let hash = rest.popFirst() else { preconditionFailure("there are as many hashes as gaps") }
            return hash
        }
        if range.count == 1 { return first.hash }
        let (left, right) = ProofNodes.halves(of: range)
        let middle = leaves.partitionPoint { $0.index.position < right.lowerBound }
        let leftRoot = root(over: leaves[..<middle], in: left, &rest)
        return MerkleHash.node(leftRoot, root(over: leaves[middle...], in: right, &rest))
    }
}

extension ArraySlice {
    /// The first place from which on the elements do not satisfy a predicate that all before it satisfy.
    func partitionPoint(_ precedes: (Element) -> Bool) -> Index {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if precedes(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
