import Foundation
import Ledger
import Testing

@testable import LedgerStore

/// Bytes of `state/` that are not what was written decide nothing: what is asked gets the answers of an undamaged ledger,
/// or an error that names the state, and the next opening has everything as a rebuild has it.
@Suite struct StateDecayTests {
    /// Kinds of ids, pending transfers and what became of them, in segments of several levels.
    private static func fill(_ ledger: TemporaryLedger) throws {
        var engine = try open(ledger)
        var accounts = (UInt128(1)...6).map { Account(id: $0, ledger: 1, code: 8) }
        accounts[0].flags = .history
        accounts[5].flags = .debitsMustNotExceedCredits
        _ = try engine.decide(accounts, details: [], now: 1_000)
        for round in UInt64(0)..<30 {
            _ = try engine.decide(
                (0..<8).map { transfer(round, $0) }, details: [], now: 10_000 + round * 2_000_000_000)
            engine.expire(now: 10_000 + round * 2_000_000_000 + 1_000_000_000)
            try engine.commit()
            try engine.flush()
            while engine.segmentCount > 8 { try engine.flushIfDue() }
        }
        engine.close()
    }

    private static func id(_ round: UInt64, _ index: UInt64) -> UInt128 {
        (UInt128(round * 8 + index) + 1) &* 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835
    }

    private static func transfer(_ round: UInt64, _ index: UInt64) -> Transfer {
        var transfer = Transfer(
            id: id(round, index), debit: UInt128(index % 5) + 1, credit: UInt128(index % 4) + 2, amount: 1, ledger: 1,
            code: 8, userData64: round)
        switch index {
        case 1: transfer.flags = .pending  // Voided in the next round, or stays open.
        case 2:
            transfer.flags = .pending
            transfer.timeoutSeconds = 3
        case 3 where round > 0 && round % 3 != 0:
            transfer = Transfer(
                id: transfer.id, pendingID: id(round - 1, 1), flags: .voidPendingTransfer, userData64: round)
        case 4: transfer.debitAccountID = 6  // Has no credit: refused, and the id is lost.
        default: break
        }
        if transfer.debitAccountID == transfer.creditAccountID, transfer.debitAccountID != 0 {
            transfer.creditAccountID = 6
        }
        return transfer
    }

    private static func open(_ ledger: TemporaryLedger) throws(StoreError) -> Engine {
        var tuning = LedgerWriter.Tuning()
        tuning.flushCount = 30
        tuning.merging.sourceCount = 3
        tuning.stateSeed = 42
        let log = try Log(path: ledger.folder.logPath, isReadOnly: false, mapSize: 1 << 16)
        return try Engine.open(ledger.folder, log: log, projection: DigestProjection(), tuning: tuning)
    }

    // MARK: What is asked

    /// Whatever can be read, in words.
    private static func reads(_ engine: borrowing Engine) throws(StoreError) -> [String] {
        var answers = ["\(Array(engine.settledAccounts))", "\(engine.openTransfers)"]
        for round in UInt64(0)..<30 {
            for index in UInt64(0)..<8 {
                answers.append("\(String(describing: try engine.transfer(id(round, index))))")
            }
        }
        for account in UInt128(1)...6 {
            for isReversed in [false, true] {
                let filter = AccountFilter(accountID: account, window: Window(limit: 40, isReversed: isReversed))
                answers.append("\(try engine.transfers(filter))")
                answers.append("\(try engine.balances(filter))")
            }
        }
        for round in UInt64(0)..<30 {
            let filter = QueryFilter(fields: FieldFilter(userData64: round), window: Window(limit: 40))
            answers.append("\(try engine.transfers(filter))")
        }
        return answers
    }

    /// Decides what meets the past: ids used before, resolutions of all that was pending, imports at times that are taken.
    private static func decisions(_ engine: inout Engine) throws(StoreError) -> [String] {
        var answers: [String] = []
        let now: UInt64 = 10_000 + 29 * 2_000_000_000 + 1_000_000_000
        let pending = [1, 2].flatMap { index in (UInt64(0)..<30).map { id($0, index) } }
        let again = (UInt64(0)..<30).flatMap { round in (UInt64(0)..<8).map { transfer(round, $0) } }
        let voids = pending.enumerated().map {
            Transfer(id: UInt128($0.offset) + 1, pendingID: $0.element, flags: .voidPendingTransfer)
        }
        let imports = (UInt64(0)..<20).map {
            Account(
                id: UInt128($0) + 100, ledger: 1, code: 8, flags: .imported, timestamp: 10_000 - 3 + $0 * 2_000_000_000)
        }
        answers.append("\(try engine.decide(again, details: [], now: now))")
        try engine.commit()
        answers.append("\(try engine.decide(imports, details: [], now: now))")
        try engine.commit()
        try engine.flush()
        answers.append("\(try engine.decide(voids, details: [], now: now))")
        try engine.commit()
        try engine.flush()
        return answers
    }

    private enum Outcome: Equatable {
        case answered([String])
        case refused(StoreError)
    }

    private static func examine(_ ledger: TemporaryLedger) throws -> Outcome {
        var engine = try open(ledger)
        defer { engine.close() }
        do throws(StoreError) {
            return .answered(try reads(engine) + decisions(&engine) + reads(engine))
        } catch {
            return .refused(error)
        }
    }

    private static func copy(_ ledger: TemporaryLedger) throws -> TemporaryLedger {
        let copy = try TemporaryLedger()
        for part in [\LedgerFolder.logPath, \LedgerFolder.statePath] {
            try? FileManager.default.removeItem(atPath: copy.folder[keyPath: part])
            try FileManager.default.copyItem(
                atPath: ledger.folder[keyPath: part], toPath: copy.folder[keyPath: part])
        }
        return copy
    }

    // MARK: Where the damage is

    /// Places in every file: one end and the middle of each array of each segment and of its checksums; all over the heads.
    private static func places(_ ledger: TemporaryLedger) throws -> [(name: String, offset: Int)] {
        var places: [(name: String, offset: Int)] = []
        for name in StateHeadFiles.names {
            let size = try RawFile(ledger.folder.statePath + "/" + name).bytes.count
            places += stride(from: 0, to: size, by: 29).map { (name, $0) }
        }
        let head = try #require(try StateHeadFiles.newest(in: ledger.folder.statePath)).head
        #expect(Set(head.segments.map(\.level)).count > 1, "segments were merged")
        for descriptor in head.segments {
            let layout = Segment.Layout(descriptor)
            let end = layout.chunkCount * CheckedFile.chunkSize
            let starts = [
                layout.filter, layout.ids, layout.ordinals, layout.terms, layout.timestamps, layout.places,
                layout.accountPlaces, layout.accounts, layout.resolutions, layout.balances, layout.balanceAccounts,
                layout.openTransfers, end,
            ]
            for (start, next) in zip(starts, starts.dropFirst() + [end + layout.chunkCount * 8]) where start < next {
                let isFirst = (start / CheckedFile.chunkSize).isMultiple(of: 2)
                for offset in [isFirst ? start : next - 1, (start + next) / 2] {
                    places.append(("\(SegmentLocation.prefix)\(descriptor.number)", offset))
                }
            }
        }
        return places
    }

    @Test(.timeLimit(.minutes(10))) func aChangedByteDecidesNothing() throws {
        let ledger = try TemporaryLedger()
        try Self.fill(ledger)
        let expected = try Self.examine(try Self.copy(ledger))
        guard case .answered = expected else {
            Issue.record("an undamaged ledger does not answer: \(expected)")
            return
        }
        var refusedCount = 0
        var answeredCount = 0
        for (name, offset) in try Self.places(ledger) {
            let damaged = try Self.copy(ledger)
            var file = try RawFile(damaged.folder.statePath + "/" + name)
            file.bytes[offset] ^= 1 << UInt8(offset % 8)
            try file.save()
            let outcome = try Self.examine(damaged)
            if case .refused(let error) = outcome {
                refusedCount += 1
                guard case .stateDamaged(let path, _) = error, path.hasPrefix(damaged.folder.statePath) else {
                    Issue.record("byte \(offset) of \(name): \(error)")
                    continue
                }
            } else {
                answeredCount += 1
                #expect(outcome == expected, "byte \(offset) of \(name)")
            }
            try expectAsRebuilt(damaged, "byte \(offset) of \(name)")
        }
        #expect(refusedCount > 20 && answeredCount > 20, "\(refusedCount) were refused, \(answeredCount) answered")
    }

    /// That a ledger answers now what it answers when its state is made anew.
    private func expectAsRebuilt(_ ledger: TemporaryLedger, _ comment: Comment) throws {
        var engine = try Self.open(ledger)
        let reopened = try Self.reads(engine)
        engine.close()
        try ledger.folder.removeState()
        engine = try Self.open(ledger)
        #expect(try Self.reads(engine) == reopened, comment)
        engine.close()
    }

    /// What is found while the ledger is open stays open to those who do not touch it.
    @Test func damageFoundLateIsRebuiltAtTheNextOpening() throws {
        let ledger = try TemporaryLedger()
        try Self.fill(ledger)
        let head = try #require(try StateHeadFiles.newest(in: ledger.folder.statePath)).head
        let oldest = head.segments[0]
        var engine = try Self.open(ledger)
        var file = try RawFile("\(ledger.folder.statePath)/\(SegmentLocation.prefix)\(oldest.number)")
        file.bytes[Segment.Layout(oldest).places] ^= 1
        try file.save()
        do throws(StoreError) {
            for index in UInt64(0)..<8 { _ = try engine.transfer(Self.id(0, index)) }
            Issue.record("the damage was not noticed")
        } catch {
            #expect(error.description.contains("Nothing is lost: open the ledger again"), "\(error)")
        }
        #expect(try engine.transfer(Self.id(29, 0)) != nil)
        let new = Self.transfer(40, 0)
        #expect(try engine.decide([new], details: [], now: 0).map(\.status) == [.created])
        try engine.commit()
        try engine.flush()
        engine.close()
        #expect(try LedgerReader(ledger.folder).flushedProjection() == nil, "the state is not believed any more")
        engine = try Self.open(ledger)
        for index in UInt64(0)..<8 { _ = try engine.transfer(Self.id(0, index)) }
        #expect(try engine.transfer(new.id) != nil)
        engine.close()
    }

    @Test func aSegmentInAnothersPlaceIsNoticed() throws {
        let ledger = try TemporaryLedger()
        try Self.fill(ledger)
        let expected = try Self.examine(try Self.copy(ledger))
        let head = try #require(try StateHeadFiles.newest(in: ledger.folder.statePath)).head
        let paths = head.segments.map { "\(ledger.folder.statePath)/\(SegmentLocation.prefix)\($0.number)" }
        let files = try paths.map { try RawFile($0) }
        var swapCount = 0
        for (a, b) in zip(files, files.dropFirst()) where a.bytes.count == b.bytes.count && a.bytes != b.bytes {
            let mixed = try Self.copy(ledger)
            var file = try RawFile(mixed.folder.statePath + "/" + (a.path as NSString).lastPathComponent)
            file.bytes = b.bytes
            try file.save()
            if case .answered(let answers) = try Self.examine(mixed) { #expect(.answered(answers) == expected) }
            swapCount += 1
        }
        #expect(swapCount > 0)
    }
}
