import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Import and export")
struct ImportExportTests {
    private let seed = [UInt8](1...32)
    private let message = Array("claim".utf8)

    private func secret(_ bytes: [UInt8]) throws -> SecretBytes {
        try SecretBytes(copying: unsafe bytes.span.bytes)
    }

    private func clear(_ bytes: [UInt8]) throws -> IncomingKey {
        .cleartext(.init(try secret(bytes)))
    }

    private func encrypted(_ bytes: [UInt8], _ offer: ImportOffer) throws -> IncomingKey {
        .rsaOAEP(try offer.publicKey.encrypt(unsafe bytes.span.bytes), offer: offer.id)
    }

    /// PKCS #8 as `openssl genpkey -algorithm ed25519` writes it.
    private func pkcs8(_ seed: [UInt8]) -> [UInt8] {
        [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20] + seed
    }

    private func publicKey(of seed: [UInt8]) throws -> [UInt8] {
        try Ed25519.PrivateKey(seed: try secret(seed)).publicKey.bytes
    }

    // MARK: Import

    @Test func underAnOfferAKeyIsImportedOnce() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let offer = try await acme.offerImport()
            #expect(offer.publicKey.bitCount == 3072)
            #expect((offer.expiresAt - ledger.clock.now + 500_000_000) / 1_000_000_000 == 86400)
            let handle = try await acme.importKey("claims", .ed25519, try encrypted(pkcs8(seed), offer))
            let key = SigningKey(handle)
            #expect(try key.publicKey().bytes == publicKey(of: seed))
            #expect(try key.publicKey().isValid(try await key.sign(message).bytes, for: message))
            #expect(handle.record?.versions.map(\.isImported) == [true])
            #expect(handle.record?.versions.map(\.isExportable) == [false])
            let event = try #require(try store.audit.events(.importKey).first)
            #expect(event.details?["wrapping"]?.string == "RSA-OAEP-SHA256")
            #expect(event.details?["offer"]?.string == offer.id.description)
            #expect(event.details?["actor"]?.string == "test")
            // The private half has served.
            let names = try store.audit.material.names()
            #expect(names.allSatisfy { $0.importOffer == nil })
            await #expect(throws: KeyStoreError.unusableOffer(id: offer.id.description)) {
                _ = try await acme.importKey("again", .ed25519, try encrypted(pkcs8(seed), offer))
            }
            #expect(try !acme.hasKey("again"))
            // The next version is made here.
            try await handle.rotate()
            #expect(handle.record?.versions.map(\.isImported) == [true, false])
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
    }

    @Test func anOfferIsItsTenantsAndExpires() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let (acme, globex) = (try await store.createTenant("acme"), try await store.createTenant("globex"))
            let offer = try await acme.offerImport()
            let incoming = try encrypted(seed, offer)
            let unusable = KeyStoreError.unusableOffer(id: offer.id.description)
            await #expect(throws: unusable) { _ = try await globex.importKey("k", .ed25519, incoming) }
            ledger.clock.advance(seconds: 86401)
            await #expect(throws: unusable) { _ = try await acme.importKey("k", .ed25519, incoming) }
            await #expect(throws: KeyStoreError.self) { _ = try await acme.offerImport(bitCount: 1024) }
            let names = try store.audit.material.names()
            #expect(names.allSatisfy { $0.keyVersion == nil })
        }
        try await ledger.withStore { store in
            let names = try store.audit.material.names()
            #expect(names.allSatisfy { $0.importOffer == nil })
        }
    }

    @Test func theLedgerRefusesASecondRedemptionWhoeverAsks() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let offer = try await acme.offerImport()
            func redeem() async throws -> [CreateTransferStatus] {
                let post = store.post(.redeem, of: offer.id, id: try store.newEventID(), tenant: acme.id)
                return try await store.writer.submit([post]).reply().results.map(\.status)
            }
            #expect(try await redeem() == [.created])
            #expect(try await redeem() == [.pendingTransferAlreadyPosted])
            let late = try await acme.offerImport()
            ledger.clock.advance(seconds: 86401)
            let post = store.post(.redeem, of: late.id, id: try store.newEventID(), tenant: acme.id)
            #expect(
                try await store.writer.submit([post]).reply().results.map(\.status) == [.pendingTransferExpired])
        }
    }

    @Test func survivesACrashBetweenOfferAndImport() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let offer = try await store.createTenant("acme").offerImport()
        let left = try ledger.afterPowerCut()
        try await store.close()
        try await left.withStore { store in
            let handle = try await store.tenant("acme").importKey("k", .aes256GCM, try encrypted(seed, offer))
            let key = EncryptionKey(handle)
            #expect(try await key.decrypt(try await key.encrypt(message)).revealed() == message)
        }
    }

    @Test func wrappedUnderASharedKeyOrInTheClear() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let shared = [UInt8](repeating: 9, count: 32)
            let key = try KeyEncryptionKey(try secret(shared))
            let wrapped = try AES256KWP(key: try secret(shared)).wrap(unsafe seed.span.bytes)
            _ = try await acme.importKey("wrapped", .aes256GCM, .aesKWP(wrapped, under: key))
            _ = try await acme.importKey("clear", .aes256GCM, try clear(seed))
            #expect(
                try store.audit.events(.importKey).map { $0.details?["wrapping"]?.string } == ["AES-KWP", "none"])
            var changed = wrapped
            changed[3] ^= 1
            await #expect(throws: KeyStoreError.notUnwrapped) {
                _ = try await acme.importKey("changed", .aes256GCM, .aesKWP(changed, under: key))
            }
            #expect(try store.audit.denials() == ["not-unwrapped"])
        }
    }

    @Test func whatIsNoKeyIsRefusedAndRecorded() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let foreign = [UInt8](repeating: 3, count: 32)
            let withPublicKey =
                [0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20] + seed
                + [0x81, 0x21, 0x00]
            let bad: [(KeyAlgorithm, [UInt8])] = [
                (.aes256GCM, []), (.aes256GCM, Array(seed.prefix(16))), (.aes256GCM, pkcs8(seed)), (.ed25519, []),
                (.ed25519, [0x30, 0x2F] + pkcs8(seed).dropFirst(2)), (.ed25519, pkcs8(seed) + [0]),
                (.ed25519, withPublicKey + (try publicKey(of: foreign))),
            ]
            for (algorithm, bytes) in bad {
                let error = await #expect(throws: KeyStoreError.self) {
                    _ = try await acme.importKey("k", algorithm, try clear(bytes))
                }
                guard case .malformedMaterial = error else {
                    Issue.record("\(bytes.count) bytes: \(String(describing: error))")
                    continue
                }
            }
            #expect(try store.audit.denials() == bad.map { _ in "malformed-material" })
            _ = try await acme.importKey("k", .ed25519, try clear(withPublicKey + (try publicKey(of: seed))))
            await #expect(throws: KeyStoreError.keyExists(tenant: "acme", key: "k")) {
                _ = try await acme.importKey("k", .ed25519, try clear(seed))
            }
        }
    }

    @Test func aRefusedImportLeavesNothingForTheNextKeyOfThatName() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let offer = try await acme.offerImport()
            let incoming = try encrypted(seed, offer)
            // Expires between the look and the ledger's decision.
            let post = store.post(.redeem, of: offer.id, id: try store.newEventID(), tenant: acme.id)
            let material = ImportedMaterial(try secret(seed), details: [:], redemption: post)
            ledger.clock.advance(seconds: 86401)
            await #expect(throws: KeyStoreError.self) {
                _ = try await acme.create("claims", .ed25519, KeyPolicy(), importing: material)
            }
            await #expect(throws: KeyStoreError.self) { _ = try await acme.importKey("claims", .ed25519, incoming) }
        }
        try await ledger.withStore { store in
            let key = try await store.tenant("acme").createSigningKey("claims")
            #expect(try key.publicKey().bytes != publicKey(of: seed))
        }
    }

    // MARK: Export

    @Test func onlyWhatWasCreatedExportableLeaves() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let kept = try await acme.createEncryptionKey("kept").handle
            let before = try store.eventCount
            await #expect(throws: KeyStoreError.notExportable(key: "kept")) {
                _ = try await kept.export(protectedBy: .cleartext)
            }
            #expect(try store.audit.events(.export, from: before).map(\.status) == [.exceedsCredits])
            // Not in memory for that either.
            #expect(store.live.versionsInMemory.isEmpty)

            let pii = try await acme.createEncryptionKey("pii", policy: .init(isExportable: true))
            let envelope = try await pii.encrypt(message)
            let exported = try await pii.handle.export(protectedBy: .cleartext)
            #expect(exported.count == 32)
            let event = try #require(try store.audit.events(.export).last)
            #expect(event.status == .created)
            #expect(event.details?["wrapping"]?.string == "none")
            // It is the key: what it decrypts was encrypted under it.
            let header = Array(envelope.prefix(40)) + Array("{}".utf8)
            let box = Array(envelope.dropFirst(40))
            let cipher = try AES256GCM(key: try secret(exported))
            #expect(
                try cipher.open(unsafe box.span.bytes, authenticating: unsafe header.span.bytes).revealed() == message)
            // The next versions too.
            try await pii.handle.rotate()
            #expect(try await pii.handle.export(protectedBy: .cleartext) != exported)
        }
    }

    @Test func wrappedForARecipient() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let claims = try await acme.createSigningKey("claims", policy: .init(isExportable: true))
            let recipient = try RSAOAEP.PrivateKey(bitCount: 3072)
            let toRecipient = try await claims.handle.export(protectedBy: .rsaOAEP(recipient.publicKey))
            let received = try recipient.decrypt(unsafe toRecipient.span.bytes).revealed()
            #expect(received.count == 48)
            #expect(try publicKey(of: Array(received.suffix(32))) == claims.publicKey().bytes)
            let shared = [UInt8](repeating: 9, count: 32)
            let wrapped = try await claims.handle.export(
                protectedBy: .aesKWP(try KeyEncryptionKey(try secret(shared))))
            #expect(try AES256KWP(key: try secret(shared)).unwrap(unsafe wrapped.span.bytes).revealed() == received)
            let details = try store.audit.events(.export).map(\.details)
            let fingerprint = SHA256.hash(of: recipient.publicKey.der)
            #expect(details.first??["recipient"]?.string == "sha256:\(fingerprint)")
            #expect(details.map { $0?["wrapping"]?.string } == ["RSA-OAEP-SHA256", "AES-KWP"])
            // Round trip: into another tenant.
            let globex = try await store.createTenant("globex")
            let copy = SigningKey(
                try await globex.importKey(
                    "claims", .ed25519, .aesKWP(wrapped, under: try KeyEncryptionKey(try secret(shared)))))
            #expect(try copy.publicKey() == claims.publicKey())
        }
    }

    @Test func notOfCompromisedOrDestroyedVersionsNorWhileDestructionWaits() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let key = try await acme.createEncryptionKey("pii", policy: .init(isExportable: true)).handle
            func expectRefused(_ state: KeyState, _ destruction: KeyState.Destruction = .notScheduled) async {
                let refusal = KeyStoreError.wrongState(
                    operation: .export, key: "pii", version: 1, state: state, destruction: destruction)
                await #expect(throws: refusal) { _ = try await key.export(protectedBy: .cleartext) }
            }
            try await key.suspend()
            _ = try await key.export(protectedBy: .cleartext)
            try await key.scheduleDestruction(waitingSeconds: 60)
            await expectRefused(.deactivated, .waiting)
            ledger.clock.advance(seconds: 61)
            await #expect(throws: KeyStoreError.self) { _ = try await store.tenant("nobody") }
            await expectRefused(.deactivated, .due)
            try await store.settleDue()
            await expectRefused(.destroyed)
            let other = try await acme.createEncryptionKey("other", policy: .init(isExportable: true)).handle
            try await other.compromise()
            await #expect(throws: KeyStoreError.self) { _ = try await other.export(protectedBy: .cleartext) }
        }
    }
}
