import Foundation
import Testing

/// A file system of a few megabytes in memory, for as long as this object lives.
final class SmallDisk: Sendable {
    let path: String

    /// Whether this machine lets the tests mount one.
    static let isPermitted: Bool = (try? SmallDisk(megabytes: 1)) != nil

    init(megabytes: Int) throws {
        path = NSTemporaryDirectory() + "/small-disk-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard run("mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path) == 0 else {
            try? FileManager.default.removeItem(atPath: path)
            throw CocoaError(.fileWriteNoPermission)
        }
    }

    deinit {
        // Lazily: an environment that a failed test left open does not keep the folder.
        run("umount", "-l", path)
        try? FileManager.default.removeItem(atPath: path)
    }

    func remount(_ option: String) throws { try #require(run("mount", "-o", "remount,\(option)", path) == 0) }

    /// Takes all space that is left.
    func fill() throws {
        let file = path + "/ballast"
        try #require(FileManager.default.createFile(atPath: file, contents: nil))
        let handle = try FileHandle(forWritingTo: URL(filePath: file))
        try handle.seekToEnd()
        while (try? handle.write(contentsOf: Data(count: 4096))) != nil {}
        try handle.close()
    }

    /// Gives back what ``fill()`` took.
    func relieve() throws { try FileManager.default.removeItem(atPath: path + "/ballast") }
}
