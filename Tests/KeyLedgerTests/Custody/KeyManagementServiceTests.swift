import CryptoPrimitives
import Testing

@testable import KeyLedger

@Suite("The port to a key management service")
struct KeyManagementServiceTests {
    private let context: EncryptionContext = ["tenantId": "acme", "purpose": "signing"]

    private func local() throws -> LocalKeyManagementService {
        LocalKeyManagementService(try TestLedger.masterKey())
    }

    private func category(_ body: () async throws -> Void) async -> KeyManagementError.Category? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? KeyManagementError)?.category
        }
    }

    // MARK: The local adapter

    @Test func localEncryptsAndDecryptsInItsContextOnly() async throws {
        let service = try local()
        try await service.healthCheck()
        let secret = try SecretBytes(randomCount: 32)
        let wrapped = try await service.encrypt(secret, context: context)
        #expect(try await service.decrypt(wrapped, context: context).isEqual(to: secret))
        for other in [[:], ["tenantId": "acme"], ["tenantId": "globex", "purpose": "signing"]] {
            #expect(
                await category { _ = try await service.decrypt(wrapped, context: other).count } == .invalidCiphertext)
        }
        var changed = wrapped
        changed[20] ^= 1
        #expect(await category { _ = try await service.decrypt(changed, context: context).count } == .invalidCiphertext)
        #expect(await category { _ = try await service.decrypt([], context: context).count } == .invalidCiphertext)
    }

    @Test(arguments: DataKeySpec.allCases)
    func localMakesDataKeys(spec: DataKeySpec) async throws {
        let service = try local()
        let key = try await service.generateDataKey(spec, context: context)
        #expect(key.plaintext.count == spec.byteCount)
        #expect(try await service.decrypt(key.wrapped, context: context).isEqual(to: key.plaintext))
        #expect(key.wrapped.firstRange(of: key.plaintext.revealed()) == nil)
    }

    @Test func whatAServiceCannotDoIsSaidBeforeAnythingHappens() async throws {
        let service: any KeyManagementService = try local()
        #expect(service.capabilities == [.describe])
        #expect(service.masterKeyName == "local:\(try TestLedger.masterKey().id)")
        let secret = try SecretBytes(randomCount: 32)
        #expect(await category { _ = try await service.sign([1], keyID: "k", algorithm: .ed25519) } == .unsupported)
        #expect(
            await category { _ = try await service.verify([1], of: [1], keyID: "k", algorithm: .ed25519) }
                == .unsupported)
        #expect(await category { _ = try await service.publicKey(keyID: "k") } == .unsupported)
        #expect(await category { _ = try await service.importKey(secret, name: "k") } == .unsupported)
        #expect(await category { try await service.disableKey(keyID: "k") } == .unsupported)
        #expect(await category { try await service.enableKey(keyID: "k") } == .unsupported)
        #expect(
            await category { _ = try await service.scheduleKeyDeletion(keyID: "k", waitingDays: 7) } == .unsupported)
        #expect(await category { try await service.cancelKeyDeletion(keyID: "k") } == .unsupported)
        #expect(try await service.describeKey(keyID: service.masterKeyID).state == .enabled)
        #expect(await category { _ = try await service.describeKey(keyID: "k") } == .notFound)
    }

    @Test func everyErrorSaysWhoRefusedWhatAndWhatToDo() {
        for category in KeyManagementError.Category.allCases {
            let error = KeyManagementError(
                provider: "vault", operation: .decrypt, category: category, message: "because")
            #expect(
                error.description.hasPrefix("key management (vault) refused to decrypt: because [\(category.rawValue)]")
            )
        }
    }

    // MARK: A ledger under a service elsewhere

    @Test func aLedgerUnderAServiceElsewhereAsksItOncePerTenant() async throws {
        let (ledger, service) = (try TestLedger(withoutLedger: ()), try RemoteKeyManagement(3))
        try await KeyStore.create(ledger.path, origin: "ledger.example/test", created: "2026", keyManagement: service)
        #expect(try KeyStore.masterKeyNeeded(ledger.path).name == "remote:key/1")
        let store = try await ledger.open(keyManagement: service)
        let acme = try await store.createTenant("acme")
        let key = try await acme.createSigningKey("claims")
        #expect(service.count(.generateDataKey) == 2)
        let calls = service.count(.decrypt)
        for _ in 0..<10 { _ = try await key.sign([1, 2, 3]) }
        // A key in memory is used without the service, which may even be away.
        service.fail(.unavailable)
        _ = try await key.sign([1, 2, 3])
        #expect(service.count(.decrypt) == calls)
        service.fail(nil)
        try await store.close()

        let again = try await ledger.open(keyManagement: service)
        let before = service.count(.decrypt)
        let reopened = try await again.tenant("acme").signingKey("claims")
        #expect(reopened.handle.record?.versions[0].usage.sign == 11)
        _ = try await reopened.sign([4])
        _ = try await again.tenant("acme").signingKey("claims").sign([4])
        #expect(service.count(.decrypt) <= before + 1)
        try await again.close()

        let audit = try await AuditReader.open(ledger.path, keyManagement: service)
        let projection = try Replay(audit.log).projection
        try await audit.fetchKeys(of: projection.tenants.keys)
        #expect(try audit.name(createdBy: projection.tenants[acme.id]?.createdBy ?? 0, tenant: acme.id) == "acme")
        #expect(try LogVerification(audit).findings.isEmpty)
    }

    @Test(arguments: [KeyManagementError.Category.unavailable, .denied, .throttled, .disabled])
    func aServiceThatRefusesIsSaidByName(category: KeyManagementError.Category) async throws {
        let (ledger, service) = (try TestLedger(withoutLedger: ()), try RemoteKeyManagement(3))
        try await KeyStore.create(ledger.path, origin: "ledger.example/test", created: "2026", keyManagement: service)
        service.fail(category)
        do {
            _ = try await ledger.open(keyManagement: service)
            Issue.record("it opened")
        } catch KeyStoreError.keyManagement(let error) {
            #expect(error.category == category)
        }
        service.fail(nil)
        let store = try await ledger.open(keyManagement: service)
        service.fail(category)
        await #expect(throws: KeyStoreError.self) { _ = try await store.createTenant("acme") }
        // The refusal is an event, and nothing is half there.
        #expect(try store.audit.denials().contains("key-management"))
        service.fail(nil)
        _ = try await store.createTenant("acme").createSigningKey("claims").sign([1])
        try await store.close()
    }

    @Test func aLedgerMovesFromTheLocalKeyToAServiceAndBack() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { _ = try await $0.createTenant("acme").createSigningKey("claims").sign([1]) }
        let (local, remote) = (try local(), try RemoteKeyManagement(5))
        try await KeyStore.rewrap(ledger.path, from: local, to: remote, options: ledger.options())
        let store = try await ledger.open(keyManagement: remote)
        _ = try await store.tenant("acme").signingKey("claims").sign([1])
        // While it is open, too.
        try await store.rewrap(to: local)
        _ = try await store.createTenant("globex").createSigningKey("claims").sign([1])
        try await store.close()
        try await ledger.withStore { store in
            _ = try await store.tenant("acme").signingKey("claims").sign([1])
            _ = try await store.tenant("globex").signingKey("claims").sign([1])
        }
    }
}
