import Glibc
import LedgerStore

/// Where a command writes its result: a file that appears when it is complete, or a stream.
///
/// A file is written beside the one it replaces, under the same name and `.partial`, made durable, and renamed: whatever
/// stops the command, there is the old file or the complete new one. Standard output (`-`), pipes and devices are
/// written as they are.
final class OutputFile {
    private let path: String
    private let file: Int32
    /// Nil for a stream.
    private let replacement: Replacement?

    private struct Replacement {
        let partial: String
        let target: String
    }

    /// What has been written so far if ``close()`` is never called.
    var incompletePath: String { replacement?.partial ?? path }

    /// - Parameters:
    ///   - input: A file that was read and must not be replaced.
    ///   - isSecret: Whether only its owner may read a new file.
    init(_ path: String, from input: String = "-", isSecret: Bool = false) throws {
        self.path = path
        if path == "-" {
            (file, replacement) = (STDOUT_FILENO, nil)
            return
        }
        var status = stat()
        let exists = unsafe stat(path, &status) == 0
        var inputStatus = stat()
        if exists, input != "-", unsafe stat(input, &inputStatus) == 0,
            (inputStatus.st_dev, inputStatus.st_ino) == (status.st_dev, status.st_ino)
        {
            throw Failure("\(path) is also the input; write to another file.", .refused)
        }
        if exists, status.st_mode & S_IFMT != S_IFREG {
            (file, replacement) = (unsafe open(path, O_WRONLY | O_CLOEXEC), nil)
            guard file >= 0 else { throw Self.failure(path) }
            return
        }
        // The file a symbolic link leads to is replaced, not the link.
        let target = exists ? Self.resolved(path) : path
        let replacement = Replacement(partial: target + ".partial", target: target)
        file = unsafe open(replacement.partial, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, isSecret ? 0o600 : 0o666)
        self.replacement = replacement
        guard file >= 0 else { throw Self.failure(path) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(file)
            throw Failure("\(path) is being written by another command.", .refused)
        }
        guard ftruncate(file, 0) == 0, !exists || fchmod(file, status.st_mode & 0o7777) == 0 else {
            throw Self.failure(path)
        }
    }

    func write(_ bytes: [UInt8]) throws { try Terminal.write(bytes, to: file, path) }

    func write(_ bytes: RawSpan) throws { try Terminal.write(bytes, to: file, path) }

    /// Puts a complete file into its place.
    func close() throws {
        guard path != "-" else { return }
        // Renamed while the lock is held: nobody begins to write into what is about to be complete.
        guard let replacement else {
            guard Glibc.close(file) == 0 else { throw Self.failure(path) }
            return
        }
        guard fsync(file) == 0, unsafe rename(replacement.partial, replacement.target) == 0,
            (try? LedgerFolder.makeDurable(folderAt: DurableFile.folder(of: replacement.target))) != nil,
            Glibc.close(file) == 0
        else { throw Self.failure(path) }
    }

    private static func failure(_ path: String) -> Failure {
        Failure("\(path) cannot be written: \(unsafe String(cString: strerror(errno))).", .inputOutput)
    }

    private static func resolved(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
