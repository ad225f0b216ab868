import Foundation
import Ledger
import LedgerConformance
import Testing

@testable import LedgerStore

/// What a real server answered comes out of the store bit for bit, whatever happens to the process between requests.
@Suite struct RecordedTraceTests {
    static let names = [
        "balancing-106", "chains-102", "closing-105", "exists-107", "expiry-111", "general-101", "imported-109",
        "invalid-108", "limits-104", "queries-110", "twophase-103",
    ]

    /// What is done to the ledger between requests.
    enum Interruption: CaseIterable {
        case none
        /// Every seventh request the engine is dropped and opened again, every other time with a flush before.
        case reopening
        /// Likewise, and `state/` is deleted.
        case losingTheState
        /// Every third request is followed by a flush: ids, resolutions and timestamps are looked up on disk.
        case flushing
    }

    /// Reads that are the business of a later version of the store.
    static let skippedKinds: Set = [
        "get_account_transfers", "get_account_balances", "query_accounts", "query_transfers",
    ]

    @Test(arguments: names, Interruption.allCases)
    func theStoreAnswersAsTheServerDid(_ name: String, _ interruption: Interruption) throws {
        let trace = try Trace(parsing: [UInt8](try Data(contentsOf: Self.url(of: name))))
        let ledger = try TemporaryLedger()
        let projection = DigestProjection()
        var engine = try ledger.openEngine(projection: projection)
        var skippedCounts: [String: Int] = [:]
        var checkedCount = 0
        for (place, (line, step)) in trace.steps.enumerated() {
            if let kind = try check(step, on: &engine, "\(name) line \(line)") {
                skippedCounts[kind, default: 0] += 1
            } else {
                checkedCount += 1
            }
            switch interruption {
            case .none: break
            case .reopening, .losingTheState:
                guard place % 7 == 6 else { continue }
                let (content, folded) = (engine.contentDigest, projection.value)
                if place % 2 == 0 { try engine.flush() }
                engine.close()
                if interruption == .losingTheState { try ledger.folder.removeState() }
                engine = try ledger.openEngine(projection: projection)
                #expect(
                    engine.contentDigest == content && projection.value == folded, "\(name) reopened after line \(line)"
                )
            case .flushing:
                if place % 3 == 2 { try engine.flush() }
            }
        }
        engine.close()
        #expect(checkedCount + skippedCounts.values.reduce(0, +) == trace.steps.count)
        #expect(checkedCount > 100)
        #expect(Set(skippedCounts.keys).isSubset(of: Self.skippedKinds), "skipped: \(skippedCounts)")
    }

    /// The recordings lie where the state machine's tests have them.
    static func url(of name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../LedgerTests/Traces/\(name).jsonl")
    }

    /// Returns the name of a kind of step that the store cannot answer yet.
    private func check(_ step: Trace.Step, on engine: inout Engine, _ place: String) throws -> String? {
        let comment = Comment(rawValue: place)
        switch step {
        case .createAccounts(let events, let timestamp, let expected):
            #expect(try engine.decide(events, details: [], now: timestamp) == expected, comment)
            try engine.commit()
        case .createTransfers(let events, let timestamp, let expected):
            #expect(try engine.decide(events, details: [], now: timestamp) == expected, comment)
            try engine.commit()
        case .expire(let timestamp):
            engine.expire(now: timestamp)
            try engine.commit()
        case .lookupAccounts(let ids, let expected): #expect(ids.compactMap { engine.account($0) } == expected, comment)
        case .lookupTransfers(let ids, let expected):
            #expect(try ids.compactMap { try engine.transfer($0) } == expected, comment)
        case .getAccountTransfers: return "get_account_transfers"
        case .getAccountBalances: return "get_account_balances"
        case .queryAccounts: return "query_accounts"
        case .queryTransfers: return "query_transfers"
        }
        return nil
    }
}
