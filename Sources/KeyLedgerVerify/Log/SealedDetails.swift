/// The sealed details of a window's events, one after the other.
struct SealedDetails {
    var bytes: [UInt8] = []
    var entries: [Entry] = []

    /// One event's details.
    struct Entry {
        /// The place of its block in the window, and its own in the block.
        let block: Int
        let index: Int
        /// Where the commitment is in the window's bytes.
        let commitment: Int
        let range: Range<Int>
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }
}

/// The list at the start of a block's details: how many there are (4), then for each the event's index in the block (4)
/// and where its bytes end (4), counted from behind the list.
struct DetailsList {
    private(set) var entries: [(index: Int, range: Range<Int>)] = []

    /// More than any list is long.
    static let byteCountMax = 4 + 8 * BlockView.Layout.eventCountMax

    /// Reads the list at `start`, of a value of `size` bytes of which only the first may be there.
    init(_ bytes: [UInt8], from start: Int, size: Int) throws(Flaw) {
        guard bytes.count - start >= 4 else { throw Flaw("the details of a block are no list") }
        let count = Int(bytes.load(UInt32.self, at: start))
        let listEnd = 4 + 8 * count
        guard (1...BlockView.Layout.eventCountMax).contains(count), bytes.count - start >= listEnd else {
            throw Flaw("the details of a block are no list")
        }
        var last = -1
        var offset = listEnd
        for n in 0..<count {
            let index = Int(bytes.load(UInt32.self, at: start + 4 + 8 * n))
            let end = listEnd + Int(bytes.load(UInt32.self, at: start + 8 + 8 * n))
            guard index > last, end >= offset, end <= size else {
                throw Flaw("the list of a block's details is malformed")
            }
            entries.append((index, start + offset..<start + end))
            (last, offset) = (index, end)
        }
        guard offset == size else { throw Flaw("a block's details have another size than their list") }
    }
}
