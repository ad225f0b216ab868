import Foundation
import Ledger
import LedgerConformance
import Testing

/// Requests and answers recorded from a real TigerBeetle 0.17.9 come out bit for bit.
@Suite struct RecordedTraceTests {
    static let names = [
        "balancing-106", "chains-102", "closing-105", "exists-107", "expiry-111", "general-101", "imported-109",
        "invalid-108", "limits-104", "queries-110", "twophase-103",
    ]

    @Test(arguments: names) func theStateMachineAnswersAsTheServerDid(_ name: String) throws {
        let trace = try Self.trace(name)
        #expect(trace.steps.count > 100)
        var engine = FlushingEngine()
        for (line, step) in trace.steps {
            let comment: Comment = "\(name) line \(line)"
            switch step {
            case .createAccounts(var events, let timestamp, let expected):
                #expect(try engine.createAccounts(&events, timestamp: timestamp) == expected, comment)
            case .createTransfers(var events, let timestamp, let expected):
                #expect(try engine.createTransfers(&events, timestamp: timestamp) == expected, comment)
            case .expire(let timestamp): _ = engine.expire(timestamp: timestamp)
            case .lookupAccounts(let ids, let expected):
                #expect(ids.compactMap { engine.machine.account($0) } == expected, comment)
            case .lookupTransfers(let ids, let expected):
                #expect(try ids.compactMap { try engine.machine.transfer($0) } == expected, comment)
            case .getAccountTransfers(let filter, let isValid, let expected):
                #expect((isValid ? engine.transfers(filter) : []) == expected, comment)
            case .getAccountBalances(let filter, let isValid, let expected):
                #expect((isValid ? engine.balances(filter) : []) == expected, comment)
            case .queryAccounts(let filter, let isValid, let expected):
                #expect((isValid ? engine.accounts(filter) : []) == expected, comment)
            case .queryTransfers(let filter, let isValid, let expected):
                #expect((isValid ? engine.transfers(filter) : []) == expected, comment)
            }
        }
        expectConservation(engine.machine)
    }

    @Test(arguments: names) func theNaiveModelAnswersAsTheServerDid(_ name: String) throws {
        var model = NaiveModel()
        for (line, step) in try Self.trace(name).steps {
            let comment: Comment = "\(name) line \(line)"
            switch step {
            case .createAccounts(let events, let timestamp, let expected):
                #expect(model.createAccounts(events, timestamp: timestamp) == expected, comment)
            case .createTransfers(let events, let timestamp, let expected):
                #expect(model.createTransfers(events, timestamp: timestamp) == expected, comment)
            case .expire(let timestamp): _ = model.expire(timestamp: timestamp)
            case .lookupAccounts(let ids, let expected): #expect(model.accounts(ids) == expected, comment)
            case .lookupTransfers(let ids, let expected): #expect(model.transfers(ids) == expected, comment)
            case .getAccountTransfers(let filter, let isValid, let expected):
                #expect((isValid ? model.transfers(filter) : []) == expected, comment)
            case .getAccountBalances(let filter, let isValid, let expected):
                #expect((isValid ? model.balances(filter) : []) == expected, comment)
            case .queryAccounts(let filter, let isValid, let expected):
                #expect((isValid ? model.accounts(filter) : []) == expected, comment)
            case .queryTransfers(let filter, let isValid, let expected):
                #expect((isValid ? model.transfers(filter) : []) == expected, comment)
            }
        }
    }

    private static func trace(_ name: String) throws -> Trace {
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "jsonl", subdirectory: "Traces"))
        return try Trace(parsing: [UInt8](try Data(contentsOf: url)))
    }

    /// On every ledger, debits and credits are equal, posted and pending.
    private func expectConservation(_ machine: StateMachine) {
        for (ledger, accounts) in Dictionary(grouping: machine.allAccounts, by: \.ledger) {
            // Amounts near 2^128 occur, so the sums are taken modulo 2^128.
            let debits = accounts.reduce((UInt128(0), UInt128(0))) {
                ($0.0 &+ $1.debitsPosted, $0.1 &+ $1.debitsPending)
            }
            let credits = accounts.reduce((UInt128(0), UInt128(0))) {
                ($0.0 &+ $1.creditsPosted, $0.1 &+ $1.creditsPending)
            }
            #expect(debits == credits, "ledger \(ledger)")
        }
    }
}
