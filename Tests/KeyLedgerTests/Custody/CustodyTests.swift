import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Key material at rest")
struct CustodyTests {
    // MARK: No secret anywhere

    /// Everything secret in a ledger, unwrapped here step by step as `Specs/STORAGE.md` describes it.
    private func secrets(_ store: KeyStore, _ handles: [KeyHandle]) throws -> [(name: String, bytes: [UInt8])] {
        let masterKey = try TestLedger.masterKey()
        func blob(_ name: MaterialStore.Name) throws -> WrappedBlob {
            try #require(try store.audit.material.blob(name).flatMap { WrappedBlob($0) })
        }
        func open(
            _ name: MaterialStore.Name, _ context: WrapContext, _ key: borrowing AES256GCM
        ) throws -> [UInt8] {
            try key.unwrap(try blob(name), context).revealed()
        }
        func open(
            _ name: MaterialStore.Name, _ context: WrapContext, _ key: borrowing MasterKey
        ) throws -> [UInt8] {
            let blob = try blob(name)
            let context = context.bytes
            return try key.open(unsafe blob.box.span.bytes, authenticating: unsafe context.span.bytes).revealed()
        }
        var secrets = [
            ("master key", TestLedger.masterKeyBytes()),
            ("root", try open(.root, WrapContext(purpose: "root").with("origin", "ledger.example/test"), masterKey)),
        ]
        for tenant in Set(handles.map(\.tenant.id)) {
            func context(_ purpose: String) -> WrapContext {
                WrapContext(purpose: purpose).with("tenantId", tenant.description)
            }
            let tenantKey = try open(.tenantKey(tenant), context("tenant"), masterKey)
            let wrapping = try TenantSecrets.wrappingKey(
                from: try SecretBytes(copying: unsafe tenantKey.span.bytes))
            secrets.append(("tenant key", tenantKey))
            secrets.append(("details key", try open(.detailsKey(tenant), context("details"), wrapping)))
            for handle in handles where handle.tenant.id == tenant {
                for number in 1...UInt32(handle.record?.versions.count ?? 0) {
                    let version = handle.version(numbered: number)
                    let context = context("key").with("keyId", version.key.description)
                        .with("version", String(number)).with("algorithm", handle.algorithm.description)
                        .with("publicKey", try blob(.version(version)).header.hexadecimal)
                    secrets.append(
                        ("\(handle.name) version \(number)", try open(.version(version), context, wrapping)))
                }
            }
        }
        return secrets
    }

    /// The ways in which bytes may be written, as far as any 24 of them show.
    private func spellings(of secret: [UInt8]) -> [[UInt8]] {
        var spellings = [secret, Array(secret.hexadecimal.utf8), Array(secret.hexadecimal.uppercased().utf8)]
        for shift in 0..<3 {
            // In base64 the digits depend on where in a group of three a byte falls.
            let digits = Data([UInt8](repeating: 0, count: shift) + secret).base64EncodedString()
            let inner = String(digits.dropFirst(4).dropLast(4))
            spellings.append(Array(inner.utf8))
            spellings.append(Array(inner.replacing("+", with: "-").replacing("/", with: "_").utf8))
        }
        return spellings
    }

    @Test func noSecretIsInAnyFileErrorOrDescription() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        var said = ""
        var handles: [KeyHandle] = []
        for name in ["acme", "globex"] {
            let tenant = try await store.createTenant(name)
            let signing = try await tenant.createSigningKey("claims")
            let encryption = try await tenant.createEncryptionKey("pii")
            handles += [signing.handle, encryption.handle]
            let signature = try await signing.sign([1, 2, 3])
            let envelope = try await encryption.encrypt([4, 5, 6], context: ["purpose": "test"])
            try await signing.handle.rotate()
            _ = try await signing.sign([1, 2, 3])
            // Everything that can be printed, and everything that can go wrong.
            dump(signing, to: &said)
            dump(encryption, to: &said)
            dump(signature, to: &said)
            said += String(describing: store) + String(reflecting: signing) + String(describing: store.projection)
            let attempts: [() async throws -> Void] = [
                { _ = try await encryption.decrypt(envelope) }, { _ = try await encryption.decrypt([]) },
                { _ = try await tenant.encryptionKey("claims") }, { _ = try await tenant.signingKey("none") },
                { _ = try await signing.verify([], of: [], version: 9) }, { _ = try await store.createTenant(name) },
            ]
            for attempt in attempts {
                let error = await #expect(throws: KeyStoreError.self) { try await attempt() }
                said += String(reflecting: error) + "\(error.map(\.description) ?? "")\n"
            }
        }
        for event in try store.audit.events() { said += "\(event.details.map { "\($0)" } ?? "")\n" }
        said += try LogVerification(store.audit).findings.description

        let secrets = try secrets(store, handles)
        // The ledger's two; of each tenant two and three versions.
        #expect(secrets.count == 12)
        #expect(secrets.allSatisfy { $0.bytes.count == 32 })
        let publicKey = try store.publicKey(of: handles[0].version(numbered: 1)).bytes
        let opened = try ledger.files()
        try await store.close()
        let closed = try ledger.files()
        let (all, text) = (opened + closed, Data(said.utf8))
        // The log, and what follows from it.
        #expect(all.count { $0.name.hasSuffix("data.mdb") } == 2)
        #expect(all.count { $0.name.contains("/segment-") } > 0)
        for (name, bytes) in secrets {
            for spelling in spellings(of: bytes) {
                for file in all {
                    #expect(file.bytes.firstRange(of: spelling) == nil, "\(name) is in \(file.name)")
                }
                #expect(text.firstRange(of: spelling) == nil, "\(name) was said")
            }
        }
        // The search finds what is there.
        #expect(closed.contains { $0.name == "material/blobs" && $0.bytes.firstRange(of: publicKey) != nil })
    }

    @Test func namesAndActorsAreInNoFile() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let jane = Caller(actor: "jane.doe@example.com", reason: "patient-4711")
            let tenant = try await store.createTenant("hospital-st-mary", caller: jane)
            _ = try await tenant.createEncryptionKey("oncology").encrypt([1], context: ["ward": "ward-seventeen"])
        }
        for file in try ledger.files() {
            for text in ["jane.doe", "patient-4711", "hospital-st-mary", "oncology", "ward-seventeen"] {
                #expect(file.bytes.firstRange(of: Array(text.utf8)) == nil, "\(text) is in \(file.name)")
            }
        }
    }

    // MARK: Bound to its place

    @Test func isBoundToLedgerTenantKeyVersionAndAlgorithm() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let globex = try await store.createTenant("globex")
            let key = try await acme.createEncryptionKey("pii").handle
            try await key.rotate()
            let version = key.version(numbered: 1)
            _ = try store.custody.material(of: version, .aes256GCM, tenant: acme.id)
            #expect(throws: KeyStoreError.self) {
                _ = try store.custody.material(of: version, .aes256GCM, tenant: globex.id)
            }
            #expect(throws: KeyStoreError.self) {
                _ = try store.custody.material(of: version, .ed25519, tenant: acme.id)
            }
            #expect(throws: KeyStoreError.self) {
                _ = try store.custody.material(of: key.version(numbered: 3), .aes256GCM, tenant: acme.id)
            }
        }
    }

    @Test func ofAnotherLedgerUnderTheSameMasterKeyDoesNotOpen() async throws {
        let (one, other) = (try TestLedger(), try TestLedger())
        let version = try await one.withStore { store in
            try await store.createTenant("acme").createSigningKey("claims").handle.version(numbered: 1)
        }
        try await other.withStore { _ = try await $0.createTenant("acme").createSigningKey("claims") }
        // The ledgers' ids are their own, so the blobs are put where the other ledger looks.
        var blobs: [[UInt8]] = []
        try one.tamper { blobs.append(try #require(try $0.blob(.version(version)))) }
        try other.tamper { material in
            let name = try #require(try material.names().first { $0.kind == 4 })
            try material.put([(name, blobs[0])], eventCount: 0)
        }
        try await other.withStore { store in
            await #expect(throws: KeyStoreError.self) {
                _ = try await store.tenant("acme").signingKey("claims").sign([])
            }
        }
    }

    @Test func withAnyChangedByteIsRefused() async throws {
        let ledger = try TestLedger()
        let name = try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            return MaterialStore.Name.version(key.handle.version(numbered: 1))
        }
        var blob: [UInt8] = []
        try ledger.tamper { blob = try #require(try $0.blob(name)) }
        try await ledger.withStore { store in
            let key = try await store.tenant("acme").signingKey("claims")
            for index in blob.indices {
                var changed = blob
                changed[index] ^= 4
                try store.audit.material.put([(name, changed)], eventCount: 0)
                await #expect(throws: KeyStoreError.self, "byte \(index)") { _ = try await key.sign([]) }
            }
            for bytes in [[], Array(blob.prefix(2)), Array(blob.prefix(40)), blob + [0]] {
                try store.audit.material.put([(name, bytes)], eventCount: 0)
                await #expect(throws: KeyStoreError.self) { _ = try await key.sign([]) }
            }
            try store.audit.material.erase([name])
            await #expect(throws: KeyStoreError.self) { _ = try await key.sign([]) }
            #expect(try Set(store.audit.denials()) == ["material-damaged"])
            #expect(store.projection.residencies.isEmpty)
            // Put back, it works: nothing of the attempts stuck.
            try store.audit.material.put([(name, blob)], eventCount: 0)
            _ = try await key.sign([])
        }
    }

    // MARK: Attempts that got no further

    @Test func leftByAnAttemptThatFailedIsTakenUpByTheNext() async throws {
        let ledger = try TestLedger()
        let publicKey = try await ledger.withStore { store in
            let id = store.custody.id(ofTenant: try EntityName("acme"))
            // As far as creating a tenant and a key gets when the queue is full, say: the event was never recorded.
            try await store.custody.createSecrets(of: id)
            _ = try store.custody.secrets(of: id)
            let version = KeyVersion(key: store.custody.id(ofKey: try EntityName("claims"), of: id), number: 1)
            let left = try store.custody.createMaterial(of: version, .ed25519, tenant: id)
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let publicKey = try key.publicKey()
            #expect(publicKey.bytes == left)
            return publicKey
        }
        try await ledger.withStore { store in
            let key = try await store.tenant("acme").signingKey("claims")
            #expect(publicKey.isValid(try await key.sign([7]).bytes, for: [7]))
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
    }

    @Test func theBlobIsAFormatByteAHeaderAndABox() {
        let blob = WrappedBlob(header: [1, 2, 3], box: [4, 5])
        #expect(blob.bytes == [1, 3, 0, 1, 2, 3, 4, 5])
        let parsed = WrappedBlob(blob.bytes)
        #expect(parsed?.header == [1, 2, 3])
        #expect(parsed?.box == [4, 5])
        for bytes: [UInt8] in [[], [1], [1, 0], [2, 0, 0], [1, 1, 0], [1, 0xFF, 0xFF, 0]] {
            #expect(WrappedBlob(bytes) == nil)
        }
    }
}
