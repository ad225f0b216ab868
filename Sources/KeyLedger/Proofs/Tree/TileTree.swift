internal import CryptoPrimitives
internal import LedgerStore
internal import Transparency

/// The hashes of a growing Merkle tree, kept as C2SP tlog-tiles has them: the roots of all complete subtrees of 256^l
/// leaves. The nodes in between are computed from a tile when a proof needs them, at most 127 for each.
struct TileTree {
    private var levels: [TileLevel]
    /// The number of leaves.
    private(set) var size: TreeSize

    /// A tile of a higher level would take 256^8 leaves.
    static let levelCount = 8

    /// The tree of `size` leaves in the files of its levels; one in memory alone where there are none.
    init(size: TreeSize = .zero, files: [HashFile?] = []) throws(StoreError) {
        self.size = size
        levels = []
        for level in 0..<Self.levelCount {
            let count = Int(size.leafCount >> UInt64(8 * level))
            levels.append(try TileLevel(files.indices.contains(level) ? files[level] : nil, count: count))
        }
    }

    /// Adds a leaf, as its hash.
    mutating func append(_ leafHash: SHA256Digest) {
        var hash = leafHash
        for level in levels.indices {
            guard let root = levels[level].append(hash) else { break }
            hash = root
        }
        size = TreeSize(integerLiteral: size.leafCount + 1)
    }

    /// The hash of a complete subtree of this tree.
    func hash(of subtree: Subtree) throws(StoreError) -> SHA256Digest {
        let (level, height) = subtree.level.quotientAndRemainder(dividingBy: 8)
        let first = Int(subtree.index << UInt64(height))
        return TileLevel.root(of: try levels[level].hashes(first..<(first + (1 << height))))
    }

    /// The head this tree had when it was of that size.
    func head(at size: TreeSize) throws(StoreError) -> TreeHead {
        precondition(size <= self.size, "the tree has grown that far")
        return try MerkleTree(size: size) { (subtree) throws(StoreError) in try hash(of: subtree) }.head
    }

    /// The hashes in a tile, as a file has them.
    func content(of tile: Tile) throws(StoreError) -> [SHA256Digest] {
        guard case .hashes(let level) = tile.content else { preconditionFailure("entries are in the log") }
        let first = Int(tile.index) * Tile.fullWidth
        return try levels[level].hashes(first..<(first + tile.width))
    }

    /// Writes to the files what is in memory only.
    mutating func write() throws(StoreError) {
        for level in levels.indices { try levels[level].write() }
    }

    func makeDurable() throws(StoreError) {
        for level in levels { try level.makeDurable() }
    }
}
