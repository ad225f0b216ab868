import Foundation
import Ledger
import Testing

@testable import LedgerStore

/// A process that writes is killed without warning: what it was told is on disk is on disk.
@Suite struct KillTests {
    @Test func everyAcknowledgedEventSurvives() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let ledger = try TemporaryLedger()
        var acknowledged: [UInt128: UInt64] = [:]
        for kill in 1...20 {
            let comment: Comment = "seed \(seed), kill \(kill)"
            // A flush every 50 events: many of the kills meet one.
            let child = try ChildProcess("write", ledger.folder.path, "65536", "50", "3")
            for _ in 0..<Int.random(in: 1...150, using: &generator) {
                try note(try #require(await child.line(), comment), in: &acknowledged)
            }
            child.kill()
            // What it said before it died counts as well; a line is written whole or not at all.
            while let line = await child.line() { try note(line, in: &acknowledged) }
            await child.exit()
            if Bool.random(using: &generator) { try await check(acknowledged, in: ledger, comment) }
        }
        try await check(acknowledged, in: ledger, "seed \(seed), at the end")
        #expect(acknowledged.count > 1_000)
    }

    private func note(_ line: String, in acknowledged: inout [UInt128: UInt64]) throws {
        let fields = line.split(separator: " ")
        try #require(fields.count == 3, "\(line)")
        let sequence = try #require(UInt64(fields[0]))
        let id = try #require(UInt128(fields[1]))
        for place in 0..<(try #require(UInt64(fields[2]))) { acknowledged[id + UInt128(place)] = sequence + place }
    }

    /// Opens the ledger as it was left, and once more from the log alone.
    private func check(_ acknowledged: [UInt128: UInt64], in ledger: TemporaryLedger, _ comment: Comment) async throws {
        var engine = try ledger.openEngine()
        for (id, _) in acknowledged { #expect(try engine.transfer(id)?.id == id, comment) }
        let content = engine.contentDigest
        engine.close()
        let blocks = try blocks(of: ledger.folder)
        #expect(acknowledgedEventsAreThere(acknowledged, in: blocks), comment)
        try ledger.folder.removeState()
        engine = try ledger.openEngine()
        #expect(engine.contentDigest == content, comment)
        engine.close()
    }
}
