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

    init(path: String, isReadOnly: Bool = false) throws(StoreError) {
        do throws(LMDBError) {
            environment = try Environment(
                path: path, options: .init(isReadOnly: isReadOnly, createsIfMissing: !isReadOnly))
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

    func close() { environment.close() }

    /// How far the state reaches, and the state machine's scalars there.
    struct Position: BitwiseCopyable, Equatable {
        /// The sequence of the first event that is not in the state.
        var nextSequence: UInt64 = 0
        var lastTimestamp: UInt64 = 0
        var lastTransferTimestamp: UInt64 = 0
        /// The digest of the last block that is in the state.
        var digest = SHA256Digest.zero
    }

    private static let positionKey = Key(name: "position")
    private static let projectionKey = Key(name: "projection")
    private static let failed: UInt64 = 1 << 63

    // MARK: Loading

    func position() throws(StoreError) -> Position? {
        try read { (transaction: borrowing Transaction) throws(LMDBError) in
            guard let bytes = try transaction.bytes(of: Self.positionKey, in: meta),
                bytes.count == MemoryLayout<Position>.size
            else { return nil }
            return unsafe bytes.span.bytes.load(Position.self, at: 0)
        }
    }

    /// The snapshot the projection gave at the last flush.
    func projectionSnapshot() throws(StoreError) -> [UInt8]? {
        try read { (transaction: borrowing Transaction) throws(LMDBError) in
            try transaction.bytes(of: Self.projectionKey, in: meta)
        }
    }

    /// All accounts in order of creation, or nil if one is missing.
    func loadAccounts() throws(StoreError) -> [Account]? {
        let rows = try rows(of: accounts) { (key, value) in (UInt32(bigEndian: key.load(at: 0)), value.load(Account.self, at: 0)) }
        guard let rows, rows.indices.allSatisfy({ rows[$0].0 == UInt32($0) }) else { return nil }
        return rows.map(\.1)
    }

    func loadOpenTransfers() throws(StoreError) -> [Transfer]? {
        try rows(of: open) { (_, value) in value.load(Transfer.self, at: 0) }
    }

    /// All rows of a table of 128-byte records, or nil if one has another size.
    private func rows<Row>(of table: Table, _ row: (RawSpan, RawSpan) -> Row) throws(StoreError) -> [Row]? {
        try read { (transaction: borrowing Transaction) throws(LMDBError) in
            let cursor = try transaction.cursor(in: table)
            var rows: [Row] = []
            var move = Cursor.Move.first
            while true {
                let found = try cursor.move(move, mapping: { $0 }) { (key: RawSpan, value: RawSpan) throws(LMDBError) in
                    guard key.byteCount >= 4, value.byteCount == 128 else { return false }
                    rows.append(row(key, value))
                    return true
                }
                guard let found else { return rows }
                if !found { return nil }
                move = .next
            }
        }
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
        let byID = zip(flush.recent.transfers, flush.sequences).map { ($0.id, $1) } + flush.recent.failedIDs.map { ($0, Self.failed) }
        let sortedIDs = byID.sorted { $0.0 < $1.0 }
        let resolved = flush.recent.resolutions.sorted { $0.key < $1.key }
        do throws(LMDBError) {
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                for (place, account) in flush.accounts {
                    try transaction.put(value: account, at: Key(place), in: accounts)
                }
                for (id, sequence) in sortedIDs { try transaction.put(value: sequence, at: Key(id), in: ids) }
                for (transfer, sequence) in zip(flush.recent.transfers, flush.sequences) {
                    try transaction.put(value: sequence, at: Key(transfer.timestamp), in: timestamps)
                }
                for transfer in flush.openTransfers {
                    try transaction.put(value: transfer, at: Key(transfer.timestamp), in: open)
                }
                for (timestamp, status) in resolved {
                    try transaction.delete(Key(timestamp), in: open)
                    try transaction.put(value: status.rawValue, at: Key(timestamp), in: resolutions)
                }
                try transaction.put(unsafe flush.projectionSnapshot.span.bytes, at: Self.projectionKey, in: meta)
                try transaction.put(value: flush.position, at: Self.positionKey, in: meta)
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

    private func value<Value: BitwiseCopyable>(_ type: Value.Type, of key: Key, in table: Table) throws(StoreError) -> Value? {
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
    fileprivate borrowing func put<Value: BitwiseCopyable>(value: Value, at key: Key, in table: Table) throws(LMDBError) {
        var result: Result<Void, LMDBError> = .success(())
        unsafe withUnsafeBytes(of: value) { bytes in
            result = Result { () throws(LMDBError) in try put(unsafe bytes.bytes, at: key, in: table) }
        }
        try result.get()
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
                guard let transfer = try log.withRecord(at: sequence, { $0.load(Transfer.self, at: 0) }), transfer.id == id else {
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
