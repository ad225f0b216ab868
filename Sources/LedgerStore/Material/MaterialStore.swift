internal import Synchronization

/// Wrapped key material: opaque blobs by owner, version and kind. The only part of a ledger that is ever erased, and the
/// only one that is overwritten: what was erased is in no byte of the folder any more.
///
/// Blobs are appended, each put as a whole or not at all. Erasing overwrites them where they stand; a header without a
/// blob stays behind, which tells erased from lost. Room is not used again: a ledger's material grows by every version it
/// ever had, some hundred bytes each.
public final class MaterialStore: Sendable {
    private let file: MaterialFile
    private let isReadOnly: Bool
    /// Held while the file changes, which takes as long as the disk wants; before `index` by whoever needs both.
    private let changes = Mutex<Changes>(Changes())
    private let index: Mutex<MaterialIndex>

    private struct Changes {
        /// Why nothing may be changed any more.
        private(set) var failure: String?

        /// Runs a step after whose failure nobody knows what is on disk.
        mutating func risking(_ body: () throws(StoreError) -> Void) throws(StoreError) {
            do throws(StoreError) {
                try body()
            } catch {
                failure = error.description
                throw error
            }
        }
    }

    /// The most blobs of one put.
    public static let putCountMax = 1 << 15

    /// Which blob.
    public struct Name: Hashable, Sendable, Comparable {
        /// Whose blob it is.
        public let owner: UInt128
        /// Which version of the owner.
        public let version: UInt32
        /// A number the caller gives to each kind of blob.
        public let kind: UInt8

        /// A blob's name.
        public init(owner: UInt128, version: UInt32 = 0, kind: UInt8) {
            self.owner = owner
            self.version = version
            self.kind = kind
        }

        /// By owner, then version, then kind.
        public static func < (a: Self, b: Self) -> Bool {
            (a.owner, a.version, a.kind) < (b.owner, b.version, b.kind)
        }
    }

    /// Whether an event speaks of a blob.
    public enum Standing: Sendable {
        /// Not known yet: its put came first.
        case new
        /// One does, and is on disk: see ``MaterialStore/markRecorded(_:)``.
        case recorded
        /// None does in this log, and that was accepted: see ``MaterialStore/setAside(_:highWaterMark:)``.
        case setAside
        /// It was erased.
        case erased

        init(_ state: MaterialRecord.State) {
            self =
                switch state {
                case .new: .new
                case .recorded: .recorded
                case .setAside: .setAside
                case .erased: .erased
                }
        }
    }

    // MARK: Opening

    /// Opens a ledger's material. Only the holder of the ledger's writer may change it; opening it for that finishes
    /// what was being erased or replaced, and overwrites what is left of a put that did not get to its end.
    public init(_ folder: LedgerFolder, isReadOnly: Bool) throws(StoreError) {
        let file = try MaterialFile(path: folder.materialPath + "/blobs", isReadOnly: isReadOnly)
        do throws(StoreError) {
            var index = MaterialIndex(try file.head())
            let scan = try file.scan(certainEnd: index.head.certainEnd)
            let superseded = index.take(scan)
            if !isReadOnly {
                if scan.fileSize > scan.end { try file.removeRest(from: scan.end) }
                try Self.erase(superseded + scan.halfErased, in: file)
            }
            self.index = Mutex(index)
        } catch {
            file.close()
            throw error
        }
        self.file = file
        self.isReadOnly = isReadOnly
    }

    deinit { close() }

    /// Creates an empty store. Part of creating a ledger, so that a crash cannot leave a ledger with half of one, and
    /// one that is missing later was lost.
    static func create(in folder: LedgerFolder) throws(StoreError) {
        try LedgerFolder.makeFolder(at: folder.materialPath)
        try MaterialFile.create(at: folder.materialPath + "/blobs")
    }

    /// Closes the file; whatever comes later is refused.
    public func close() {
        changes.withLock { _ in
            index.withLock { index in
                if !index.isClosed { file.close() }
                index.isClosed = true
            }
        }
    }

    // MARK: Reading

    /// The blob with a name; nil if there is none, or it was erased.
    ///
    /// - Throws: ``StoreError/damaged(path:sequence:reason:)`` if its bytes are not those that were stored.
    public func blob(_ name: Name) throws(StoreError) -> [UInt8]? {
        if let blob = try look(up: name), !blob.isDamaged { return blob.bytes }
        // Somebody may be replacing or erasing it at this moment; then a second look finds the outcome.
        guard let blob = try look(up: name, refreshing: isReadOnly) else { return nil }
        guard !blob.isDamaged else { throw file.damaged("the material of \(name.owner) is not what was stored") }
        return blob.bytes
    }

    private func look(
        up name: Name, refreshing: Bool = false
    ) throws(StoreError) -> (bytes: [UInt8], isDamaged: Bool)? {
        try reading(refreshing: refreshing) { (index) throws(StoreError) in
            guard let place = index.places[name], place.record.state != .erased else { return nil }
            guard let (record, blob) = try file.record(at: place.offset), record.name == name else { return ([], true) }
            return record.state == .erased ? nil : (blob, !record.isItsOwn(unsafe blob.span.bytes))
        }
    }

    /// What is known of a blob; nil if there never was one.
    public func standing(of name: Name) throws(StoreError) -> Standing? {
        try reading(refreshing: isReadOnly) { (index) throws(StoreError) in
            guard let place = index.places[name] else { return nil }
            return Standing(try file.record(at: place.offset)?.record.state ?? place.record.state)
        }
    }

    /// The names of all blobs, without those that were erased, in ascending order.
    public func names() throws(StoreError) -> [Name] {
        // What another process erased since it was found shows only in the record itself.
        if isReadOnly { try index.withLock { (index) throws(StoreError) in try index.reread(file) } }
        return try reading(refreshing: false) { (index) throws(StoreError) in
            index.places.filter { $0.value.record.state != .erased }.keys.sorted()
        }
    }

    /// How many events the log had at least, when something was last stored or the ledger was closed: a log that is
    /// shorter is not the one that belongs to this material.
    public func highWaterMark() throws(StoreError) -> UInt64 {
        try reading(refreshing: false) { (index) throws(StoreError) in index.head.highWaterMark }
    }

    private func reading<Result>(
        refreshing: Bool, _ body: (MaterialIndex) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try index.withLock { (index) throws(StoreError) in
            if index.isClosed { throw .closed }
            if refreshing { _ = index.take(try file.scan(from: index.end, certainEnd: index.end)) }
            return try body(index)
        }
    }

    // MARK: Changing

    /// Stores blobs, all or none of them; when it returns they are on disk, and what had their names before is erased.
    ///
    /// - Parameter eventCount: How many events the log has: the new ``highWaterMark()``.
    /// - Throws: ``StoreError/batchTooLarge(count:limit:)`` for more than ``putCountMax``.
    public func put(_ blobs: [(Name, [UInt8])], eventCount: UInt64) throws(StoreError) {
        guard blobs.count <= Self.putCountMax else {
            throw .batchTooLarge(count: blobs.count, limit: Self.putCountMax)
        }
        try change { (changes) throws(StoreError) in
            let end = index.withLock { $0.end }
            let (bytes, places) = Self.records(blobs, at: end)
            do throws(StoreError) {
                try file.write(bytes, at: end)
            } catch {
                // A full disk, say. Nothing was promised; the place is free again for a smaller one.
                try changes.risking { () throws(StoreError) in try file.removeRest(from: end) }
                throw error
            }
            try changes.risking { () throws(StoreError) in
                try write(head(eventCount))
                try file.sync()
                try Self.erase(index.withLock { $0.add(places) }, in: file)
            }
        }
    }

    private static func records(
        _ blobs: [(Name, [UInt8])], at start: Int
    ) -> (bytes: [UInt8], places: [MaterialFile.Place]) {
        var bytes: [UInt8] = []
        var places: [MaterialFile.Place] = []
        for (number, (name, blob)) in blobs.enumerated() {
            let record = MaterialRecord(name, blob, index: number, count: blobs.count)
            places.append((start + bytes.count, record))
            let end = bytes.count + record.slotSize
            bytes += record.header + blob
            bytes += repeatElement(0, count: end - bytes.count)
        }
        return (bytes, places)
    }

    /// Erases blobs: when it returns, their bytes are nowhere in the folder. What is erased already, or never was, is fine.
    public func erase(_ names: [Name]) throws(StoreError) {
        try change { (changes) throws(StoreError) in
            let places = index.withLock { $0.places(of: names, but: .erased) }
            try changes.risking { () throws(StoreError) in try Self.erase(places, in: file) }
            index.withLock { $0.set(.erased, places) }
        }
    }

    /// Two steps, each on disk before the next: whatever a crash leaves shows that it was to be erased.
    private static func erase(_ places: [MaterialFile.Place], in file: MaterialFile) throws(StoreError) {
        if places.isEmpty { return }
        for (offset, _) in places { try file.write(.erased, at: offset) }
        try file.sync()
        for (offset, record) in places { try file.writeZeros(over: record, at: offset) }
        try file.sync()
    }

    /// Says that events on disk speak of blobs. Costs no flush: until it is durable, an opening finds it out again.
    public func markRecorded(_ names: [Name]) throws(StoreError) {
        try change { (changes) throws(StoreError) in
            let places = index.withLock { $0.places(of: names, but: .erased, .recorded) }
            try changes.risking { () throws(StoreError) in
                for (offset, _) in places { try file.write(.recorded, at: offset) }
            }
            index.withLock { $0.set(.recorded, places) }
        }
    }

    /// Accepts a log that is shorter than the one this material belongs to: blobs that no event of it speaks of stay where
    /// they are, for the case that the longer log comes back.
    public func setAside(_ names: [Name], highWaterMark: UInt64) throws(StoreError) {
        try change { (changes) throws(StoreError) in
            let places = index.withLock { $0.places(of: names, but: .erased) }
            try changes.risking { () throws(StoreError) in
                for (offset, _) in places { try file.write(.setAside, at: offset) }
                var head = head()
                head.highWaterMark = highWaterMark
                try write(head)
                try file.sync()
            }
            index.withLock { $0.set(.setAside, places) }
        }
    }

    /// Notes how many events the log has.
    public func advance(to eventCount: UInt64) throws(StoreError) {
        try change { (changes) throws(StoreError) in
            let (known, head) = index.withLock { ($0.head, self.head($0, eventCount)) }
            if known == head { return }
            try changes.risking { () throws(StoreError) in
                try write(head)
                try file.sync()
            }
        }
    }

    /// What the first sector is to say, with all records that are on disk now behind it.
    private func head(_ eventCount: UInt64 = 0) -> MaterialFile.Head { index.withLock { head($0, eventCount) } }

    private func head(_ index: MaterialIndex, _ eventCount: UInt64) -> MaterialFile.Head {
        MaterialFile.Head(highWaterMark: max(index.head.highWaterMark, eventCount), certainEnd: index.end)
    }

    private func write(_ head: MaterialFile.Head) throws(StoreError) {
        try file.write(head)
        index.withLock { $0.head = head }
    }

    private func change(_ body: (inout Changes) throws(StoreError) -> Void) throws(StoreError) {
        try changes.withLock { (changes) throws(StoreError) in
            if index.withLock({ $0.isClosed }) { throw .closed }
            if isReadOnly { throw .readOnly(path: file.path) }
            if let failure = changes.failure { throw .failed(reason: failure) }
            try body(&changes)
        }
    }
}
