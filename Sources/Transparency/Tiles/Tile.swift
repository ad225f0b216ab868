/// The place of a file in the static form of a log that anyone can serve and re-verify (C2SP tlog-tiles): up to 256
/// hashes of one level, or up to 256 entries.
///
/// Files never change once published. Write the tiles of a tree before its checkpoint; partial tiles that a fuller one
/// has replaced may be deleted afterwards.
public struct Tile: Hashable, Sendable {
    /// What a tile holds.
    public enum Content: Hashable, Sendable {
        /// Hashes of the subtrees of 256^`level` leaves, 0 to 7.
        case hashes(level: Int)
        /// Entries: a bundle.
        case entries
    }

    /// What the tile holds.
    public let content: Content
    /// The number of tiles of this kind to the left.
    public let index: UInt64
    /// The number of hashes or entries: 256, or 1 to 255 at the right edge of the tree.
    public let width: Int

    /// The width of a tile that is full.
    public static let fullWidth = 256

    /// The tile at this place, or nil if no tree has it.
    public init?(_ content: Content, index: UInt64, width: Int = fullWidth) {
        if case .hashes(let level) = content { guard (0...7).contains(level) else { return nil } }
        guard (1...Self.fullWidth).contains(width) else { return nil }
        // The last leaf below the tile must be one that a tree of less than 2^63 leaves can have.
        let limit = ((UInt64(1) << 63) - 1) >> content.leafBits
        guard index <= limit / 256, index * 256 + UInt64(width) <= limit else { return nil }
        self.content = content
        self.index = index
        self.width = width
    }

    private init(unchecked content: Content, index: UInt64, width: Int) {
        self.content = content
        self.index = index
        self.width = width
    }

    /// Whether the tile may still be replaced by a fuller one.
    public var isPartial: Bool { width < Self.fullWidth }

    /// The tile that replaces this one when it is full, or nil if no tree is that large. Where the partial tile is gone,
    /// the first ``width`` hashes or entries of the full one are the same.
    public var full: Tile? { Tile(content, index: index) }

    /// All tiles that a tree of `new` leaves has and one of `old` leaves has not: hashes from the lowest level up,
    /// then entries.
    public static func tiles(from old: TreeSize = .zero, to new: TreeSize) -> [Tile] {
        let levels = (0...7).map(Content.hashes)
        return (levels + [.entries]).flatMap { tiles(of: $0, from: old.leafCount, to: new.leafCount) }
    }

    /// The tiles at the right edge of a tree that may still grow, at most one a level and a bundle.
    public static func rightEdge(of size: TreeSize) -> [Tile] {
        let contents = (0...7).map(Content.hashes) + [.entries]
        return contents.compactMap { content in
            let count = size.leafCount >> content.leafBits
            return Tile(content, index: count / 256, width: Int(count % 256))
        }
    }

    private static func tiles(of content: Content, from old: UInt64, to new: UInt64) -> [Tile] {
        let known = old >> content.leafBits
        let count = new >> content.leafBits
        guard known < count else { return [] }
        return (known / 256...(count - 1) / 256).map { index in
            Tile(unchecked: content, index: index, width: Int(min(count - index * 256, 256)))
        }
    }

    /// The subtrees whose hashes the tile holds, from left to right; nothing for entries.
    public var subtrees: [Subtree] {
        guard case .hashes(let level) = content else { return [] }
        return (0..<UInt64(width)).map { Subtree(level: level * 8, index: index * 256 + $0) }
    }

    /// The leaves below the tile.
    public var leaves: Range<UInt64> {
        (index * 256) << content.leafBits..<(index * 256 + UInt64(width)) << content.leafBits
    }
}

extension Tile.Content {
    /// The number of leaves below one hash or entry, as a power of two.
    fileprivate var leafBits: UInt64 {
        switch self {
        case .hashes(let level): UInt64(level * 8)
        case .entries: 0
        }
    }
}
