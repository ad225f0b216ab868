public import CryptoPrimitives

/// Which hashes a proof consists of, as ranges of leaves: which to read is decided here, reading is up to the store.
///
/// A hash of a proof is that of a complete subtree, or, at the ragged right edge of the tree, folded from several.
/// However large the log, a proof needs the hashes of fewer than 130 complete subtrees, and a store can serve them all
/// within one read transaction.
///
/// ```swift
/// let proof = try ProofNodes(inclusionOf: index, in: size).hashes { subtree in try store.hash(of: subtree) }
/// ```
public struct ProofNodes: Hashable, Sendable {
    /// One entry a hash of the proof: the complete subtrees it is folded from, left to right.
    public let subtrees: [[Subtree]]

    /// What shows that a leaf is in a tree (RFC 9162, section 2.1.3.1).
    ///
    /// - Throws: ``ProofRefusal/indexOutsideTree(_:_:)``.
    public init(inclusionOf index: LeafIndex, in size: TreeSize) throws(ProofRefusal) {
        guard index.position < size.leafCount else { throw .indexOutsideTree(index, size) }
        subtrees = Self.path(of: index.position, in: 0..<size.leafCount).map(Subtree.covering)
    }

    /// What shows that one tree extends another (RFC 9162, section 2.1.4.1); nothing for equal sizes and from 0.
    ///
    /// - Throws: ``ProofRefusal/sizesReversed(first:second:)``.
    public init(consistencyFrom first: TreeSize, to second: TreeSize) throws(ProofRefusal) {
        guard first <= second else { throw .sizesReversed(first: first, second: second) }
        guard !first.isEmpty else {
            subtrees = []
            return
        }
        subtrees = Self.continuation(of: first.leafCount, in: 0..<second.leafCount, isWhole: true).map(Subtree.covering)
    }

    /// What shows that several leaves are in a tree, in ascending order: what is missing to the root, left to right. See
    /// ``BatchInclusionProof``.
    ///
    /// - Throws: ``ProofRefusal/indexOutsideTree(_:_:)``, ``ProofRefusal/notAscending(_:)``.
    public init(inclusionOf leaves: [LeafIndex], in size: TreeSize) throws(ProofRefusal) {
        if let last = leaves.last, last.position >= size.leafCount { throw .indexOutsideTree(last, size) }
        if let pair = zip(leaves, leaves.dropFirst()).first(where: { $0.0 >= $0.1 }) { throw .notAscending(pair.1) }
        subtrees = size.isEmpty ? [] : Self.gaps(between: leaves[...], in: 0..<size.leafCount).map(Subtree.covering)
    }

    /// The largest ranges of the RFC's division of a tree that have none of the leaves.
    private static func gaps(between leaves: ArraySlice<LeafIndex>, in range: Range<UInt64>) -> [Range<UInt64>] {
        if leaves.isEmpty { return [range] }
        guard range.count > 1 else { return [] }
        let (left, right) = halves(of: range)
        let middle = leaves.partitionPoint { $0.position < right.lowerBound }
        return gaps(between: leaves[..<middle], in: left) + gaps(between: leaves[middle...], in: right)
    }

    /// The hashes of the proof, given those of complete subtrees.
    public func hashes<Failure: Error>(
        _ hash: (Subtree) throws(Failure) -> SHA256Digest
    ) throws(Failure) -> [SHA256Digest] {
        var hashes: [SHA256Digest] = []
        for parts in subtrees {
            var known: [SHA256Digest] = []
            for part in parts { known.append(try hash(part)) }
            // No range of a proof is empty, so there is always something to fold.
            hashes.append(MerkleHash.fold(known) ?? MerkleHash.emptyRoot)
        }
        return hashes
    }

    /// PATH of the RFC, with ranges of leaves in place of hashes.
    private static func path(of leaf: UInt64, in range: Range<UInt64>) -> [Range<UInt64>] {
        guard range.count > 1 else { return [] }
        let (left, right) = halves(of: range)
        return leaf < right.lowerBound ? path(of: leaf, in: left) + [right] : path(of: leaf, in: right) + [left]
    }

    /// SUBPROOF of the RFC: `end` is where the earlier tree ends; `isWhole` says that the range still is that whole
    /// tree, whose root the verifier has.
    private static func continuation(of end: UInt64, in range: Range<UInt64>, isWhole: Bool) -> [Range<UInt64>] {
        if end == range.upperBound { return isWhole ? [] : [range] }
        let (left, right) = halves(of: range)
        if end <= left.upperBound { return continuation(of: end, in: left, isWhole: isWhole) + [right] }
        return continuation(of: end, in: right, isWhole: false) + [left]
    }

    /// The range split after the largest power of two below its length.
    static func halves(of range: Range<UInt64>) -> (Range<UInt64>, Range<UInt64>) {
        let length = range.upperBound - range.lowerBound
        let middle = range.lowerBound + (1 << UInt64((length - 1).highestBit))
        return (range.lowerBound..<middle, middle..<range.upperBound)
    }
}
