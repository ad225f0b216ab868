import Foundation
import KeyLedgerVerify
import Testing
import Transparency

@testable import KeyLedger
@testable import LedgerStore

/// Chance instead of intent: bits flip in every file of a ledger, and none does so in silence.
@Suite struct FlipTests {
    /// Where a flip may go unnoticed, and why. `Specs/THREATS.md` has the reasons.
    private enum Outside: String, CaseIterable {
        /// Pages that no table reaches any more, gaps in pages, and what LMDB keeps for itself.
        case unusedPages = "unused pages of log/data.mdb"
        /// The text of `ledger.json` beside format and origin: the time of creation, white space.
        case manifestText = "text of ledger.json"
    }

    private static let flipCount = 3000

    @Test func noFlipIsSilent() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        let ledger = try await SampleLedger.copy()
        let flips = try Self.flips(in: ledger, seed: seed)
        let halves = [flips[..<(flips.count / 2)], flips[(flips.count / 2)...]]
        let outcomes = try await withThrowingTaskGroup(of: [Outside: Int].self) { group in
            for half in halves {
                group.addTask { try await Self.flip(half, in: ledger.copied(), seed: seed) }
            }
            return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
        // Most are found, and each reason to miss one comes up.
        #expect(outcomes.values.reduce(0, +) < Self.flipCount * 3 / 4, "seed \(seed): \(outcomes)")
        #expect(outcomes[.unusedPages] ?? 0 > 0)
    }

    private struct Flip: Sendable {
        let file: String
        let offset: Int
        let bit: UInt8
    }

    /// Flips at random, in all files that hold anything: half of them in bytes of the log that say something.
    private static func flips(in ledger: SampleLedger, seed: UInt64) throws -> [Flip] {
        var random = SeededGenerator(seed)
        let checkpoints = try FileManager.default.contentsOfDirectory(atPath: ledger.path + "/checkpoints").sorted()
        let files = try (["log/data.mdb", "material/blobs", "ledger.json"] + checkpoints.map { "checkpoints/" + $0 })
            .map { ($0, try bytes(ledger, $0).count) }
        let used = PageMap(try bytes(ledger, "log/data.mdb")).used
        let telling = used.indices.filter { used[$0] }
        return (0..<flipCount).map { number in
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            if number % 2 == 0 {
                let offset = telling[Int.random(in: telling.indices, using: &random)]
                return Flip(file: "log/data.mdb", offset: offset, bit: bit)
            }
            let (file, count) = files[Int.random(in: files.indices, using: &random)]
            return Flip(file: file, offset: Int.random(in: 0..<count, using: &random), bit: bit)
        }
    }

    /// Carries flips out one by one, and counts those that changed nothing that is claimed.
    private static func flip(
        _ flips: ArraySlice<Flip>, in ledger: SampleLedger, seed: UInt64
    ) async throws -> [Outside: Int] {
        let honest = try await report(ledger)
        #expect(honest?["verdict"]?.string == "intact")
        let manifest = try JSONValue(parsing: bytes(ledger, "ledger.json"))
        let used = PageMap(try bytes(ledger, "log/data.mdb")).used
        var outcomes: [Outside: Int] = [:]
        for flip in flips {
            try change(ledger, flip)
            let report = try await report(ledger)
            if report == honest {
                if let reason = outside(flip, used, manifest, try bytes(ledger, flip.file)) {
                    outcomes[reason, default: 0] += 1
                } else {
                    Issue.record("seed \(seed): \(flip) changes something, and nobody notices")
                }
            } else if report?["verdict"]?.string == "intact" {
                Issue.record("seed \(seed): \(flip) changes what is reported: \(report.debugDescription)")
            }
            try change(ledger, flip)
        }
        return outcomes
    }

    /// What is said of the ledger with the master key; nil if it is refused, which is an answer as well.
    private static func report(_ ledger: SampleLedger) async throws -> JSONObject? {
        do {
            return try await ledger.verified().json
        } catch is Unreadable {
            return nil
        }
    }

    private static func outside(
        _ flip: Flip, _ used: [Bool], _ manifest: JSONValue, _ bytes: [UInt8]
    ) -> Outside? {
        switch flip.file {
        case "log/data.mdb": used[flip.offset] ? nil : .unusedPages
        case "ledger.json":
            if let value = try? JSONValue(parsing: bytes), value["format"] == manifest["format"],
                value["origin"] == manifest["origin"]
            {
                .manifestText
            } else {
                nil
            }
        default: nil
        }
    }

    private static func change(_ ledger: SampleLedger, _ flip: Flip) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: ledger.path + "/" + flip.file))
        defer { try? file.close() }
        try file.seek(toOffset: UInt64(flip.offset))
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: UInt64(flip.offset))
        try file.write(contentsOf: [byte ^ flip.bit])
    }

    private static func bytes(_ ledger: SampleLedger, _ file: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: ledger.path + "/" + file)))
    }

    /// `state/` claims nothing: whatever is in it, the log gives it back.
    @Test func derivedStateIsNotNeeded() async throws {
        let ledger = try await SampleLedger.copy()
        let before = try await ledger.verified()
        try LedgerFolder(path: ledger.path).removeState()
        #expect(try await ledger.verified().json == before.json)
        let store = try await ledger.open(Clock(SampleLedger.start + 1_000_000_000_000_000))
        let projection = store.projection
        try await store.close()
        let replayed = try KeyLedger.Replay(try LedgerReader(LedgerFolder(path: ledger.path))).projection
        #expect(projection.keys == replayed.keys)
        #expect(projection.tenants == replayed.tenants)
    }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
