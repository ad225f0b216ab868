/// The content of a bundle: each entry as its length (2 bytes, big-endian) and its bytes (C2SP tlog-tiles).
public struct EntryBundle: Hashable, Sendable {
    /// The entries, as many as the tile is wide.
    public let entries: [[UInt8]]

    /// Collects entries.
    ///
    /// - Throws: ``TileError/entryTooLong(byteCount:)``; ``TileError/wrongEntryCount(expected:found:)`` for none or more
    ///   than 256.
    public init(entries: [[UInt8]]) throws(TileError) {
        guard (1...Tile.fullWidth).contains(entries.count) else {
            throw .wrongEntryCount(expected: Tile.fullWidth, found: entries.count)
        }
        if let entry = entries.first(where: { $0.count > UInt16.max }) { throw .entryTooLong(byteCount: entry.count) }
        self.entries = entries
    }

    /// Reads the entries of a tile from its file, or from that of the full tile that has replaced it.
    ///
    /// - Throws: ``TileError``.
    public init(_ tile: Tile, parsing bytes: [UInt8]) throws(TileError) {
        guard tile.content == .entries else { throw .notEntries }
        var entries: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let length = rest.prefix(2).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 2 + length else { throw .truncatedEntry(place: entries.count) }
            guard entries.count < Tile.fullWidth else {
                throw .wrongEntryCount(expected: tile.width, found: entries.count + 1)
            }
            entries.append(Array(rest.dropFirst(2).prefix(length)))
            rest = rest.dropFirst(2 + length)
        }
        guard entries.count == tile.width || entries.count == Tile.fullWidth else {
            throw .wrongEntryCount(expected: tile.width, found: entries.count)
        }
        self.entries = Array(entries.prefix(tile.width))
    }

    /// The file.
    public func serialized() -> [UInt8] {
        entries.flatMap { [UInt8($0.count >> 8), UInt8($0.count & 0xff)] + $0 }
    }
}
