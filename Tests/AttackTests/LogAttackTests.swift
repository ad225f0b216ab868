import CryptoPrimitives
import Foundation
import KeyLedgerVerify
import Testing

@testable import KeyLedger
@testable import Ledger
@testable import LedgerStore

/// Somebody with the disk: no key, but every checksum made right again.
@Suite struct LogAttackTests {
    @Test func anHonestLedgerHasNoFindings() async throws {
        let ledger = try await SampleLedger.copy()
        for withMasterKey in [false, true] {
            let verification = try await ledger.verified(withMasterKey: withMasterKey)
            #expect(verification.findings == [])
            #expect(verification.trustworthyEventCount == verification.eventCount)
            #expect(verification.openedDetails == withMasterKey)
            #expect(verification.eventCount > 60)
        }
        let other = try LogVerification(try LedgerReader(LedgerFolder(path: ledger.path)))
        let own = try await ledger.verified()
        #expect(own.rootHash == other.rootHash)
        #expect(own.eventCount == other.eventCount)
    }

    /// The toolkit itself changes nothing that it is not told to change.
    @Test func aLogPutTogetherAgainIsTheSame() async throws {
        let ledger = try await SampleLedger.copy()
        let before = try await ledger.verified()
        try Attacker(ledger).rewriteLog { _ in }
        let after = try await ledger.verified()
        #expect(after.findings == [])
        #expect(after.rootHash == before.rootHash)
    }

    @Test func aByteOfARecord() async throws {
        let ledger = try await SampleLedger.copy()
        let attacker = Attacker(ledger)
        var log = try attacker.log()
        let place = try log.place(of: .sign, nth: 2)
        log[place.block].block.transfers[place.index].amount = 2
        try attacker.write(log)
        let verification = try await ledger.verified()
        #expect(verification.findings.map(\.kind) == [.blockAltered])
        let finding = try #require(verification.findings.first)
        #expect(finding.event == log[place.block].block.firstSequence)
        #expect(verification.trustworthyEventCount == finding.event)
    }

    @Test func anAmountWithAllChecksumsRight() async throws {
        #expect(try await findings { try $0.change(.sign) { $0.amount = 0 } } == [.eventForeign, .historyRewritten])
    }

    @Test func aRecordOfAnotherTime() async throws {
        #expect(
            try await findings { try $0.change(.sign) { $0.timestamp += 1 } } == [.recordForged, .historyRewritten])
    }

    @Test func theKeyThatWasUsed() async throws {
        let kinds = try await findings { log in
            let beta = log.transfer(try log.place(of: .sign, nth: 1)).userData128
            try log.change(.sign, nth: 0) { $0.userData128 = beta }
        }
        #expect(kinds.contains(.eventForeign))
    }

    @Test func eventsOfABlockReordered() async throws {
        let kinds = try await findings { log in
            let place = try log.place(of: .sign, nth: 3)
            log[place.block].block.transfers.swapAt(place.index, place.index + 1)
        }
        #expect(kinds.contains(.recordForged))
    }

    @Test func blocksReordered() async throws {
        let kinds = try await findings { log in
            let place = try log.place(of: .sign, nth: 0).block
            log.swapAt(place, place + 1)
        }
        #expect(kinds.contains(.timeNotAscending))
    }

    @Test func anEventDropped() async throws {
        let kinds = try await findings { log in
            let place = try log.place(of: .sign, nth: 3)
            log[place.block].removeEvent(at: place.index)
        }
        #expect(kinds.contains(.recordForged))
    }

    @Test func aBlockDroppedAndNothingElse() async throws {
        let ledger = try await SampleLedger.copy()
        let attacker = Attacker(ledger)
        var log = try attacker.log()
        let place = try log.place(of: .sign, nth: 2).block
        let dropped = log.remove(at: place)
        try attacker.write(log)
        let verification = try await ledger.verified()
        #expect(verification.findings.map(\.kind) == [.blockMissing])
        #expect(verification.findings.first?.event == dropped.block.firstSequence)
        #expect(verification.trustworthyEventCount == dropped.block.firstSequence)
    }

    @Test func anEventThereTwice() async throws {
        let kinds = try await findings { log in
            let place = try log.place(of: .sign, nth: 2).block
            var copy = log[place]
            let start = try #require(log.last).block.timestamp
            copy.moveTime(to: start + UInt64(copy.block.count))
            log.append(copy)
        }
        #expect(kinds.contains(.answerForged))
    }

    @Test func aBlockThereTwiceAsItIs() async throws {
        let ledger = try await SampleLedger.copy()
        let attacker = Attacker(ledger)
        var log = try attacker.log()
        let place = log.count / 2
        var copy = log[place].block
        copy.firstSequence = log[place + 1].block.firstSequence
        log[place + 1].block = copy
        try attacker.write(log)
        #expect(try await ledger.findings().isDisjoint(with: [.blockAltered, .blockMisplaced, .chainBroken]) == false)
    }

    @Test func theTimeOfAUseMovedPastItsResidency() async throws {
        let kinds = try await findings { log in
            // The last block but the evictions at closing.
            let place = try log.place(of: .decrypt, nth: 0).block
            for later in log[place...].indices { log[later].moveTime(by: 7200_000_000_000) }
        }
        #expect(!kinds.isDisjoint(with: [.useOutOfMemory, .answerForged]))
    }

    @Test func aTimeMovedBack() async throws {
        let kinds = try await findings { log in
            let place = try log.place(of: .encrypt, nth: 1).block
            log[place].moveTime(to: log[place - 2].block.timestamp)
        }
        #expect(kinds.contains(.timeNotAscending))
    }

    @Test func aRefusalMadeASuccess() async throws {
        let ledger = try await SampleLedger.copy()
        // A refusal by the engine: the second budget of a version, under the id of the first.
        try await Attacker(ledger).submit { writer in
            let retired = AccountID.issuer(.protect)
            _ = try await writer.submit([
                Transfer(id: 77, debit: retired, credit: 78, amount: 1, ledger: 1, code: 8, userData32: 0x101)
            ]).reply()
        }
        try Attacker(ledger).rewriteLog { log in
            let last = try #require(log.indices.last { !log[$0].block.exceptions.isEmpty })
            log[last].block.exceptions = []
        }
        #expect(try await ledger.findings().contains(.answerForged))
    }

    @Test func aSuccessMadeARefusal() async throws {
        let kinds = try await findings { log in
            let place = try log.place(of: .sign, nth: 0)
            log[place.block].block.exceptions = [
                .init(index: UInt32(place.index), status: CreateTransferStatus.exceedsCredits.rawValue)
            ]
        }
        #expect(kinds.contains(.answerForged))
    }

    @Test func anExpiryThatCountsOthers() async throws {
        let kinds = try await findings { log in
            let place = try #require(log.firstIndex { $0.block.operation == .expire })
            log[place].block.transfers[0].amount += 1
        }
        #expect(kinds.contains(.answerForged))
    }

    @Test func anExpiryDropped() async throws {
        let kinds = try await findings { log in log.removeAll { $0.block.operation == .expire } }
        #expect(!kinds.isEmpty)
    }

    @Test func bytesThatAreNoBlock() async throws {
        let ledger = try await SampleLedger.copy()
        try Attacker(ledger).changeFile("log/data.mdb") { bytes in
            // The magic number of every copy of a block.
            for place in bytes.indices.dropLast(4) where bytes[place...].starts(with: Array("KLK1".utf8)) {
                bytes[place] = 0
            }
        }
        #expect(try await ledger.findings().contains(.blockMalformed))
    }

    /// LMDB leaves the pages of older states in the file: a page that is put back is a table that does not add up.
    @Test func aPageOfAnOlderState() async throws {
        let ledger = try await SampleLedger.copy()
        try Attacker(ledger).changeFile("log/data.mdb") { bytes in
            let size = 4096
            let meta = bytes.load(at: 144) > bytes.load(at: size + 144) ? 0 : size
            let root = Int(bytes.load(at: meta + 88 + 40))
            func content(_ page: Int) -> ArraySlice<UInt8> { bytes[(page * size + 10)..<((page + 1) * size)] }
            let pages = 2..<(bytes.count / size)
            let other = pages.first { content($0).first == content(root).first && content($0) != content(root) }
            let page = try #require(other)
            var copy = Array(bytes[(page * size)..<((page + 1) * size)])
            copy.replaceSubrange(0..<8, with: bytes[(root * size)..<(root * size + 8)])
            bytes.replaceSubrange((root * size)..<((root + 1) * size), with: copy)
        }
        let findings = try await ledger.findings()
        #expect(!findings.isDisjoint(with: [.logDamaged, .detailsDamaged]), "\(findings)")
    }

    @Test func aListOfDetailsThatDoesNotAddUp() async throws {
        let ledger = try await SampleLedger.copy()
        let attacker = Attacker(ledger)
        let log = try attacker.log()
        let sealed = try #require(log[try log.place(of: .sign, nth: 0).block].details.values.first)
        try attacker.changeFile("log/data.mdb") { bytes in
            // The list stands before the sealed bytes: its last end is 4 bytes before the first of one.
            for place in bytes.indices.dropLast(sealed.count) where bytes[place...].starts(with: sealed) {
                bytes[place - 3] ^= 0x40
            }
        }
        #expect(try await ledger.findings(withMasterKey: false).contains(.detailsDamaged))
    }

    private func findings(
        _ attack: (inout [Attacker.LoggedBlock]) throws -> Void
    ) async throws -> Set<Finding.Kind> {
        let ledger = try await SampleLedger.copy()
        try Attacker(ledger).rewriteLog(attack)
        return try await ledger.findings()
    }
}

extension [Attacker.LoggedBlock] {
    mutating func change(_ kind: EventKind, nth n: Int = 0, _ body: (inout Transfer) -> Void) throws {
        let place = try place(of: kind, nth: n)
        body(&self[place.block].block.transfers[place.index])
    }
}

extension Attacker.LoggedBlock {
    /// Moves the block to a time, and its records with it.
    mutating func moveTime(to timestamp: UInt64) {
        let isForward = timestamp >= block.timestamp
        let distance = isForward ? timestamp - block.timestamp : block.timestamp - timestamp
        func moved(_ time: UInt64) -> UInt64 { isForward ? time + distance : time - distance }
        block.timestamp = timestamp
        for index in block.accounts.indices where block.accounts[index].timestamp != 0 {
            block.accounts[index].timestamp = moved(block.accounts[index].timestamp)
        }
        for index in block.transfers.indices where block.transfers[index].timestamp != 0 {
            block.transfers[index].timestamp = moved(block.transfers[index].timestamp)
        }
    }

    mutating func moveTime(by nanoseconds: UInt64) { moveTime(to: block.timestamp + nanoseconds) }

    /// Takes an event out, with what belongs to it.
    mutating func removeEvent(at index: Int) {
        if block.operation == .createAccounts {
            block.accounts.remove(at: index)
        } else {
            block.transfers.remove(at: index)
        }
        func place(_ other: UInt32) -> UInt32? {
            other == UInt32(index) ? nil : other > UInt32(index) ? other - 1 : other
        }
        block.exceptions = block.exceptions.compactMap { e in place(e.index).map { .init(index: $0, status: e.status) }
        }
        block.commitments = block.commitments.compactMap { c in
            place(c.index).map { .init(index: $0, digest: c.digest) }
        }
        details = Dictionary(uniqueKeysWithValues: details.compactMap { i, d in place(i).map { ($0, d) } })
    }
}

extension [UInt8] {
    fileprivate func load(at offset: Int) -> UInt64 {
        self[offset..<(offset + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
