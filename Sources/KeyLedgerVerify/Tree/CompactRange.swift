internal import CryptoPrimitives
internal import Transparency

/// The complete subtrees over neighbouring leaves, from left to right: what remains of a part of the Merkle tree until its
/// neighbours are there. Neighbouring ranges can be made at the same time and joined.
struct CompactRange {
    private var nodes: [Node] = []

    private struct Node {
        let level: Int
        let index: UInt64
        let hash: SHA256Digest
    }

    /// Adds the next leaf.
    mutating func append(leaf: UInt64, _ hash: SHA256Digest) { append(Node(level: 0, index: leaf, hash: hash)) }

    /// Adds the range to the right.
    mutating func append(_ other: CompactRange) { for node in other.nodes { append(node) } }

    private mutating func append(_ node: Node) {
        var node = node
        while let left = nodes.last, left.level == node.level, left.index % 2 == 0 {
            nodes.removeLast()
            node = Node(level: node.level + 1, index: left.index / 2, hash: MerkleHash.node(left.hash, node.hash))
        }
        nodes.append(node)
    }

    /// The root (RFC 9162, section 2.1.1) of a range that starts at leaf 0.
    var root: SHA256Digest {
        guard let last = nodes.last else { return MerkleHash.emptyRoot }
        return nodes.dropLast().reversed().reduce(last.hash) { MerkleHash.node($1.hash, $0) }
    }
}
