import CryptoPrimitives
import Foundation
import Ledger
import Testing

@testable import LedgerStore

/// What was changed, lost or put in another place on disk is named, and what comes before it stays readable.
@Suite struct LogDamageTests {
    /// Block *n* > 0 of these ledgers starts at 2 + (n − 1) × 10.
    private func filledLedger() throws -> TemporaryLedger {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 20, blockSize: 10)
        return ledger
    }

    /// What a reader hands out before it stops, and why it does.
    private func readable(_ ledger: TemporaryLedger) throws -> (blocks: [Block], error: StoreError?) {
        let reader = try LedgerReader(ledger.folder)
        var blocks: [Block] = []
        do throws(StoreError) {
            try reader.forEachBlock(mapping: { $0 }) { (block: Block) throws(StoreError) in
                blocks.append(block)
                return true
            }
            return (blocks, nil)
        } catch {
            return (blocks, error)
        }
    }

    /// The first, one in the middle and the last block, each at several fields of a record in it.
    @Test(arguments: [0, 1, 9, 20], [0, 16, 48, 90, 127])
    func aFlippedByteIsFoundWhereItIs(_ blockIndex: Int, _ field: Int) throws {
        let ledger = try filledLedger()
        let block = try blocks(of: ledger.folder)[blockIndex]
        // Found by its checksum: ids of accounts occur in every transfer.
        let checksum = block.checksum.bytes
        var file = try RawFile(ledger.folder.logPath + "/data.mdb")
        let places = file.bytes.indices.dropLast(16).filter {
            file.bytes[$0] == checksum[0] && Array(file.bytes[$0..<($0 + 16)]) == checksum
        }
        // The block's own checksum stands at the end of its header, its successor's copy of it before the end of that
        // one. Copies that a commit left behind are damaged along.
        let starts = places.map { $0 - Block.Layout.checksum }.filter {
            Array(file.bytes[$0..<($0 + 4)]) == Array("KLK1".utf8)
        }
        try #require(!starts.isEmpty)
        for start in starts { file.bytes[start + Block.Layout.headerSize + field] ^= 0x10 }
        try file.save()

        let (blocks, error) = try readable(ledger)
        #expect(blocks.count == blockIndex)
        #expect(
            error
                == .damaged(
                    path: ledger.folder.logPath, sequence: block.firstSequence,
                    reason: "the block's checksum does not match its bytes"))
    }

    @Test func aRebuildStopsAtDamageInsteadOfBelievingIt() throws {
        let ledger = try filledLedger()
        var file = try RawFile(ledger.folder.logPath + "/data.mdb")
        try file.flip(48, after: 55)
        try file.save()
        try ledger.folder.removeState()
        let error = #expect(throws: StoreError.self) { _ = try ledger.openWriter() }
        #expect(
            error
                == .damaged(
                    path: ledger.folder.logPath, sequence: 52, reason: "the block's checksum does not match its bytes"))
    }

    /// With the state at hand the old blocks are not read at opening; but none of their records decides anything unread.
    @Test func aDamagedRecordDecidesNothing() async throws {
        let ledger = try filledLedger()
        var file = try RawFile(ledger.folder.logPath + "/data.mdb")
        try file.flip(48, after: 55)
        try file.save()
        let writer = try ledger.openWriter()
        let ticket = try writer.submit([TemporaryLedger.transfer(55)])
        let error = await #expect(throws: StoreError.self) { _ = try await ticket.reply() }
        guard case .damaged = error else { throw try #require(error) }
        try? await writer.close()
    }

    @Test(arguments: [0, 1, 9, 19]) func aRemovedBlockIsMissed(_ blockIndex: Int) throws {
        let ledger = try filledLedger()
        let removed = try blocks(of: ledger.folder)[blockIndex]
        let environment = try Environment(path: ledger.folder.logPath, options: .init())
        let table = try environment.table(nil)
        try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
            try transaction.delete(Key(removed.firstSequence), in: table)
        }
        environment.close()

        let (blocks, error) = try readable(ledger)
        #expect(blocks.count == blockIndex)
        guard case .damaged(_, removed.firstSequence, _) = error else { throw try #require(error) }
        try ledger.folder.removeState()
        #expect(throws: StoreError.self) { _ = try ledger.openWriter() }
    }

    /// Whole blocks with right checksums, in a wrong order: only the chain tells.
    @Test func aReplacedBlockBreaksTheChain() throws {
        let ledger = try filledLedger()
        var forged = try blocks(of: ledger.folder)[9]
        forged.transfers[3].amount = 1_000_000
        forged.seal(after: forged.previousChecksum)
        try put(forged, in: ledger)

        let (blocks, error) = try readable(ledger)
        #expect(blocks.count == 10)
        #expect(
            error
                == .damaged(path: ledger.folder.logPath, sequence: 92, reason: "block 92 does not follow block 82"))
    }

    /// The checksums of all later blocks were computed anew as well: the results still do not follow from the events.
    @Test func aForgedResultIsFoundByDecidingAgain() throws {
        let ledger = try filledLedger()
        var previous: Block?
        for var block in try blocks(of: ledger.folder) {
            if block.firstSequence == 82 {
                block.exceptions = [.init(index: 3, status: CreateTransferStatus.exceedsCredits.rawValue)]
            }
            block.seal(after: previous?.checksum ?? .zero)
            try put(block, in: ledger)
            previous = block
        }
        try ledger.folder.removeState()
        let error = #expect(throws: StoreError.self) { _ = try ledger.openWriter() }
        #expect(
            error
                == .damaged(
                    path: ledger.folder.logPath, sequence: 82,
                    reason: "the recorded results do not follow from the events"))
    }

    private func put(_ block: Block, in ledger: TemporaryLedger) throws {
        let environment = try Environment(path: ledger.folder.logPath, options: .init())
        let table = try environment.table(nil)
        let bytes = BlockTests.bytes(of: block)
        try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
            try transaction.put(unsafe bytes.span.bytes, at: Key(block.firstSequence), in: table)
        }
        environment.close()
    }

    /// What ends in the middle must not end the process; it is named, unless only pages are missing that nobody needs.
    @Test(arguments: [0.3, 0.6, 0.95]) func aLogCutShortIsDamaged(_ part: Double) throws {
        let ledger = try filledLedger()
        let whole = try blocks(of: ledger.folder)
        var file = try RawFile(ledger.folder.logPath + "/data.mdb")
        file.bytes.removeLast(file.bytes.count - Int(Double(file.bytes.count) * part))
        try file.save()
        let error = #expect(throws: StoreError.self) { _ = try LedgerReader(ledger.folder) }
        guard case .damaged = error else { throw try #require(error) }
        try ledger.folder.removeState()
        do throws(StoreError) {
            var engine = try ledger.openEngine()
            engine.close()
        } catch {
            guard case .damaged = error else { throw error }
            return
        }
        #expect(try blocks(of: ledger.folder) == whole)
    }

    @Test func aLogThatIsNoLogIsDamaged() throws {
        let ledger = try filledLedger()
        var file = try RawFile(ledger.folder.logPath + "/data.mdb")
        for place in file.bytes.indices { file.bytes[place] = UInt8(truncatingIfNeeded: place &* 31) }
        try file.save()
        let error = #expect(throws: StoreError.self) { _ = try LedgerReader(ledger.folder) }
        guard case .damaged = error else { throw try #require(error) }
    }

    /// A log that is gone is not a new one.
    @Test func aMissingLogIsNotAnEmptyOne() throws {
        let ledger = try filledLedger()
        try FileManager.default.removeItem(atPath: ledger.folder.logPath + "/data.mdb")
        for open in [{ _ = try ledger.openWriter() }, { _ = try LedgerReader(ledger.folder) }] {
            let error = #expect(throws: StoreError.self) { try open() }
            guard case .notALedger = error else { throw try #require(error) }
        }
        #expect(!FileManager.default.fileExists(atPath: ledger.folder.logPath + "/data.mdb"))
    }
}
