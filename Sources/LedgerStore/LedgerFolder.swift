internal import FoundationEssentials
internal import Glibc

/// Where a ledger lives: a folder with `ledger.json`, `log/`, `state/`, `material/` and the writer's lock.
public struct LedgerFolder: Sendable, Hashable {
    /// The format this version writes and reads.
    public static let formatVersion = 1

    /// The folder's path, without a slash at its end.
    public let path: String

    /// A folder that may or may not hold a ledger.
    public init(path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// The truth: blocks and sealed details.
    public var logPath: String { path + "/log" }
    /// What can be deleted and comes back.
    public var statePath: String { path + "/state" }
    /// Wrapped key material.
    public var materialPath: String { path + "/material" }
    /// What was signed of the Merkle tree.
    public var checkpointsPath: String { path + "/checkpoints" }
    /// The hashes of the Merkle tree; can be deleted and come back.
    public var treePath: String { statePath + "/tree" }
    var manifestPath: String { path + "/ledger.json" }
    var lockPath: String { path + "/writer.lock" }

    /// What `ledger.json` says: written once, readable by people.
    public struct Manifest: Codable, Sendable, Hashable {
        /// The version of the folder's format.
        public let format: Int
        /// The name of this ledger in checkpoints: a schema-less URL such as `ledger.example/keys`.
        public let origin: String
        /// When the ledger was created, RFC 3339, UTC.
        public let created: String

        /// What a new ledger says about itself.
        public init(format: Int, origin: String, created: String) {
            self.format = format
            self.origin = origin
            self.created = created
        }
    }

    /// Creates a ledger without events in a folder that does not exist or is empty.
    ///
    /// The manifest comes last: a folder that has one has all the rest, so a log or material that is missing later was lost.
    ///
    /// - Parameters:
    ///   - origin: The name of the ledger in checkpoints.
    ///   - created: The time, RFC 3339, UTC.
    /// - Throws: ``StoreError/alreadyExists(path:)`` for a folder with anything in it, and what the disk refuses.
    public func create(origin: String, created: String) throws(StoreError) {
        if unsafe mkdir(path, 0o700) != 0 {
            guard errno == EEXIST else { throw Self.systemError("mkdir", path) }
            guard try isEmpty() else { throw .alreadyExists(path: path) }
        }
        try Log(path: logPath, isReadOnly: false, createsIfMissing: true).close()
        try Self.makeDurable(folderAt: logPath)
        try MaterialStore.create(in: self)
        try Self.makeDurable(folderAt: materialPath)
        // Names in a folder may become durable in any order: these must be before the manifest's can.
        try Self.makeDurable(folderAt: path)
        let manifest = Manifest(format: Self.formatVersion, origin: origin, created: created)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes: Data
        do {
            bytes = try encoder.encode(manifest)
        } catch {
            throw .system(operation: "encoding", path: manifestPath, reason: "\(error)")
        }
        try Self.write([UInt8](bytes) + [0x0A], toNewFileAt: manifestPath)
        try Self.makeDurable(folderAt: path)
        try Self.makeDurable(folderAt: path + "/..")
    }

    /// Reads and checks `ledger.json`.
    public func manifest() throws(StoreError) -> Manifest {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: manifestPath))
        } catch {
            throw .notALedger(path: path, reason: "ledger.json is missing or unreadable")
        }
        struct Format: Decodable { let format: Int }
        guard let format = try? JSONDecoder().decode(Format.self, from: data) else {
            throw .notALedger(path: path, reason: "ledger.json is malformed")
        }
        guard format.format == Self.formatVersion else {
            throw .unsupportedFormat(path: path, found: format.format, supported: Self.formatVersion)
        }
        guard let manifest = try? JSONDecoder().decode(Manifest.self, from: data) else {
            throw .notALedger(path: path, reason: "ledger.json is malformed")
        }
        return manifest
    }

    /// The process that has the ledger open for writing, as it named itself; nil if there is none. What a process that was
    /// killed left in the file says nothing: the lock is asked.
    public var writer: String? { WriterLock.holder(of: self) }

    private func isEmpty() throws(StoreError) -> Bool {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path).isEmpty
        } catch {
            throw .system(operation: "listing", path: path, reason: "\(error)")
        }
    }

    /// Removes the derived state; the next opening rebuilds it.
    public func removeState() throws(StoreError) {
        guard FileManager.default.fileExists(atPath: statePath) else { return }
        do {
            try FileManager.default.removeItem(atPath: statePath)
        } catch {
            throw .system(operation: "removing", path: statePath, reason: "\(error)")
        }
    }

    /// Makes a folder, unless it is there already.
    static func makeFolder(at path: String) throws(StoreError) {
        if unsafe mkdir(path, 0o700) != 0, errno != EEXIST { throw systemError("mkdir", path) }
    }

    package static func systemError(_ operation: String, _ path: String) -> StoreError {
        StoreError(LMDBError(code: errno, operation: operation, path: path))
    }

    /// Writes a whole file that did not exist and makes its bytes durable; or leaves none.
    private static func write(_ bytes: [UInt8], toNewFileAt path: String) throws(StoreError) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw systemError("creating", path) }
        defer { close(file) }
        errno = ENOSPC  // What a write means that ends early without a reason.
        guard unsafe Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            let error = systemError("writing", path)
            unsafe unlink(path)
            throw error
        }
    }

    /// A file is durable only once its entry in the folder is.
    package static func makeDurable(folderAt path: String) throws(StoreError) {
        let file = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw systemError("opening", path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw systemError("flushing", path) }
    }
}

/// The right to write a ledger: one process at a time holds it.
///
/// An "open file description" lock (fcntl(2)): given back when the process ends, however it ends, and a second opening
/// by the same process is a second one. Unlike `flock` it can be asked about without being taken for a moment.
final class WriterLock: Sendable {
    private let file: Int32

    /// `F_OFD_GETLK` and `F_OFD_SETLK`.
    private static let (askLock, setLock): (Int32, Int32) = (36, 37)

    /// Takes the lock or says who has it.
    init(_ folder: LedgerFolder) throws(StoreError) {
        file = unsafe open(folder.lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw LedgerFolder.systemError("opening", folder.lockPath) }
        guard Self.fcntl(file, Self.setLock) != nil else {
            let error = LedgerFolder.systemError("locking", folder.lockPath)
            let isHeld = errno == EAGAIN || errno == EACCES
            close(file)
            throw isHeld ? .locked(path: folder.path, holder: Self.name(in: folder)) : error
        }
        let name = CommandLine.arguments.first.flatMap { $0.split(separator: "/").last } ?? "?"
        let holder = "process \(getpid()) (\(name))"
        // Only information for people; the lock holds without it.
        if ftruncate(file, 0) == 0 { _ = unsafe pwrite(file, holder, holder.utf8.count, 0) }
    }

    /// Gives the right back. Ending the value does not: its owner may end on a thread that is still writing.
    func release() {
        _ = ftruncate(file, 0)
        close(file)
    }

    /// Who holds the lock of a folder; nil if nobody does.
    static func holder(of folder: LedgerFolder) -> String? {
        let file = unsafe open(folder.lockPath, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard let found = fcntl(file, askLock), Int32(found.l_type) != F_UNLCK else { return nil }
        return name(in: folder)
    }

    private static func name(in folder: LedgerFolder) -> String {
        let name = (try? String(contentsOfFile: folder.lockPath, encoding: .utf8)) ?? ""
        return name.isEmpty ? "another process" : name
    }

    /// About an exclusive lock of the whole file; nil where the system refuses.
    private static func fcntl(_ file: Int32, _ command: Int32) -> flock? {
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        let result = unsafe withUnsafeMutablePointer(to: &lock) { unsafe Glibc.fcntl(file, command, $0) }
        return result == -1 ? nil : lock
    }
}
