/// Which bytes of an LMDB file say anything: those of the pages that can be reached from the newest meta page, without the
/// gaps in them. A reading of the format for an honest file, once more and without checks.
struct PageMap {
    private(set) var used: [Bool]
    private let bytes: [UInt8]
    private let pageSize: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        used = [Bool](repeating: false, count: bytes.count)
        pageSize = Int(Self.number(bytes, 40, 4))
        let meta = Self.number(bytes, 144, 8) > Self.number(bytes, pageSize + 144, 8) ? 0 : pageSize
        // Page number and flags, magic and version, page size, the main table, last page and transaction. Not: where the
        // map was once, how large it is, and the table of free pages.
        for range in [0..<8, 10..<12, 16..<24, 40..<44, 88..<152] { mark(range, from: meta) }
        walk(table: meta + 88)
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
        bytes[offset..<(offset + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func number(_ offset: Int, _ count: Int) -> UInt64 { Self.number(bytes, offset, count) }

    private mutating func mark(_ range: Range<Int>, from start: Int) {
        for offset in range { used[start + offset] = true }
    }

    private mutating func walk(table: Int) {
        let root = number(table + 40, 8)
        if root != .max { walk(page: root, depth: Int(number(table + 6, 2))) }
    }

    private mutating func walk(page number: UInt64, depth: Int) {
        let start = Int(number) * pageSize
        let count = (Int(self.number(start + 12, 2)) - 16) / 2
        for range in [0..<8, 10..<16, 16..<(16 + 2 * count)] { mark(range, from: start) }
        for index in 0..<count {
            let node = start + Int(self.number(start + 16 + 2 * index, 2))
            let keyEnd = 8 + Int(self.number(node + 6, 2))
            mark(0..<keyEnd, from: node)
            if depth > 1 {
                walk(page: self.number(node, 4) | self.number(node + 4, 2) << 32, depth: depth - 1)
                continue
            }
            let (size, flags) = (Int(self.number(node, 4)), self.number(node + 4, 2))
            if flags & 1 != 0 {
                mark(keyEnd..<(keyEnd + 8), from: node)
                let overflow = Int(self.number(node + keyEnd, 8)) * pageSize
                for range in [0..<8, 10..<16, 16..<(16 + size)] { mark(range, from: overflow) }
            } else {
                mark(keyEnd..<(keyEnd + size), from: node)
            }
            if flags & 2 != 0 { walk(table: node + keyEnd) }
        }
    }
}
