import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Synchronization
import Testing
import Transparency

@testable import KeyLedger

@Suite("Checkpoints")
struct CheckpointTests {
    private let origin = Origin("ledger.example/test")

    /// A tenant with a key, used once.
    @discardableResult
    private func use(_ store: KeyStore) async throws -> SigningKey {
        let tenant =
            if try store.hasTenant("acme") { try await store.tenant("acme") } else {
                try await store.createTenant("acme")
            }
        let key =
            if try tenant.hasKey("claims") { try await tenant.signingKey("claims") } else {
                try await tenant.createSigningKey("claims")
            }
        _ = try await key.sign([1, 2, 3])
        return key
    }

    private func policy(_ ledger: TestLedger, keys: Range<Int>? = nil) throws -> CheckpointPolicy {
        let all = try CheckpointFolder(ledger.folder).verifierKeys()
        return try CheckpointPolicy(
            origin: try #require(origin), logKeys: Array(all[keys ?? 0..<all.count]))
    }

    // MARK: Making

    @Test func aCheckpointCommitsToAllEventsBeforeIt() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await use(store)
            let note = try await store.checkpoint()
            let verified = try policy(ledger).verify(note)
            let event = try #require(try store.audit.events(.checkpoint).first)
            #expect(verified.head.size.leafCount == event.sequence, "its own event is in the next one")
            #expect(event.transfer.userData64 == event.sequence)
            #expect(event.details?["root"]?.string == verified.head.root.description)
            #expect(event.details?["actor"] == "test")
            #expect(try store.checkpoints.note(of: verified.head.size) == note)
            #expect(
                verified.head.root == (try SHA256Digest.root(store.audit.log, to: event.sequence)),
                "the root that reading everything gives")
            let balance = store.writer.account(AccountID.checkpoints)?.creditsPosted
            #expect(balance == UInt128(event.sequence))
        }
    }

    @Test func nothingIsSignedWhereNothingHappened() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await use(store)
            let first = try await store.checkpoint()
            let count = try store.eventCount
            #expect(try await store.checkpoint() == first)
            #expect(try store.eventCount == count)
            try await use(store)
            #expect(try await store.checkpoint() != first)
        }
        let sizes = try CheckpointFolder(ledger.folder).sizes()
        #expect(sizes.count == 2)
        // An opening that leaves no event leaves nothing to sign.
        try await ledger.withStore { store in
            try await use(store)
        }
        try await ledger.withStore { store in
            _ = try await store.checkpoint()
            let count = try store.eventCount
            _ = try await store.checkpoint()
            #expect(try store.eventCount == count)
        }
    }

    @Test func manyMakeThemOneAfterTheOther() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await use(store)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 {
                    group.addTask { _ = try await key.sign([UInt8(index)]) }
                    group.addTask { try await store.checkpoint() }
                }
                try await group.waitForAll()
            }
            let prover = try Prover(store)
            let sizes = try store.checkpoints.sizes()
            #expect(sizes.count == (try store.audit.events(.checkpoint).count))
            for (first, second) in zip(sizes, sizes.dropFirst()) {
                _ = try prover.consistency(from: try prover.checkpoint(of: first).head, to: second)
            }
        }
    }

    @Test func anOriginThatIsNoKeyNameIsRefused() async throws {
        let ledger = try TestLedger(origin: "my ledger")
        try await ledger.withStore { store in
            await expect(.unusableOrigin("my ledger")) { try await store.checkpoint() }
        }
    }

    // MARK: Crashes

    /// A power cut after the event, before the signature was on disk.
    @Test func whatWasAnnouncedIsSignedAtTheNextOpening() async throws {
        let ledger = try TestLedger()
        let note = try await ledger.withStore { store in
            try await use(store)
            return try await store.checkpoint()
        }
        let folder = CheckpointFolder(ledger.folder)
        let size = try #require(try folder.sizes().last)
        try FileManager.default.removeItem(atPath: folder.notePath(of: size))
        try await ledger.withStore { (store) async throws in
            #expect(try folder.note(of: size) == note, "the same bytes")
            #expect(try store.audit.events(.checkpoint).count == 1)
        }
    }

    @Test func anUnfinishedFileIsNoCheckpoint() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await use(store)
            try await store.checkpoint()
        }
        let folder = CheckpointFolder(ledger.folder)
        let sizes = try folder.sizes()
        try Data("half".utf8).write(to: URL(filePath: folder.path + "/0000000000000000099.new"))
        #expect(try folder.sizes() == sizes)
    }

    /// A power cut after the list of keys, before the event.
    @Test func aKeyWithoutItsEventIsTakenUpAgain() async throws {
        let ledger = try TestLedger()
        let before = try ledger.afterPowerCut()
        try await ledger.withStore { store in _ = try await store.checkpointKeys() }
        // The list as it is now, the log as it was.
        try FileManager.default.copyItem(atPath: ledger.folder.checkpointsPath, toPath: before.folder.checkpointsPath)
        try await before.withStore { store in
            try await use(store)
            let note = try await store.checkpoint()
            let keys = try store.checkpoints.verifierKeys()
            #expect(keys.count == 1)
            #expect(throws: Never.self) { try policy(before).verify(note) }
            #expect(try store.audit.events(.checkpointKey).count == 1)
        }
    }

    // MARK: Old copies and changed histories

    @Test func anOldCopyOfTheLogDoesNotSign() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await use(store)
            try await store.checkpoint()
        }
        let old = try ledger.afterPowerCut()
        try await ledger.withStore { store in
            for _ in 0..<5 { try await use(store) }
            try await store.checkpoint()
        }
        let last = try #require(try CheckpointFolder(ledger.folder).sizes().last)
        // What was signed is known from a second place.
        try FileManager.default.removeItem(atPath: old.folder.checkpointsPath)
        try FileManager.default.copyItem(atPath: ledger.folder.checkpointsPath, toPath: old.folder.checkpointsPath)
        let reports = Mutex<[ProofError]>([])
        try await old.withStore({ $0.reportProofFailure = { error in reports.withLock { $0.append(error) } } }) {
            store in
            let count = try store.eventCount
            #expect(reports.withLock { $0 } == [.logBehindCheckpoint(eventCount: count, size: last)])
            await expect(.logBehindCheckpoint(eventCount: count, size: last)) { try await store.checkpoint() }
            #expect(try store.audit.events(.checkpoint).count == 1, "nothing was signed")
        }
    }

    @Test func anotherHistoryOfTheSameLengthDoesNotSign() async throws {
        let ledger = try TestLedger()
        let fork = try await {
            try await ledger.withStore { store in try await use(store) }
            return try ledger.afterPowerCut()
        }()
        for (index, one) in [ledger, fork].enumerated() {
            try await one.withStore { store in
                for _ in 0...index { try await use(store) }
                try await store.checkpoint()
                for _ in 0..<5 { try await use(store) }
            }
        }
        let size = try #require(try CheckpointFolder(ledger.folder).sizes().last)
        // The fork's own checkpoint is exchanged for that of the other history.
        try FileManager.default.removeItem(atPath: fork.folder.checkpointsPath)
        try FileManager.default.copyItem(atPath: ledger.folder.checkpointsPath, toPath: fork.folder.checkpointsPath)
        try await fork.withStore { (store) async throws in
            do throws(ProofError) {
                try await store.checkpoint()
                Issue.record("signed another history")
            } catch .historyChanged(let changed) {
                #expect(changed == size)
            } catch {
                Issue.record("\(error)")
            }
            #expect(try store.checkpoints.sizes() == [size])
        }
    }

    // MARK: The key

    @Test func whoKnowsTheOldKeyCanBelieveTheNewOne() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await use(store)
            let first = try await store.checkpoint()
            let new = try await store.rotateCheckpointKey()
            #expect(try store.checkpoints.verifierKeys().last == new)
            let prover = try Prover(store)
            let bridge = try prover.checkpoint()
            #expect(bridge.note.signatures.count == 2)
            for keys in [0..<1, 1..<2] {
                #expect(throws: Never.self) { try policy(ledger, keys: keys).verify(bridge.note) }
            }
            try await use(store)
            let later = try await store.checkpoint()
            #expect(later.signatures.count == 1)
            #expect(throws: Never.self) { try policy(ledger, keys: 1..<2).verify(later) }
            #expect(throws: CheckpointError.self) { try policy(ledger, keys: 0..<1).verify(later) }
            #expect(throws: Never.self) { try policy(ledger).verify(first) }
            #expect(try store.audit.events(.checkpointKey).map { $0.transfer.userData64 } == [1, 2])
        }
    }

    @Test func theKeyRestsWrapped() async throws {
        let ledger = try TestLedger()
        let seed = try await ledger.withStore { store in
            _ = try await store.checkpointKeys()
            let name = try store.checkpointOrigin().name
            return try store.custody.checkpointKey(version: 1, name: name).withSeed { $0.array }
        }
        for file in try ledger.files() { #expect(file.bytes.firstRange(of: Data(seed)) == nil, "\(file.name)") }
    }

    @Test func aChangedKeyListIsFound() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await use(store)
            try await store.checkpoint()
        }
        let path = CheckpointFolder(ledger.folder).path + "/keys"
        try Data("nonsense\n".utf8).write(to: URL(filePath: path))
        try await ledger.withStore { store in
            do throws(ProofError) {
                try await store.checkpoint()
                Issue.record("signed with a damaged list of keys")
            } catch .damaged(let damaged, _) {
                #expect(damaged == path)
            } catch {
                Issue.record("\(error)")
            }
        }
    }

    // MARK: By time and by count

    @Test func theyAreMadeByCount() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore({ $0.checkpointSchedule = CheckpointSchedule(eventCount: 10) }) { store in
            let key = try await use(store)
            for _ in 0..<10 { _ = try await key.sign([1]) }
            #expect(try await eventually { try store.checkpoints.sizes().count >= 1 })
        }
    }

    @Test func theyAreMadeByTimeIfAnythingHappened() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore({ $0.checkpointSchedule = CheckpointSchedule(seconds: 3600) }) { store in
            try await use(store)
            #expect(try await eventually { try store.checkpoints.sizes().count == 1 }, "none was ever made")
            try await use(store)
            await store.checkpointIfDue()
            #expect(try store.checkpoints.sizes().count == 1)
            ledger.clock.advance(seconds: 3601)
            #expect(try await eventually { try store.checkpoints.sizes().count == 2 })
        }
    }

    @Test func aShortLivedProcessMakesTheOneThatIsDue() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore({ $0.checkpointSchedule = CheckpointSchedule(eventCount: 5) }) { try await use($0) }
        #expect(try CheckpointFolder(ledger.folder).sizes().count == 1)
    }

    // MARK: A second place

    private func place() -> String {
        let disk = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        return disk + "/keyledger-place-" + UUID().uuidString
    }

    @Test func aFolderGetsWhatItLacks() async throws {
        let ledger = try TestLedger()
        let place = place()
        defer { try? FileManager.default.removeItem(atPath: place) }
        try await ledger.withStore { store in
            try await use(store)
            try await store.checkpoint()
        }
        try await ledger.withStore({ $0.checkpointPlaces = [.folder(place)] }) { store in
            try await use(store)
            try await store.checkpoint()
            let copy = CheckpointFolder(path: place)
            #expect(try copy.sizes() == (try store.checkpoints.sizes()))
            #expect(try copy.sizes().count == 2)
            #expect(try copy.verifierKeys() == (try store.checkpoints.verifierKeys()))
            for size in try copy.sizes() { #expect(try copy.note(of: size) == (try store.checkpoints.note(of: size))) }
        }
    }

    @Test func anotherHistoryInTheSecondPlaceIsAnAlarm() async throws {
        let ledger = try TestLedger()
        let place = place()
        defer { try? FileManager.default.removeItem(atPath: place) }
        try await ledger.withStore({ $0.checkpointPlaces = [.folder(place)] }) { store in
            try await use(store)
            try await store.checkpoint()
            let size = try #require(try store.checkpoints.sizes().last)
            let path = CheckpointFolder(path: place).notePath(of: size)
            let text = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            let forged =
                "\(text[0])\n\(text[1])\n\(Data(repeating: 7, count: 32).base64EncodedString())\n\n\(text[3])\n"
            try Data(forged.utf8).write(to: URL(filePath: path))
            try await use(store)
            await expect(.fork(place: place, size: size)) { try await store.checkpoint() }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == forged, "evidence is not overwritten")
        }
    }

    @Test func whatAPlaceDoesNotTakeIsReportedAndSentAgain() async throws {
        let ledger = try TestLedger()
        let place = place()
        defer { try? FileManager.default.removeItem(atPath: place) }
        // A file where the folder should be.
        try Data().write(to: URL(filePath: place))
        let reports = Counter()
        try await ledger.withStore({
            $0.checkpointPlaces = [.folder(place)]
            $0.reportProofFailure = { _ in reports.increment() }
        }) { store in
            try await use(store)
            do throws(ProofError) {
                try await store.checkpoint()
                Issue.record("a file took the checkpoints")
            } catch .delivery(let failed, _) {
                #expect(failed == place)
            } catch {
                Issue.record("\(error)")
            }
            #expect(try store.checkpoints.sizes().count == 1, "it was made all the same")
            #expect(await eventually { reports.count > 0 })
            try FileManager.default.removeItem(atPath: place)
            #expect(try await eventually { try CheckpointFolder(path: place).sizes().count == 1 })
        }
    }

    @Test func aCommandGetsEachCheckpointOnce() async throws {
        let ledger = try TestLedger()
        let place = place()
        defer { try? FileManager.default.removeItem(atPath: place) }
        let command = CheckpointPlace.command(["/bin/sh", "-c", "test -e \(place).stop && exit 9; cat >> \(place)"])
        try Data().write(to: URL(filePath: place + ".stop"))
        defer { try? FileManager.default.removeItem(atPath: place + ".stop") }
        try await ledger.withStore({ $0.checkpointPlaces = [command] }) { store in
            try await use(store)
            do throws(ProofError) {
                try await store.checkpoint()
                Issue.record("the command failed, and nobody said so")
            } catch .delivery(_, let reason) {
                #expect(reason == "it ended with status 9")
            } catch {
                Issue.record("\(error)")
            }
            try FileManager.default.removeItem(atPath: place + ".stop")
            try await use(store)
            try await store.checkpoint()
            try store.deliverCheckpoints()
            var expected = Data()
            for size in try store.checkpoints.sizes() {
                expected += Data(try #require(try store.checkpoints.note(of: size)).serialized())
            }
            #expect(try Data(contentsOf: URL(filePath: place)) == expected)
        }
    }

    @Test func aCommandThatDoesNotExistIsReported() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore({ $0.checkpointPlaces = [.command(["/nowhere/to/be/found"])] }) { store in
            try await use(store)
            do throws(ProofError) {
                try await store.checkpoint()
                Issue.record("nothing took the checkpoints")
            } catch .delivery(let place, _) {
                #expect(place == "/nowhere/to/be/found")
            } catch {
                Issue.record("\(error)")
            }
        }
    }
}

/// Runs what must fail with this error.
func expect<Result>(
    _ expected: ProofError, _ location: SourceLocation = #_sourceLocation, _ body: () async throws -> Result
) async {
    do {
        _ = try await body()
        Issue.record("nothing was thrown", sourceLocation: location)
    } catch {
        #expect(error as? ProofError == expected, sourceLocation: location)
    }
}

extension SHA256Digest {
    /// The root over the first events of a log, read entry by entry.
    fileprivate static func root(_ log: LedgerReader, to end: UInt64) throws -> SHA256Digest {
        var tree = MerkleTree()
        for sequence in 0..<end {
            let block = try #require(try log.block(containing: sequence))
            let entry = block.entry(at: Int(sequence - block.firstSequence))
            tree.append(MerkleHash.leaf(unsafe entry.span.bytes))
        }
        return tree.root
    }
}
