import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Rotation")
struct RotationTests {
    private let message = Array("claim 4711".utf8)

    @Test func newSignaturesNameTheNewVersionAndOldOnesStayValid() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let old = try await key.sign(message)
            #expect(try await key.handle.rotate() == 2)
            let new = try await key.sign(message)
            #expect(old.version == 1)
            #expect(new.version == 2)
            #expect(try key.publicKey(version: 1) != key.publicKey(version: 2))
            #expect(try key.publicKey() == key.publicKey(version: 2))
            #expect(try key.publicKey(version: 1).isValid(old.bytes, for: message))
            #expect(try key.publicKey(version: 2).isValid(new.bytes, for: message))
            #expect(try await key.verify(old.bytes, of: message, version: 1))
            #expect(try await !key.verify(old.bytes, of: message, version: 2))
        }
    }

    @Test func theOldVersionStillDecryptsAndEncryptsNothingMore() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let old = try await key.encrypt(message)
            try await key.handle.rotate()
            let new = try await key.encrypt(message)
            #expect(Envelope.parse(old)?.0.version.number == 1)
            #expect(Envelope.parse(new)?.0.version.number == 2)
            #expect(try await key.decrypt(old).revealed() == message)
            #expect(try await key.decrypt(new).revealed() == message)
        }
    }

    @Test func theOldVersionIsNoLongerInMemory() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            _ = try await key.sign(message)
            #expect(store.live.versionsInMemory == [key.handle.version(numbered: 1)])
            try await key.handle.rotate()
            #expect(store.live.versionsInMemory.isEmpty)
            #expect(store.projection.residencies.isEmpty)
            _ = try await key.sign(message)
            #expect(store.live.versionsInMemory == [key.handle.version(numbered: 2)])
        }
    }

    @Test func theLedgerItselfRefusesUsesOfTheOldVersion() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            try await key.handle.rotate()
            let old = key.handle.version(numbered: 1)
            let use = store.transfer(
                .sign, id: try store.newEventID(), from: AccountID.version(old, .ed25519, .protect),
                to: AccountID.tenant(key.handle.tenant.id, .protect), amount: 1, version: old)
            let reply = try await store.writer.submit([use]).reply()
            #expect(reply.results.map(\.status) == [.debitAccountAlreadyClosed])
            #expect(try store.audit.events(.sign).map(\.status) == [.debitAccountAlreadyClosed])
        }
    }

    @Test func isOneChainInTheLog() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            _ = try await key.encrypt(message)
            let before = try store.eventCount
            try await key.handle.rotate()
            let chain = try store.audit.events(from: before)
            #expect(chain.map(\.kind) == [.generate, .budget, .cryptoperiod, .evict, .retire])
            #expect(chain.dropLast().allSatisfy { $0.transfer.flags.contains(.linked) })
            #expect(chain.last?.transfer.flags.contains(.linked) == false)
            #expect(chain.map(\.version.number) == [2, 2, 2, 1, 1])
            #expect(chain.allSatisfy { $0.status == .created })
            let generate = chain.first?.details
            #expect(generate?["name"] == "pii")
            #expect(generate?["tenant"] == "acme")
            #expect(generate?["algorithm"] == "AES-256-GCM")
            #expect(generate?["actor"] == "test")
        }
    }

    @Test func ofAKeyThatIsBeingRotatedIsRefusedAndRecorded() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let inProgress = KeyStoreError.rotationInProgress(key: "claims")
            let second = try await store.exclusively(key.handle.id.value, orElse: inProgress) {
                await Result { () async throws(KeyStoreError) in try await key.handle.rotate() }
            }
            #expect(second == .failure(inProgress))
            #expect(try store.audit.denials() == ["rotation-in-progress"])
            #expect(try await key.handle.rotate() == 2)
        }
    }

    @Test func aVersionIsOverdueFromTheEndOfItsCryptoperiodUntilItIsReplaced() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cryptoperiodSeconds = 90
        } _: { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            func overdue() -> [Bool]? { key.handle.record?.versions.map(\.isOverdue) }
            ledger.clock.advance(seconds: 89)
            _ = try await key.sign(message)
            #expect(overdue() == [false])
            ledger.clock.advance(seconds: 1.001)
            _ = try await key.sign(message)
            #expect(overdue() == [true])
            try await key.handle.rotate()
            #expect(overdue() == [false, false])
            // The new version's period runs from its own beginning.
            ledger.clock.advance(seconds: 91)
            _ = try await key.sign(message)
            #expect(overdue() == [false, true])
        }
    }

    @Test func manyVersionsAllVerifyWithTheirOwnKeys() async throws {
        let ledger = try TestLedger()
        let signatures = try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            var signatures: [SigningKey.Signature] = []
            for _ in 1...20 {
                signatures.append(try await key.sign(message))
                try await key.handle.rotate()
            }
            return signatures
        }
        #expect(signatures.map(\.version) == Array(1...20))
        try await ledger.withStore { store in
            let key = try await store.tenant("acme").signingKey("claims")
            #expect(key.handle.record?.activeVersion == 21)
            for signature in signatures {
                #expect(try await key.verify(signature.bytes, of: message, version: signature.version))
            }
        }
    }

    @Test func aVersionThatDoesNotExistIsRefusedAndRecorded() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            for number: UInt32 in [0, 2, .max] {
                let unknown = KeyStoreError.unknownVersion(key: "claims", version: number)
                await #expect(throws: unknown) { try await key.verify([], of: [], version: number) }
                #expect(throws: unknown) { try key.publicKey(version: number) }
            }
            #expect(try store.audit.denials() == Array(repeating: "unknown-version", count: 3))
        }
    }
}
