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

    @Test(arguments: names, Interruption.allCases)
    func theStoreAnswersAsTheServerDid(_ name: String, _ interruption: Interruption) throws {
        let trace = try Trace(parsing: [UInt8](try Data(contentsOf: Self.url(of: name))))
        let ledger = try TemporaryLedger()
        let projection = DigestProjection()
        var engine = try ledger.openEngine(projection: projection)
        for (place, (line, step)) in trace.steps.enumerated() {
            try check(step, on: &engine, "\(name) line \(line)")
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
        #expect(trace.steps.count > 100)
    }

    /// The recordings lie where the state machine's tests have them.
    static func url(of name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../LedgerTests/Traces/\(name).jsonl")
    }

    private func check(_ step: Trace.Step, on engine: inout Engine, _ place: String) throws {
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
        case .getAccountTransfers(let filter, let isValid, let expected):
            #expect(try (isValid ? engine.transfers(filter) : []) == expected, comment)
        case .getAccountBalances(let filter, let isValid, let expected):
            #expect(try (isValid ? engine.balances(filter) : []) == expected, comment)
        case .queryAccounts(let filter, let isValid, let expected):
            #expect((isValid ? engine.accounts(filter) : []) == expected, comment)
        case .queryTransfers(let filter, let isValid, let expected):
            #expect(try (isValid ? engine.transfers(filter) : []) == expected, comment)
        }
    }
}
