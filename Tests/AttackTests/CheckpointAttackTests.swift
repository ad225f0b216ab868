import CryptoPrimitives
import Foundation
import KeyLedgerVerify
import Ledger
import Testing
import Transparency

@testable import KeyLedger
@testable import LedgerStore

/// Attacks on what was signed, and attacks that only what was signed shows.
@Suite struct CheckpointAttackTests {
    /// A ledger, and what its auditor kept: the newest checkpoint and the key that signed it.
    private struct Audited {
        let ledger: SampleLedger
        let checkpoint: String
        let key: String

        init() async throws {
            ledger = try await SampleLedger.copy()
            let folder = CheckpointFolder(path: ledger.path + "/checkpoints")
            let newest = try #require(try folder.sizes().last)
            key = try #require(try folder.verifierKeys().last).description
            checkpoint = ledger.path + ".kept"
            try FileManager.default.copyItem(atPath: folder.notePath(of: newest), toPath: checkpoint)
        }

        /// What the auditor finds.
        func findings(withMasterKey: Bool = true) async throws -> Set<Finding.Kind> {
            try await ledger.findings(withMasterKey: withMasterKey) {
                $0.checkpointFiles = [checkpoint]
                $0.keys = [key]
            }
        }

        var attacker: Attacker { Attacker(ledger) }
        var names: [String] {
            get throws {
                try FileManager.default.contentsOfDirectory(atPath: ledger.path + "/checkpoints").filter {
                    $0.utf8.count == 19
                }.sorted()
            }
        }
    }

    @Test func nothingIsFoundByAnAuditorOfAnHonestLedger() async throws {
        let audited = try await Audited()
        #expect(try await audited.findings() == [])
        #expect(try await audited.findings(withMasterKey: false) == [])
        #expect(try audited.names.count == 3)
    }

    /// The auditor who knows an old key believes the new one, and the other way round: each signed a tree that has the
    /// event which made the other.
    @Test func aKeyLeadsToAnother() async throws {
        let audited = try await Audited()
        let keys = try CheckpointFolder(path: audited.ledger.path + "/checkpoints").verifierKeys()
        #expect(keys.count == 2)
        for key in keys {
            let findings = try await audited.ledger.findings {
                $0.checkpointFiles = [audited.checkpoint]
                $0.keys = [key.description]
            }
            #expect(findings == [])
        }
        let stranger = VerifierKey(
            name: keys[0].name, algorithm: .ed25519,
            publicKey: try Ed25519.PrivateKey(seed: try SecretBytes(randomCount: 32)).publicKey)
        #expect(try await audited.ledger.findings { $0.keys = [stranger.description] } == [.checkpointForged])
    }

    // MARK: With the disk

    @Test func aCheckpointReplacedByAnOlderOne() async throws {
        let audited = try await Audited()
        let names = try audited.names
        let older = try Data(contentsOf: URL(filePath: audited.ledger.path + "/checkpoints/" + names[0]))
        try older.write(to: URL(filePath: audited.ledger.path + "/checkpoints/" + names[1]))
        #expect(try await audited.ledger.findings() == [.checkpointMalformed])
    }

    @Test func aCheckpointRemoved() async throws {
        let audited = try await Audited()
        try FileManager.default.removeItem(atPath: audited.ledger.path + "/checkpoints/" + audited.names[1])
        #expect(try await audited.ledger.findings() == [.checkpointMissing])
    }

    @Test func aByteOfACheckpoint() async throws {
        let audited = try await Audited()
        try audited.attacker.changeFile("checkpoints/" + audited.names[1]) { $0[30] ^= 1 }
        let findings = try await audited.ledger.findings()
        #expect(!findings.isDisjoint(with: [.checkpointForged, .checkpointMalformed]))
    }

    /// Somebody without the key signs a checkpoint of the history he made up.
    @Test func aCheckpointSignedByAnotherKey() async throws {
        let audited = try await Audited()
        let name = try #require(KeyName(SampleLedger.origin))
        let forger = NoteSigner(
            name: name,
            privateKey: try Ed25519.PrivateKey(seed: try SecretBytes(randomCount: 32)))
        let path = audited.ledger.path + "/checkpoints/" + (try audited.names[1])
        let note = try SignedNote(parsing: [UInt8](try Data(contentsOf: URL(filePath: path))))
        try Data(try forger.sign(note.text).serialized()).write(to: URL(filePath: path))
        #expect(try await audited.findings() == [.checkpointForged])
        // Also if he puts his key into the list: an event says which keys there are.
        try Data("\(forger.verifierKey)\n".utf8).write(to: URL(filePath: audited.ledger.path + "/checkpoints/keys"))
        #expect(try await audited.ledger.findings().contains(.checkpointForged))
    }

    @Test func theTailCutOff() async throws {
        let audited = try await Audited()
        try audited.attacker.rewriteLog { $0.removeLast(4) }
        #expect(try await audited.ledger.findings().contains(.historyCut))
        #expect(try await audited.findings().contains(.historyCut))
        // With the checkpoints and the material gone as well, what was kept elsewhere still tells.
        try FileManager.default.removeItem(atPath: audited.ledger.path + "/checkpoints")
        #expect(try await audited.findings(withMasterKey: false).contains(.historyCut))
    }

    /// Every answer follows and every rule holds: only the tree tells.
    @Test func aUseDroppedWithoutATrace() async throws {
        let audited = try await Audited()
        try audited.attacker.rewriteLog { log in log.remove(at: try log.place(of: .verify).block) }
        let verification = try await audited.ledger.verified()
        #expect(Set(verification.findings.map(\.kind)).isSuperset(of: [.historyRewritten]))
        #expect(
            Set(verification.findings.map(\.kind)).isSubset(of: [
                .historyRewritten, .historyCut, .checkpointUnrecorded, .eventForeign,
            ]))
        #expect(verification.trustworthyEventCount == 0)
        try FileManager.default.removeItem(atPath: audited.ledger.path + "/checkpoints")
        #expect(try await audited.findings().contains(.historyRewritten))
    }

    @Test func theTimeOfEverythingMoved() async throws {
        let audited = try await Audited()
        try audited.attacker.rewriteLog { log in
            for place in log.indices { log[place].moveTime(by: 86400_000_000_000) }
        }
        #expect(try await audited.ledger.findings() == [.historyRewritten])
    }

    // MARK: Rollback

    @Test func theWholeFolderRolledBack() async throws {
        let audited = try await Audited()
        let old = try audited.ledger.copied()
        let clock = Clock(SampleLedger.start + 1_000_000_000_000_000)
        let store = try await audited.ledger.open(clock)
        _ = try await store.createTenant("gamma")
        _ = try await store.checkpoint()
        try await store.close()
        let newest = try #require(try audited.names.last)
        let kept = old.path + ".kept"
        try FileManager.default.copyItem(atPath: audited.ledger.path + "/checkpoints/" + newest, toPath: kept)
        // Nothing in the old folder contradicts itself. What was kept elsewhere does.
        #expect(try await old.findings() == [])
        #expect(
            try await old.findings {
                $0.checkpointFiles = [kept]
                $0.keys = [audited.key]
            } == [.historyCut])
    }

    /// An old log with the material of a newer one.
    @Test func theLogRolledBack() async throws {
        let audited = try await Audited()
        let old = try audited.ledger.copied()
        let store = try await audited.ledger.open(Clock(SampleLedger.start + 1_000_000_000_000_000))
        _ = try await store.createTenant("gamma")
        try await store.close()
        // The material knows how many events there were when something was stored or the ledger was closed.
        let count = try await audited.ledger.verified().eventCount
        try audited.attacker.changeMaterial { try $0.advance(to: count) }
        try replace(audited.ledger, "log", from: old)
        let verification = try await audited.ledger.verified()
        #expect(verification.findings.map(\.kind) == [.historyCut], "\(verification.text)")
    }

    // MARK: With the checkpoint key

    /// One ledger is led on in two ways, and each auditor is shown one.
    @Test func aForkServedToTwoAuditors() async throws {
        let audited = try await Audited()
        let fork = try audited.ledger.copied()
        var kept: [String] = []
        for (ledger, tenant) in [(audited.ledger, "gamma"), (fork, "delta")] {
            let store = try await ledger.open(Clock(SampleLedger.start + 1_000_000_000_000_000))
            _ = try await store.createTenant(tenant)
            let note = try await store.checkpoint()
            try await store.close()
            let path = ledger.path + ".shown"
            try Data(note.serialized()).write(to: URL(filePath: path))
            kept.append(path)
        }
        // Each history is sound.
        #expect(
            try await audited.ledger.findings {
                $0.checkpointFiles = [kept[0]]; $0.keys = [audited.key]
            } == [])
        #expect(
            try await fork.findings {
                $0.checkpointFiles = [kept[1]]; $0.keys = [audited.key]
            } == [])
        // Until the auditors compare.
        #expect(
            try await fork.findings {
                $0.checkpointFiles = kept; $0.keys = [audited.key]
            }
                == [.historyForked, .historyRewritten])
    }

    /// The insider rewrites history and signs all of it again, with the events that announce it.
    @Test func everythingSignedAgain() async throws {
        let audited = try await Audited()
        let custody = try Custody(
            try MaterialStore(LedgerFolder(path: audited.ledger.path), isReadOnly: true),
            local: LocalKeyManagementService(try audited.ledger.masterKey()), origin: SampleLedger.origin,
            path: audited.ledger.path)
        let name = try #require(KeyName(SampleLedger.origin))
        try audited.attacker.rewriteLog { log in
            for place in log.indices { log[place].moveTime(by: 1) }
            // The roots as they are now, announced and signed.
            for place in log.indices where log[place].block.operation == .createTransfers {
                for index in log[place].block.transfers.indices
                where log[place].block.transfers[index].userData32 == EventKind.checkpoint.rawValue {
                    let size = log[place].block.transfers[index].userData64
                    let root = log.root(at: size)
                    log[place].block.transfers[index].userData128 = root.bytes.prefix(16).reduce(0) {
                        $0 << 8 | UInt128($1)
                    }
                    let path =
                        audited.ledger.path + "/checkpoints/" + String(repeating: "0", count: 19 - String(size).count)
                        + String(size)
                    let checkpoint = try Checkpoint(
                        origin: try #require(Origin(SampleLedger.origin)),
                        head: TreeHead(size: try #require(TreeSize(size)), root: root))
                    var note = try custody.checkpointSigner(version: 1, name: name).sign(checkpoint.text)
                    let second = try custody.checkpointSigner(version: 2, name: name)
                    note = try note.signed(with: try second.signature(over: checkpoint.text))
                    try Data(note.serialized()).write(to: URL(filePath: path))
                }
            }
        }
        #expect(try await audited.ledger.findings() == [])
        #expect(try await audited.findings() == [.historyRewritten, .historyForked])
    }

    @Test func aCheckpointThatNoEventAnnounces() async throws {
        let audited = try await Audited()
        let custody = try Custody(
            try MaterialStore(LedgerFolder(path: audited.ledger.path), isReadOnly: true),
            local: LocalKeyManagementService(try audited.ledger.masterKey()), origin: SampleLedger.origin,
            path: audited.ledger.path)
        let root = try audited.attacker.log().root(at: 5)
        let checkpoint = try Checkpoint(
            origin: try #require(Origin(SampleLedger.origin)), head: TreeHead(size: 5, root: root))
        let signer = try custody.checkpointSigner(version: 1, name: try #require(KeyName(SampleLedger.origin)))
        try Data(try signer.sign(checkpoint.text).serialized()).write(
            to: URL(filePath: audited.ledger.path + "/checkpoints/0000000000000000005"))
        #expect(try await audited.ledger.findings() == [.checkpointUnrecorded])
    }
}

extension [Attacker.LoggedBlock] {
    /// The root over the first events, as anybody computes it from the specification.
    func root(at size: UInt64) -> SHA256Digest {
        var tree = MerkleTree()
        for logged in self {
            let block = logged.block
            for index in 0..<block.count where tree.size.leafCount < size {
                var entry: [UInt8] = []
                block.withRecord(at: index) { entry += $0.array }
                entry.append(block.operation.rawValue)
                let status = block.exceptions.first { $0.index == UInt32(index) }?.status ?? .max
                entry += (0..<4).map { UInt8(truncatingIfNeeded: status >> (8 * $0)) }
                entry += block.commitments.first { $0.index == UInt32(index) }?.digest.bytes ?? []
                tree.append(unsafe MerkleHash.leaf(entry.span.bytes))
            }
        }
        return tree.root
    }
}
