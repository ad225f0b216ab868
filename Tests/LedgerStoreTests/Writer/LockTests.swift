import CryptoPrimitives
import Foundation
import Glibc
import Ledger
import Testing

@testable import LedgerStore

/// One process writes a ledger, any number read it.
@Suite struct LockTests {
    private func expectLocked(_ ledger: TemporaryLedger, by pid: Int32) throws {
        let error = #expect(throws: StoreError.self) { _ = try ledger.openWriter() }
        guard case .locked(ledger.folder.path, let holder) = error else { throw try #require(error) }
        #expect(holder.contains("process \(pid) "), "\(holder)")
    }

    @Test func aSecondWriterIsToldWhoHoldsTheLedger() async throws {
        let ledger = try TemporaryLedger()
        let child = try ChildProcess("hold", ledger.folder.path)
        #expect(await child.line() == "open")
        try expectLocked(ledger, by: child.pid)
        // Reading goes on.
        #expect(try LedgerReader(ledger.folder).eventCount() == 0)

        try child.endInput()
        #expect(await child.line() == "closed")
        let writer = try ledger.openWriter()
        let other = try ChildProcess("hold", ledger.folder.path)
        let refusal = try #require(await other.line())
        #expect(refusal.hasPrefix("refused: ") && refusal.contains("process \(getpid()) "), "\(refusal)")
        try await writer.close()
    }

    @Test func aKilledWriterHoldsNothing() async throws {
        let ledger = try TemporaryLedger()
        #expect(ledger.folder.writer == nil)
        let child = try ChildProcess("hold", ledger.folder.path)
        #expect(await child.line() == "open")
        #expect(ledger.folder.writer?.hasPrefix("process \(child.pid) ") == true)
        child.kill()
        await child.exit()
        // Its name is still in the file.
        #expect(try Data(contentsOf: URL(filePath: ledger.folder.path + "/writer.lock")).count > 8)
        #expect(ledger.folder.writer == nil)
        try await ledger.openWriter().close()
    }

    @Test func aWriterOfTheSameProcessIsASecondOneToo() async throws {
        let ledger = try TemporaryLedger()
        let writer = try ledger.openWriter()
        #expect(ledger.folder.writer?.hasPrefix("process \(getpid()) ") == true)
        // Asking takes nothing away.
        try expectLocked(ledger, by: getpid())
        try await writer.close()
        try await ledger.openWriter().close()
    }

    @Test func aFailedOpeningGivesTheLockBack() async throws {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 3, blockSize: 3)
        try ledger.folder.removeState()
        let whole = try RawFile(ledger.folder.logPath + "/data.mdb")
        var damaged = whole
        try damaged.flip(48, after: 5)
        try damaged.save()
        #expect(throws: StoreError.self) { _ = try ledger.openWriter() }
        try whole.save()
        try await ledger.openWriter().close()
    }

    /// Both maps start at 64 KiB here: the reader follows the writer through every growth.
    @Test func readersInOtherProcessesSeeWholeCommitsAndFollowTheMap() async throws {
        let ledger = try TemporaryLedger()
        let log = try Log(path: ledger.folder.logPath, isReadOnly: true, mapSize: 65_536)
        let reader = LedgerReader(folder: ledger.folder, log: log)
        let child = try ChildProcess("write", ledger.folder.path, "65536", "1000", "500")
        var next: UInt64 = 0
        var last: Block?
        while next < 40_000 {
            try reader.forEachBlock(from: next, mapping: { $0 }) { (block: Block) throws(StoreError) in
                #expect(block.firstSequence == next && block.previousChecksum == last?.checksum ?? .zero)
                #expect(block.operation == .createAccounts || block.count % 500 == 0, "a request is in one block")
                next = block.nextSequence
                last = block
                return true
            }
            #expect(try reader.eventCount() >= next)
        }
        child.kill()
        await child.exit()
    }
}
