import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Opening and closing a key store")
struct KeyStoreTests {
    private let message = Array("claim 4711".utf8)

    // MARK: What is refused

    @Test func anotherMasterKeyIsRefusedByNameAndTheRightOneOpensAtOnce() async throws {
        let ledger = try TestLedger(masterKey: 1)
        let (given, needed) = ("local:" + (try TestLedger.masterKey(2).id), "local:" + (try TestLedger.masterKey(1).id))
        for _ in 0..<20 {
            await #expect(throws: KeyStoreError.wrongMasterKey(given: given, needed: needed)) {
                _ = try await ledger.open(masterKey: 2)
            }
            // The refused attempt holds nothing any more.
            try await ledger.withStore { _ in }
        }
        #expect(throws: KeyStoreError.wrongMasterKey(given: given, needed: needed)) {
            _ = try AuditReader(ledger.path, masterKey: try TestLedger.masterKey(2))
        }
    }

    @Test func aFolderThatIsNoLedgerIsRefused() async throws {
        let ledger = try TestLedger()
        for path in [ledger.path + "/missing", ledger.path + "/log", "/dev/null"] {
            let error = await #expect(throws: KeyStoreError.self) {
                _ = try await KeyStore.open(
                    path, masterKey: try TestLedger.masterKey(), options: .init(caller: Caller(actor: "test")))
            }
            guard case .store(.notALedger(path, _)) = error else {
                Issue.record("\(path): \(String(describing: error))")
                continue
            }
        }
    }

    @Test func aLedgerOfAnotherFormatIsRefused() async throws {
        let ledger = try TestLedger()
        let manifest = URL(filePath: ledger.path + "/ledger.json")
        let text = try String(contentsOf: manifest, encoding: .utf8)
        try Data(text.replacing("\"format\" : 1", with: "\"format\" : 2").utf8).write(to: manifest)
        let unsupported = StoreError.unsupportedFormat(path: ledger.path, found: 2, supported: 1)
        await #expect(throws: KeyStoreError.store(unsupported)) { _ = try await ledger.open() }
    }

    @Test func aLedgerWhoseKeysWereNeverSetUpIsRefused() async throws {
        let ledger = try TestLedger()
        try ledger.tamper { try $0.erase([.root]) }
        await #expect(throws: KeyStoreError.notInitialised(path: ledger.path)) { _ = try await ledger.open() }
    }

    @Test func aLedgerUnderAnotherNameIsNotThisOne() async throws {
        let ledger = try TestLedger()
        let manifest = URL(filePath: ledger.path + "/ledger.json")
        let text = try String(contentsOf: manifest, encoding: .utf8)
        try Data(text.replacing("ledger.example/test", with: "ledger.example/other").utf8).write(to: manifest)
        let error = await #expect(throws: KeyStoreError.self) { _ = try await ledger.open() }
        #expect(error?.description.contains("the secret of the ledger") == true)
    }

    @Test func aLedgerThatIsOpenIsRefused() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { _ in
            let error = await #expect(throws: KeyStoreError.self) { _ = try await ledger.open() }
            guard case .store(.locked(ledger.path, let holder)) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(holder.contains("process \(ProcessInfo.processInfo.processIdentifier)"))
        }
    }

    @Test func aFolderThatIsNotEmptyIsNotTouched() throws {
        let ledger = try TestLedger()
        let before = try ledger.files().map(\.bytes)
        #expect(throws: KeyStoreError.store(.alreadyExists(path: ledger.path))) {
            try KeyStore.create(ledger.path, origin: "x", created: "x", masterKey: try TestLedger.masterKey())
        }
        #expect(try ledger.files().map(\.bytes) == before)
    }

    // MARK: After closing

    @Test func aClosedStoreRefusesEverything() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let tenant = try await store.createTenant("acme")
        let signing = try await tenant.createSigningKey("claims")
        let encryption = try await tenant.createEncryptionKey("pii")
        let envelope = try await encryption.encrypt(message)
        try await store.close()
        let attempts: [() async throws -> Void] = [
            { _ = try await signing.sign(message) }, { _ = try await signing.verify([], of: []) },
            { _ = try await encryption.encrypt(message) }, { _ = try await encryption.decrypt(envelope) },
            { _ = try await signing.handle.rotate() }, { _ = try await store.createTenant("globex") },
            { _ = try await tenant.createSigningKey("more") }, { _ = try await store.tenant("globex") },
            { _ = try tenant.keys() },
        ]
        for attempt in attempts {
            await #expect(throws: KeyStoreError.store(.closed)) { try await attempt() }
        }
        // Closing twice is closing.
        try await store.close()
        try await ledger.withStore { store in
            let verification = try LogVerification(store.audit)
            #expect(store.projection.tenants.count == 1)
            #expect(verification.findings.isEmpty)
        }
    }

    @Test func anOpeningThatFindsNothingToDoWritesNothing() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            _ = try await key.sign(message)
        }
        let count = try await ledger.withStore { try $0.eventCount }
        for _ in 0..<3 { #expect(try await ledger.withStore { try $0.eventCount } == count) }
    }

    // MARK: Crashes between two steps

    /// How the process ended after the steps that were done.
    enum End: CaseIterable, CustomTestStringConvertible {
        /// In order: `state/` is up to date with what is on disk.
        case closed
        /// Not: `state/` lags, and the log is replayed.
        case powerCut

        var testDescription: String { "\(self)" }
    }

    /// Does the steps in a store, ends its process, and gives the ledger as the next process finds it.
    private func ledger(_ end: End, after steps: (KeyStore) async throws -> Void) async throws -> TestLedger {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        try await steps(store)
        let left = try ledger.afterPowerCut()
        try await store.close()
        return end == .closed ? ledger : left
    }

    /// The tenant and its key work, and the log, the live state and the replay agree.
    private func expectInOrder(_ store: KeyStore, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let tenant = try store.hasTenant("acme") ? try await store.tenant("acme") : try await store.createTenant("acme")
        let key =
            try tenant.hasKey("claims")
            ? try await tenant.signingKey("claims") : try await tenant.createSigningKey("claims")
        let signature = try await key.sign(message)
        #expect(try await key.verify(signature.bytes, of: message), sourceLocation: sourceLocation)
        try await key.handle.rotate()
        #expect(try await key.sign(message).version == signature.version + 1, sourceLocation: sourceLocation)
        #expect(try store.tenants().map(\.name.description) == ["acme"], sourceLocation: sourceLocation)
        #expect(try tenant.keys().map(\.name.description) == ["claims"], sourceLocation: sourceLocation)
        #expect(
            try Replay(store.audit.log).projection.digest == store.projection.digest, sourceLocation: sourceLocation)
        #expect(try LogVerification(store.audit).findings.isEmpty, sourceLocation: sourceLocation)
    }

    private func materialCount(_ store: KeyStore) throws -> Int { try store.audit.material.names().count }

    @Test(arguments: End.allCases)
    func afterTheSystemAccountsButBeforeTheCapacity(end: End) async throws {
        // The first block a new ledger gets, written here by hand.
        let ledger = try TestLedger()
        let writer = try LedgerWriter(ledger.folder, projection: LiveState(KeyCacheLimits()))
        var accounts = LedgerKind.allCases.map {
            Account(
                id: AccountID.issuer($0), ledger: $0.rawValue, code: 8, userData32: AccountKind.issuer.rawValue)
        }
        accounts.append(
            Account(
                id: AccountID.denials, ledger: LedgerKind.custody.rawValue, code: 8,
                userData32: AccountKind.denials.rawValue))
        accounts.append(
            Account(
                id: AccountID.scheduler, ledger: LedgerKind.custody.rawValue, code: 8,
                userData32: AccountKind.scheduler.rawValue))
        for algorithm in KeyAlgorithm.allCases {
            accounts.append(
                Account(
                    id: AccountID.keyCache(algorithm), ledger: LedgerKind.custody.rawValue, code: 8,
                    flags: .creditsMustNotExceedDebits, userData32: algorithm.cacheKind.rawValue))
        }
        #expect(try await writer.submit(accounts).reply().results.allSatisfy { $0.status == .created })
        let left = try ledger.afterPowerCut()
        try await writer.close()
        try await (end == .closed ? ledger : left).withStore { try await expectInOrder($0) }
    }

    @Test(arguments: End.allCases)
    func afterATenantsMaterial(end: End) async throws {
        let ledger = try await ledger(end) { store in
            try await store.custody.createSecrets(of: store.custody.id(ofTenant: try EntityName("acme")))
        }
        try await ledger.withStore { store in
            #expect(try materialCount(store) == 1)
            try await expectInOrder(store)
        }
    }

    @Test(arguments: End.allCases)
    func afterATenantsAccounts(end: End) async throws {
        let ledger = try await ledger(end) { store in
            let id = store.custody.id(ofTenant: try EntityName("acme"))
            try await store.custody.createSecrets(of: id)
            try await store.create(store.accounts(of: id))
        }
        try await ledger.withStore { store in
            #expect(try materialCount(store) == 1)
            try await expectInOrder(store)
        }
    }

    @Test(arguments: End.allCases)
    func afterAKeysMaterial(end: End) async throws {
        let ledger = try await ledger(end) { store in
            let tenant = try await store.createTenant("acme")
            let version = KeyVersion(key: store.custody.id(ofKey: try EntityName("claims"), of: tenant.id), number: 1)
            _ = try store.custody.createMaterial(of: version, .ed25519, tenant: tenant.id)
        }
        try await ledger.withStore { store in
            #expect(try materialCount(store) == 3)
            try await expectInOrder(store)
        }
    }

    @Test(arguments: End.allCases)
    func afterAKeysAccounts(end: End) async throws {
        let ledger = try await ledger(end) { store in
            let tenant = try await store.createTenant("acme")
            let name = try EntityName("claims")
            let handle = KeyHandle(
                tenant: tenant, id: store.custody.id(ofKey: name, of: tenant.id), name: name, algorithm: .ed25519)
            _ = try await handle.prepare(KeyVersion(key: handle.id, number: 1), KeyPolicy())
        }
        try await ledger.withStore { store in
            #expect(try materialCount(store) == 3)
            #expect(try await !store.tenant("acme").hasKey("claims"))
            try await expectInOrder(store)
        }
    }

    @Test(arguments: End.allCases)
    func afterANewVersionsMaterialAndAccounts(end: End) async throws {
        let ledger = try await ledger(end) { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            _ = try await key.sign(message)
            _ = try await key.handle.prepare(key.handle.version(numbered: 2), KeyPolicy())
        }
        try await ledger.withStore { store in
            #expect(try materialCount(store) == 4)
            let key = try await store.tenant("acme").signingKey("claims")
            // The rotation that did not happen: version 1 signs as if nothing had been.
            #expect(try await key.sign(message).version == 1)
            try await expectInOrder(store)
        }
    }

    @Test func afterARotationThatHappened() async throws {
        let ledger = try await ledger(.powerCut) { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            _ = try await key.sign(message)
            try await key.handle.rotate()
        }
        try await ledger.withStore { store in
            #expect(try materialCount(store) == 5)
            let key = try await store.tenant("acme").signingKey("claims")
            #expect(try await key.sign(message).version == 2)
            try await expectInOrder(store)
        }
    }

    @Test func materialThatNoEventSpeaksOfIsRemovedAndTheRestIsKept() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { _ = try await $0.createTenant("acme").createSigningKey("claims") }
        let orphans: [MaterialStore.Name] = [
            .tenantKey(TenantID(1)), .detailsKey(TenantID(1)), .version(KeyVersion(key: KeyID(2), number: 1)),
            .version(KeyVersion(key: KeyID(2), number: .max)), MaterialStore.Name(owner: 3, kind: 200),
        ]
        var before: [MaterialStore.Name] = []
        try ledger.tamper { material in
            before = try material.names()
            try material.put(orphans.map { ($0, [1, 0, 0]) }, eventCount: 0)
        }
        try await ledger.withStore { store in
            #expect(try store.audit.material.names() == before)
            try await expectInOrder(store)
        }
    }

    @Test func stateThatWasDeletedComesBackIdentical() async throws {
        let ledger = try TestLedger()
        let digest = try await ledger.withStore { store in
            try await expectInOrder(store)
            return store.projection.digest
        }
        let closed = try await ledger.withStore { $0.projection.digest }
        #expect(closed != digest)  // Closing evicted what was in memory.
        try ledger.folder.removeState()
        #expect(try await ledger.withStore { $0.projection.digest } == closed)
    }
}
