import CryptoPrimitives
import Ledger
import Testing

@testable import LedgerStore

/// A reader sees whole commits in order, from where it asks to where it asks.
@Suite struct LedgerReaderTests {
    private func sequences(_ reader: LedgerReader, from start: UInt64 = 0, to end: UInt64? = nil) throws -> [UInt64] {
        var sequences: [UInt64] = []
        try reader.forEachBlock(from: start, to: end, mapping: { $0 }) { (block: Block) throws(StoreError) in
            sequences.append(block.firstSequence)
            return true
        }
        return sequences
    }

    /// Blocks start at 0, 2, 12, 22, 32 and 42.
    @Test func blocksAreThoseThatHoldTheEventsAskedFor() throws {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 5, blockSize: 10)
        let reader = try LedgerReader(ledger.folder)
        #expect(try reader.eventCount() == 52)
        #expect(try sequences(reader) == [0, 2, 12, 22, 32, 42])
        #expect(try sequences(reader, from: 12) == [12, 22, 32, 42])
        #expect(try sequences(reader, from: 21) == [12, 22, 32, 42])
        #expect(try sequences(reader, from: 13, to: 22) == [12])
        #expect(try sequences(reader, from: 13, to: 23) == [12, 22])
        #expect(try sequences(reader, to: 1) == [0])
        #expect(try sequences(reader, to: 0) == [])
        #expect(try sequences(reader, from: 51) == [42])
        #expect(try sequences(reader, from: 52) == [])
        #expect(try sequences(reader, from: 1_000, to: 2_000) == [])
        #expect(try sequences(reader, from: 51, to: 2_000) == [42])
        #expect(try sequences(reader, from: 45, to: .max) == [42])
    }

    @Test func aBlockIsFoundByAnyOfItsEvents() throws {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 3, blockSize: 10)
        let reader = try LedgerReader(ledger.folder)
        for (sequence, first) in [(0, 0), (1, 0), (2, 2), (11, 2), (12, 12), (31, 22)] as [(UInt64, UInt64)] {
            #expect(try reader.block(containing: sequence)?.firstSequence == first)
        }
        #expect(try reader.block(containing: 32) == nil)
        #expect(try reader.block(containing: .max) == nil)
        #expect(try reader.lastBlock()?.firstSequence == 22)
    }

    @Test func theBodyMayStopAndMayFail() throws {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 3, blockSize: 10)
        let reader = try LedgerReader(ledger.folder)
        struct Enough: Error, Equatable { let sequence: UInt64 }
        var count = 0
        try reader.forEachBlock(mapping: { $0 as any Error }) { (_: Block) throws(any Error) in
            count += 1
            return count < 2
        }
        #expect(count == 2)
        #expect(throws: Enough(sequence: 2)) {
            try reader.forEachBlock(mapping: { $0 as any Error }) { (block: Block) throws(any Error) in
                if block.firstSequence == 2 { throw Enough(sequence: 2) }
                return true
            }
        }
    }

    /// Tasks read without a pause while the writer writes and its map, 64 KiB at first, grows.
    @Test func readersInTheWritersProcessSeeWholeCommits() async throws {
        let ledger = try TemporaryLedger()
        let writer = try ledger.openWriter(flushCount: 500)
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        let isDone = Flag()
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    var next: UInt64 = 0
                    while !isDone.isRaised {
                        try writer.reader.forEachBlock(from: next, mapping: { $0 }) {
                            (block: Block) throws(StoreError) in
                            #expect(block.firstSequence == next)
                            next = block.nextSequence
                            return true
                        }
                        await Task.yield()
                    }
                    return next
                }
            }
            group.addTask {
                defer { isDone.raise() }
                for batch in UInt128(0)..<100 {
                    let transfers = (1...100).map { TemporaryLedger.transfer(batch << 32 | $0) }
                    _ = try await writer.submit(transfers).reply()
                }
                return 0
            }
            for try await _ in group {}
        }
        #expect(try writer.reader.eventCount() == 10_002)
        try await writer.close()
    }

    @Test func theFlushedProjectionIsThatOfTheLastFlush() throws {
        let ledger = try TemporaryLedger()
        #expect(try LedgerReader(ledger.folder).flushedProjection() == nil)
        let projection = DigestProjection()
        var engine = try ledger.openEngine(projection: projection)
        _ = try engine.decide(TemporaryLedger.accounts, details: [], now: 1_000)
        try engine.commit()
        try engine.flush()
        let flushed = projection.value
        _ = try engine.decide([TemporaryLedger.transfer(1)], details: [], now: 1_000)
        try engine.commit()
        engine.close()
        let found = try #require(try LedgerReader(ledger.folder).flushedProjection())
        #expect(found.nextSequence == 2 && found.snapshot == flushed.bytes)

        for name in StateHeadFiles.names {
            var file = try RawFile(ledger.folder.statePath + "/" + name)
            for place in file.bytes.indices { file.bytes[place] = 0 }
            try file.save()
        }
        #expect(try LedgerReader(ledger.folder).flushedProjection() == nil)
    }
}
