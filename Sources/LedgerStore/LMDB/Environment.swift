internal import CLMDB
internal import Glibc
internal import Synchronization

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
    private let folder: OpenFolders.Identity
    private let handle: OpaquePointer
    private let growth: ReadWriteLock
    private let isReadOnly: Bool
    /// How far the file is known to reach, in bytes.
    private let completeSize = Atomic<Int>(0)
    /// Written under the exclusive side of `growth`, read under the shared one.
    private var isClosed = false

    /// Address space, not memory or disk.
    static let mapSizeAtFirst = 1 << 30

    /// How an environment is opened.
    struct Options {
        var mapSize = Environment.mapSizeAtFirst
        var isReadOnly = false
        /// Creates the folder and the files if they are missing.
        var createsIfMissing = false
    }

    init(path: String, options: Options) throws(LMDBError) {
        if options.createsIfMissing {
            if unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
                throw LMDBError(code: errno, operation: "mkdir", path: path)
            }
        } else if unsafe access(path + "/data.mdb", F_OK) != 0 {
            // LMDB would create an empty file: what is missing must not look like what is empty.
            throw LMDBError(code: errno, operation: "opening", path: path)
        }
        let folder = try OpenFolders.claim(path)
        let opened: OpaquePointer
        do throws(LMDBError) {
            unsafe opened = try Self.open(path, options)
        } catch {
            OpenFolders.release(folder)
            throw error
        }
        self.path = path
        self.folder = folder
        growth = ReadWriteLock()
        isReadOnly = options.isReadOnly
        unsafe handle = opened
        try completeFile()
    }

    private static func open(_ path: String, _ options: Options) throws(LMDBError) -> OpaquePointer {
        if !options.isReadOnly {
            try reserveLockFile(path + "/lock.mdb")
            return try unsafe open(path, options, flags: 0)
        }
        do throws(LMDBError) {
            return try unsafe open(path, options, flags: UInt32(MDB_RDONLY))
        } catch {
            guard error.isReadOnly else { throw error }
            // A reader who may not write the lock file reads a folder that no writer is changing.
            return try unsafe open(path, options, flags: UInt32(MDB_RDONLY) | UInt32(MDB_NOLOCK))
        }
    }

    private static func open(_ path: String, _ options: Options, flags: UInt32) throws(LMDBError) -> OpaquePointer {
        var created: OpaquePointer?
        try LMDBError.check(unsafe mdb_env_create(&created), "mdb_env_create", path)
        guard let created = unsafe created else {
            throw LMDBError(code: ENOMEM, operation: "mdb_env_create", path: path)
        }
        do throws(LMDBError) {
            try LMDBError.check(unsafe mdb_env_set_maxdbs(created, 16), "mdb_env_set_maxdbs", path)
            try LMDBError.check(unsafe mdb_env_set_maxreaders(created, 512), "mdb_env_set_maxreaders", path)
            try LMDBError.check(unsafe mdb_env_set_mapsize(created, options.mapSize), "mdb_env_set_mapsize", path)
            // Default synchronisation: a commit returns when data and meta page are on disk.
            try LMDBError.check(
                unsafe mdb_env_open(created, path, UInt32(MDB_NOTLS) | flags, 0o600), "mdb_env_open", path)
            // LMDB writes the first pages of a new file without waiting for them.
            if options.createsIfMissing {
                try LMDBError.check(unsafe mdb_env_sync(created, 1), "mdb_env_sync", path)
            }
            if flags & UInt32(MDB_NOLOCK) == 0 {
                // Readers that were killed would keep old pages from being used again.
                var deadCount: Int32 = 0
                try LMDBError.check(unsafe mdb_reader_check(created, &deadCount), "mdb_reader_check", path)
            }
        } catch {
            unsafe mdb_env_close(created)
            throw error
        }
        return unsafe created
    }

    /// Gives the lock file its blocks before it is mapped: a store into a hole of a mapped file ends the process with
    /// SIGBUS when the disk is full.
    private static func reserveLockFile(_ path: String) throws(LMDBError) {
        let file = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw LMDBError(code: errno, operation: "opening", path: path) }
        defer { Glibc.close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw LMDBError(code: errno, operation: "reading", path: path) }
        // A size that others may have mapped stays; in a new file there is room for LMDB's header and 512 readers.
        let size = status.st_size > 0 ? status.st_size : 64 << 10
        if status.st_blocks * 512 >= size { return }
        let code = posix_fallocate(file, 0, size)
        if code != EOPNOTSUPP, code != EINVAL { try LMDBError.check(code, "reserving", path) }
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
        OpenFolders.release(folder)
    }

    /// Opens a named table, creating it when the environment is writable; nil stands for the one that has no name and is
    /// always there. Named tables have their roots in that one, which costs a page more in each commit.
    func table(_ name: String?, isReadOnly: Bool = false) throws(LMDBError) -> Table {
        if isReadOnly {
            growth.lockShared()
            defer { growth.unlock() }
            let transaction = try begin(readOnly: true)
            let table = try transaction.openTable(name, creating: false)
            // Without a commit the table would be closed with the transaction.
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
                try completeFile()
                return result
            } catch {
                guard error.isMapFull else { throw error }
                try grow()
            }
        }
    }

    private func begin(readOnly: Bool) throws(LMDBError) -> Transaction {
        while true {
            if isClosed { throw LMDBError(code: EBADF, operation: "mdb_txn_begin", path: path) }
            var pointer: OpaquePointer?
            let code = unsafe mdb_txn_begin(handle, nil, readOnly ? UInt32(MDB_RDONLY) : 0, &pointer)
            if code == MDB_MAP_RESIZED {
                try adoptMapSize()
                continue
            }
            try LMDBError.check(code, "mdb_txn_begin", path)
            guard let pointer = unsafe pointer else {
                throw LMDBError(code: ENOMEM, operation: "mdb_txn_begin", path: path)
            }
            return unsafe Transaction(pointer, path: path)
        }
    }

    /// Another process grew the map: takes its size over. Called under the shared side of `growth`, and returns so.
    private func adoptMapSize() throws(LMDBError) {
        growth.unlock()
        growth.lockExclusive()
        let code = isClosed ? MDB_SUCCESS : unsafe mdb_env_set_mapsize(handle, 0)
        growth.unlock()
        growth.lockShared()
        try LMDBError.check(code, "mdb_env_set_mapsize", path)
    }

    /// Sees to it that the file reaches as far as its meta page says: a load from the map behind the end of the file ends
    /// the process with SIGBUS. LMDB leaves out pages at the end that it freed before they were written; a file that
    /// was cut short looks the same. In zeros, what is missing is found as damage, if it was ever needed.
    ///
    /// The system is asked only when LMDB uses more pages than before: who asks for a file's size also asks for its times,
    /// and makes the file system write down the time of the next write, which takes a sixth of a small commit.
    private func completeFile() throws(LMDBError) {
        var info = unsafe MDB_envinfo()
        var pages = MDB_stat()
        try LMDBError.check(unsafe mdb_env_info(handle, &info), "mdb_env_info", path)
        try LMDBError.check(unsafe mdb_env_stat(handle, &pages), "mdb_env_stat", path)
        let size = unsafe (info.me_last_pgno + 1) * Int(pages.ms_psize)
        if size <= completeSize.load(ordering: .relaxed) { return }
        var file: Int32 = -1
        var status = stat()
        try LMDBError.check(unsafe mdb_env_get_fd(handle, &file), "mdb_env_get_fd", path)
        guard unsafe fstat(file, &status) == 0 else { throw LMDBError(code: errno, operation: "fstat", path: path) }
        if status.st_size < size { try complete(file, from: Int(status.st_size), to: size) }
        completeSize.store(size, ordering: .relaxed)
    }

    private func complete(_ file: Int32, from current: Int, to size: Int) throws(LMDBError) {
        if isReadOnly {
            throw LMDBError(
                code: MDB_CORRUPTED, operation: "the file has \(current) of \(size) bytes", path: path)
        }
        guard ftruncate(file, size) == 0 else { throw LMDBError(code: errno, operation: "ftruncate", path: path) }
    }

    private func grow() throws(LMDBError) {
        growth.lockExclusive()
        defer { growth.unlock() }
        if isClosed { throw LMDBError(code: EBADF, operation: "mdb_env_set_mapsize", path: path) }
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

/// The folders this process has an environment open in. LMDB forbids a second one: closing either would take away
/// the file locks of both.
private enum OpenFolders {
    struct Identity: Hashable {
        let device: UInt
        let inode: UInt
    }

    private static let identities = Mutex<Set<Identity>>([])

    static func claim(_ path: String) throws(LMDBError) -> Identity {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw LMDBError(code: errno, operation: "opening", path: path) }
        let identity = Identity(device: status.st_dev, inode: status.st_ino)
        guard identities.withLock({ $0.insert(identity).inserted }) else {
            throw LMDBError(
                code: EBUSY, operation: "opening again in the same process (share one reader, or use the writer's)",
                path: path)
        }
        return identity
    }

    static func release(_ identity: Identity) { _ = identities.withLock { $0.remove(identity) } }
}

/// What LMDB or the system under it refused.
struct LMDBError: Error, Hashable {
    let code: Int32
    let operation: String
    let path: String

    /// The code for bytes that contradict themselves.
    static let damaged = MDB_CORRUPTED

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
        // Readers that never pause must not keep the map from growing. No thread holds the shared side twice.
        var attributes = pthread_rwlockattr_t()
        unsafe pthread_rwlockattr_init(&attributes)
        unsafe pthread_rwlockattr_setkind_np(&attributes, Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP))
        let code = unsafe pthread_rwlock_init(lock, &attributes)
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
