import Foundation
import Testing

/// Power is lost at every point of many lives of a ledger; see `Specs/decisions/004-crashes-are-simulated-below-lmdb.md`.
@Suite struct SimulationTests {
    /// Runs the simulator, which is built next to the tests' own executable: the system calls it puts itself in the way
    /// of are those of its own process.
    private func simulate(_ arguments: String...) async throws -> (status: Int32, output: String) {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process()
        let simulator = URL(filePath: own).deletingLastPathComponent().appending(path: "keyledger-simulate")
        // Tests with a deadline run beside it.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["nice", simulator.path] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        // On a thread of its own: the tests' few are needed elsewhere.
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let bytes = output.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(
                    returning: (process.terminationStatus, String(decoding: bytes, as: UTF8.self)))
            }
        }
    }

    /// Other seeds in every run; a failure names the one that repeats it.
    @Test func nothingAcknowledgedIsLostAndNothingIsHalfThere() async throws {
        let (status, output) = try await simulate("--crashes", "10000")
        #expect(status == 0, "\(output)")
        #expect(output.contains("nothing lost, nothing half there"), "\(output)")
    }

    /// Nothing but the seed decides what happens, to the last byte of the ledgers.
    @Test func aSeedRepeatsWhatHappened() async throws {
        func happened(_ output: String) -> Substring? { output.split(separator: "\n").first }
        let first = try await simulate("--seed", "7", "--crashes", "300")
        let second = try await simulate("--seed", "7", "--crashes", "300")
        #expect(first.status == 0, "\(first.output)")
        #expect(happened(first.output)?.hasPrefix("what happened (") == true)
        #expect(happened(first.output) == happened(second.output))
    }

    @Test func oneCrashCanBeRepeatedAlone() async throws {
        let (status, output) = try await simulate("--seed", "7", "--crash", "200/1")
        #expect(status == 0, "\(output)")
        #expect(output.contains("1 crashes in 1 lives"), "\(output)")
    }

    @Test func wrongArgumentsAreRefused() async throws {
        #expect(try await simulate("--seed", "one").status == 2)
        #expect(try await simulate("--crash", "1/2/3").status == 2)
    }
}
