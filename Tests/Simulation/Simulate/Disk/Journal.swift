internal import CDiskJournal

/// What a program did to the files of a folder, in order, and what it said meanwhile.
struct Journal {
    enum Entry {
        /// A file or folder that was there before got a number.
        case seen(node: Int, path: String)
        case created(node: Int, parent: Int, name: String, isFolder: Bool)
        case removed(parent: Int, name: String)
        case wrote(node: Int, offset: Int, bytes: [UInt8])
        case resized(node: Int, size: Int)
        /// What the entries before `before` say about the node is durable.
        case synced(node: Int, before: Int)
        /// One write is durable, that of the entry with this number.
        case writeSynced(node: Int, entry: Int)
        case mark(Mark)
    }

    /// What the program knew, or was about to do.
    enum Mark: Equatable {
        /// The ledger exists.
        case ledgerCreated
        /// All events before this sequence were acknowledged.
        case acknowledged(UInt64)
        /// The material is on its way to the state with this number.
        case materialBegan(Int)
        /// The material is in the state with this number.
        case materialDone(Int)

        fileprivate var code: (kind: UInt32, value: UInt64) {
            switch self {
            case .ledgerCreated: (0, 0)
            case .acknowledged(let next): (1, next)
            case .materialBegan(let number): (2, UInt64(number))
            case .materialDone(let number): (3, UInt64(number))
            }
        }

        fileprivate init?(kind: UInt32, value: UInt64) {
            switch kind {
            case 0: self = .ledgerCreated
            case 1: self = .acknowledged(value)
            case 2: self = .materialBegan(Int(value))
            case 3: self = .materialDone(Int(value))
            default: return nil
            }
        }
    }

    let entries: [Entry]

    /// Writes down what `body` does in a folder.
    static func record(_ folder: String, _ body: () throws(Finding) -> Void) throws(Finding) -> Journal {
        unsafe disk_journal_open(folder)
        defer { disk_journal_close() }
        try body()
        disk_journal_close()
        var entries: [Entry] = []
        for number in 0..<disk_journal_count() { unsafe entries.append(try entry(disk_journal_get(number))) }
        return Journal(entries: entries)
    }

    static func add(_ mark: Mark) { disk_journal_add_mark(mark.code.kind, mark.code.value) }

    /// From here on nothing is written down.
    static func pause() { disk_journal_close() }

    private static func entry(_ raw: disk_journal_entry) throws(Finding) -> Entry {
        let bytes = unsafe Array(UnsafeBufferPointer(start: raw.bytes, count: Int(raw.byte_count)))
        let (node, offset) = unsafe (Int(raw.node), Int(raw.offset))
        let text = { String(decoding: bytes, as: UTF8.self) }
        switch unsafe disk_journal_kind(UInt32(raw.kind)) {
        case disk_journal_seen: return .seen(node: node, path: text())
        case disk_journal_created_file, disk_journal_created_folder:
            let isFolder = unsafe raw.kind == disk_journal_created_folder.rawValue
            return .created(node: node, parent: unsafe Int(raw.parent), name: text(), isFolder: isFolder)
        case disk_journal_removed: return .removed(parent: unsafe Int(raw.parent), name: text())
        case disk_journal_wrote: return .wrote(node: node, offset: offset, bytes: bytes)
        case disk_journal_resized: return .resized(node: node, size: offset)
        case disk_journal_synced: return .synced(node: node, before: offset)
        case disk_journal_write_synced: return .writeSynced(node: node, entry: offset)
        case disk_journal_mark:
            guard let mark = unsafe Mark(kind: raw.node, value: raw.offset) else { break }
            return .mark(mark)
        default: break
        }
        throw Finding("the simulated disk does not know this call: \(text())")
    }
}

/// Has this said on standard error should a signal end the process.
func setLastWords(_ text: String) { unsafe disk_journal_last_words(text) }
