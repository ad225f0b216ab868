internal import CryptoPrimitives
internal import Ledger

/// What `state/` holds: everything that can be computed from the log, as it was at the last flush.
///
/// Nothing in it is ever the only copy. It names the log position it reaches and the digest of the block before
/// that position; state that does not belong to the log beside it is thrown away and rebuilt.
final class DerivedState: Sendable {
    private let environment: Environment
    private let meta: Table
    private let accounts: Table
    private let open: Table
    private let ids: Table
    private let resolutions: Table
    private let timestamps: Table

    init(
        path: String, isReadOnly: Bool = false, mapSize: Int = Environment.mapSizeAtFirst
    ) throws(StoreError) {
        do throws(LMDBError) {
            environment = try Environment(
                path: path, options: .init(mapSize: mapSize, isReadOnly: isReadOnly, createsIfMissing: !isReadOnly))
            meta = try environment.table("meta", isReadOnly: isReadOnly)
            accounts = try environment.table("accounts", isReadOnly: isReadOnly)
            open = try environment.table("open", isReadOnly: isReadOnly)
            ids = try environment.table("ids", isReadOnly: isReadOnly)
            resolutions = try environment.table("resolutions", isReadOnly: isReadOnly)
            timestamps = try environment.table("timestamps", isReadOnly: isReadOnly)
        } catch {
            throw StoreError(error)
        }
    }

    /// Opens the state of a ledger with what its last flush wrote. State that cannot be read or contradicts itself is
    /// removed: the log has it all.
    static func open(
        _ folder: LedgerFolder, mapSize: Int = Environment.mapSizeAtFirst
    ) throws(StoreError) -> (DerivedState, Snapshot?) {
        do throws(StoreError) {
            let state = try DerivedState(path: folder.statePath, mapSize: mapSize)
            do throws(StoreError) {
                return (state, try state.snapshot())
            } catch {
                state.close()
                throw error
            }
        } catch .damaged {
            try folder.removeState()
            return (try DerivedState(path: folder.statePath, mapSize: mapSize), nil)
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
        /// The digest of the last block that is in the state.
        var digest: SHA256Digest

        init(nextSequence: UInt64, lastTimestamp: UInt64, lastTransferTimestamp: UInt64, digest: SHA256Digest) {
            self.nextSequence = nextSequence
            self.lastTimestamp = lastTimestamp
            self.lastTransferTimestamp = lastTransferTimestamp
            self.digest = digest
        }
    }

    private static let positionKey = Key(name: "position")
    private static let projectionKey = Key(name: "projection")
    private static let failed: UInt64 = 1 << 63

    // MARK: Loading

    /// What a flush wrote, whole.
    struct Snapshot {
        let position: Position
        /// In order of creation.
        let accounts: [Account]
        let openTransfers: [Transfer]
        /// What the projection gave.
        let projection: [UInt8]
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
            return Snapshot(position: position, accounts: accounts, openTransfers: open, projection: projection)
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
    struct Flush {
        let position: Position
        let accounts: [(place: UInt32, account: Account)]
        let recent: RecentTransfers
        /// The pending transfers among the recent ones that are not resolved.
        let openTransfers: [Transfer]
        /// Where the recent transfers stand in the log, in their order.
        let sequences: [UInt64]
        let projectionSnapshot: [UInt8]
    }

    /// Writes a flush in one transaction, each table in ascending order of its keys.
    func write(_ flush: Flush) throws(StoreError) {
        let byID =
            zip(flush.recent.transfers, flush.sequences).map { ($0.id, $1) }
            + flush.recent.failedIDs.map { ($0, Self.failed) }
        let sortedIDs = byID.sorted { $0.0 < $1.0 }
        let resolved = flush.recent.resolutions.sorted { $0.key < $1.key }
        do throws(LMDBError) {
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                for (place, account) in flush.accounts {
                    try transaction.put(value: CheckedRow(Key(place), account), at: Key(place), in: accounts)
                }
                for (id, sequence) in sortedIDs { try transaction.put(value: sequence, at: Key(id), in: ids) }
                for (transfer, sequence) in zip(flush.recent.transfers, flush.sequences) {
                    try transaction.put(value: sequence, at: Key(transfer.timestamp), in: timestamps)
                }
                for transfer in flush.openTransfers {
                    let key = Key(transfer.timestamp)
                    try transaction.put(value: CheckedRow(key, transfer), at: key, in: open)
                }
                for (timestamp, status) in resolved {
                    try transaction.delete(Key(timestamp), in: open)
                    try transaction.put(value: status.rawValue, at: Key(timestamp), in: resolutions)
                }
                try transaction.put(unsafe flush.projectionSnapshot.span.bytes, at: Self.projectionKey, in: meta)
                var position = flush.position
                position.accountCount = try transaction.count(of: accounts)
                position.openCount = try transaction.count(of: open)
                try transaction.put(value: CheckedRow(Self.positionKey, position), at: Self.positionKey, in: meta)
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// Empties everything, for a rebuild from the log.
    func clear() throws(StoreError) {
        do throws(LMDBError) {
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                for table in [meta, accounts, open, ids, resolutions, timestamps] { try transaction.clear(table) }
            }
        } catch {
            throw StoreError(error)
        }
    }

    // MARK: Looking up

    /// What an id led to: a place in the log, or a failure that made it unusable.
    enum Place: Equatable { case sequence(UInt64), failed }

    func place(of id: UInt128) throws(StoreError) -> Place? {
        try value(UInt64.self, of: Key(id), in: ids).map { $0 == Self.failed ? .failed : .sequence($0) }
    }

    func resolution(ofPending timestamp: UInt64) throws(StoreError) -> PendingStatus? {
        try value(UInt8.self, of: Key(timestamp), in: resolutions).flatMap(PendingStatus.init)
    }

    func containsTransfer(timestamp: UInt64) throws(StoreError) -> Bool {
        try value(UInt64.self, of: Key(timestamp), in: timestamps) != nil
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

/// The transfers that only the log and its indexes know.
struct FlushedHistory: TransferHistory {
    let log: Log
    let state: DerivedState

    func transfer(_ id: UInt128) throws(HistoryUnreadable) -> PastTransfer? {
        try reading { () throws(StoreError) in
            switch try state.place(of: id) {
            case nil: return nil
            case .failed?: return .failed
            case .sequence(let sequence)?:
                guard let transfer = try log.withRecord(at: sequence, { $0.load(Transfer.self, at: 0) }),
                    transfer.id == id
                else {
                    throw .damaged(path: log.path, sequence: sequence, reason: "the index leads to another record")
                }
                return .created(transfer)
            }
        }
    }

    func resolution(ofPending timestamp: UInt64) throws(HistoryUnreadable) -> PendingStatus? {
        try reading { () throws(StoreError) in try state.resolution(ofPending: timestamp) }
    }

    func containsTransfer(timestamp: UInt64) throws(HistoryUnreadable) -> Bool {
        try reading { () throws(StoreError) in try state.containsTransfer(timestamp: timestamp) }
    }

    private func reading<Result>(_ body: () throws(StoreError) -> Result) throws(HistoryUnreadable) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            throw HistoryUnreadable(reason: error.description)
        }
    }
}
