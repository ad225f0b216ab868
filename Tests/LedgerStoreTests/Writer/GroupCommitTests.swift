import CryptoPrimitives
import Ledger
import Testing

@testable import LedgerStore

/// Requests share commits, and nobody can tell from the answers.
@Suite struct GroupCommitTests {
    private static func ids(_ first: UInt128, _ count: Int) -> [Transfer] {
        (0..<count).map { TemporaryLedger.transfer(first + UInt128($0)) }
    }

    /// A writer that stands at the shut gate with the accounts on disk: what is submitted now comes together.
    private func gathering(
        _ ledger: TemporaryLedger, queuedEventCountMax: Int = LedgerWriter.queuedEventCountMax
    ) async throws -> (LedgerWriter, GateProjection) {
        let gate = GateProjection()
        let writer = try ledger.openWriter(projection: gate, queuedEventCountMax: queuedEventCountMax)
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        gate.shut()
        _ = try writer.submit(Self.ids(1 << 64, 1))
        await gate.writerArrived()
        return (writer, gate)
    }

    @Test func manyTasksAreAllAnsweredInTheirOrder() async throws {
        let ledger = try TemporaryLedger()
        let writer = try ledger.openWriter()
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        let ranges = try await withThrowingTaskGroup { group in
            for task in UInt128(0)..<64 {
                group.addTask {
                    // Two requests are always under way, so that order is not only a matter of waiting.
                    var tickets: [Ticket<CreateTransferStatus>] = []
                    var ranges: [Range<UInt64>] = []
                    func take() async throws {
                        let reply = try await tickets.removeFirst().reply()
                        #expect(reply.results.allSatisfy { $0.status == .created })
                        ranges.append(reply.firstSequence..<(reply.firstSequence + UInt64(reply.results.count)))
                    }
                    for request in UInt128(0)..<30 {
                        let count = Int(1 + (task + request) % 5)
                        tickets.append(try writer.submit(Self.ids(task << 64 | request << 8 | 1, count)))
                        if tickets.count == 2 { try await take() }
                    }
                    try await take()
                    #expect(
                        zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "task \(task)")
                    return ranges
                }
            }
            var ranges: [Range<UInt64>] = []
            for try await some in group { ranges += some }
            return ranges.sorted { $0.lowerBound < $1.lowerBound }
        }
        #expect(ranges.count == 64 * 30)
        #expect(ranges.first?.lowerBound == 2)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound }, "no gap, no overlap")
        #expect(try writer.reader.eventCount() == ranges.last?.upperBound)
        // What the answers say is what the log has.
        let blocks = try blocks(of: ledger.folder, with: writer.reader)
        var timestamps: [UInt64] = []
        for block in blocks { block.forEachEvent { timestamps.append($0.timestamp) } }
        #expect(zip(timestamps, timestamps.dropFirst()).allSatisfy(<), "timestamps ascend")
        #expect(writer.account(1)?.debitsPosted == UInt128(timestamps.count - 2))
        try await writer.close()
    }

    /// Callers that lend their threads, between others that do not.
    @Test func whoeverLeadsEverybodyIsAnswered() async throws {
        let ledger = try TemporaryLedger()
        let writer = try ledger.openWriter()
        _ = try await writer.create(TemporaryLedger.accounts)
        let sequences = try await withThrowingTaskGroup { group in
            for task in UInt128(1)...32 {
                group.addTask {
                    var sequences: [UInt64] = []
                    for request in UInt128(0)..<50 {
                        let transfers = Self.ids(task << 64 | request, 1)
                        let reply =
                            (task + request) % 5 == 0
                            ? try await writer.submit(transfers).reply() : try await writer.create(transfers)
                        #expect(reply.results.map(\.status) == [.created])
                        sequences.append(reply.firstSequence)
                    }
                    #expect(zip(sequences, sequences.dropFirst()).allSatisfy(<), "task \(task)")
                    return sequences
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(sequences.sorted() == Array(2..<(2 + 32 * 50)))
        #expect(writer.account(1)?.debitsPosted == UInt128(32 * 50))
        try await writer.close()
        #expect(throws: StoreError.closed) { _ = try writer.submit(TemporaryLedger.accounts) }
    }

    @Test func requestsThatComeTogetherShareABlock() async throws {
        let ledger = try TemporaryLedger()
        let (writer, gate) = try await gathering(ledger)
        let tickets = try (0..<10).map { try writer.submit(Self.ids(UInt128($0) << 8 | 1, 3)) }
        gate.open()
        var firsts: [UInt64] = []
        for ticket in tickets { firsts.append(try await ticket.reply().firstSequence) }
        #expect(firsts == stride(from: 3, to: 33, by: 3).map { $0 })
        #expect(try blocks(of: ledger.folder, with: writer.reader).map(\.count) == [2, 1, 30])
        try await writer.close()
    }

    @Test func kindsOfRequestsKeepTheirOrder() async throws {
        let ledger = try TemporaryLedger()
        let (writer, gate) = try await gathering(ledger)
        let early = try writer.submit([Transfer(id: 1, debit: 1, credit: 9, amount: 1, ledger: 1, code: 8)])
        let account = try writer.submit([Account(id: 9, ledger: 1, code: 8)])
        let late = try writer.submit([Transfer(id: 2, debit: 1, credit: 9, amount: 1, ledger: 1, code: 8)])
        gate.open()
        #expect(try await early.reply().results.map(\.status) == [.creditAccountNotFound])
        #expect(try await account.reply().results.map(\.status) == [.created])
        #expect(try await late.reply().results.map(\.status) == [.created])
        try await writer.close()
    }

    @Test func aBlockHoldsNoMoreThanABatchMay() async throws {
        let ledger = try TemporaryLedger()
        let (writer, gate) = try await gathering(ledger)
        let tickets = try (0..<5).map { try writer.submit(Self.ids(UInt128($0) << 32 | 1, 3_000)) }
        gate.open()
        for ticket in tickets { #expect(try await ticket.reply().results.allSatisfy { $0.status == .created }) }
        #expect(try blocks(of: ledger.folder, with: writer.reader).map(\.count) == [2, 1, 6_000, 6_000, 3_000])
        try await writer.close()
    }

    /// A chain left open fails alone, and an import stays an import: merged, either would draw its neighbour in.
    @Test func requestsWhoseBorderMattersStayAlone() async throws {
        let openChain = [TemporaryLedger.transfer(21), TemporaryLedger.transfer(22, flags: .linked)]
        var imported = TemporaryLedger.transfer(31, flags: .imported)
        imported.timestamp = 2_000
        let requests: [[Transfer]] = [
            [TemporaryLedger.transfer(11)], openChain, [TemporaryLedger.transfer(12)], [imported],
            [TemporaryLedger.transfer(13)], openChain, [imported], [TemporaryLedger.transfer(14)],
        ]
        let importedAccounts = [1, 2].map {
            Account(id: $0, ledger: 1, code: 8, flags: .imported, timestamp: UInt64($0))
        }
        func statuses(together: Bool) async throws -> [[CreateTransferStatus]] {
            let ledger = try TemporaryLedger()
            let gate = GateProjection()
            let writer = try ledger.openWriter(projection: gate)
            if together { gate.shut() }
            let accounts = try writer.submit(importedAccounts)
            if together { await gate.writerArrived() }
            var statuses: [[CreateTransferStatus]] = []
            var tickets: [Ticket<CreateTransferStatus>] = []
            for request in requests {
                let ticket = try writer.submit(request)
                if together {
                    tickets.append(ticket)
                } else {
                    statuses.append(try await ticket.reply().results.map(\.status))
                }
            }
            gate.open()
            _ = try await accounts.reply()
            for ticket in tickets { statuses.append(try await ticket.reply().results.map(\.status)) }
            try await writer.close()
            return statuses
        }
        let alone = try await statuses(together: false)
        #expect(try await statuses(together: true) == alone)
        #expect(alone[1] == [.created, .linkedEventChainOpen])
    }

    @Test func detailsFollowTheirEventsIntoTheSharedBlock() async throws {
        let ledger = try TemporaryLedger()
        let (writer, gate) = try await gathering(ledger)
        func details(_ index: Int, _ byte: UInt8) -> EventDetails {
            EventDetails(index: index, sealed: [byte, byte], commitment: BlockTests.digest(byte))
        }
        // In no order: the store puts them into theirs.
        let first = try writer.submit(Self.ids(1, 3), details: [details(2, 12), details(0, 10)])
        let second = try writer.submit(Self.ids(11, 2), details: [details(1, 21)])
        gate.open()
        #expect(try await first.reply().firstSequence == 3)
        #expect(try await second.reply().firstSequence == 6)
        let block = try #require(try writer.reader.block(containing: 3))
        #expect(block.commitments.map(\.index) == [0, 2, 4])
        #expect(block.commitments.map(\.digest) == [10, 12, 21].map(BlockTests.digest))
        for (sequence, sealed) in [(3, [10, 10]), (4, nil), (5, [12, 12]), (6, nil), (7, [21, 21])]
            as [(UInt64, [UInt8]?)]
        {
            #expect(try writer.reader.sealedDetails(of: sequence) == sealed)
        }
        try await writer.close()
    }

    @Test func tooMuchAtOnceIsRefusedAndNothingElse() async throws {
        let ledger = try TemporaryLedger()
        let (writer, gate) = try await gathering(ledger, queuedEventCountMax: 10)
        let accepted = try (0..<3).map { try writer.submit(Self.ids(UInt128($0) << 8 | 1, 3)) }
        #expect(throws: StoreError.overloaded(queuedEvents: 9)) { _ = try writer.submit(Self.ids(1 << 90, 2)) }
        let last = try writer.submit(Self.ids(1 << 91, 1))
        gate.open()
        for ticket in accepted { _ = try await ticket.reply() }
        _ = try await last.reply()
        #expect(try writer.transfer(1 << 90) == nil)
        // The queue is free again.
        #expect(try await writer.submit(Self.ids(1 << 90, 2)).reply().results.map(\.status) == [.created, .created])
        try await writer.close()
    }

    @Test(arguments: [0, Block.eventCountMax + 1]) func aBatchHasOneEventAtLeastAndABlockfulAtMost(_ count: Int)
        async throws
    {
        let ledger = try TemporaryLedger()
        let writer = try ledger.openWriter()
        let error = StoreError.batchTooLarge(count: count, limit: 8189)
        #expect(throws: error) { _ = try writer.submit(Self.ids(1, count)) }
        #expect(throws: error) { _ = try writer.submit(Array(repeating: TemporaryLedger.accounts[0], count: count)) }
        try await writer.close()
    }
}

/// A clock of the host's that takes its time holds up the writer, and nobody who hands a request over.
@Suite(.timeLimit(.minutes(1))) struct SlowClockTests {
    @Test func submittingDoesNotWaitForTheClock() async throws {
        let ledger = try TemporaryLedger()
        let gate = GateProjection()
        let writer = try ledger.openWriter {
            gate.apply(Block())
            return 1_000
        }
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        gate.shut()
        var tickets = [try writer.submit([TemporaryLedger.transfer(1)])]
        await gate.writerArrived()
        for id in UInt128(2)...20 { tickets.append(try writer.submit([TemporaryLedger.transfer(id)])) }
        #expect(writer.account(1)?.debitsPosted == 0)
        gate.open()
        for ticket in tickets { #expect(try await ticket.reply().results.map(\.status) == [.created]) }
        try await writer.close()
    }
}
