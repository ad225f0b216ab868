internal import FoundationEssentials
internal import Glibc

/// Small files that are there whole or not at all, whatever stops the program in between.
package enum DurableFile {
    /// The end of the name under which a file is written before it gets its own.
    package static let unfinishedSuffix = ".new"

    /// The bytes of a file; nil if there is none.
    package static func read(_ path: String) throws(StoreError) -> [UInt8]? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if file < 0 {
            if errno == ENOENT { return nil }
            throw LedgerFolder.systemError("opening", path)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = unsafe Glibc.read(file, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw LedgerFolder.systemError("reading", path)
            }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    /// Writes a file in place of the one with this name, if there is one. When this returns it is on disk, when it throws
    /// the old one is as it was.
    ///
    /// - Parameter isDurable: False leaves that to ``makeFileSystemDurable(at:)``, for many files.
    package static func replace(
        _ path: String, with bytes: [UInt8], mode: UInt32 = 0o600, isDurable: Bool = true
    ) throws(StoreError) {
        let unfinished = path + unfinishedSuffix
        try write(bytes, to: unfinished, mode, isDurable)
        guard unsafe rename(unfinished, path) == 0 else {
            let error = LedgerFolder.systemError("renaming", path)
            unsafe unlink(unfinished)
            throw error
        }
        if isDurable { try LedgerFolder.makeDurable(folderAt: folder(of: path)) }
    }

    /// Makes everything on the file system of a folder durable, whoever wrote it.
    package static func makeFileSystemDurable(at folder: String) throws(StoreError) {
        let file = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw LedgerFolder.systemError("opening", folder) }
        defer { close(file) }
        // sync(2), not syncfs(2), which is not in every C library's Swift module. On Linux it waits for the writes.
        sync()
    }

    /// Makes a folder and those above it, unless they exist.
    package static func createFolder(
        _ path: String, mode: UInt32 = 0o700, isDurable: Bool = true
    ) throws(StoreError) {
        if try make(path, mode, isDurable) { return }
        let parent = folder(of: path)
        guard parent != path else { throw LedgerFolder.systemError("mkdir", path) }
        try createFolder(parent, mode: mode, isDurable: isDurable)
        // Not again from the start: there are folders in which none can be made.
        guard try make(path, mode, isDurable) else { throw LedgerFolder.systemError("mkdir", path) }
    }

    /// Makes a folder unless it exists; false if the one above it is missing.
    private static func make(_ path: String, _ mode: UInt32, _ isDurable: Bool) throws(StoreError) -> Bool {
        if unsafe mkdir(path, mode) == 0 {
            if isDurable { try LedgerFolder.makeDurable(folderAt: folder(of: path)) }
            return true
        }
        if errno == EEXIST { return true }
        guard errno == ENOENT else { throw LedgerFolder.systemError("mkdir", path) }
        return false
    }

    /// The names in a folder in ascending order, without those of unfinished files; none if there is no such folder.
    package static func names(in folder: String) throws(StoreError) -> [String] {
        guard unsafe access(folder, F_OK) == 0 else {
            if errno == ENOENT { return [] }
            throw LedgerFolder.systemError("listing", folder)
        }
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { !$0.hasSuffix(unfinishedSuffix) }.sorted()
        } catch {
            throw .system(operation: "listing", path: folder, reason: "\(error)")
        }
    }

    private static func write(_ bytes: [UInt8], to path: String, _ mode: UInt32, _ isDurable: Bool) throws(StoreError) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { throw LedgerFolder.systemError("creating", path) }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            errno = ENOSPC  // What a write means that ends early without a reason.
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw discard(path, "writing") }
            rest = rest.dropFirst(count)
        }
        guard !isDurable || fsync(file) == 0 else { throw discard(path, "syncing") }
    }

    private static func discard(_ path: String, _ operation: String) -> StoreError {
        let error = LedgerFolder.systemError(operation, path)
        unsafe unlink(path)
        return error
    }

    /// The folder a path is in.
    package static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
