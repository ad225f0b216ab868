internal import Glibc

/// The file `material/blobs`: the only file of a ledger in which bytes are overwritten, because that is how they are erased.
///
/// ```
/// 0 magic "KLMATRL1" (8), high-water mark (8), end of what is certain (8), check (8), zeros to 512
/// 512 records, each at a multiple of 64: header (64), blob, zeros
/// ```
/// A value over a file descriptor; who may use it when is ``MaterialStore``'s business.
struct MaterialFile {
    let path: String
    private let file: Int32

    static let recordsStart = 512
    private static let magic = Array("KLMATRL1".utf8)

    /// What the first sector says.
    struct Head: Equatable {
        /// How many events the log has at least.
        var highWaterMark: UInt64 = 0
        /// Every record before this offset was on disk once: what is wrong with one is damage, not a put cut off.
        var certainEnd = MaterialFile.recordsStart

        static let byteCount = 32

        fileprivate var bytes: [UInt8] {
            var bytes = LittleEndianBytes()
            bytes.append(MaterialFile.magic)
            bytes.append(highWaterMark)
            bytes.append(UInt64(certainEnd))
            bytes.append(MaterialRecord.check(unsafe bytes.bytes.span.bytes))
            return bytes.bytes
        }
    }

    /// Creates an empty file that must not exist, and makes its bytes durable; its name is the caller's.
    static func create(at path: String) throws(StoreError) {
        let file = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw LedgerFolder.systemError("creating", path) }
        let created = MaterialFile(path: path, file: file)
        defer { created.close() }
        let head = Head().bytes
        try created.write(head + [UInt8](repeating: 0, count: recordsStart - head.count), at: 0)
        try created.sync()
    }

    init(path: String, isReadOnly: Bool) throws(StoreError) {
        self.path = path
        file = unsafe Glibc.open(path, (isReadOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC)
        guard file >= 0 else { throw LedgerFolder.systemError("opening", path) }
    }

    private init(path: String, file: Int32) {
        self.path = path
        self.file = file
    }

    func close() { Glibc.close(file) }

    func head() throws(StoreError) -> Head {
        let bytes = try read(Head.byteCount, at: 0)
        guard bytes.count == Head.byteCount else { throw damaged("the file is cut short") }
        var head = Head()
        head.highWaterMark = unsafe bytes.span.bytes.load(at: 8)
        head.certainEnd = Int(truncatingIfNeeded: unsafe bytes.span.bytes.load(UInt64.self, at: 16))
        guard bytes == head.bytes else { throw damaged("its first bytes are not those of material") }
        return head
    }

    /// All in one sector: it changes from one to the other and is nothing in between.
    func write(_ head: Head) throws(StoreError) { try write(head.bytes, at: 0) }

    // MARK: Records

    /// A record and where it is.
    typealias Place = (offset: Int, record: MaterialRecord)

    /// What a look through the records found.
    struct Scan {
        /// In the order of the file, without a last put that was cut off in the middle.
        var places: [Place] = []
        /// Where the next record goes.
        var end: Int
        /// Erased records with something left in the place of the blob.
        var halfErased: [Place] = []
        /// How far the file reaches.
        var fileSize: Int
    }

    /// Looks through the records from an offset on. What is no record is passed over: what stands behind it is readable.
    func scan(from start: Int = recordsStart, certainEnd: Int) throws(StoreError) -> Scan {
        let size = try size()
        let bytes = try read(max(0, size - start), at: start)
        var scan = Scan(end: start, fileSize: start + bytes.count)
        // The records of the put that is being looked at.
        var put: [(place: Place, isWhole: Bool)] = []
        var offset = 0
        while offset + MaterialRecord.headerSize <= bytes.count {
            let blobStart = offset + MaterialRecord.headerSize
            let header = unsafe bytes.span.bytes.extracting(offset..<blobStart)
            guard let record = MaterialRecord(header), record.byteCount <= bytes.count - blobStart else {
                offset += MaterialRecord.headerSize
                continue
            }
            let blob = unsafe bytes.span.bytes.extracting(blobStart..<(blobStart + record.byteCount))
            let place = (offset: start + offset, record: record)
            let previous = put.last?.place
            if let previous, record.index <= previous.record.index || record.count != previous.record.count {
                // A put is on disk before the next begins: what is not whole now was whole once.
                scan.places += put.map(\.place)
                put = []
            }
            if record.state == .erased, !Self.isZero(blob) { scan.halfErased.append(place) }
            let isNext = put.isEmpty ? record.index == 0 : previous.map { Self.follows(place, $0) } ?? false
            put.append((place, isNext && record.isItsOwn(blob)))
            offset += record.slotSize
        }
        if Self.isOnDisk(put, certainEnd) { scan.places += put.map(\.place) }
        if let last = scan.places.last { scan.end = last.offset + last.record.slotSize }
        scan.end = max(scan.end, certainEnd)
        return scan
    }

    private static func follows(_ next: Place, _ previous: Place) -> Bool {
        previous.offset + previous.record.slotSize == next.offset && previous.record.index &+ 1 == next.record.index
    }

    /// Whether the last put of the file was on disk as a whole once. A record that was touched later shows that it was:
    /// what is wrong with it now is damage.
    private static func isOnDisk(_ put: [(place: Place, isWhole: Bool)], _ certainEnd: Int) -> Bool {
        guard let last = put.last?.place else { return false }
        return last.record.index &+ 1 == last.record.count && put.allSatisfy(\.isWhole)
            || last.offset < certainEnd || put.contains { $0.place.record.state != .new }
    }

    private static func isZero(_ span: RawSpan) -> Bool {
        unsafe span.withUnsafeBytes { unsafe $0.allSatisfy { $0 == 0 } }
    }

    /// A record as it is now, with its blob; nil if there is none any more, or one that changes at this moment.
    func record(at offset: Int) throws(StoreError) -> (record: MaterialRecord, blob: [UInt8])? {
        let header = try read(MaterialRecord.headerSize, at: offset)
        guard let record = MaterialRecord(unsafe header.span.bytes) else { return nil }
        let blob = try read(record.byteCount, at: offset + MaterialRecord.headerSize)
        return (record, blob)
    }

    /// The state is in the same sector as all of the header: it changes from one to the other and is nothing in between.
    func write(_ state: MaterialRecord.State, at offset: Int) throws(StoreError) {
        var bytes = LittleEndianBytes()
        bytes.append(state.rawValue)
        try write(bytes.bytes, at: offset + MaterialRecord.stateOffset)
    }

    /// Overwrites the blob of a record.
    func writeZeros(over record: MaterialRecord, at offset: Int) throws(StoreError) {
        try write(
            [UInt8](repeating: 0, count: record.slotSize - MaterialRecord.headerSize),
            at: offset + MaterialRecord.headerSize)
    }

    /// Overwrites and cuts off what lies behind an offset: a put that never was.
    func removeRest(from offset: Int) throws(StoreError) {
        let count = try size() - offset
        guard count > 0 else { return }
        try write([UInt8](repeating: 0, count: count), at: offset)
        try sync()
        guard ftruncate(file, offset) == 0 else { throw LedgerFolder.systemError("cutting", path) }
        try sync()
    }

    // MARK: Bytes

    func write(_ bytes: [UInt8], at offset: Int) throws(StoreError) {
        try writeAll(unsafe bytes.span.bytes, to: file, path, at: offset)
    }

    /// Makes everything written so far durable.
    func sync() throws(StoreError) {
        guard fdatasync(file) == 0 else { throw LedgerFolder.systemError("flushing", path) }
    }

    private func size() throws(StoreError) -> Int {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw LedgerFolder.systemError("reading", path) }
        return status.st_size
    }

    /// Up to `count` bytes; fewer at the end of the file.
    private func read(_ count: Int, at offset: Int) throws(StoreError) -> [UInt8] {
        var failed = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let got = unsafe pread(
                    file, buffer.baseAddress.map { unsafe $0 + initialized }, count - initialized, offset + initialized)
                if got < 0, errno == EINTR { continue }
                failed = got < 0
                if got <= 0 { return }
                initialized += got
            }
        }
        if failed { throw LedgerFolder.systemError("reading", path) }
        return bytes
    }

    func damaged(_ reason: String) -> StoreError { .damaged(path: path, sequence: nil, reason: reason) }
}
