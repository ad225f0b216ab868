import CryptoPrimitives
import Ledger
import Testing
import Transparency

@testable import KeyLedger
@testable import LedgerStore

@Suite("The key cache")
struct KeyCacheTests {
    private let message = Array("claim 4711".utf8)

    @Test func isEmptiedByKeyByTenantAndAltogetherWithAnEventEach() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            var keys: [SigningKey] = []
            for name in ["acme", "globex"] {
                let tenant = try await store.createTenant(name)
                for key in ["a", "b"] { keys.append(try await tenant.createSigningKey(key)) }
            }
            let secret = try await store.tenant("globex").createEncryptionKey("pii")
            func useAll() async throws {
                for key in keys { _ = try await key.sign(message) }
                _ = try await secret.encrypt(message)
            }
            func inMemory() -> Set<KeyID> { Set(store.live.versionsInMemory.map(\.key)) }
            let all = Set(keys.map(\.handle.id) + [secret.handle.id])

            try await useAll()
            #expect(try await store.cache.invalidate(keys[0].handle) == 1)
            #expect(inMemory() == all.subtracting([keys[0].handle.id]))
            #expect(try await store.cache.invalidate(keys[0].handle) == 0)

            try await useAll()
            let caller = Caller(actor: "security", reason: "incident 7")
            #expect(try await store.cache.invalidate(try await store.tenant("globex"), caller: caller) == 3)
            #expect(inMemory() == [keys[0].handle.id, keys[1].handle.id])

            try await useAll()
            #expect(try await store.cache.invalidateAll() == 5)
            #expect(inMemory().isEmpty)

            let evictions = try store.audit.events(.evict)
            #expect(
                evictions.map { $0.details?["reason"]?.string } == ["invalidated"]
                    + Array(repeating: "incident 7", count: 3) + Array(repeating: "invalidated", count: 5))
            #expect(evictions[1].details?["actor"] == "security")
            #expect(store.projection.refusalCount == 0)
            try await useAll()
        }
    }

    @Test func waitsForUsesBeforeItEmptiesAndLetsNobodyBeginMeanwhile() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            _ = try await key.sign(message)
            let version = key.handle.version(numbered: 1)
            let renewal = PlaintextKeys.Renewal(now: ledger.clock.now, residencySeconds: 3600)
            guard case .lent(_, let lease) = try await store.live.loan(of: version, protects: true, renewal: renewal)
            else {
                Issue.record("the key is not in memory")
                return
            }
            let emptying = Task { try await store.cache.invalidateAll() }
            try await Task.sleep(for: .milliseconds(50))
            #expect(store.live.versionsInMemory == [version])
            store.live.giveBack(version, lease)
            #expect(try await emptying.value == 1)
            #expect(store.live.versionsInMemory.isEmpty)
        }
    }

    @Test func countsHitsMissesEvictionsAndExpiries() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.entryCountMax = 1
            $0.cache.encryptionKeySeconds = 10
        } _: { store in
            let tenant = try await store.createTenant("acme")
            let first = try await tenant.createSigningKey("a"), second = try await tenant.createSigningKey("b")
            let secret = try await tenant.createEncryptionKey("pii")
            for _ in 0..<3 { _ = try await first.sign(message) }
            _ = try await second.sign(message)
            _ = try await secret.encrypt(message)
            // Each kind has its own place.
            #expect(store.cache.plaintext.map(\.version.key) == [second.handle.id, secret.handle.id])
            ledger.clock.advance(seconds: 20)
            _ = try await secret.encrypt(message)
            #expect(store.cache.privateKeys.hitCount == 2)
            #expect(store.cache.privateKeys.missCount == 2)
            #expect(store.cache.privateKeys.evictionCount == 1)
            #expect(store.cache.privateKeys.hitRate == 0.5)
            #expect(store.cache.encryptionKeys.missCount == 2)
            #expect(store.cache.encryptionKeys.expiryCount == 1)
        }
    }

    @Test func believesAPublicKeyForItsTimeAndNoLonger() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.publicKeySeconds = 100
            $0.cache.entryCountMax = 2
        } _: { store in
            let tenant = try await store.createTenant("acme")
            var keys: [SigningKey] = []
            for name in ["a", "b", "c"] { keys.append(try await tenant.createSigningKey(name)) }
            let before = try store.eventCount
            _ = try keys[0].publicKey()
            ledger.clock.advance(seconds: 99)
            _ = try keys[0].publicKey()
            #expect(store.cache.publicKeys.hitCount == 1)
            ledger.clock.advance(seconds: 1)
            _ = try keys[0].publicKey()
            #expect(store.cache.publicKeys.expiryCount == 1)
            #expect(store.cache.publicKeys.missCount == 2)
            for key in keys { _ = try key.publicKey() }
            #expect(store.cache.publicKeys.evictionCount == 1)
            // None of this is an event: nothing secret moved.
            #expect(try store.eventCount == before)
            #expect(store.live.versionsInMemory.isEmpty)
        }
    }

    @Test func isWipedWhenTheWriterFails() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let key = try await store.createTenant("acme").createSigningKey("claims")
        _ = try await key.sign(message)
        #expect(!store.live.versionsInMemory.isEmpty)
        let ticket = Ticket<CreateTransferStatus>()
        ticket.answer(.failure(.failed(reason: "the disk is gone")))
        await #expect(throws: KeyStoreError.store(.failed(reason: "the disk is gone"))) {
            _ = try await store.reply(ticket)
        }
        #expect(store.live.versionsInMemory.isEmpty)
        try await store.close()
    }

    @Test func theServicesOfFLUOFindTenantsKeysAndNoOthers() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            for tenant in ["acme", "globex"] { _ = try await store.createTenant(tenant) }
            let generation = KeyGenerationService(store), retrieval = KeyRetrievalService(store)
            let made = try await generation.generateSigningKey(tenant: "acme")
            #expect(made.algorithm == .ed25519)
            let secret = try await generation.generateEncryptionKey(tenant: "acme")
            #expect(secret.publicKey == nil)

            let key = try await retrieval.signingKey(tenant: "acme")
            #expect(key.handle.id == made.keyID)
            let signature = try await key.sign(message)
            let publicKey = try await retrieval.publicKey(tenant: "acme")
            #expect(publicKey.bytes == made.publicKey?.bytes)
            #expect(publicKey.isValid(signature.bytes, for: message))
            let envelope = try await retrieval.encryptionKey(tenant: "acme").encrypt(message)

            await #expect(throws: KeyStoreError.unknownKey(tenant: "globex", key: "signing")) {
                _ = try await retrieval.signingKey(tenant: "globex")
            }
            _ = try await generation.generateEncryptionKey(tenant: "globex")
            await #expect(throws: KeyStoreError.notAuthentic) {
                _ = try await retrieval.encryptionKey(tenant: "globex").decrypt(envelope)
            }
            #expect(try await retrieval.invalidate(tenant: "globex") == 0)
            #expect(try await retrieval.invalidate(tenant: "acme") == 2)
            #expect(retrieval.cache.plaintext.isEmpty)
        }
    }
}
