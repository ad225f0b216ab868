extension Tile {
    /// Where the tile is, below the prefix of the log: `tile/0/x001/x234/067`, `tile/entries/000.p/8`.
    public var path: String {
        let kind =
            switch content {
            case .hashes(let level): String(level)
            case .entries: "entries"
            }
        let suffix = isPartial ? ".p/\(width)" : ""
        return "tile/\(kind)/\(Self.path(of: index))\(suffix)"
    }

    /// The tile at this path, or nil unless it is the one path of a tile.
    public init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0] == "tile" else { return nil }
        let content: Content
        if parts[1] == "entries" {
            content = .entries
        } else {
            guard let level = UInt64(canonicalDecimal: parts[1].utf8), level <= 7 else { return nil }
            content = .hashes(level: Int(level))
        }
        var groups = parts[2...]
        var width = Self.fullWidth
        if groups.count >= 2, groups[groups.endIndex - 2].hasSuffix(".p") {
            guard let last = groups.popLast(), let partial = UInt64(canonicalDecimal: last.utf8), partial < 256,
                let marked = groups.popLast()
            else { return nil }
            width = Int(partial)
            groups.append(marked.dropLast(2))
        }
        // Reading the number leniently and comparing the path it ought to have refuses every other spelling.
        let digits = groups.joined().utf8.filter { $0 != UInt8(ascii: "x") }
        guard let index = UInt64(String(decoding: digits, as: UTF8.self)),
            let tile = Tile(content, index: index, width: width), tile.path == path
        else { return nil }
        self = tile
    }

    /// Groups of three digits; all but the last are marked with an `x`.
    private static func path(of index: UInt64) -> String {
        let digits = String(index)
        let padded = String(repeating: "0", count: (3 - digits.count % 3) % 3) + digits
        var path = ""
        for (place, digit) in padded.enumerated() {
            if place % 3 == 0, place > 0 { path += "/" }
            if place % 3 == 0, place < padded.count - 3 { path += "x" }
            path.append(digit)
        }
        return path
    }
}
