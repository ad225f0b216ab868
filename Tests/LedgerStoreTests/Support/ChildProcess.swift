import Foundation
import Glibc
import Testing

/// `StoreCrasher`, running.
final class ChildProcess: Sendable {
    private let process: Process
    private let input: FileHandle
    let output: FileHandle

    init(_ arguments: String...) throws {
        // Built next to the tests' own executable.
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let (inputPipe, outputPipe) = (Pipe(), Pipe())
        process = Process()
        process.executableURL = URL(filePath: own).deletingLastPathComponent().appending(path: "StoreCrasher")
        process.arguments = arguments
        process.standardInput = inputPipe
        process.standardOutput = outputPipe
        try process.run()
        input = inputPipe.fileHandleForWriting
        output = outputPipe.fileHandleForReading
    }

    deinit { if process.isRunning { kill() } }

    var pid: Int32 { process.processIdentifier }

    /// The next line, or nil at the end. Waits on a thread of its own: the tests' few are needed elsewhere.
    func line() async -> String? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [output] in
                var bytes: [UInt8] = []
                while let byte = (try? output.read(upToCount: 1))?.first, byte != 0x0A { bytes.append(byte) }
                continuation.resume(returning: bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    /// Closes its standard input.
    func endInput() throws { try input.close() }

    /// SIGKILL: it gets no chance to do anything.
    func kill() { Glibc.kill(pid, SIGKILL) }

    func exit() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [process] in
                process.waitUntilExit()
                continuation.resume()
            }
        }
    }
}

/// Runs a system command and returns its exit status.
@discardableResult
func run(_ command: String...) -> Int32 {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.standardError = FileHandle.nullDevice
    do {
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    } catch {
        return -1
    }
}
