import CryptoPrimitives
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

/// What the product is for, from one end to the other. Each scenario is also a line of shell in
/// `KeyLedgerCLITests/ScenarioTests.swift`.
@Suite("Scenarios")
struct ScenarioTests {
    private let message = Array("claim 4711 was approved".utf8)

    @Test func signingLifeCycle() async throws {
        try await TestLedger().withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")

            let signature = try await key.sign(message)
            #expect(try await key.verify(signature.bytes, of: message))
            #expect(try await !key.verify(signature.bytes, of: message + [0]))

            // The key came into memory with its first use, and the second found it there.
            _ = try await key.sign(message)
            #expect(try store.audit.events(.generate, .admit, .sign).map(\.kind) == [.generate, .admit, .sign, .sign])
            #expect(key.handle.record?.versions.first?.usage.sign == 2)
        }
    }

    @Test func encryptionLifeCycle() async throws {
        let ledger = try TestLedger()
        let envelope = try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            return try await key.encrypt(message, context: ["purpose": "export"])
        }
        // Another process, later.
        try await ledger.withStore { store in
            let key = try await store.tenant("acme").encryptionKey("pii")
            #expect(try await key.decrypt(envelope, context: ["purpose": "export"]).revealed() == message)
            await #expect(throws: KeyStoreError.notAuthentic) {
                _ = try await key.decrypt(envelope, context: ["purpose": "import"])
            }

            // A new version encrypts, the old one still decrypts.
            #expect(try await key.handle.rotate() == 2)
            #expect(Envelope.parse(try await key.encrypt(message))?.0.version.number == 2)
            #expect(try await key.decrypt(envelope, context: ["purpose": "export"]).revealed() == message)
        }
    }

    @Test func spanSigning() async throws {
        try await TestLedger().withStore { store in
            let file = try SampleFile.lines()
            var collector = SpanTenants.Collector()
            let line = try ExportLine(parsing: file[0])
            collector.collect(line)
            var options = ComplianceSpanSigner.Options()
            options.createsMissing = true
            options.defaultTenant = "platform"

            let outcome = try await ComplianceSpanSigner(store, options: options).sign(
                line, tenants: collector.resolve())
            #expect(outcome.signedCount == line.count && outcome.refusals.isEmpty)

            // Each signature has its event, and nothing but public keys is needed to check them.
            #expect(try store.audit.events(.sign).count == line.count)
            var keys: [String: Ed25519.PublicKey] = [:]
            for tenant in try store.tenants() {
                for key in try tenant.keys() where key.algorithm == .ed25519 {
                    keys[key.id.description] = try SigningKey(key).publicKey(version: 1)
                }
            }
            let ring = keys
            let signed = try ExportLine(parsing: outcome.line.serialized())
            for index in signed.indices {
                guard case .valid = signed.verify(spanAt: index, publicKey: { _, id, _ in ring[id] }) else {
                    Issue.record("span \(index) is not valid")
                    continue
                }
            }
        }
    }

    @Test func invalidationOnRotation() async throws {
        try await TestLedger().withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let old = try await key.sign(message)
            let version = { key.handle.version(numbered: $0) }
            #expect(store.live.versionsInMemory == [version(1)])

            try await key.handle.rotate()
            // The old plaintext left memory with the rotation, in one chain, before anybody could use the new version.
            #expect(store.live.versionsInMemory.isEmpty)
            #expect(try store.audit.events(.evict, .retire).map(\.version) == [version(1), version(1)])

            #expect(try await key.sign(message).version == 2)
            #expect(store.live.versionsInMemory == [version(2)])
            #expect(try await key.verify(old.bytes, of: message, version: 1))
        }
    }

    @Test func publicKeyForOutsideVerification() async throws {
        let ledger = try TestLedger()
        let (version, signature) = try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            return (key.handle.version(numbered: 1), try await key.sign(message).bytes)
        }
        // Somebody with a copy of the folder and no master key; what they do is nobody's event.
        let outside = try AuditReader(ledger.path, masterKey: nil)
        let count = try outside.log.eventCount()
        let publicKey = try outside.publicKey(of: version)
        #expect(publicKey.isValid(signature, for: message))
        #expect(!publicKey.isValid(signature, for: message + [0]))
        #expect(try outside.log.eventCount() == count)
        #expect(!outside.opensDetails)
    }

    @Test func tenantIsolation() async throws {
        try await TestLedger().withStore { store in
            let acme = try await store.createTenant("acme")
            let globex = try await store.createTenant("globex")
            for tenant in [acme, globex] {
                _ = try await tenant.createSigningKey("claims")
                _ = try await tenant.createEncryptionKey("pii")
            }
            // The same names, other keys.
            let signature = try await acme.signingKey("claims").sign(message)
            #expect(try await !globex.signingKey("claims").verify(signature.bytes, of: message))
            let envelope = try await acme.encryptionKey("pii").encrypt(message)
            let theirs = try await globex.encryptionKey("pii")
            await #expect(throws: KeyStoreError.notAuthentic) { _ = try await theirs.decrypt(envelope) }

            // The attempt is an event of whoever made it.
            let denial = try #require(try store.audit.events(.deny).last)
            #expect(denial.details?["denied"] == "foreign-envelope")
            #expect(store.projection.tenant(of: denial.transfer) == globex.id)
        }
    }
}
