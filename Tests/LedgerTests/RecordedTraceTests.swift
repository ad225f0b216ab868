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
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "jsonl", subdirectory: "Traces"))
        let trace = try Trace(parsing: [UInt8](try Data(contentsOf: url)))
        #expect(trace.steps.count > 100)
        var machine = StateMachine()
        for (line, step) in trace.steps {
            try check(step, on: &machine, "\(name) line \(line)")
        }
        expectConservation(machine)
    }

    private func check(_ step: Trace.Step, on machine: inout StateMachine, _ place: String) throws {
        let comment = Comment(rawValue: place)
        switch step {
        case .createAccounts(var events, let timestamp, let expected):
            var results: [CreateAccountResult] = []
            try machine.createAccounts(&events, timestamp: timestamp, results: &results)
            #expect(results == expected, comment)
        case .createTransfers(var events, let timestamp, let expected):
            var results: [CreateTransferResult] = []
            try machine.createTransfers(&events, timestamp: timestamp, results: &results)
            #expect(results == expected, comment)
        case .expire(let timestamp): _ = machine.expire(timestamp: timestamp)
        case .lookupAccounts(let ids, let expected):
            #expect(ids.compactMap { machine.account($0) } == expected, comment)
        case .lookupTransfers(let ids, let expected):
            #expect(try ids.compactMap { try machine.transfer($0) } == expected, comment)
        case .getAccountTransfers(let filter, let isValid, let expected):
            #expect((isValid ? NaiveReads(machine: machine).transfers(filter) : []) == expected, comment)
        case .getAccountBalances(let filter, let isValid, let expected):
            #expect((isValid ? NaiveReads(machine: machine).balances(filter) : []) == expected, comment)
        case .queryAccounts(let filter, let isValid, let expected):
            #expect((isValid ? NaiveReads(machine: machine).accounts(filter) : []) == expected, comment)
        case .queryTransfers(let filter, let isValid, let expected):
            #expect((isValid ? NaiveReads(machine: machine).transfers(filter) : []) == expected, comment)
        }
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
