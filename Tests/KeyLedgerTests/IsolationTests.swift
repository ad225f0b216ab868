import CryptoPrimitives
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

/// Every kind of sealed bytes, moved to another tenant, key, version and field: refused with its own error, and where
/// somebody asked for it, as an event.
@Suite("Isolation")
struct IsolationTests {
    private let message = Array("claim 4711".utf8)

    /// Two tenants with the same names for their keys, the first one's rotated once.
    private struct Neighbours {
        let acme: Tenant
        let globex: Tenant
        let pii: EncryptionKey
        let other: EncryptionKey
        let theirs: EncryptionKey

        init(_ store: KeyStore) async throws {
            acme = try await store.createTenant("acme", caller: Caller(actor: "test", reason: "test"))
            globex = try await store.createTenant("globex", caller: Caller(actor: "test", reason: "test"))
            pii = try await acme.createEncryptionKey("pii")
            other = try await acme.createEncryptionKey("other")
            theirs = try await globex.createEncryptionKey("pii")
            for tenant in [acme, globex] { _ = try await tenant.createSigningKey("spans") }
            try await pii.handle.rotate()
        }
    }

    // MARK: Wrapped keys

    /// A place of wrapped material.
    private enum Place: String, CaseIterable {
        case tenantKey, detailsKey, version1, version2, otherKey, signingKey
        case theirTenantKey, theirDetailsKey, theirKey

        func name(_ ids: Neighbours, _ signing: KeyHandle) -> MaterialStore.Name {
            switch self {
            case .tenantKey: .tenantKey(ids.acme.id)
            case .detailsKey: .detailsKey(ids.acme.id)
            case .version1: .version(ids.pii.handle.version(numbered: 1))
            case .version2: .version(ids.pii.handle.version(numbered: 2))
            case .otherKey: .version(ids.other.handle.version(numbered: 1))
            case .signingKey: .version(signing.version(numbered: 1))
            case .theirTenantKey: .tenantKey(ids.globex.id)
            case .theirDetailsKey: .detailsKey(ids.globex.id)
            case .theirKey: .version(ids.theirs.handle.version(numbered: 1))
            }
        }
    }

    /// What is moved, and what shows that it does not open.
    private final class Move: Sendable {
        let from: MaterialStore.Name
        let to: MaterialStore.Name
        let version: KeyVersion
        let envelope: [UInt8]

        init(_ origin: Place, _ destination: Place, in store: KeyStore) async throws {
            let neighbours = try await Neighbours(store)
            let signing = try await neighbours.acme.key("spans")
            from = origin.name(neighbours, signing)
            to = destination.name(neighbours, signing)
            version = neighbours.pii.handle.version(numbered: 1)
            envelope = Envelope(tenant: neighbours.acme.id, version: version).header + [UInt8](repeating: 0, count: 28)
        }
    }

    /// Nine places of origin, three destinations: whatever is moved into one of acme's, acme's key does not open, and
    /// globex's does.
    @Test(arguments: ["tenantKey", "detailsKey", "version1"])
    func noWrappedKeyOpensInAnyOtherPlace(name: String) async throws {
        let destination = try #require(Place(rawValue: name))
        for origin in Place.allCases where origin != destination {
            let ledger = try TestLedger()
            let move = try await ledger.withStore { store in try await Move(origin, destination, in: store) }
            try ledger.tamper { material in
                let blob = try #require(try material.blob(move.from))
                try material.put([(move.to, blob)], eventCount: 0)
            }
            try await ledger.withStore { store in
                let before = try store.eventCount
                let key = try await store.tenant("acme").encryptionKey("pii")
                let error = await #expect(throws: KeyStoreError.self) { _ = try await key.decrypt(move.envelope) }
                guard case .materialDamaged? = error else {
                    Issue.record("\(origin) in the place of \(destination): \(String(describing: error))")
                    return
                }
                #expect(try store.audit.events(.deny, from: before).map(\.version) == [move.version])
                let theirs = try await store.tenant("globex").encryptionKey("pii")
                #expect(try await theirs.decrypt(try await theirs.encrypt(message)).revealed() == message)
            }
        }
    }

    // MARK: Ciphertexts

    @Test func noEnvelopeOpensForAnotherTenantKeyVersionOrContext() async throws {
        try await TestLedger().withStore { store in
            let neighbours = try await Neighbours(store)
            let context = ["purpose": "export"]
            let envelope = try await neighbours.pii.encrypt(message, context: context)
            let box = Array(envelope.dropFirst(40))
            func moved(_ tenant: Tenant, _ key: EncryptionKey, _ version: UInt32) -> [UInt8] {
                Envelope(tenant: tenant.id, version: key.handle.version(numbered: version)).header + box
            }
            let attempts: [(EncryptionKey, [UInt8], [String: String], String)] = [
                (neighbours.theirs, envelope, context, "foreign-envelope"),
                (neighbours.other, envelope, context, "foreign-envelope"),
                (neighbours.theirs, moved(neighbours.globex, neighbours.theirs, 1), context, "not-authentic"),
                (neighbours.other, moved(neighbours.acme, neighbours.other, 1), context, "not-authentic"),
                (neighbours.pii, moved(neighbours.acme, neighbours.pii, 1), context, "not-authentic"),
                (neighbours.pii, envelope, ["purpose": "import"], "not-authentic"),
                (neighbours.pii, envelope, [:], "not-authentic"),
            ]
            for (key, bytes, context, _) in attempts {
                await #expect(throws: KeyStoreError.notAuthentic) { _ = try await key.decrypt(bytes, context: context) }
            }
            #expect(try store.audit.denials() == attempts.map(\.3))
        }
    }

    @Test func noRedactedValueIsRevealedForAnotherTenantKeyOrVersion() async throws {
        try await TestLedger().withStore { store in
            let neighbours = try await Neighbours(store)
            let rules = RedactionRules(
                rules: AttributePattern("*").map { [.init($0, .apply(.encrypt))] } ?? [], fields: [:], texts: [:])
            let service = RedactionService(store, rules: rules)
            var otherKey = service
            otherKey.encryptionKey = "other"
            let value = try #require(try await service.redact(["ann"], of: neighbours.acme).items.first)
            #expect(value.hasPrefix("enc:v2:YWNtZQ==:2:"))
            let attempts = [
                try await service.reveal([value], of: neighbours.globex),
                try await service.reveal(
                    [value.replacing("YWNtZQ==", with: "Z2xvYmV4").replacing(":2:", with: ":1:")],
                    of: neighbours.globex),
                try await otherKey.reveal([value.replacing(":2:", with: ":1:")], of: neighbours.acme),
                try await service.reveal([value.replacing(":2:", with: ":1:")], of: neighbours.acme),
            ]
            for attempt in attempts {
                guard case .refused(.notAuthentic)? = attempt.first else {
                    Issue.record("\(attempt)")
                    continue
                }
            }
            #expect(
                try store.audit.denials() == ["foreign-envelope", "not-authentic", "not-authentic", "not-authentic"])
        }
    }

    /// Who hands bytes to somebody acting for globex cannot find out which other tenants there are.
    @Test func aTenantThatExistsAndOneThatDoesNotGetTheSameAnswer() async throws {
        try await TestLedger().withStore { store in
            let neighbours = try await Neighbours(store)
            let envelope = try await neighbours.pii.encrypt(message)
            let nobody = Envelope(tenant: TenantID(12345), version: KeyVersion(key: KeyID(67890), number: 1)).header
            var answers: [(KeyStoreError?, [String])] = []
            for bytes in [envelope, nobody + envelope.dropFirst(40)] {
                let before = try store.eventCount
                let error = await #expect(throws: KeyStoreError.self) { _ = try await neighbours.theirs.decrypt(bytes) }
                answers.append((error, try store.audit.denials(from: before)))
            }
            #expect(answers[0].0 == .notAuthentic && answers[0].0 == answers[1].0)
            #expect(answers[0].1 == ["foreign-envelope"] && answers[0].1 == answers[1].1)
        }
    }

    // MARK: Details and signatures

    @Test func noDetailsOpenForAnotherEventOrTenant() async throws {
        try await TestLedger().withStore { store in
            let neighbours = try await Neighbours(store)
            let sealed = try store.seal(["actor": "test"], of: EventID(7), tenant: neighbours.acme.id).sealed
            let (own, foreign) = (
                try store.custody.secrets(of: neighbours.acme.id), try store.custody.secrets(of: neighbours.globex.id)
            )
            #expect(try Details.open(sealed, of: EventID(7), under: own.details).details["actor"] == "test")
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try Details.open(sealed, of: EventID(8), under: own.details)
            }
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try Details.open(sealed, of: EventID(7), under: foreign.details)
            }
            #expect(throws: CryptoError.authenticationFailed) {
                _ = try Details.open(sealed, of: EventID(7), under: store.custody.root.details)
            }
        }
    }

    @Test func noSpanSignatureIsValidForAnotherTenantKeyVersionEventOrSpan() async throws {
        try await TestLedger().withStore { store in
            let neighbours = try await Neighbours(store)
            let key = try await neighbours.acme.signingKey("spans")
            let line = try ExportLine(parsing: try SampleFile.lines()[0])
            let span = try #require(line.indices.first { line[$0].tenantDeclaration == .none })
            let keyID = key.handle.id.description
            var message: [UInt8] = []
            let made = try await key.sign(count: 1) { intent throws(KeyStoreError) in
                let signer = SpanSignature.Signer(
                    tenant: "acme", keyID: keyID, keyVersion: 1, event: intent.events[0].description)
                message = (try? line.messageToSign(forSpanAt: span, by: signer)) ?? []
                return [message]
            }[0]
            let publicKey = try key.publicKey()
            func isValid(_ tenant: String, _ keyID: String, _ version: UInt32, _ event: String, at index: Int) -> Bool {
                let signer = SpanSignature.Signer(tenant: tenant, keyID: keyID, keyVersion: version, event: event)
                var signed = line
                signed[index] = signed[index].signed(with: SpanSignature(signer: signer, bytes: made.bytes))
                if case .valid = signed.verify(spanAt: index, publicKey: { _, _, _ in publicKey }) { return true }
                return false
            }
            let event = made.event.description
            #expect(isValid("acme", keyID, 1, event, at: span))
            #expect(!isValid("globex", keyID, 1, event, at: span))
            #expect(!isValid("acme", neighbours.pii.handle.id.description, 1, event, at: span))
            #expect(!isValid("acme", keyID, 2, event, at: span))
            #expect(!isValid("acme", keyID, 1, EventID(7).description, at: span))
            for other in line.indices where other != span { #expect(!isValid("acme", keyID, 1, event, at: other)) }

            // Asked as an event, the answer is one too.
            let theirs = try await neighbours.globex.signingKey("spans")
            #expect(try await !theirs.verify(made.bytes, of: message))
            #expect(try store.audit.events(.verify).last?.details?["valid"] == false)
        }
    }
}
