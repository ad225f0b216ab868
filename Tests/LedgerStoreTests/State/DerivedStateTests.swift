import CryptoPrimitives
import Foundation
import Ledger
import Testing

@testable import LedgerStore

/// `state/` is believed only as far as the log beside it bears it out.
@Suite struct DerivedStateTests {
    private func copy(_ part: (LedgerFolder) -> String, from: TemporaryLedger, to: TemporaryLedger) throws {
        try? FileManager.default.removeItem(atPath: part(to.folder))
        try FileManager.default.copyItem(atPath: part(from.folder), toPath: part(to.folder))
    }

    /// The content of a ledger as the log alone has it, and as it opens.
    private func expectOpensAsTheLogSays(_ ledger: TemporaryLedger) throws {
        let projection = DigestProjection()
        var engine = try ledger.openEngine(projection: projection)
        let (opened, folded) = (engine.contentDigest, projection.value)
        engine.close()
        try ledger.folder.removeState()
        engine = try ledger.openEngine(projection: projection)
        #expect(opened == engine.contentDigest)
        #expect(folded == projection.value)
        engine.close()
    }

    @Test func theStateOfAnotherLedgerIsNotBelieved() throws {
        let ledger = try TemporaryLedger()
        let other = try TemporaryLedger()
        try ledger.fill(blockCount: 5, blockSize: 10)
        try other.fill(blockCount: 10, blockSize: 5)  // ends at the same event
        try copy(\.statePath, from: other, to: ledger)
        try expectOpensAsTheLogSays(ledger)
    }

    @Test func theStateOfALogThatWasRolledBackIsNotBelieved() throws {
        let ledger = try TemporaryLedger()
        let earlier = try TemporaryLedger()
        try ledger.fill(blockCount: 5, blockSize: 10)
        try copy(\.logPath, from: ledger, to: earlier)
        var engine = try ledger.openEngine(projection: DigestProjection())
        _ = try engine.decide([TemporaryLedger.transfer(1_000)], details: [], now: 0)
        try engine.commit()
        try engine.flush()
        engine.close()
        try copy(\.logPath, from: earlier, to: ledger)
        try expectOpensAsTheLogSays(ledger)
        #expect(try blocks(of: ledger.folder).count == 6)
    }

    /// Rolled back and written on: the state reaches a position that the log has too, but in another history.
    @Test func theStateOfAnotherHistoryIsNotBelieved() throws {
        let ledger = try TemporaryLedger()
        let fork = try TemporaryLedger()
        try ledger.fill(blockCount: 5, blockSize: 10)
        try copy(\.logPath, from: ledger, to: fork)
        for (branch, amount) in [(ledger, 10), (fork, 20)] as [(TemporaryLedger, UInt128)] {
            var engine = try branch.openEngine(projection: DigestProjection())
            _ = try engine.decide([TemporaryLedger.transfer(1_000, amount: amount)], details: [], now: 0)
            try engine.commit()
            try engine.flush()
            engine.close()
        }
        try copy(\.statePath, from: ledger, to: fork)
        try expectOpensAsTheLogSays(fork)
    }

    /// Every file of the state.
    private func stateFiles(_ ledger: TemporaryLedger) throws -> [String] {
        let folder = ledger.folder.statePath
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { folder + "/" + $0 }
    }

    @Test(arguments: [0, 0.3, 0.6, 0.95]) func aStateCutShortIsRebuilt(_ part: Double) throws {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 50, blockSize: 20)
        for path in try stateFiles(ledger) {
            var file = try RawFile(path)
            file.bytes.removeLast(file.bytes.count - Int(Double(file.bytes.count) * part))
            try file.save()
        }
        try expectOpensAsTheLogSays(ledger)
    }

    @Test func aStateThatIsNoStateIsRebuilt() throws {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 3, blockSize: 7)
        for path in try stateFiles(ledger) {
            var file = try RawFile(path)
            for place in file.bytes.indices { file.bytes[place] = UInt8(truncatingIfNeeded: place &* 31) }
            try file.save()
        }
        try expectOpensAsTheLogSays(ledger)
    }

    @Test func aSnapshotThatTheProjectionRefusesLeadsToARebuild() throws {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 3, blockSize: 7, projection: NoProjection())  // an empty snapshot is no digest
        try expectOpensAsTheLogSays(ledger)
    }

    /// Refused events are remembered too, so they count towards the next flush.
    @Test func refusedEventsDoNotPileUpInMemory() throws {
        let ledger = try TemporaryLedger()
        var engine = try ledger.openEngine(flushCount: 10)
        for id in UInt128(1)...25 {
            // There are no accounts: refused for a transient reason, and never usable again.
            _ = try engine.decide([TemporaryLedger.transfer(id)], details: [], now: 0)
            try engine.commit()
            try engine.flushIfDue()
        }
        engine.close()
        let (state, snapshot) = try DerivedState.open(ledger.folder)
        let segments = try #require(snapshot).segments
        #expect(snapshot?.position.nextSequence == 20)
        let log = try Log(path: ledger.folder.logPath, isReadOnly: true)
        let history = FlushedHistory(log: log, state: state, segments: segments, arriving: nil)
        #expect(try history.place(of: 3) == .failed)
        #expect(try history.place(of: 24) == nil)
        log.close()
        engine = try ledger.openEngine()
        #expect(
            try engine.decide([TemporaryLedger.transfer(3)], details: [], now: 0).map(\.status) == [.idAlreadyFailed])
        #expect(
            try engine.decide([TemporaryLedger.transfer(24)], details: [], now: 0).map(\.status) == [.idAlreadyFailed])
        engine.close()
    }

    /// Timestamps are unique among accounts and transfers: an import may meet one that is known on disk only.
    @Test func importsMeetFlushedTransfersAndResolutions() throws {
        let ledger = try TemporaryLedger()
        var engine = try ledger.openEngine()
        _ = try engine.decide(TemporaryLedger.accounts, details: [], now: 1_000)
        let transfers = [TemporaryLedger.transfer(1), TemporaryLedger.transfer(2, flags: .pending)]
        _ = try engine.decide(transfers, details: [], now: 2_000)
        let post = Transfer(id: 3, amount: Transfer.amountMax, pendingID: 2, flags: .postPendingTransfer)
        #expect(try engine.decide([post], details: [], now: 3_000).map(\.status) == [.created])
        try engine.commit()
        try engine.flush()

        let imported = [2_000, 2_001].map {
            Account(id: UInt128($0), ledger: 1, code: 8, flags: .imported, timestamp: $0)
        }
        #expect(
            try engine.decide(imported, details: [], now: 4_000).map(\.status)
                == [.importedEventTimestampMustNotRegress, .created])
        let void = Transfer(id: 4, pendingID: 2, flags: .voidPendingTransfer)
        #expect(try engine.decide([void], details: [], now: 5_000).map(\.status) == [.pendingTransferAlreadyPosted])
        #expect(try engine.decide([transfers[0], post], details: [], now: 6_000).map(\.status) == [.exists, .exists])
        engine.close()
    }

    @Test func theSameLogGivesTheSameStateOnEveryMachine() throws {
        let ledger = try TemporaryLedger()
        try ledger.fill(blockCount: 5, blockSize: 10)
        let first = try content(of: ledger)
        try ledger.folder.removeState()
        var engine = try ledger.openEngine(projection: DigestProjection())
        try engine.flush()
        engine.close()
        #expect(try content(of: ledger) == first)
    }

    /// Everything a flush wrote. Pages of the file are not compared: where LMDB puts them depends on its free list.
    private func content(of ledger: TemporaryLedger) throws -> [[UInt8]] {
        let flushed = try #require(try DerivedState.open(ledger.folder).1)
        return [
            bytes(of: [flushed.position]), bytes(of: flushed.accounts), bytes(of: flushed.openTransfers),
            flushed.projection, bytes(of: flushed.segments.map(\.descriptor)),
        ]
    }

    private func bytes<Record: BitwiseCopyable>(of records: [Record]) -> [UInt8] {
        (unsafe records.span.bytes).array
    }
}
