import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("A tenant")
struct TenantTests {
    private let message = Array("claim 4711".utf8)

    // MARK: Names

    @Test func isFoundByItsNameAndListedInOrderOfCreation() async throws {
        let ledger = try TestLedger()
        let names = ["zeta", "acme", "m.i_d-d@l:e", "0"]
        try await ledger.withStore { store in
            for name in names { _ = try await store.createTenant(name) }
            #expect(try store.tenants().map(\.name.description) == names)
            #expect(try store.hasTenant("acme"))
            #expect(try !store.hasTenant("Acme"))
        }
        try await ledger.withStore { store in
            let tenants = try store.tenants()
            #expect(tenants.map(\.name.description) == names)
            #expect(try await store.tenant("zeta").id == tenants.first?.id)
        }
    }

    @Test func listsItsOwnKeysOnly() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let globex = try await store.createTenant("globex")
            _ = try await acme.createSigningKey("claims")
            _ = try await globex.createSigningKey("claims")
            _ = try await acme.createEncryptionKey("pii")
            #expect(try acme.keys().map(\.name.description) == ["claims", "pii"])
            #expect(try acme.keys().map(\.algorithm) == [.ed25519, .aes256GCM])
            #expect(try globex.keys().map(\.name.description) == ["claims"])
            #expect(try acme.hasKey("pii"))
            #expect(try !globex.hasKey("pii"))
        }
    }

    @Test func cannotHaveTwoKeysOfOneName() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            _ = try await acme.createSigningKey("claims")
            let exists = KeyStoreError.keyExists(tenant: "acme", key: "claims")
            await #expect(throws: exists) { _ = try await acme.createSigningKey("claims") }
            await #expect(throws: exists) { _ = try await acme.createEncryptionKey("claims") }
            await #expect(throws: KeyStoreError.tenantExists("acme")) { _ = try await store.createTenant("acme") }
            #expect(try store.audit.denials() == ["key-exists", "key-exists", "tenant-exists"])
        }
    }

    @Test func whatDoesNotExistIsRefusedAndTheAttemptRecorded() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            _ = try await acme.createSigningKey("claims")
            await #expect(throws: KeyStoreError.unknownTenant("globex")) { _ = try await store.tenant("globex") }
            await #expect(throws: KeyStoreError.unknownKey(tenant: "acme", key: "pii")) {
                _ = try await acme.encryptionKey("pii")
            }
            await #expect(throws: KeyStoreError.unknownKey(tenant: "acme", key: "pii")) {
                _ = try await acme.key("pii")
            }
            let wrong = KeyStoreError.wrongAlgorithm(key: "claims", is: .ed25519, needs: .aes256GCM)
            await #expect(throws: wrong) { _ = try await acme.encryptionKey("claims") }
            let events = try store.audit.events(.deny)
            #expect(
                events.map { $0.details?["denied"] } == [
                    "unknown-tenant", "unknown-key", "unknown-key", "wrong-algorithm",
                ])
            #expect(events.map { $0.details?["tenant"] ?? $0.details?["key"] } == ["globex", "pii", "pii", "claims"])
            #expect(store.projection.refusalCount == 4)
        }
    }

    // MARK: Isolation

    /// Two tenants with keys of the same names, and what each of them made.
    private struct Neighbours {
        let acme: Tenant
        let globex: Tenant

        init(_ store: KeyStore) async throws {
            acme = try await store.createTenant("acme")
            globex = try await store.createTenant("globex")
            for tenant in [acme, globex] {
                _ = try await tenant.createSigningKey("claims")
                _ = try await tenant.createEncryptionKey("pii")
                _ = try await tenant.createEncryptionKey("other")
            }
        }

        init(reading store: KeyStore) async throws {
            acme = try await store.tenant("acme")
            globex = try await store.tenant("globex")
        }
    }

    @Test func doesNotOpenAnothersEnvelope() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let neighbours = try await Neighbours(store)
            let envelope = try await neighbours.acme.encryptionKey("pii").encrypt(message)
            for key in [
                try await neighbours.globex.encryptionKey("pii"), try await neighbours.acme.encryptionKey("other"),
            ] {
                await #expect(throws: KeyStoreError.notAuthentic) { _ = try await key.decrypt(envelope) }
            }
            let denials = try store.audit.events(.deny)
            #expect(denials.map { $0.details?["denied"] } == ["foreign-envelope", "foreign-envelope"])
            // The event is the one's who tried, and says whose envelope it was.
            let projection = store.projection
            #expect(denials.map { projection.tenant(of: $0.transfer) } == [neighbours.globex.id, neighbours.acme.id])
            #expect(denials[0].details?["envelopeTenant"]?.string == neighbours.acme.id.description)
        }
    }

    @Test func anEnvelopeThatClaimsToBeAnothersDoesNotOpenEither() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let neighbours = try await Neighbours(store)
            let key = try await neighbours.acme.encryptionKey("pii")
            let envelope = try await key.encrypt(message)
            try await key.handle.rotate()
            let box = Array(envelope.dropFirst(40))
            let thief = try await neighbours.globex.encryptionKey("pii")
            let other = try await neighbours.acme.encryptionKey("other")
            // The header rewritten to another tenant's key, another key, another version.
            for (header, victim) in [
                (Envelope(tenant: neighbours.globex.id, version: thief.handle.version(numbered: 1)), thief),
                (Envelope(tenant: neighbours.acme.id, version: other.handle.version(numbered: 1)), other),
                (Envelope(tenant: neighbours.acme.id, version: key.handle.version(numbered: 2)), key),
            ] {
                await #expect(throws: KeyStoreError.notAuthentic) {
                    _ = try await victim.decrypt(header.header + box)
                }
            }
            #expect(try store.audit.denials() == ["not-authentic", "not-authentic", "not-authentic"])
            #expect(try await key.decrypt(envelope).revealed() == message)
        }
    }

    @Test func anothersSignatureDoesNotVerify() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let neighbours = try await Neighbours(store)
            let signature = try await neighbours.acme.signingKey("claims").sign(message)
            #expect(try await !neighbours.globex.signingKey("claims").verify(signature.bytes, of: message))
        }
    }

    /// Where a piece of wrapped material is moved from and to.
    enum Move: CaseIterable, CustomTestStringConvertible {
        case keyOfAnotherTenant, anotherKey, anotherVersion, tenantKey, detailsKey

        var testDescription: String { "\(self)" }
    }

    @Test(arguments: Move.allCases)
    func wrappedMaterialInAnothersPlaceIsRefusedAndTheRefusalIsAnEvent(move: Move) async throws {
        let ledger = try TestLedger()
        let (acme, pii, other, globex, theirs, envelope) = try await ledger.withStore { store in
            let neighbours = try await Neighbours(store)
            let key = try await neighbours.acme.encryptionKey("pii")
            let envelope = try await key.encrypt(message)
            try await key.handle.rotate()
            return (
                neighbours.acme.id, key.handle, try await neighbours.acme.key("other"), neighbours.globex.id,
                try await neighbours.globex.key("pii"), envelope
            )
        }
        let (from, to): (MaterialStore.Name, MaterialStore.Name) =
            switch move {
            case .keyOfAnotherTenant: (.version(theirs.version(numbered: 1)), .version(pii.version(numbered: 1)))
            case .anotherKey: (.version(other.version(numbered: 1)), .version(pii.version(numbered: 1)))
            case .anotherVersion: (.version(pii.version(numbered: 2)), .version(pii.version(numbered: 1)))
            case .tenantKey: (.tenantKey(globex), .tenantKey(acme))
            case .detailsKey: (.detailsKey(globex), .detailsKey(acme))
            }
        try ledger.tamper { material in
            let blob = try #require(try material.blob(from))
            try material.put([(to, blob)], eventCount: 0)
        }
        try await ledger.withStore { store in
            let before = try store.eventCount
            let neighbours = try await Neighbours(reading: store)
            let key = try await neighbours.acme.encryptionKey("pii")
            let error = try await #require(throws: KeyStoreError.self) { _ = try await key.decrypt(envelope) }
            guard case .materialDamaged = error else {
                Issue.record("\(error)")
                return
            }
            // Who was refused what is on disk, if only without words when the key to the words is what was moved.
            let denials = try store.audit.events(.deny, from: before)
            #expect(denials.count == 1)
            #expect(denials.first?.version == pii.version(numbered: 1))
            #expect(denials.first.map { store.projection.tenant(of: $0.transfer) } == acme)
            if move != .tenantKey, move != .detailsKey {
                #expect(denials.first?.details?["denied"] == "material-damaged")
            }
            // The neighbour is not affected.
            let theirs = try await neighbours.globex.encryptionKey("pii")
            #expect(try await theirs.decrypt(try await theirs.encrypt(message)).revealed() == message)
        }
    }

    @Test func aPublicKeyInAnothersPlaceIsNotBelieved() async throws {
        let ledger = try TestLedger()
        let (mine, theirs) = try await ledger.withStore { store in
            let neighbours = try await Neighbours(store)
            return (try await neighbours.acme.key("claims"), try await neighbours.globex.key("claims"))
        }
        try ledger.tamper { material in
            let blob = try #require(try material.blob(.version(theirs.version(numbered: 1))))
            try material.put([(.version(mine.version(numbered: 1)), blob)], eventCount: 0)
        }
        try await ledger.withStore { store in
            let neighbours = try await Neighbours(reading: store)
            let forged = try await neighbours.globex.signingKey("claims").sign(message)
            let key = try await neighbours.acme.signingKey("claims")
            // What another tenant signed would verify as one's own.
            await #expect(throws: KeyStoreError.self) { _ = try await key.verify(forged.bytes, of: message) }
            #expect(throws: KeyStoreError.self) { try key.publicKey() }
            #expect(try store.audit.denials() == ["material-damaged"])
        }
    }

    @Test func oneWithDamagedMaterialDoesNotKeepTheLedgerFromTheOthers() async throws {
        let original = try TestLedger()
        let store = try await original.open()
        let neighbours = try await Neighbours(store)
        for tenant in [neighbours.acme, neighbours.globex] {
            _ = try await tenant.signingKey("claims").sign(message)
        }
        // Both keys are in memory when the power goes, so that opening has to evict them.
        let ledger = try original.afterPowerCut()
        try await store.close()
        try ledger.tamper { material in
            try material.put([(.tenantKey(neighbours.acme.id), [1, 0, 0, 9])], eventCount: 0)
        }
        try await ledger.withStore { store in
            #expect(store.projection.residencies.isEmpty)
            _ = try await store.tenant("globex").signingKey("claims").sign(message)
            await #expect(throws: KeyStoreError.self) {
                _ = try await store.tenant("acme").signingKey("claims").sign(message)
            }
        }
    }

    // MARK: Usage

    @Test func isChargedForWhatItsKeysDid() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let neighbours = try await Neighbours(store)
            let claims = try await neighbours.acme.signingKey("claims")
            let pii = try await neighbours.acme.encryptionKey("pii")
            for _ in 0..<3 {
                let signature = try await claims.sign(message)
                _ = try await claims.verify(signature.bytes, of: message)
            }
            try await claims.handle.rotate()
            _ = try await claims.sign(count: 5) { $0.events.map { _ in message } }
            _ = try await pii.decrypt(try await pii.encrypt(message))
            _ = try await neighbours.globex.signingKey("claims").sign(message)

            let usage = try #require(store.projection.tenants[neighbours.acme.id]?.usage)
            #expect([usage.sign, usage.verify, usage.encrypt, usage.decrypt] == [8, 3, 1, 1])
            #expect(store.projection.tenants[neighbours.globex.id]?.usage.sign == 1)
            #expect(claims.handle.record?.versions.map(\.usage.sign) == [3, 5])
            // The ledger's own balances say the same.
            #expect(store.writer.account(AccountID.tenant(neighbours.acme.id, .protect))?.creditsPosted == 9)
            #expect(store.writer.account(AccountID.tenant(neighbours.acme.id, .process))?.creditsPosted == 4)
            #expect(store.balance(claims.handle.version(numbered: 1), .ed25519, .protect) == 3)
            #expect(store.balance(claims.handle.version(numbered: 2), .ed25519, .protect) == 5)
        }
    }

    @Test func actsInTheNameOfItsCaller() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let batch = Caller(actor: "batch", reason: "ticket 12")
            let key = try await store.createTenant("acme", caller: batch).createSigningKey("claims")
            _ = try await key.sign(message)
            var inspector = try await store.tenant("acme")
            inspector.caller = Caller(actor: "inspector")
            _ = try await inspector.signingKey("claims").sign(message)
            let callers = try store.audit.events(.createTenant, .generate, .sign).map {
                [$0.details?["actor"]?.string, $0.details?["reason"]?.string]
            }
            #expect(
                callers == [
                    ["batch", "ticket 12"], ["batch", "ticket 12"], ["batch", "ticket 12"], ["inspector", nil],
                ])
        }
    }
}
