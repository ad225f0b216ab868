import Ledger
import Testing

@testable import LedgerStore

/// Closing finishes what was begun, and then nothing more begins.
@Suite struct ClosingTests {
    @Test func everythingSubmittedIsAnswered() async throws {
        let ledger = try TemporaryLedger()
        let gate = GateProjection()
        let writer = try ledger.openWriter(projection: gate)
        gate.shut()
        let accounts = try writer.submit(TemporaryLedger.accounts)
        await gate.writerArrived()
        let tickets = try (1...50).map { try writer.submit([TemporaryLedger.transfer(UInt128($0))]) }
        async let closed: Void = writer.close()
        async let closedAsWell: Void = writer.close()
        // Once nothing is let in any more, the writer may go on.
        while (try? writer.submit([TemporaryLedger.transfer(1 << 100)])) != nil { await Task.yield() }
        #expect(throws: StoreError.closed) { _ = try writer.submit([TemporaryLedger.transfer(1 << 101)]) }
        gate.open()
        _ = try await accounts.reply()
        for ticket in tickets { #expect(try await ticket.reply().results.map(\.status) == [.created]) }
        try await closed
        try await closedAsWell
        try await writer.close()
        #expect(try blocks(of: ledger.folder).last?.nextSequence ?? 0 >= 52)
    }

    @Test func aClosedWriterRefuses() async throws {
        let ledger = try TemporaryLedger()
        let writer = try ledger.openWriter()
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        try await writer.close()
        #expect(throws: StoreError.closed) { _ = try writer.submit(TemporaryLedger.accounts) }
        #expect(throws: StoreError.closed) { _ = try writer.transfer(1) }
        #expect(throws: StoreError.closed) { _ = try writer.reader.eventCount() }
    }

    @Test func closingBringsTheStateUpToDate() async throws {
        let ledger = try TemporaryLedger()
        let writer = try ledger.openWriter(flushCount: 1_000)
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        try await writer.close()
        #expect(try DerivedState.open(ledger.folder).1?.position.nextSequence == 2)
    }

    /// A writer that is dropped finishes by itself; until then it holds the ledger.
    @Test func aDroppedWriterGivesTheLedgerBack() async throws {
        let ledger = try TemporaryLedger()
        do {
            let writer = try ledger.openWriter()
            _ = try writer.submit(TemporaryLedger.accounts)
        }
        while true {
            do throws(StoreError) {
                let again = try ledger.openWriter()
                #expect(again.account(2) != nil)
                try await again.close()
                return
            } catch {
                guard case .locked = error else { throw error }
                await Task.yield()
            }
        }
    }

    @Test func anAnswerMayBeFetchedLate() async throws {
        let ledger = try TemporaryLedger()
        let writer = try ledger.openWriter()
        let ticket = try writer.submit(TemporaryLedger.accounts)
        try await writer.close()
        #expect(try await ticket.reply().results.count == 2)
    }
}
