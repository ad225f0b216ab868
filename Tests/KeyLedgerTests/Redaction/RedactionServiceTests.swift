import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Redaction service")
struct RedactionServiceTests {
    private static let auditor = Caller(actor: "auditor", reason: "ticket 4711")
    private static let encryptAll = RedactionRules(
        rules: AttributePattern("*").map { [.init($0, .apply(.encrypt))] } ?? [], fields: [:], texts: [:])

    /// A ledger in which `acme` and `other` have a key `pii`, and acme's auditor.
    private func withTenants(
        _ body: (KeyStore, RedactionService, _ acme: Tenant, _ other: Tenant) async throws -> Void
    ) async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            var acme = try await store.createTenant("acme", caller: Self.auditor)
            let other = try await store.createTenant("other", caller: Self.auditor)
            for tenant in [acme, other] { _ = try await tenant.createEncryptionKey("pii") }
            acme.caller = Self.auditor
            try await body(store, RedactionService(store, rules: Self.encryptAll), acme, other)
        }
    }

    private func texts(_ revelations: [Revelation]) -> [String?] {
        revelations.map {
            if case .plaintext(let plaintext, _) = $0 {
                String(decoding: plaintext.bytes.revealed(), as: UTF8.self)
            } else {
                nil
            }
        }
    }

    private func refusals(_ revelations: [Revelation]) -> [KeyStoreError?] {
        revelations.map { if case .refused(let error) = $0 { error } else { nil } }
    }

    /// FLUO's form of a value, under a version of acme's key.
    private func fluoForm(_ text: String, _ tenant: Tenant, version: UInt32, in store: KeyStore) async throws -> String
    {
        let key = try await tenant.encryptionKey("pii")
        let material = try store.custody.material(
            of: key.handle.version(numbered: version), .aes256GCM, tenant: tenant.id)
        guard case .encryption(let encryption) = material else { throw KeyStoreError.notAuthentic }
        let bytes = Array(text.utf8)
        let box = try encryption.key.seal(unsafe bytes.span.bytes, authenticating: RawSpan())
        return "enc:\(StrictBase64.encode(Array(tenant.name.description.utf8))):\(StrictBase64.encode(box))"
    }

    // MARK: Redacting

    @Test func valuesAreTreatedByTheNameOfTheirAttribute() async throws {
        try await withTenants { store, _, acme, _ in
            let service = RedactionService(store)
            let cards = try await service.redact(
                ["4111111111111111", "mail user@example.com"], ofAttribute: "note", of: acme)
            #expect(cards.items == ["4***1", "mail u***@e***.com"])
            let emails = try await service.redact(["a@example.com"], ofAttribute: "customer.email", of: acme)
            #expect(emails.items[0].hasPrefix("enc:v2:YWNtZQ==:1:"))
            #expect(emails.counts == [.encrypt: 1])
            #expect(emails.failureCount == 0)
        }
    }

    @Test func withoutAKeyEncryptionFailsClosedAndTheRefusalIsAnEvent() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let service = RedactionService(store, rules: Self.encryptAll)
            let redacted = try await service.redact(["a", "b"], of: acme)
            #expect(redacted.items == ["[REDACTED]", "[REDACTED]"])
            #expect(redacted.failureCount == 2)
            #expect(try store.audit.denials() == ["unknown-key"])
            var nameless = service
            nameless.encryptionKey = "../pii"
            #expect(try await nameless.redact(["a"], of: acme).items == ["[REDACTED]"])
            #expect(try store.audit.denials() == ["unknown-key", "encryption-failed"])
            let denial = try #require(try store.audit.events(.deny).last?.details)
            #expect(denial["values"] == 1)
            #expect(denial["cause"]?.string?.contains("../pii") == true)
        }
    }

    @Test func withDamagedMaterialEncryptionFailsClosed() async throws {
        let ledger = try TestLedger()
        let version = try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            return try await acme.createEncryptionKey("pii").handle.version(numbered: 1)
        }
        try ledger.tamper { try $0.put([(.version(version), [1, 0, 0, 9])], eventCount: 0) }
        try await ledger.withStore { store in
            let acme = try await store.tenant("acme")
            let service = RedactionService(store, rules: Self.encryptAll)
            #expect(try await service.redact(["a"], of: acme).items == ["[REDACTED]"])
            #expect(try store.audit.denials() == ["material-damaged"])
        }
    }

    @Test func aClosedLedgerIsAnErrorBecauseNothingCanBeRecorded() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let acme = try await store.createTenant("acme")
        _ = try await acme.createEncryptionKey("pii")
        let service = RedactionService(store, rules: Self.encryptAll)
        try await store.close()
        await #expect(throws: KeyStoreError.self) { try await service.redact(["a"], of: acme) }
    }

    // MARK: Revealing

    @Test func anAuditorSeesWhatWasEncryptedAfterTheEventThatSaysSo() async throws {
        try await withTenants { store, service, acme, _ in
            let values = try await service.redact(["ann@example.com", "Zoë"], of: acme).items
            let before = try store.eventCount
            let revelations = try await service.reveal(values, of: acme)
            #expect(texts(revelations) == ["ann@example.com", "Zoë"])
            let events = try store.audit.events(from: before).filter { $0.kind != .admit }
            #expect(events.map(\.kind) == [.reveal, .decrypt])
            #expect(events.map(\.transfer.amount) == [2, 2])
            #expect(events[0].details?["actor"] == "auditor")
            #expect(events[0].details?["reason"] == "ticket 4711")
            #expect(events[0].details?["key"] == "pii")
            #expect(events[1].details?["purpose"] == "pii_redaction")
        }
    }

    @Test(arguments: [nil, "", "  "]) func withoutAReasonNothingIsRevealed(reason: String?) async throws {
        try await withTenants { store, service, acme, _ in
            let values = try await service.redact(["ann@example.com"], of: acme).items
            var curious = acme
            curious.caller = Caller(actor: "curious", reason: reason)
            let before = try store.eventCount
            await #expect(throws: KeyStoreError.reasonRequired(operation: .reveal)) {
                try await service.reveal(values, of: curious)
            }
            #expect(try store.audit.denials(from: before) == ["reason-missing"])
            #expect(try store.audit.events(.reveal, .decrypt, from: before).isEmpty)
        }
    }

    @Test func valuesOfOldVersionsAreRevealedWithTheVersionTheyName() async throws {
        try await withTenants { store, service, acme, _ in
            var values = try await service.redact(["first"], of: acme).items
            let handle = try await acme.encryptionKey("pii").handle
            try await handle.rotate()
            values += try await service.redact(["second"], of: acme).items
            #expect(values[0].hasPrefix("enc:v2:YWNtZQ==:1:") && values[1].hasPrefix("enc:v2:YWNtZQ==:2:"))
            #expect(texts(try await service.reveal(values, of: acme)) == ["first", "second"])
            let swapped = values[0].replacing(":1:", with: ":2:")
            #expect(refusals(try await service.reveal([swapped], of: acme)) == [.notAuthentic])
            let unknown = values[0].replacing(":1:", with: ":3:")
            #expect(
                refusals(try await service.reveal([unknown], of: acme)) == [.unknownVersion(key: "pii", version: 3)])
            #expect(try store.audit.denials() == ["not-authentic", "unknown-version"])
        }
    }

    @Test func FLUOsFormIsTriedWithEveryVersionNewestFirst() async throws {
        try await withTenants { store, service, acme, _ in
            let handle = try await acme.encryptionKey("pii").handle
            let first = try await fluoForm("first", acme, version: 1, in: store)
            try await handle.rotate()
            try await handle.rotate()
            let third = try await fluoForm("third", acme, version: 3, in: store)
            let before = try store.eventCount
            let revelations = try await service.reveal([first, third], of: acme)
            #expect(texts(revelations) == ["first", "third"])
            let decryptions = try store.audit.events(.decrypt, from: before)
            #expect(decryptions.map(\.version.number) == [3, 2, 1])
            #expect(decryptions.map(\.transfer.amount) == [2, 1, 1])
            #expect(try store.audit.denials(from: before).isEmpty)
        }
    }

    @Test func whatDoesNotOpenIsRefusedAsAnEventAndTheRestIsRevealed() async throws {
        try await withTenants { store, service, acme, other in
            let values = try await service.redact(["ann"], of: acme).items
            let foreign = try await service.redact(["ann"], of: other).items[0]
            let renamed = foreign.replacing("b3RoZXI=", with: "YWNtZQ==")
            let oldForm = try await fluoForm("ann", other, version: 1, in: store)
                .replacing("b3RoZXI=", with: "YWNtZQ==")
            let before = try store.eventCount
            let revelations = try await service.reveal(
                ["nonsense", foreign, renamed, oldForm, values[0]], of: acme)
            #expect(texts(revelations) == [nil, nil, nil, nil, "ann"])
            #expect(refusals(revelations).dropFirst().dropLast() == [.notAuthentic, .notAuthentic, .notAuthentic])
            #expect(
                try store.audit.denials(from: before) == [
                    "malformed-envelope", "foreign-envelope", "not-authentic", "not-authentic",
                ])
        }
    }

    @Test func tooManyValuesAreRefused() async throws {
        try await withTenants { _, service, acme, _ in
            let texts = [String](repeating: "enc:", count: RedactionService.revealCountMax + 1)
            await #expect(throws: KeyStoreError.self) { try await service.reveal(texts, of: acme) }
        }
    }
}
