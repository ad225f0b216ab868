import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("An encryption key")
struct EncryptionKeyTests {
    private let plaintext = Array("Jane Doe, 1980-02-29".utf8)

    @Test func decryptsWhatItEncryptedAlsoAfterReopening() async throws {
        let ledger = try TestLedger()
        let envelope = try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let envelope = try await key.encrypt(plaintext, context: ["purpose": "export"])
            #expect(try await key.decrypt(envelope, context: ["purpose": "export"]).revealed() == plaintext)
            return envelope
        }
        try await ledger.withStore { store in
            let key = try await store.tenant("acme").encryptionKey("pii")
            #expect(try await key.decrypt(envelope, context: ["purpose": "export"]).revealed() == plaintext)
        }
    }

    @Test func theEnvelopeNamesTenantKeyAndVersion() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let envelope = try await key.encrypt(plaintext)
            #expect(envelope.count == 40 + plaintext.count + AES256GCM.overhead)
            #expect(Array(envelope.prefix(4)) == Array("KLE1".utf8))
            let (parsed, box) = try #require(Envelope.parse(envelope))
            #expect(parsed.tenant == key.handle.tenant.id)
            #expect(parsed.version == key.handle.version(numbered: 1))
            #expect(box.count == plaintext.count + AES256GCM.overhead)
        }
    }

    @Test func theSamePlaintextTwiceIsTwoCiphertexts() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            #expect(try await key.encrypt(plaintext) != key.encrypt(plaintext))
        }
    }

    @Test(arguments: [
        [:], ["purpose": "Export"], ["purpose": "export", "more": ""], ["Purpose": "export"], ["purpose": "export "],
    ])
    func anotherContextDoesNotDecrypt(context: [String: String]) async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let envelope = try await key.encrypt(plaintext, context: ["purpose": "export"])
            await #expect(throws: KeyStoreError.notAuthentic) { _ = try await key.decrypt(envelope, context: context) }
            #expect(try store.audit.denials() == ["not-authentic"])
        }
    }

    @Test func theContextIsRecordedWithEncryptionAndDecryption() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let context = ["purpose": "export", "caseId": "4711"]
            _ = try await key.decrypt(try await key.encrypt(plaintext, context: context), context: context)
            for event in try store.audit.events(.encrypt, .decrypt) {
                #expect(event.details?["context"]?["purpose"] == "export")
                #expect(event.details?["context"]?["caseId"] == "4711")
            }
        }
    }

    @Test(arguments: [0, 65_536])
    func contextsOfAnyLengthAreAuthenticated(byteCount: Int) async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let context = ["c": String(repeating: "x", count: byteCount)]
            let envelope = try await key.encrypt(plaintext, context: context)
            #expect(try await key.decrypt(envelope, context: context).revealed() == plaintext)
            await #expect(throws: KeyStoreError.notAuthentic) {
                _ = try await key.decrypt(envelope, context: ["c": String(repeating: "x", count: byteCount + 1)])
            }
        }
    }

    @Test(arguments: [0, 1, 1 << 20])
    func plaintextsOfAnyLengthAreEncrypted(byteCount: Int) async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let plaintext = [UInt8](repeating: 7, count: byteCount)
            #expect(try await key.decrypt(try await key.encrypt(plaintext)).revealed() == plaintext)
        }
    }

    @Test func aChangedByteAnywhereIsNoticed() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let envelope = try await key.encrypt(plaintext)
            for index in envelope.indices {
                var changed = envelope
                changed[index] ^= 1
                await #expect(throws: KeyStoreError.self, "byte \(index)") { _ = try await key.decrypt(changed) }
            }
            // Each attempt is an event, whatever was wrong with it.
            let denials = try store.audit.denials()
            #expect(denials.count == envelope.count)
            #expect(
                Set(denials) == ["malformed-envelope", "foreign-envelope", "unknown-version", "not-authentic"])
            #expect(try await key.decrypt(envelope).revealed() == plaintext)
        }
    }

    @Test(arguments: [[], [1, 2, 3], Array("KLE1".utf8), Array("KLE1".utf8) + [UInt8](repeating: 0, count: 35)])
    func whatIsNoEnvelopeIsRefusedAndTheAttemptRecorded(bytes: [UInt8]) async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            await #expect(throws: KeyStoreError.malformedEnvelope(reason: "the header is missing")) {
                _ = try await key.decrypt(bytes)
            }
            #expect(try store.audit.denials() == ["malformed-envelope"])
        }
    }

    @Test func anEnvelopeCutToItsHeaderDoesNotDecrypt() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let envelope = try await key.encrypt([])
            for count in 40..<envelope.count {
                await #expect(throws: KeyStoreError.notAuthentic) {
                    _ = try await key.decrypt(Array(envelope.prefix(count)))
                }
            }
        }
    }

    // MARK: Batches and budgets

    @Test func valuesOfABatchAreOneEventThatCountsThemAll() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let (version, boxes) = try await key.encrypt([[1], [2], [3]], details: [:]) { _ in [] }
            #expect(version.number == 1)
            #expect(boxes.count == 3)
            let events = try store.audit.events(.encrypt)
            #expect(events.map(\.transfer.amount) == [3])
            #expect(key.handle.record?.versions.first?.usage.encrypt == 3)
        }
    }

    @Test func aVersionHasTheBudgetThatItsAlgorithmAllows() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let tenant = try await store.createTenant("acme")
            // SP 800-38D, section 8.3: 2^32 invocations with random nonces.
            #expect(try await tenant.createEncryptionKey("pii").handle.record?.versions.first?.budget == 1 << 32)
            #expect(try await tenant.createSigningKey("claims").handle.record?.versions.first?.budget == nil)
        }
    }

    @Test func theBudgetIsEnforcedByTheLedgerNotTheCaller() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.encryptionBudget = 3
        } _: { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let envelope = try await key.encrypt(plaintext)
            // Two are left: three are refused together, and none of them counts.
            await #expect(throws: KeyStoreError.refused(operation: .encrypt, key: "pii", status: .exceedsCredits)) {
                _ = try await key.encrypt([[1], [2], [3]], details: [:]) { _ in [] }
            }
            _ = try await key.encrypt([[1], [2]], details: [:]) { _ in [] }
            await #expect(throws: KeyStoreError.refused(operation: .encrypt, key: "pii", status: .exceedsCredits)) {
                _ = try await key.encrypt(plaintext)
            }
            let version = key.handle.version(numbered: 1)
            #expect(store.balance(version, .aes256GCM, .protect) == 3)
            #expect(key.handle.record?.versions.first?.usage.encrypt == 3)
            // The refusals are events.
            let statuses = try store.audit.events(.encrypt).map(\.status)
            #expect(statuses == [.created, .exceedsCredits, .created, .exceedsCredits])
            // What is protected stays readable, and a new version has a new budget.
            #expect(try await key.decrypt(envelope).revealed() == plaintext)
            try await key.handle.rotate()
            _ = try await key.encrypt(plaintext)
        }
    }

    @Test func whoeverGoesAroundTheKeyStoreMeetsTheSameLimit() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.encryptionBudget = 1
        } _: { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let version = key.handle.version(numbered: 1)
            let use = store.transfer(
                .encrypt, id: try store.newEventID(), from: AccountID.version(version, .aes256GCM, .protect),
                to: AccountID.tenant(key.handle.tenant.id, .protect), amount: 2, version: version)
            let results = try await store.writer.submit([use]).reply().results
            #expect(results.map(\.status) == [.exceedsCredits])
        }
    }
}
