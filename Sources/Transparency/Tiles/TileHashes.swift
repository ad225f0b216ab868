public import CryptoPrimitives

/// The content of a tile of hashes: as many as it is wide, 32 bytes each (C2SP tlog-tiles).
public struct TileHashes: Hashable, Sendable {
    /// The tile.
    public let tile: Tile
    /// The hashes of ``Tile/subtrees``.
    public let hashes: [SHA256Digest]

    /// Collects the content from a store of complete subtrees. A program that asks for the hashes of a bundle stops.
    public init<Failure: Error>(
        _ tile: Tile, hash: (Subtree) throws(Failure) -> SHA256Digest
    ) throws(Failure) {
        precondition(tile.content != .entries, "a bundle has entries, not hashes")
        var hashes: [SHA256Digest] = []
        for subtree in tile.subtrees { hashes.append(try hash(subtree)) }
        self.tile = tile
        self.hashes = hashes
    }

    /// Reads the content from the file of the tile, or of the full tile that has replaced it.
    ///
    /// - Throws: ``TileError/notHashes``, ``TileError/wrongByteCount(expected:found:)``.
    public init(_ tile: Tile, parsing bytes: [UInt8]) throws(TileError) {
        guard tile.content != .entries else { throw .notHashes }
        let expected = tile.width * SHA256Digest.byteCount
        guard bytes.count == expected || bytes.count == Tile.fullWidth * SHA256Digest.byteCount else {
            throw .wrongByteCount(expected: expected, found: bytes.count)
        }
        self.tile = tile
        hashes = stride(from: 0, to: expected, by: SHA256Digest.byteCount).compactMap {
            SHA256Digest(bytes[$0..<($0 + SHA256Digest.byteCount)])
        }
    }

    /// The file.
    public func serialized() -> [UInt8] { hashes.flatMap(\.bytes) }
}

extension Subtree {
    /// The hash of this complete subtree, computed from the tile that holds it or what it consists of: at most 128
    /// hashes of one tile. With it, roots and proofs of a published log can be made by anyone.
    ///
    /// ```swift
    /// let root = try MerkleTree(size: size) { subtree in
    ///     try subtree.hash(inTreeOf: size) { tile in try TileHashes(tile, parsing: read(tile.path)) }
    /// }.root
    /// ```
    ///
    /// What is above a full tile is taken from the level above, as published. An audit also compares the two.
    ///
    /// A program that asks for a subtree beyond the tree, or answers with another tile, stops.
    public func hash<Failure: Error>(
        inTreeOf size: TreeSize, tile: (Tile) throws(Failure) -> TileHashes
    ) throws(Failure) -> SHA256Digest {
        precondition(leaves.upperBound <= size.leafCount, "the subtree reaches beyond the tree")
        let (tileLevel, height) = level.quotientAndRemainder(dividingBy: 8)
        let first = index << UInt64(height)
        let available = (size.leafCount >> UInt64(tileLevel * 8)) - (first / 256 * 256)
        guard let place = Tile(.hashes(level: tileLevel), index: first / 256, width: Int(min(available, 256))) else {
            preconditionFailure("every subtree of a tree is in one of its tiles")
        }
        let content = try tile(place)
        precondition(content.tile == place, "the content of another tile")
        let slot = Int(first % 256)
        var tree = MerkleTree()
        for hash in content.hashes[slot..<(slot + (1 << height))] { tree.append(hash) }
        return tree.root
    }
}

/// Why bytes are not the content of a tile.
public enum TileError: Error, Hashable, Sendable {
    /// A bundle of entries was read as hashes.
    case notHashes
    /// Hashes were read as a bundle of entries.
    case notEntries
    /// Neither the tile's own size nor that of a full one.
    case wrongByteCount(expected: Int, found: Int)
    /// The bundle ends inside the entry with this place in it.
    case truncatedEntry(place: Int)
    /// The bundle has neither as many entries as it is wide, nor 256.
    case wrongEntryCount(expected: Int, found: Int)
    /// An entry of more than 65,535 bytes, which a bundle cannot hold.
    case entryTooLong(byteCount: Int)
}

extension TileError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .notHashes: "the tile holds entries, not hashes"
        case .notEntries: "the tile holds hashes, not entries"
        case .wrongByteCount(let expected, let found): "the tile has \(found) bytes instead of \(expected)"
        case .truncatedEntry(let place): "the bundle ends inside its entry \(place)"
        case .wrongEntryCount(let expected, let found): "the bundle has \(found) entries instead of \(expected)"
        case .entryTooLong(let count): "an entry of \(count) bytes; a bundle holds entries of at most 65535"
        }
    }
}
