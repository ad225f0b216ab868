import Foundation
import Ledger
import Testing

@testable import LedgerStore

/// A full or write-protected disk is an answer, not an accident.
@Suite(.enabled(if: SmallDisk.isPermitted, "mounting a tmpfs is not permitted here")) struct DiskTests {
    /// Ids and sequences of all transfers that were acknowledged before the disk was full.
    private func write(
        _ batchSize: Int, to writer: LedgerWriter, from firstID: UInt128 = 1
    ) async throws -> (acknowledged: [UInt128: UInt64], error: StoreError) {
        var acknowledged: [UInt128: UInt64] = [:]
        var next = firstID
        while true {
            let ids = next..<(next + UInt128(batchSize))
            next = ids.upperBound
            do throws(StoreError) {
                let reply = try await writer.submit(ids.map { TemporaryLedger.transfer($0) }).reply()
                for (place, id) in ids.enumerated() { acknowledged[id] = reply.firstSequence + UInt64(place) }
            } catch {
                return (acknowledged, error)
            }
        }
    }

    /// Small and large commits meet the end of the disk in different places: the tree's pages or the block's.
    @Test(arguments: [1, 100, 3_000]) func aFullDiskLosesNothingThatWasAcknowledged(_ batchSize: Int) async throws {
        let disk = try SmallDisk(megabytes: batchSize == 1 ? 2 : 8)
        let ledger = try TemporaryLedger(in: disk.path)
        let writer = try ledger.openWriter(flushCount: 1_000)
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        let (acknowledged, error) = try await write(batchSize, to: writer)
        guard case .diskFull = error else { throw error }
        #expect(acknowledged.count >= 2 * batchSize)

        // From now on nobody is told that anything went well.
        let late = try writer.submit([TemporaryLedger.transfer(1 << 100)])
        await #expect(throws: StoreError.failed(reason: error.description)) { _ = try await late.reply() }
        // What found no room is not shown, though it was decided.
        #expect(writer.account(1)?.debitsPosted == UInt128(acknowledged.count))
        try? await writer.close()

        try disk.remount("size=64m")
        let again = try ledger.openWriter(flushCount: 1_000)
        #expect(try acknowledgedEventsAreThere(acknowledged, in: blocks(of: ledger.folder, with: again.reader)))
        let more = try await again.submit([TemporaryLedger.transfer(1 << 100)]).reply()
        #expect(more.results.map(\.status) == [.created])
        try await again.close()
        #expect(try blocks(of: ledger.folder).last?.nextSequence == more.firstSequence + 1)
    }

    @Test func aLedgerOnAFullDiskCanBeRead() async throws {
        let disk = try SmallDisk(megabytes: 4)
        let ledger = try TemporaryLedger(in: disk.path)
        try ledger.fill(blockCount: 10, blockSize: 10)
        try disk.fill()
        #expect(try blocks(of: ledger.folder).count == 11)
        // A writer opens too, and says so when there is something to write.
        let writer = try ledger.openWriter()
        let (acknowledged, error) = try await write(100, to: writer, from: 1_000)
        guard case .diskFull = error else { throw error }
        try? await writer.close()
        let eventCount = UInt64(102 + acknowledged.count)

        try disk.relieve()
        let again = try ledger.openWriter()
        #expect(try await again.submit([TemporaryLedger.transfer(1 << 100)]).reply().firstSequence == eventCount)
        try await again.close()
    }

    /// The log has a disk of its own here: only what could be computed again finds no room.
    @Test(.timeLimit(.minutes(1))) func aStateThatFindsNoRoomIsReportedAndLeft() async throws {
        let ledger = try TemporaryLedger()
        let disk = try SmallDisk(megabytes: 1)
        try FileManager.default.createSymbolicLink(
            atPath: ledger.folder.statePath, withDestinationPath: disk.path)
        let writer = try ledger.openWriter(flushCount: 20_000)
        _ = try await writer.submit(TemporaryLedger.accounts).reply()
        let (acknowledged, error) = try await write(1_000, to: writer)
        guard case .diskFull = error else { throw error }
        try? await writer.close()
        #expect(try acknowledgedEventsAreThere(acknowledged, in: blocks(of: ledger.folder)))
    }

    @Test func noLedgerIsCreatedOnAFullDisk() throws {
        let disk = try SmallDisk(megabytes: 1)
        try disk.fill()
        let folder = LedgerFolder(path: disk.path + "/ledger")
        #expect(throws: StoreError.self) { try folder.create(origin: "o", created: "c") }
        #expect(throws: StoreError.self) { try folder.manifest() }
    }

    @Test func aWriteProtectedLedgerIsReadButNotWritten() async throws {
        let disk = try SmallDisk(megabytes: 8)
        let ledger = try TemporaryLedger(in: disk.path)
        try ledger.fill(blockCount: 10, blockSize: 10)
        try disk.remount("ro")
        let error = #expect(throws: StoreError.self) { _ = try ledger.openWriter() }
        guard case .readOnly = error else { throw try #require(error) }
        #expect(try blocks(of: ledger.folder).count == 11)
        let other = LedgerFolder(path: disk.path + "/other")
        #expect(throws: StoreError.readOnly(path: other.path)) { try other.create(origin: "o", created: "c") }
        try disk.remount("rw")
    }
}
