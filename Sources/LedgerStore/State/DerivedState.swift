internal import CryptoPrimitives
internal import FoundationEssentials
internal import Glibc
internal import Ledger

/// What `state/` holds: everything that can be computed from the log, as it was at the last flush.
///
/// Nothing in it is ever the only copy. It names the log position it reaches and the checksum of the block before
/// that position; state that does not belong to the log beside it is thrown away and rebuilt.
package final class DerivedState: Sendable {
    private let environment: Environment
    private let meta: Table
    private let accounts: Table
    private let open: Table
    private let resolutions: Table
    private let balances: Table
    private let merging: Merging

    /// How segments are put together.
    package struct Merging: Sendable {
        /// How many segments of one level become one of the next.
        package var sourceCount = 16
        /// How many entries a step takes over.
        package var stepCount = 1 << 17

        package init() {}
    }

    init(
        path: String, isReadOnly: Bool = false, mapSize: Int = Environment.mapSizeAtFirst,
        merging: Merging = Merging()
    ) throws(StoreError) {
        self.merging = merging
        do throws(LMDBError) {
            environment = try Environment(
                path: path, options: .init(mapSize: mapSize, isReadOnly: isReadOnly, createsIfMissing: !isReadOnly))
            meta = try environment.table("meta", isReadOnly: isReadOnly)
            accounts = try environment.table("accounts", isReadOnly: isReadOnly)
            open = try environment.table("open", isReadOnly: isReadOnly)
            resolutions = try environment.table("resolutions", isReadOnly: isReadOnly)
            balances = try environment.table("balances", isReadOnly: isReadOnly)
        } catch {
            throw StoreError(error)
        }
    }

    /// Opens the state of a ledger with what its last flush wrote. State that cannot be read or contradicts itself is
    /// removed: the log has it all.
    static func open(
        _ folder: LedgerFolder, mapSize: Int = Environment.mapSizeAtFirst,
        merging: Merging = Merging()
    ) throws(StoreError) -> (DerivedState, Snapshot?) {
        do throws(StoreError) {
            let state = try DerivedState(path: folder.statePath, mapSize: mapSize, merging: merging)
            do throws(StoreError) {
                return (state, try state.snapshot())
            } catch {
                state.close()
                throw error
            }
        } catch .damaged {
            try folder.removeState()
            return (try DerivedState(path: folder.statePath, mapSize: mapSize, merging: merging), nil)
        }
    }

    func close() { environment.close() }

    /// How far the state reaches, and the state machine's scalars there.
    struct Position: BitwiseCopyable, Equatable {
        /// The sequence of the first event that is not in the state.
        var nextSequence: UInt64
        var lastTimestamp: UInt64
        var lastTransferTimestamp: UInt64
        /// How many rows belong to it.
        fileprivate var accountCount: UInt64 = 0
        fileprivate var openCount: UInt64 = 0
        /// No byte on disk is left to chance.
        private var reserved: UInt64 = 0
        /// The checksum of the last block that is in the state.
        var checksum: Checksum

        init(nextSequence: UInt64, lastTimestamp: UInt64, lastTransferTimestamp: UInt64, checksum: Checksum) {
            self.nextSequence = nextSequence
            self.lastTimestamp = lastTimestamp
            self.lastTransferTimestamp = lastTransferTimestamp
            self.checksum = checksum
        }
    }

    private static let positionKey = Key(name: "position")
    private static let projectionKey = Key(name: "projection")
    private static let segmentsKey = Key(name: "segments")

    // MARK: Loading

    /// What a flush wrote, whole.
    struct Snapshot {
        let position: Position
        /// In order of creation.
        let accounts: [Account]
        let openTransfers: [Transfer]
        /// In order of what they cover, without gaps from the first event to the position.
        let segments: [Segment]
        /// What the projection gave.
        let projection: [UInt8]

        /// Before the first event.
        static let empty = Snapshot(
            position: Position(nextSequence: 0, lastTimestamp: 0, lastTransferTimestamp: 0, checksum: .zero),
            accounts: [],
            openTransfers: [], segments: [], projection: [])
    }

    /// The last flush, or nil if there was none.
    private func snapshot() throws(StoreError) -> Snapshot? {
        try read { (transaction: borrowing Transaction) throws(LMDBError) in
            guard let (position, projection) = try flushed(transaction) else { return nil }
            let accounts = try rows(of: accounts, Account.self, transaction) { place, _ in Key(UInt32(place)) }
            let open = try rows(of: open, Transfer.self, transaction) { _, transfer in Key(transfer.timestamp) }
            guard accounts.count == position.accountCount, open.count == position.openCount else {
                throw damage("the number of rows")
            }
            return Snapshot(
                position: position, accounts: accounts, openTransfers: open,
                segments: try segments(transaction, upTo: position), projection: projection)
        }
    }

    /// How far the last flush reaches, and what the projection gave; nil if there was none.
    func flushedProjection() throws(StoreError) -> (position: Position, snapshot: [UInt8])? {
        try read { (transaction: borrowing Transaction) throws(LMDBError) in try flushed(transaction) }
    }

    private func flushed(
        _ transaction: borrowing Transaction
    ) throws(LMDBError) -> (position: Position, snapshot: [UInt8])? {
        let found = try transaction.value(of: Self.positionKey, in: meta, mapping: { $0 }) {
            (value: RawSpan) throws(LMDBError) in CheckedRow<Position>(Self.positionKey, value)
        }
        guard let found else { return nil }
        guard let position = found?.record, let snapshot = try transaction.bytes(of: Self.projectionKey, in: meta)
        else {
            throw damage("the position")
        }
        return (position, snapshot)
    }

    private func rows<Record: BitwiseCopyable>(
        of table: Table, _ type: Record.Type, _ transaction: borrowing Transaction, key: (Int, Record) -> Key
    ) throws(LMDBError) -> [Record] {
        let cursor = try transaction.cursor(in: table)
        var records: [Record] = []
        var move = Cursor.Move.first
        while true {
            let found = try cursor.move(move, mapping: { $0 }) { (_: RawSpan, value: RawSpan) throws(LMDBError) in
                guard value.byteCount == MemoryLayout<CheckedRow<Record>>.size else { return false }
                let record = value.load(Record.self, at: 0)
                guard CheckedRow<Record>(key(records.count, record), value) != nil else { return false }
                records.append(record)
                return true
            }
            guard let found else { return records }
            if !found { throw damage("row \(records.count)") }
            move = .next
        }
    }

    private func damage(_ what: String) -> LMDBError {
        LMDBError(code: LMDBError.damaged, operation: "reading \(what) of the state", path: environment.path)
    }

    // MARK: Flushing

    /// What one flush adds.
    struct Flush: Sendable {
        let position: Position
        let accounts: [(place: UInt32, account: Account)]
        let recent: RecentTransfers
        /// The pending transfers among the recent ones that are not resolved.
        let openTransfers: [Transfer]
        /// The events whose transfers are the recent ones.
        let sequences: Range<UInt64>
        /// How far into `sequences` each recent transfer stands.
        let places: [UInt32]
        let projectionSnapshot: [UInt8]
    }

    /// Writes a flush in one transaction, and returns the segment that indexes its transfers.
    func write(
        _ flush: Flush, as number: UInt32, after segments: [Segment], sortedBy sorter: inout FlushSorter
    ) throws(StoreError) -> Segment {
        do throws(LMDBError) {
            let segment = try sorter.writeSegment(number, of: flush, in: environment.path)
            try write(flush, segments + [segment])
            return segment
        } catch {
            throw StoreError(error)
        }
    }

    private func write(_ flush: Flush, _ segments: [Segment]) throws(LMDBError) {
        let resolved = flush.recent.resolutions.sorted { $0.key < $1.key }
        let history = flush.recent.balances.sorted {
            ($0.accountID, $0.balance.timestamp) < ($1.accountID, $1.balance.timestamp)
        }
        .map { (Key($0.accountID, $0.balance.timestamp), $0.balance) }
        try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
            for (place, account) in flush.accounts {
                try transaction.put(value: CheckedRow(Key(place), account), at: Key(place), in: accounts)
            }
            for (key, balance) in history { try transaction.put(value: balance, at: key, in: balances) }
            for transfer in flush.openTransfers {
                let key = Key(transfer.timestamp)
                try transaction.put(value: CheckedRow(key, transfer), at: key, in: open)
            }
            for (timestamp, status) in resolved {
                try transaction.delete(Key(timestamp), in: open)
                try transaction.put(value: status.rawValue, at: Key(timestamp), in: resolutions)
            }
            try put(segments, transaction)
            try transaction.put(unsafe flush.projectionSnapshot.span.bytes, at: Self.projectionKey, in: meta)
            var position = flush.position
            position.accountCount = try transaction.count(of: accounts)
            position.openCount = try transaction.count(of: open)
            try transaction.put(value: CheckedRow(Self.positionKey, position), at: Self.positionKey, in: meta)
        }
    }

    /// Empties everything, for a rebuild from the log.
    func clear() throws(StoreError) {
        do throws(LMDBError) {
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                for table in [meta, accounts, open, resolutions, balances] {
                    try transaction.clear(table)
                }
            }
        } catch {
            throw StoreError(error)
        }
    }

    // MARK: Segments

    private func put(_ segments: [Segment], _ transaction: borrowing Transaction) throws(LMDBError) {
        let descriptors = segments.map(\.descriptor)
        try transaction.put(unsafe descriptors.span.bytes, at: Self.segmentsKey, in: meta)
    }

    private func segments(
        _ transaction: borrowing Transaction, upTo position: Position
    ) throws(LMDBError) -> [Segment] {
        let bytes = try transaction.bytes(of: Self.segmentsKey, in: meta) ?? []
        let size = MemoryLayout<Segment.Descriptor>.stride
        guard bytes.count.isMultiple(of: size) else { throw damage("the list of segments") }
        var segments: [Segment] = []
        for offset in stride(from: 0, to: bytes.count, by: size) {
            let descriptor = unsafe bytes.span.bytes.load(Segment.Descriptor.self, at: offset)
            guard descriptor.firstSequence == segments.last?.descriptor.nextSequence ?? 0
            else { throw damage("the list of segments") }
            segments.append(try Segment(descriptor, in: environment.path))
        }
        guard segments.last?.descriptor.nextSequence ?? 0 == position.nextSequence else { throw damage("the segments") }
        return segments
    }

    /// Begins to put the oldest neighbours of one level together, if there are enough of them.
    func merge(of segments: [Segment], as number: UInt32) throws(StoreError) -> SegmentMerge? {
        for level in Set(segments.map(\.descriptor.level)).sorted() {
            let neighbours = segments.filter { $0.descriptor.level == level }
            guard neighbours.count >= merging.sourceCount else { continue }
            do throws(LMDBError) {
                return try SegmentMerge(
                    Array(neighbours.prefix(merging.sourceCount)), number: number, in: environment.path,
                    stepCount: merging.stepCount)
            } catch {
                throw StoreError(error)
            }
        }
        return nil
    }

    /// Works on a merge. When it is done, `segments` with the new one in place of its sources is on disk, and returned.
    func advance(_ merge: inout SegmentMerge, of segments: [Segment]) throws(StoreError) -> [Segment]? {
        do throws(LMDBError) {
            guard let merged = try merge.step() else { return nil }
            let sources = Set(merge.sources.map(\.descriptor.number))
            var result = segments.filter { !sources.contains($0.descriptor.number) }
            result.insert(
                merged,
                at: result.partitionPoint { $0.descriptor.firstSequence < merged.descriptor.firstSequence })
            let segments = result
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                try put(segments, transaction)
            }
            // Who still reads them keeps them: a removed file stays until nobody has it mapped.
            for number in sources { unsafe unlink(Segment.path(of: number, in: environment.path)) }
            return segments
        } catch {
            throw StoreError(error)
        }
    }

    /// Removes the files of other segments: what a crash left of a flush or merge.
    func removeSegments(except segments: [Segment]) {
        let kept = Set(segments.map { Segment.path(of: $0.descriptor.number, in: "") })
        for name in (try? FileManager.default.contentsOfDirectory(atPath: environment.path)) ?? []
        where name.hasPrefix("segment-") && !kept.contains("/" + name) {
            unsafe unlink(environment.path + "/" + name)
        }
    }

    // MARK: Looking up

    /// What an id led to: a place in the log, or a failure that made it unusable.
    enum Place: Equatable { case sequence(UInt64), failed }

    func place(of id: UInt128, in segments: [Segment]) -> Place? {
        for segment in segments.reversed() {
            guard let ordinal = segment.ordinal(of: id) else { continue }
            return ordinal == Segment.failedOrdinal ? .failed : .sequence(segment.sequence(of: ordinal))
        }
        return nil
    }

    func resolution(ofPending timestamp: UInt64) throws(StoreError) -> PendingStatus? {
        try value(UInt8.self, of: Key(timestamp), in: resolutions).flatMap(PendingStatus.init)
    }

    /// The balances of an account with history just after the transfer with this timestamp.
    func balance(of account: UInt128, timestamp: UInt64) throws(StoreError) -> AccountBalance? {
        try value(AccountBalance.self, of: Key(account, timestamp), in: balances)
    }

    private func value<Value: BitwiseCopyable>(_ type: Value.Type, of key: Key, in table: Table) throws(StoreError)
        -> Value?
    {
        try read { (transaction: borrowing Transaction) throws(LMDBError) in
            try transaction.value(of: key, in: table, mapping: { $0 }) { (bytes: RawSpan) throws(LMDBError) in
                bytes.byteCount == MemoryLayout<Value>.size ? bytes.load(type, at: 0) : nil
            } ?? nil
        }
    }

    private func read<Result>(
        _ body: (borrowing Transaction) throws(LMDBError) -> Result
    ) throws(StoreError) -> Result {
        do throws(LMDBError) {
            return try environment.read(body)
        } catch {
            throw StoreError(error)
        }
    }
}

extension Transaction {
    /// Stores a value of fixed layout as its bytes.
    fileprivate borrowing func put<Value: BitwiseCopyable>(value: Value, at key: Key, in table: Table) throws(LMDBError)
    {
        var result: Result<Void, LMDBError> = .success(())
        unsafe withUnsafeBytes(of: value) { bytes in
            result = Result { () throws(LMDBError) in try put(unsafe bytes.bytes, at: key, in: table) }
        }
        try result.get()
    }
}

/// A row whose bytes say whether they are still what was written under that key. Against decay, not against people:
/// what people change is found by replaying the log.
private struct CheckedRow<Record: BitwiseCopyable>: BitwiseCopyable {
    let record: Record
    private let check: UInt64
    private let reserved: UInt64 = 0

    init(_ key: Key, _ record: Record) {
        self.record = record
        check = Self.check(of: record, at: key)
    }

    /// Nil for bytes that are not such a row.
    init?(_ key: Key, _ bytes: RawSpan) {
        guard bytes.byteCount == MemoryLayout<Self>.size else { return nil }
        self.init(key, bytes.load(Record.self, at: 0))
        let stored = bytes.load(Self.self, at: 0)
        guard stored.check == check, stored.reserved == 0 else { return nil }
    }

    private static func check(of record: Record, at key: Key) -> UInt64 {
        var hash = key.words.0 ^ 0x9E37_79B9_7F4A_7C15
        unsafe withUnsafeBytes(of: record) { bytes in
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let product = (hash ^ word).multipliedFullWidth(by: 0xD1B5_4A32_D192_ED03)
                hash = (product.high ^ product.low) &+ key.words.1
            }
        }
        return hash
    }
}
