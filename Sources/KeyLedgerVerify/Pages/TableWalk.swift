/// A walk through all entries of a table in order of their keys. On the way every page, every separator and every count
/// that LMDB keeps is checked: a table with a page exchanged for an older or another one does not pass.
///
/// ```
/// branch and leaf page   16 offset of each node (2), lower bounds the list   … nodes from upper on
/// node    0 size of the value, or page of the child (4)   4 flags, or page (2)   6 size of the key (2)   8 key, value
/// ```
struct TableWalk {
    private let file: PageFile
    private let table: TableRecord
    private var path: [Level] = []
    private var seen = (branchPages: UInt64(0), leafPages: UInt64(0), overflowPages: UInt64(0), entries: UInt64(0))
    private var lowerBound: [UInt8]?

    /// The key of the entry the walk is at.
    private(set) var key: [UInt8] = []
    private var value: Value = .inline(0..<0)

    private struct Level {
        var page: [UInt8]
        var next = 0
        let count: Int
    }

    private enum Value {
        case inline(Range<Int>)
        case overflow(page: UInt64, count: Int)
    }

    private enum PageFlags {
        static let branch: UInt16 = 0x01
        static let leaf: UInt16 = 0x02
    }

    private enum NodeFlags {
        static let bigData: UInt16 = 0x01
    }

    /// The table without a name, which is all a log has.
    init(_ file: PageFile) throws(Flaw) {
        self.file = file
        table = file.meta.main
        guard table.pad == 0, table.flags == 0 else { throw Flaw("the table has flags that the ledger does not use") }
        guard table.isEmpty == (table.depth == 0), table.depth <= 32 else {
            throw Flaw("the table's depth contradicts its root")
        }
        if !table.isEmpty { try descend(to: table.root) }
    }

    /// Goes to the next entry. False at the end, where the counts of the whole table have been found right.
    mutating func advance() throws(Flaw) -> Bool {
        while let level = path.last {
            if level.next == level.count {
                path.removeLast()
                continue
            }
            path[path.count - 1].next += 1
            let node = try node(level.next, of: level)
            if path.count == table.depth {
                try arrive(at: node, of: level.page)
                return true
            }
            if level.next > 0 { try noteSeparator(Array(level.page[node.key])) }
            try descend(to: node.child)
        }
        guard seen.branchPages == table.branchPages, seen.leafPages == table.leafPages,
            seen.overflowPages == table.overflowPages, seen.entries == table.entries
        else { throw Flaw("the table has other pages or entries than LMDB counted") }
        return false
    }

    // MARK: Values

    var valueCount: Int {
        switch value {
        case .inline(let range): range.count
        case .overflow(_, let count): count
        }
    }

    /// Appends the value of the current entry, or its first bytes.
    func append(to bytes: inout [UInt8], upTo limit: Int) throws(Flaw) {
        switch value {
        case .inline(let range): if let page = path.last?.page { bytes += page[range].prefix(limit) }
        case .overflow(let page, let count):
            try file.readOverflow(page, count: count, upTo: limit, to: &bytes)
        }
    }

    // MARK: Pages

    private mutating func descend(to number: UInt64) throws(Flaw) {
        let isLeaf = path.count + 1 == table.depth
        if isLeaf { seen.leafPages += 1 } else { seen.branchPages += 1 }
        guard seen.leafPages <= table.leafPages, seen.branchPages <= table.branchPages else {
            throw Flaw("the table has other pages than LMDB counted")
        }
        var page: [UInt8] = []
        let flags = isLeaf ? PageFlags.leaf : PageFlags.branch
        try file.read(number, flags: flags, into: &page)
        let (lower, upper) = (Int(page.load(UInt16.self, at: 12)), Int(page.load(UInt16.self, at: 14)))
        guard lower >= PageFile.headerSize, lower.isMultiple(of: 2),
            lower <= upper, upper <= file.pageSize, isLeaf || lower > PageFile.headerSize + 2
        else { throw Flaw("page \(number) is malformed") }
        let count = (lower - PageFile.headerSize) / 2
        let offsets = (0..<count).map { Int(page.load(UInt16.self, at: PageFile.headerSize + 2 * $0)) }
        guard upper == offsets.min() ?? file.pageSize else { throw Flaw("page \(number) has a gap that is none") }
        path.append(Level(page: page, count: count))
    }

    private struct Node {
        let key: Range<Int>
        let flags: UInt16
        let low: UInt32
        var child: UInt64 { UInt64(low) | UInt64(flags) << 32 }
    }

    private func node(_ index: Int, of level: Level) throws(Flaw) -> Node {
        let offset = Int(level.page.load(UInt16.self, at: PageFile.headerSize + 2 * index))
        let upper = Int(level.page.load(UInt16.self, at: 14))
        guard offset >= upper, offset + 8 <= file.pageSize else { throw Flaw("a node lies outside its page") }
        let keyCount = Int(level.page.load(UInt16.self, at: offset + 6))
        guard offset + 8 + keyCount <= file.pageSize else { throw Flaw("a node lies outside its page") }
        return Node(
            key: (offset + 8)..<(offset + 8 + keyCount), flags: level.page.load(at: offset + 4),
            low: level.page.load(at: offset))
    }

    private mutating func arrive(at node: Node, of page: [UInt8]) throws(Flaw) {
        let next = Array(page[node.key])
        guard seen.entries == 0 || key.lexicographicallyPrecedes(next) else {
            throw Flaw("the keys are not in ascending order")
        }
        if let bound = lowerBound, next.lexicographicallyPrecedes(bound) {
            throw Flaw("a key comes before its page")
        }
        lowerBound = nil
        key = next
        seen.entries += 1
        let count = Int(node.low)
        guard count < 1 << 31, node.flags & ~NodeFlags.bigData == 0 else { throw Flaw("a node is malformed") }
        if node.flags & NodeFlags.bigData != 0 {
            guard node.key.upperBound + 8 <= page.count else { throw Flaw("a node lies outside its page") }
            value = .overflow(page: page.load(at: node.key.upperBound), count: count)
            seen.overflowPages += UInt64((PageFile.headerSize - 1 + count) / file.pageSize + 1)
        } else {
            guard node.key.upperBound + count <= page.count else { throw Flaw("a node lies outside its page") }
            value = .inline(node.key.upperBound..<(node.key.upperBound + count))
        }
    }

    /// All keys before a separator are below it, none behind it is.
    private mutating func noteSeparator(_ separator: [UInt8]) throws(Flaw) {
        guard seen.entries == 0 || key.lexicographicallyPrecedes(separator) else {
            throw Flaw("a separator does not separate")
        }
        lowerBound = separator
    }
}
