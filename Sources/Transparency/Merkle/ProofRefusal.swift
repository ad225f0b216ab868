public import CryptoPrimitives

/// Why a Merkle proof proves nothing.
public enum ProofRefusal: Error, Hashable, Sendable {
    /// The tree is too small to have this leaf.
    case indexOutsideTree(LeafIndex, TreeSize)
    /// This leaf is named after one that it does not follow.
    case notAscending(LeafIndex)
    /// The later tree is smaller than the earlier one.
    case sizesReversed(first: TreeSize, second: TreeSize)
    /// For these sizes a proof has exactly `expected` hashes.
    case wrongLength(expected: Int, found: Int)
    /// Leaf and proof lead to another root than the trusted one.
    case leadsToOtherRoot(computed: SHA256Digest)
    /// The proof does not contain the earlier tree: history was rewritten, or the proof belongs to something else.
    case firstRootDiffers(computed: SHA256Digest)
    /// The proof contains the earlier tree but does not lead to the later one.
    case secondRootDiffers(computed: SHA256Digest)
    /// Two roots for one size. Keep both signed checkpoints: together they are evidence against the log.
    case fork(TreeSize)
    /// A tree without leaves has one root only (``MerkleHash/emptyRoot``), and this is not it.
    case notTheEmptyRoot(SHA256Digest)
}

extension ProofRefusal: CustomStringConvertible {
    /// What does not fit, for a person.
    public var description: String {
        switch self {
        case .indexOutsideTree(let index, let size): "a tree of \(size) leaves has no leaf \(index)"
        case .notAscending(let index): "leaf \(index) is not in ascending order"
        case .sizesReversed(let first, let second): "the later tree (\(second)) is smaller than the earlier (\(first))"
        case .wrongLength(let expected, let found): "the proof has \(found) hashes where \(expected) are needed"
        case .leadsToOtherRoot(let computed): "leaf and proof lead to the root \(computed), not to the trusted one"
        case .firstRootDiffers(let computed): "the proof extends a tree with root \(computed), not the trusted one"
        case .secondRootDiffers(let computed): "the proof leads to the root \(computed), not to the later one"
        case .fork(let size): "two different trees of size \(size): the log shows different histories"
        case .notTheEmptyRoot(let root): "\(root) is not the root of a tree without leaves"
        }
    }
}
