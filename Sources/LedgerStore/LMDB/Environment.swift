internal import CLMDB
internal import Glibc

/// One LMDB environment: a folder with a memory-mapped B+tree, one writer at a time, any number of readers.
///
/// This file and `Transaction.swift` are the only ones that touch LMDB's C interface; above them there are
/// only values, closures and `LMDBError`.
///
/// Sendable: `MDB_env` is safe to share between threads (`MDB_NOTLS` detaches read transactions from their
/// thread). The one call that is not, `mdb_env_set_mapsize`, is made under the exclusive side of `growth`,
/// while every transaction of this process holds the shared side.
@safe final class Environment: @unchecked Sendable {
    let path: String
    private let handle: OpaquePointer
    private let growth: ReadWriteLock
    /// Written under the exclusive side of `growth`, read under the shared one.
    private var isClosed = false

    /// How an environment is opened.
    struct Options {
        var mapSize: Int = 1 << 30
        var isReadOnly = false
        /// Creates the folder and the files if they are missing.
        var createsIfMissing = false
    }

    init(path: String, options: Options) throws(LMDBError) {
        self.path = path
        self.growth = ReadWriteLock()
        if options.createsIfMissing, unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
            throw LMDBError(code: errno, operation: "mkdir", path: path)
        }
        var created: OpaquePointer?
        try LMDBError.check(unsafe mdb_env_create(&created), "mdb_env_create", path)
        guard let created = unsafe created else { throw LMDBError(code: ENOMEM, operation: "mdb_env_create", path: path) }
        unsafe handle = created
        do throws(LMDBError) {
            try LMDBError.check(unsafe mdb_env_set_maxdbs(created, 16), "mdb_env_set_maxdbs", path)
            try LMDBError.check(unsafe mdb_env_set_maxreaders(created, 512), "mdb_env_set_maxreaders", path)
            try LMDBError.check(unsafe mdb_env_set_mapsize(created, options.mapSize), "mdb_env_set_mapsize", path)
            // Default synchronisation: a commit returns when data and meta page are on disk.
            let flags = UInt32(MDB_NOTLS) | (options.isReadOnly ? UInt32(MDB_RDONLY) : 0)
            var code = unsafe mdb_env_open(created, path, flags, 0o600)
            if options.isReadOnly, code == EACCES || code == EROFS {
                // A reader who may not write the lock file reads a folder that no writer is changing.
                code = unsafe mdb_env_open(created, path, flags | UInt32(MDB_NOLOCK), 0o600)
            }
            try LMDBError.check(code, "mdb_env_open", path)
        } catch {
            unsafe mdb_env_close(created)
            throw error
        }
    }

    deinit { close() }

    /// Waits for the transactions of this process and closes the files; whatever comes later is refused. LMDB wants
    /// an environment closed before the same process opens it again.
    func close() {
        growth.lockExclusive()
        defer { growth.unlock() }
        if isClosed { return }
        isClosed = true
        unsafe mdb_env_close(handle)
    }

    /// Opens a named table, creating it when the environment is writable.
    func table(_ name: String, isReadOnly: Bool = false) throws(LMDBError) -> Table {
        if isReadOnly {
            growth.lockShared()
            defer { growth.unlock() }
            // A table opened in a transaction that is not committed is closed again with it.
            let transaction = try begin(readOnly: true)
            let table = try transaction.openTable(name, creating: false)
            try transaction.commit()
            return table
        }
        return try write { (transaction: borrowing Transaction) throws(LMDBError) in
            try transaction.openTable(name, creating: true)
        }
    }

    /// Runs `body` on a consistent snapshot. Spans handed out inside are valid only inside.
    func read<Result, Failure: Error>(
        mapping: (LMDBError) -> Failure, _ body: (borrowing Transaction) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        growth.lockShared()
        defer { growth.unlock() }
        let transaction: Transaction
        do throws(LMDBError) {
            transaction = try begin(readOnly: true)
        } catch {
            throw mapping(error)
        }
        return try body(transaction)
    }

    /// ``read(mapping:_:)`` for bodies that fail only as LMDB fails.
    func read<Result>(_ body: (borrowing Transaction) throws(LMDBError) -> Result) throws(LMDBError) -> Result {
        try read(mapping: { $0 }, body)
    }

    /// Runs `body` in the write transaction and makes it durable. When the map is too small it grows
    /// and `body` runs again from the start, so `body` must depend on nothing it changed outside.
    func write<Result>(_ body: (borrowing Transaction) throws(LMDBError) -> Result) throws(LMDBError) -> Result {
        while true {
            do throws(LMDBError) {
                growth.lockShared()
                defer { growth.unlock() }
                let transaction = try begin(readOnly: false)
                let result = try body(transaction)
                try transaction.commit()
                return result
            } catch {
                guard error.isMapFull else { throw error }
                try grow()
            }
        }
    }

    private func begin(readOnly: Bool) throws(LMDBError) -> Transaction {
        if isClosed { throw LMDBError(code: EBADF, operation: "mdb_txn_begin", path: path) }
        var pointer: OpaquePointer?
        let flags = readOnly ? UInt32(MDB_RDONLY) : 0
        var code = unsafe mdb_txn_begin(handle, nil, flags, &pointer)
        if code == MDB_MAP_RESIZED {
            // Another process grew the map: adopt its size.
            growth.unlock()
            growth.lockExclusive()
            let adopted = unsafe mdb_env_set_mapsize(handle, 0)
            growth.unlock()
            growth.lockShared()
            try LMDBError.check(adopted, "mdb_env_set_mapsize", path)
            code = unsafe mdb_txn_begin(handle, nil, flags, &pointer)
        }
        try LMDBError.check(code, "mdb_txn_begin", path)
        guard let pointer = unsafe pointer else {
            throw LMDBError(code: ENOMEM, operation: "mdb_txn_begin", path: path)
        }
        return unsafe Transaction(pointer, path: path)
    }

    private func grow() throws(LMDBError) {
        growth.lockExclusive()
        defer { growth.unlock() }
        var info = unsafe MDB_envinfo()
        try LMDBError.check(unsafe mdb_env_info(handle, &info), "mdb_env_info", path)
        let size = unsafe info.me_mapsize
        // Doubling up to 64 GiB, then 64 GiB at a time: few remaps, no absurd reservations.
        let next = size + min(size, 1 << 36)
        try LMDBError.check(unsafe mdb_env_set_mapsize(handle, next), "mdb_env_set_mapsize", path)
    }
}

/// A named table of an environment.
struct Table: Sendable {
    let handle: UInt32
}

/// What LMDB or the system under it refused.
struct LMDBError: Error, Hashable {
    let code: Int32
    let operation: String
    let path: String

    static func check(_ code: Int32, _ operation: String, _ path: String) throws(LMDBError) {
        if code != MDB_SUCCESS { throw LMDBError(code: code, operation: operation, path: path) }
    }

    var isMapFull: Bool { code == MDB_MAP_FULL }
    var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
    var isReadOnly: Bool { code == EACCES || code == EROFS || code == EPERM }
    var isMissing: Bool { code == ENOENT }
    var isClosed: Bool { code == EBADF }
    /// The file is not an LMDB environment, or its pages contradict each other.
    var isDamaged: Bool {
        code == MDB_INVALID || code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_VERSION_MISMATCH
            || code == MDB_PANIC || code == MDB_NOTFOUND
    }
    var message: String { unsafe String(cString: mdb_strerror(code)) }
}

/// A readers-writer lock whose shared side may be held across a C call.
///
/// Sendable: a `pthread_rwlock_t` at a stable address is what threads share.
@safe private final class ReadWriteLock: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_rwlock_t>

    init() {
        unsafe lock = .allocate(capacity: 1)
        let code = unsafe pthread_rwlock_init(lock, nil)
        precondition(code == 0, "pthread_rwlock_init failed with \(code)")
    }

    deinit {
        unsafe pthread_rwlock_destroy(lock)
        unsafe lock.deallocate()
    }

    func lockShared() { unsafe pthread_rwlock_rdlock(lock) }
    func lockExclusive() { unsafe pthread_rwlock_wrlock(lock) }
    func unlock() { unsafe pthread_rwlock_unlock(lock) }
}
