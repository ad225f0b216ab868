import Foundation
import Testing

/// A file system of a few megabytes in memory, for as long as this object lives.
final class SmallDisk: Sendable {
    let path: String

    /// Whether this machine lets the tests mount one.
    static let isPermitted: Bool = (try? SmallDisk(megabytes: 1)) != nil
    static let refusal: Comment =
        "this machine does not let the tests mount a file system: `mount -t tmpfs` was refused"

    init(megabytes: Int) throws {
        path = NSTemporaryDirectory() + "/keyledger-small-disk-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard try Self.run("mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path) == 0 else {
            try? FileManager.default.removeItem(atPath: path)
            throw CocoaError(.fileWriteNoPermission)
        }
    }

    deinit {
        _ = try? Self.run("umount", "-l", path)
        try? FileManager.default.removeItem(atPath: path)
    }

    func makeReadOnly() throws { try #require(try Self.run("mount", "-o", "remount,ro", path) == 0) }
    func makeWritable() throws { try #require(try Self.run("mount", "-o", "remount,rw", path) == 0) }

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

    private static func run(_ command: String...) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
