internal import CryptoPrimitives
internal import CLMDB
internal import Glibc

/// One LMDB transaction, aborted unless committed. Used inside `Environment.read` and `Environment.write` only.
@safe struct Transaction: ~Copyable {
    private let handle: OpaquePointer
    private let path: String
    private var isOpen = true

    init(_ handle: OpaquePointer, path: String) {
        unsafe self.handle = handle
        self.path = path
    }

    deinit { if isOpen { unsafe mdb_txn_abort(handle) } }

    consuming func commit() throws(LMDBError) {
        isOpen = false
        var code = unsafe mdb_txn_commit(handle)
        // LMDB calls it an input/output error when the system wrote less than it was asked to.
        if code == EIO, isDiskFull { code = ENOSPC }
        try LMDBError.check(code, "mdb_txn_commit", path)
    }

    private var isDiskFull: Bool {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return false }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize) < 1 << 20
    }

    borrowing func openTable(_ name: String?, creating: Bool) throws(LMDBError) -> Table {
        var table = MDB_dbi()
        let flags = creating ? UInt32(MDB_CREATE) : 0
        try LMDBError.check(unsafe mdb_dbi_open(handle, name, flags, &table), "mdb_dbi_open", path)
        return Table(handle: table)
    }

    /// The value of `key`, as bytes of the mapped page, or nil.
    borrowing func value<Result, Failure: Error>(
        of key: Key, in table: Table, mapping: (LMDBError) -> Failure,
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        var data = unsafe MDB_val()
        let code = unsafe key.withValue { key in unsafe mdb_get(handle, table.handle, &key, &data) }
        if code == MDB_NOTFOUND { return nil }
        guard code == MDB_SUCCESS else { throw mapping(LMDBError(code: code, operation: "mdb_get", path: path)) }
        return try body(unsafe data.buffer.bytes)
    }

    /// A copy of the value of `key`, or nil.
    borrowing func bytes(of key: Key, in table: Table) throws(LMDBError) -> [UInt8]? {
        try value(of: key, in: table, mapping: { $0 }) { span throws(LMDBError) in span.array }
    }

    borrowing func put(_ value: RawSpan, at key: Key, in table: Table, appending: Bool = false) throws(LMDBError) {
        let flags = appending ? UInt32(MDB_APPEND) : 0
        let code = unsafe key.withValue { key in
            unsafe value.withUnsafeBytes { bytes in
                var data = unsafe MDB_val(bytes)
                return unsafe mdb_put(handle, table.handle, &key, &data, flags)
            }
        }
        try LMDBError.check(code, "mdb_put", path)
    }

    /// Reserves `count` bytes behind the largest key and lets `fill` write them in place: one copy, no read.
    borrowing func append(
        count: Int, at key: Key, in table: Table, _ fill: (inout MutableRawSpan) -> Void
    ) throws(LMDBError) {
        var data = unsafe MDB_val(mv_size: count, mv_data: nil)
        let flags = UInt32(MDB_APPEND) | UInt32(MDB_RESERVE)
        let code = unsafe key.withValue { key in unsafe mdb_put(handle, table.handle, &key, &data, flags) }
        try LMDBError.check(code, "mdb_put", path)
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: data.mv_data, count: data.mv_size)
        var span = unsafe buffer.mutableBytes
        fill(&span)
    }

    borrowing func delete(_ key: Key, in table: Table) throws(LMDBError) {
        let code = unsafe key.withValue { key in unsafe mdb_del(handle, table.handle, &key, nil) }
        if code != MDB_NOTFOUND { try LMDBError.check(code, "mdb_del", path) }
    }

    /// How many entries a table has.
    borrowing func count(of table: Table) throws(LMDBError) -> UInt64 {
        var statistics = MDB_stat()
        try LMDBError.check(unsafe mdb_stat(handle, table.handle, &statistics), "mdb_stat", path)
        return UInt64(statistics.ms_entries)
    }

    /// Empties a table.
    borrowing func clear(_ table: Table) throws(LMDBError) {
        try LMDBError.check(unsafe mdb_drop(handle, table.handle, 0), "mdb_drop", path)
    }

    borrowing func cursor(in table: Table) throws(LMDBError) -> Cursor {
        var cursor: OpaquePointer?
        try LMDBError.check(unsafe mdb_cursor_open(handle, table.handle, &cursor), "mdb_cursor_open", path)
        guard let cursor = unsafe cursor else {
            throw LMDBError(code: ENOMEM, operation: "mdb_cursor_open", path: path)
        }
        return unsafe Cursor(cursor, path: path)
    }
}

/// A position in a table. Must not outlive its transaction: it stays inside the same closure.
@safe struct Cursor: ~Copyable {
    private let handle: OpaquePointer
    private let path: String

    /// Where a cursor may be sent.
    enum Move {
        case first, last, next, previous
        /// The first key not below the given one.
        case atOrAfter(Key)
    }

    init(_ handle: OpaquePointer, path: String) {
        unsafe self.handle = handle
        self.path = path
    }

    deinit { unsafe mdb_cursor_close(handle) }

    /// Moves and hands out the entry found there, or returns nil beyond either end.
    borrowing func move<Result, Failure: Error>(
        _ move: Move, mapping: (LMDBError) -> Failure, _ body: (RawSpan, RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        var data = unsafe MDB_val()
        var found = unsafe MDB_val()
        let code: Int32
        switch move {
        case .first: code = unsafe mdb_cursor_get(handle, &found, &data, MDB_FIRST)
        case .last: code = unsafe mdb_cursor_get(handle, &found, &data, MDB_LAST)
        case .next: code = unsafe mdb_cursor_get(handle, &found, &data, MDB_NEXT)
        case .previous: code = unsafe mdb_cursor_get(handle, &found, &data, MDB_PREV)
        case .atOrAfter(let key):
            code = unsafe key.withValue { value in
                let code = unsafe mdb_cursor_get(handle, &value, &data, MDB_SET_RANGE)
                unsafe found = value
                return code
            }
        }
        if code == MDB_NOTFOUND { return nil }
        guard code == MDB_SUCCESS else {
            throw mapping(LMDBError(code: code, operation: "mdb_cursor_get", path: path))
        }
        return try body(unsafe found.buffer.bytes, unsafe data.buffer.bytes)
    }
}

/// A key of up to 32 bytes whose byte order is its sort order.
struct Key: Hashable, Sendable {
    private var bytes: (UInt128, UInt128) = (0, 0)
    private let count: Int

    init(_ value: UInt64) {
        bytes.0 = UInt128(value.bigEndian)
        count = 8
    }

    init(_ value: UInt32) {
        bytes.0 = UInt128(value.bigEndian)
        count = 4
    }

    init(_ value: UInt128) {
        bytes.0 = value.bigEndian
        count = 16
    }

    /// A short name.
    init(name: StaticString) {
        let count = min(name.utf8CodeUnitCount, 32)
        self.count = count
        unsafe Swift.withUnsafeMutableBytes(of: &bytes) { destination in
            unsafe destination.copyMemory(from: UnsafeRawBufferPointer(start: name.utf8Start, count: count))
        }
    }

    /// `first`, then `second`, both in ascending order.
    init(_ first: UInt128, _ second: UInt64) {
        bytes.0 = first.bigEndian
        bytes.1 = UInt128(second.bigEndian)
        count = 24
    }

    /// `first`, then one byte: behind the key that is `first` alone, before all greater ones.
    init(_ first: UInt64, _ second: UInt8) {
        bytes.0 = UInt128(first.bigEndian) | UInt128(second) << 64
        count = 9
    }

    /// What tells this key from others of its table, in two numbers.
    var words: (UInt64, UInt64) {
        (
            UInt64(truncatingIfNeeded: bytes.0 ^ bytes.1),
            UInt64(truncatingIfNeeded: (bytes.0 ^ bytes.1) >> 64) &+ UInt64(count)
        )
    }

    static func == (a: Key, b: Key) -> Bool { a.count == b.count && a.bytes == b.bytes }

    func hash(into hasher: inout Hasher) {
        hasher.combine(bytes.0)
        hasher.combine(bytes.1)
    }

    fileprivate func withValue<Result>(_ body: (inout MDB_val) -> Result) -> Result {
        var bytes = bytes
        return unsafe Swift.withUnsafeMutableBytes(of: &bytes) { buffer in
            var value = unsafe MDB_val(mv_size: count, mv_data: buffer.baseAddress)
            return unsafe body(&value)
        }
    }
}

extension MDB_val {
    fileprivate var buffer: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: mv_data, count: mv_size) }

    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.init(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }
}
