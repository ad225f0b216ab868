import CryptoPrimitives
import Foundation
import KeyLedgerVerify
import Ledger
import Testing
import Transparency

@testable import KeyLedger
@testable import LedgerStore

/// Somebody with the disk, at the details, the key material and the ledger's name.
@Suite struct MaterialAttackTests {
    // MARK: Details

    @Test func detailsRemoved() async throws {
        #expect(
            try await findings {
                try $0.rewriteLog { log in
                    let place = try log.place(of: .sign)
                    log[place.block].details[UInt32(place.index)] = nil
                }
            } == [.detailsMissing])
    }

    @Test func detailsAdded() async throws {
        #expect(
            try await findings {
                try $0.rewriteLog { log in
                    let place = try log.place(of: .cryptoperiod)
                    log[place.block].details[UInt32(place.index)] = [1, 2, 3]
                }
            } == [.detailsOrphaned])
    }

    @Test func detailsOfTwoEventsSwapped() async throws {
        let ledger = try await SampleLedger.copy()
        try Attacker(ledger).rewriteLog { log in
            let (a, b) = (try log.place(of: .sign, nth: 1), try log.place(of: .sign, nth: 2))
            let other = log[a.block].details[UInt32(a.index)]
            log[a.block].details[UInt32(a.index)] = log[b.block].details[UInt32(b.index)]
            log[b.block].details[UInt32(b.index)] = other
        }
        #expect(try await ledger.findings() == [.detailsForged])
        // What is sealed to a reader it cannot tell from anything else.
        #expect(try await ledger.findings(withMasterKey: false) == [])
    }

    @Test func aByteOfDetails() async throws {
        #expect(
            try await findings {
                try $0.rewriteLog { log in
                    let place = try log.place(of: .encrypt)
                    log[place.block].details[UInt32(place.index)]?[40] ^= 1
                }
            } == [.detailsForged])
    }

    /// Sealed by the right key for the right event, with all checksums right: what the master key's holder can do.
    @Test func detailsRewrittenByAnInsider() async throws {
        let ledger = try await SampleLedger.copy()
        let custody = try Custody(
            try MaterialStore(LedgerFolder(path: ledger.path), isReadOnly: true),
            local: LocalKeyManagementService(try ledger.masterKey()),
            origin: SampleLedger.origin, path: ledger.path)
        func rewrite(fixingCommitment: Bool) throws {
            try Attacker(ledger).rewriteLog { log in
                let place = try log.place(of: .cacheCapacity)
                let event = EventID(log.transfer(place).id)
                let forged = try Details.seal(["actor": "somebody else"], of: event, at: 0, under: custody.root.details)
                log[place.block].details[UInt32(place.index)] = forged.sealed
                if fixingCommitment {
                    log[place.block].block.commitments = [.init(index: UInt32(place.index), digest: forged.commitment)]
                }
            }
        }
        try rewrite(fixingCommitment: false)
        #expect(try await ledger.findings() == [.detailsForged])
        try rewrite(fixingCommitment: true)
        // Only what was signed before, or is kept elsewhere, tells.
        #expect(try await ledger.findings() == [.historyRewritten])
    }

    @Test func aCommitmentRemoved() async throws {
        #expect(
            try await findings {
                try $0.rewriteLog { log in
                    let place = try log.place(of: .sign)
                    log[place.block].block.commitments.removeAll { $0.index == UInt32(place.index) }
                }
            } == [.detailsOrphaned, .eventForeign, .historyRewritten])
    }

    // MARK: Material

    @Test func materialRemoved() async throws {
        let ledger = try await SampleLedger.copy()
        let version = try signingVersions(ledger)[0]
        try Attacker(ledger).changeMaterial { try $0.erase([.version(version)]) }
        #expect(try await ledger.findings() == [.materialMissing])
    }

    @Test func wrappedBlobsSwapped() async throws {
        let ledger = try await SampleLedger.copy()
        let (a, b) = (try signingVersions(ledger)[0], try signingVersions(ledger)[1])
        try Attacker(ledger).changeMaterial { material in
            let (one, other) = (try material.blob(.version(a)), try material.blob(.version(b)))
            try material.put(
                [(.version(a), try #require(other)), (.version(b), try #require(one))], eventCount: 0)
        }
        #expect(try await ledger.findings() == [.materialForged, .publicKeyForged])
        #expect(try await ledger.findings(withMasterKey: false) == [])
    }

    @Test func aPublicKeySwapped() async throws {
        let ledger = try await SampleLedger.copy()
        let version = try signingVersions(ledger)[0]
        let forged = try Ed25519.PrivateKey(seed: try SecretBytes(randomCount: 32)).publicKey.bytes
        try Attacker(ledger).changeMaterial { material in
            let stored = try #require(try material.blob(.version(version)))
            let blob = try #require(WrappedBlob(stored))
            try material.put([(.version(version), WrappedBlob(header: forged, box: blob.box).bytes)], eventCount: 0)
        }
        #expect(try await ledger.findings() == [.materialForged, .publicKeyForged])
    }

    /// The whole folder of another ledger under the same master key.
    @Test func materialOfAnotherLedger() async throws {
        let ledger = try await SampleLedger.copy()
        let other = try await SampleLedger.made(masterKey: ledger.masterKeyFile)
        try replace(ledger, "material", from: other)
        let findings = try await ledger.findings()
        #expect(findings.contains(.materialMissing))
        #expect(findings.contains(.detailsForged))
    }

    @Test func oldMaterialRestored() async throws {
        let ledger = try await SampleLedger.copy()
        let projection = try KeyLedger.Replay(try LedgerReader(LedgerFolder(path: ledger.path))).projection
        let erased = try #require(
            projection.keys.first { $0.value.versions[0].isErased }.map { KeyVersion(key: $0.key, number: 1) })
        try Attacker(ledger).changeMaterial { material in
            #expect(try material.blob(.version(erased)) == nil)
            try material.put([(.version(erased), [1, 0, 0, 42])], eventCount: 0)
        }
        #expect(try await ledger.findings() == [.materialRestored])
    }

    @Test func aByteOfMaterial() async throws {
        let ledger = try await SampleLedger.copy()
        try Attacker(ledger).changeFile("material/blobs") { $0[512 + 64 + 20] ^= 1 }
        #expect(try await ledger.findings(withMasterKey: false).contains(.materialDamaged))
    }

    @Test func anotherMasterKeyIsNoVerdict() async throws {
        let ledger = try await SampleLedger.copy()
        let other = try await SampleLedger.made()
        await #expect(throws: Unreadable.self) {
            _ = try await ledger.verified { $0.masterKeyFile = other.masterKeyFile }
        }
    }

    // MARK: The name

    @Test func theOriginChanged() async throws {
        let ledger = try await SampleLedger.copy()
        try Attacker(ledger).changeFile("ledger.json") { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            bytes = Array(text.replacing("ledger.example/attacked", with: "ledger.example/another1").utf8)
        }
        #expect(try await ledger.findings() == [.originForged, .checkpointForged, .publicKeyForged])
        #expect(try await ledger.findings(withMasterKey: false) == [.checkpointForged, .publicKeyForged])
    }

    // MARK: -

    private func findings(_ attack: (Attacker) throws -> Void) async throws -> Set<Finding.Kind> {
        let ledger = try await SampleLedger.copy()
        try attack(Attacker(ledger))
        return try await ledger.findings()
    }

    /// Versions of the signing key that was rotated.
    private func signingVersions(_ ledger: SampleLedger) throws -> [KeyVersion] {
        let projection = try KeyLedger.Replay(try LedgerReader(LedgerFolder(path: ledger.path))).projection
        let key = try #require(projection.keys.first { $0.value.versions.count == 2 })
        return [KeyVersion(key: key.key, number: 1), KeyVersion(key: key.key, number: 2)]
    }
}

/// Replaces a part of a ledger by that of another.
func replace(_ ledger: SampleLedger, _ name: String, from other: SampleLedger) throws {
    try FileManager.default.removeItem(atPath: ledger.path + "/" + name)
    try FileManager.default.copyItem(atPath: other.path + "/" + name, toPath: ledger.path + "/" + name)
}
