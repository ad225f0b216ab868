import Ledger
import Testing

@testable import LedgerStore

/// Reads show what is durable, whole, and do not wait for the disk.
@Suite(.timeLimit(.minutes(1))) struct ReadingTests {
    private static let history = Account(id: 3, ledger: 1, code: 8, flags: .history)
    private static let everything = QueryFilter(window: Window(limit: 100))

    private static func transfer(_ id: UInt128, _ amount: UInt128) -> Transfer {
        Transfer(id: id, debit: 1, credit: 3, amount: amount, ledger: 1, code: 8)
    }

    /// Everything that can be read, in one value.
    private struct View: Equatable {
        let accounts: [Account]
        let transfers: [Transfer]
        let ofAccount: [Transfer]
        let balances: [AccountBalance]
        let lookedUp: [Account?]
        let found: [Transfer?]

        init(_ writer: LedgerWriter) throws {
            let filter = AccountFilter(accountID: 3, window: Window(limit: 100, isReversed: true))
            accounts = writer.accounts(ReadingTests.everything)
            transfers = try writer.transfers(ReadingTests.everything)
            ofAccount = try writer.transfers(filter)
            balances = try writer.balances(filter)
            lookedUp = [1, 2, 3, 9].map { writer.account($0) }
            found = try (1...5).map { try writer.transfer($0) }
        }
    }

    /// The writer stands at the gate with a commit that is not finished: what it has decided is in memory, and nowhere else
    /// as far as anybody knows.
    @Test func whatIsNotDurableIsNotShownAndNobodyWaitsForIt() async throws {
        let ledger = try TemporaryLedger()
        let gate = GateProjection()
        let writer = try ledger.openWriter(projection: gate)
        _ = try await writer.create(TemporaryLedger.accounts + [Self.history])
        _ = try await writer.create([Self.transfer(1, 10)])
        let before = try View(writer)
        #expect(before.accounts.map(\.debitsPosted) == [10, 0, 0])
        #expect(before.balances.map(\.creditsPosted) == [10])

        gate.shut()
        let first = try writer.submit([Self.transfer(2, 20)])
        await gate.writerArrived()
        #expect(try View(writer) == before)
        // These are decided together with a new account, a transfer that is refused and a chain that breaks.
        let account = try writer.submit([Account(id: 9, ledger: 1, code: 8)])
        var linked = Self.transfer(3, 30)
        linked.flags = .linked
        let chain = try writer.submit([linked, Self.transfer(1, 99), Self.transfer(4, 40)])
        gate.open()
        _ = try await first.reply()
        #expect(try await account.reply().results.map(\.status) == [.created])
        #expect(
            try await chain.reply().results.map(\.status)
                == [.linkedEventFailed, .existsWithDifferentAmount, .created])

        let after = try View(writer)
        #expect(after.accounts.map(\.debitsPosted) == [70, 0, 0, 0])
        #expect(after.transfers.map(\.id) == [1, 2, 4])
        #expect(after.ofAccount.map(\.id) == [4, 2, 1])
        #expect(after.balances.map(\.creditsPosted) == [70, 30, 10])
        #expect(after.lookedUp[3]?.id == 9)
        #expect(after.found.map { $0?.id } == [1, 2, nil, 4, nil])
        try await writer.close()
    }

    /// The same while an index is written and after it.
    @Test func whatIsReadDoesNotDependOnFlushes() async throws {
        let ledger = try TemporaryLedger()
        let gate = GateProjection()
        let writer = try ledger.openWriter(projection: gate, flushCount: 4)
        _ = try await writer.create(TemporaryLedger.accounts + [Self.history])
        for id in 1...20 {
            _ = try await writer.create([Self.transfer(UInt128(id), 1)])
            gate.shut()
            let next = try writer.submit([Self.transfer(UInt128(100 + id), 1)])
            await gate.writerArrived()
            #expect(writer.account(1)?.debitsPosted == UInt128(2 * id - 1))
            #expect(try writer.transfer(UInt128(100 + id)) == nil)
            #expect(try writer.transfers(Self.everything).count == 2 * id - 1)
            gate.open()
            _ = try await next.reply()
            #expect(try writer.transfers(Self.everything).last?.id == UInt128(100 + id))
        }
        try await writer.close()
    }
}
