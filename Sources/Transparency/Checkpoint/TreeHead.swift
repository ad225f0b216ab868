public import CryptoPrimitives

/// A tree as of one moment: what a checkpoint commits to, what a witness remembers.
public struct TreeHead: Hashable, Sendable {
    /// The number of leaves.
    public let size: TreeSize
    /// The root hash.
    public let root: SHA256Digest

    /// The head of the tree without leaves.
    public static let empty = TreeHead(size: .zero, root: MerkleHash.emptyRoot)

    /// The head with this size and root.
    public init(size: TreeSize, root: SHA256Digest) {
        self.size = size
        self.root = root
    }
}

extension MerkleTree {
    /// Size and root.
    public var head: TreeHead { TreeHead(size: size, root: root) }
}
