internal import Glibc

/// An LMDB data file as of one transaction, read page by page with bounds checked everywhere: LMDB itself trusts its pages,
/// and a tampered one could make it read anywhere or stop the process. Nothing is mapped, so a file that is cut short while
/// it is read is an error and no SIGBUS.
///
/// The layout (LMDB 0.9, 64 bit, little-endian):
///
/// ```
/// page     0 number (8)   8 pad (2)   10 flags (2)   12 lower (2)   14 upper (2)   16 …
/// meta    16 magic (4)   20 version (4)   24 address (8)   32 map size (8)
///         40 table of free pages (48)   88 main table (48)   136 last page (8)   144 transaction (8)
/// table    0 page size in the first, 0 in the main one (4)   4 flags (2)   6 depth (2)   8 branch pages (8)   16 leaf pages (8)
///         24 overflow pages (8)   32 entries (8)   40 root page (8)
/// ```
final class PageFile: Sendable {
    let path: String
    let pageSize: Int
    let meta: Meta
    private let file: Int32
    /// Held as long as this object lives: the writer reuses no page of the snapshot.
    private let pin: ReaderPin?

    static let headerSize = 16

    /// One of the two pages at the start of the file, which take turns in naming the newest state.
    struct Meta: Hashable {
        let pageSize: Int
        let main: TableRecord
        let lastPage: UInt64
        let transaction: UInt64
    }

    /// Opens the file in an LMDB folder and settles on the newest transaction.
    ///
    /// - Throws: ``Unreadable`` for what is missing, may not be read, or is no LMDB file of this kind.
    init(folder: String) throws(Unreadable) {
        let path = folder + "/data.mdb"
        self.path = path
        file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard file >= 0 else { throw Unreadable(errnoOf: path) }
        do throws(Unreadable) {
            // Look before LMDB does: it believes what the file says about itself.
            _ = try Self.newestMeta(file, path)
            pin = try ReaderPin(folder: folder)
            meta = try Self.newestMeta(file, path, transaction: pin?.transaction)
        } catch {
            close(file)
            throw error
        }
        pageSize = meta.pageSize
    }

    deinit { close(file) }

    /// Fills `page` with a page that has these flags.
    func read(_ number: UInt64, flags: UInt16, into page: inout [UInt8]) throws(Flaw) {
        guard number >= 2, number <= meta.lastPage else { throw Flaw("page \(number) is outside the file") }
        if page.count != pageSize { page = [UInt8](repeating: 0, count: pageSize) }
        try read(at: Int(number) * pageSize, into: &page, from: 0, count: pageSize)
        guard page.load(UInt64.self, at: 0) == number, page.load(UInt16.self, at: 10) == flags else {
            throw Flaw("page \(number) is not what it is used as")
        }
    }

    /// Appends a value that has pages of its own, or its first bytes.
    func readOverflow(_ number: UInt64, count: Int, upTo limit: Int, to bytes: inout [UInt8]) throws(Flaw) {
        let pages = UInt64((Self.headerSize - 1 + count) / pageSize + 1)
        guard number >= 2, number <= meta.lastPage, pages <= meta.lastPage - number + 1 else {
            throw Flaw("page \(number) is outside the file")
        }
        var header = [UInt8](repeating: 0, count: Self.headerSize)
        try read(at: Int(number) * pageSize, into: &header, from: 0, count: header.count)
        guard header.load(UInt64.self, at: 0) == number, header.load(UInt16.self, at: 10) == 0x04,
            header.load(UInt32.self, at: 12) == UInt32(truncatingIfNeeded: pages)
        else { throw Flaw("page \(number) is not what it is used as") }
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: min(count, limit)))
        try read(at: Int(number) * pageSize + Self.headerSize, into: &bytes, from: start, count: min(count, limit))
    }

    private func read(at offset: Int, into bytes: inout [UInt8], from start: Int, count: Int) throws(Flaw) {
        guard Self.pread(file, at: offset, into: &bytes, from: start, count: count) else {
            throw Flaw("the file ends before byte \(offset + count)")
        }
    }

    private static func pread(
        _ file: Int32, at offset: Int, into bytes: inout [UInt8], from start: Int, count: Int
    ) -> Bool {
        precondition(start >= 0 && count >= 0 && start + count <= bytes.count, "a read outside the buffer")
        var done = 0
        while done < count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.pread(file, buffer.baseAddress?.advanced(by: start + done), count - done, offset + done)
            }
            if got < 0, errno == EINTR { continue }
            if got <= 0 { return false }
            done += got
        }
        return true
    }
}

// MARK: - Meta pages

extension PageFile {
    /// The newest state, or that of one transaction.
    private static func newestMeta(
        _ file: Int32, _ path: String, transaction: UInt64? = nil
    ) throws(Unreadable) -> Meta {
        var refusal = Unreadable(path, "its meta pages contradict each other")
        // A running writer may change a meta page between two looks.
        for _ in 0..<20 {
            do throws(Unreadable) {
                let metas = try metas(file, path)
                guard let transaction else {
                    return metas[0].transaction > metas[1].transaction ? metas[0] : metas[1]
                }
                if let meta = metas.first(where: { $0.transaction == transaction }) { return meta }
            } catch {
                refusal = error
            }
            usleep(500)
        }
        throw refusal
    }

    private static func metas(_ file: Int32, _ path: String) throws(Unreadable) -> [Meta] {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw Unreadable(errnoOf: path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Unreadable(path, "it is not a file") }
        var first = [UInt8](repeating: 0, count: 152)
        guard pread(file, at: 0, into: &first, from: 0, count: first.count) else {
            throw Unreadable(path, "it is too short for an LMDB file")
        }
        let size = Int(first.load(UInt32.self, at: 40))
        guard (512...65536).contains(size), size.nonzeroBitCount == 1 else {
            throw Unreadable(path, "it is not an LMDB file, or its first page is damaged")
        }
        var second = [UInt8](repeating: 0, count: 152)
        guard pread(file, at: size, into: &second, from: 0, count: second.count) else {
            throw Unreadable(path, "it is too short for an LMDB file")
        }
        let metas = [try meta(first, number: 0, path), try meta(second, number: 1, path)]
        // Page 0 holds even transactions and page 1 odd ones, each following the other; both are 0 at the start.
        let (even, odd) = (metas[0].transaction, metas[1].transaction)
        guard metas[0].pageSize == metas[1].pageSize, even.isMultiple(of: 2), odd % 2 == 1 || odd == 0,
            max(even, odd) - min(even, odd) <= 1
        else { throw Unreadable(path, "its meta pages contradict each other") }
        for meta in metas where status.st_size / size <= meta.lastPage && meta.transaction == max(even, odd) {
            throw Unreadable(
                path, "it has \(status.st_size) bytes of \((meta.lastPage + 1) * UInt64(size)): it was cut short")
        }
        return metas
    }

    private static func meta(_ page: [UInt8], number: UInt64, _ path: String) throws(Unreadable) -> Meta {
        guard page.load(UInt32.self, at: 16) == 0xBEEF_C0DE, page.load(UInt16.self, at: 10) == 0x08,
            page.load(UInt64.self, at: 0) == number
        else { throw Unreadable(path, "it is not an LMDB file, or its meta page \(number) is damaged") }
        guard page.load(UInt32.self, at: 20) == 1 else {
            throw Unreadable(path, "it is an LMDB file of another version, or its meta page \(number) is damaged")
        }
        let lastPage = page.load(UInt64.self, at: 136)
        guard lastPage < 1 << 40, page.load(UInt64.self, at: 32) < 1 << 46 else {
            throw Unreadable(path, "its meta page \(number) is damaged")
        }
        return Meta(
            pageSize: Int(page.load(UInt32.self, at: 40)), main: TableRecord(page, at: 88), lastPage: lastPage,
            transaction: page.load(UInt64.self, at: 144))
    }
}

/// What LMDB writes about a table: where its root is, and how much there is below.
struct TableRecord: Hashable {
    let pad: UInt32
    let flags: UInt16
    let depth: Int
    let branchPages: UInt64
    let leafPages: UInt64
    let overflowPages: UInt64
    let entries: UInt64
    /// 2^64 − 1 in an empty table.
    let root: UInt64

    var isEmpty: Bool { root == .max }

    init(_ bytes: [UInt8], at offset: Int) {
        pad = bytes.load(at: offset)
        flags = bytes.load(at: offset + 4)
        depth = Int(bytes.load(UInt16.self, at: offset + 6))
        branchPages = bytes.load(at: offset + 8)
        leafPages = bytes.load(at: offset + 16)
        overflowPages = bytes.load(at: offset + 24)
        entries = bytes.load(at: offset + 32)
        root = bytes.load(at: offset + 40)
    }
}
