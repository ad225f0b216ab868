internal import CLMDB
internal import Glibc

/// A place among the readers of an LMDB file, so that a running writer reuses no page of the transaction it names. All that
/// LMDB itself is used for.
///
/// Where there is no lock file, or it may not be written, nobody is writing either, and there is no pin: a folder of
/// evidence is not changed by being looked at.
///
/// Sendable: nothing happens to it between its beginning and its end, and the transaction belongs to no thread
/// (`MDB_NOTLS`).
@safe final class ReaderPin: @unchecked Sendable {
    let transaction: UInt64
    private let environment: OpaquePointer
    private let handle: OpaquePointer

    /// Nil where there is nothing to pin against.
    init?(folder: String) throws(Unreadable) {
        guard unsafe access(folder + "/lock.mdb", R_OK | W_OK) == 0 else { return nil }
        func check(_ code: Int32) throws(Unreadable) {
            if code != MDB_SUCCESS { throw Unreadable(folder, unsafe String(cString: mdb_strerror(code))) }
        }
        var created: OpaquePointer?
        try check(unsafe mdb_env_create(&created))
        guard let created = unsafe created else { throw Unreadable(folder, "LMDB has no memory") }
        do throws(Unreadable) {
            try check(unsafe mdb_env_open(created, folder, UInt32(MDB_NOTLS | MDB_RDONLY), 0o600))
            var begun: OpaquePointer?
            var code = unsafe mdb_txn_begin(created, nil, UInt32(MDB_RDONLY), &begun)
            while code == MDB_MAP_RESIZED {
                // The writer has grown the file since; the size it wrote is the one to take.
                try check(unsafe mdb_env_set_mapsize(created, 0))
                code = unsafe mdb_txn_begin(created, nil, UInt32(MDB_RDONLY), &begun)
            }
            try check(code)
            guard let begun = unsafe begun else { throw Unreadable(folder, "LMDB has no memory") }
            unsafe handle = begun
        } catch {
            unsafe mdb_env_close(created)
            throw error
        }
        unsafe environment = created
        transaction = UInt64(unsafe mdb_txn_id(handle))
    }

    deinit {
        unsafe mdb_txn_abort(handle)
        unsafe mdb_env_close(environment)
    }
}
