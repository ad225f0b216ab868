import CryptoPrimitives
import Foundation
import LedgerStore
import Testing

@testable import KeyLedger

@Suite("The change of the master key")
struct RewrapTests {
    private func service(_ seed: UInt8) throws -> LocalKeyManagementService {
        LocalKeyManagementService(try TestLedger.masterKey(seed))
    }

    private static let tenantCount = 3

    /// Three tenants with a signing and an encryption key each, and something encrypted.
    private func furnished() async throws -> (ledger: TestLedger, envelopes: [[UInt8]]) {
        let ledger = try TestLedger()
        let envelopes = try await ledger.withStore { store in
            var envelopes: [[UInt8]] = []
            for number in 0..<Self.tenantCount {
                let tenant = try await store.createTenant("tenant-\(number)")
                _ = try await tenant.createSigningKey("claims")
                envelopes.append(try await tenant.createEncryptionKey("pii").encrypt([UInt8(number)]))
            }
            return envelopes
        }
        return (ledger, envelopes)
    }

    /// All boxes under the master key, as they are in the file.
    private func boxes(_ ledger: TestLedger) throws -> [[UInt8]] {
        var boxes: [[UInt8]] = []
        try ledger.tamper { material in
            for name in try material.names() where name == .root || name.kind == 2 {
                boxes.append(try #require(try material.blob(name).flatMap { WrappedBlob($0) }).box)
            }
        }
        return boxes
    }

    private func expectWhole(_ ledger: TestLedger, _ envelopes: [[UInt8]], masterKey seed: UInt8) async throws {
        let store = try await ledger.open(masterKey: seed)
        for (number, envelope) in envelopes.enumerated() {
            let tenant = try await store.tenant("tenant-\(number)")
            #expect(try await tenant.encryptionKey("pii").decrypt(envelope).revealed() == [UInt8(number)])
            _ = try await tenant.signingKey("claims").sign([1])
        }
        #expect(store.projection.rewrap == nil)
        #expect(try LogVerification(store.audit).findings.isEmpty)
        #expect(try Replay(store.audit.log).projection.digest == store.projection.digest)
        try await store.close()
    }

    private func kinds(_ ledger: TestLedger, masterKey seed: UInt8) async throws -> [EventKind: Int] {
        let store = try await ledger.open(masterKey: seed)
        var counts: [EventKind: Int] = [:]
        for event in try store.audit.events() {
            if let kind = event.kind { counts[kind, default: 0] += 1 }
        }
        try await store.close()
        return counts
    }

    @Test func putsEverythingUnderTheNewKeyAndTheOldOneOpensNothing() async throws {
        let (ledger, envelopes) = try await furnished()
        let old = try boxes(ledger)
        #expect(old.count == Self.tenantCount + 1)
        var progress: [UInt64] = []
        try await KeyStore.rewrap(
            ledger.path, from: try service(1), to: try service(2), options: ledger.options()
        ) { done, total in
            #expect(total == UInt64(Self.tenantCount))
            progress.append(done)
        }
        #expect(progress.last == UInt64(Self.tenantCount))
        for file in try ledger.files() {
            for box in old { #expect(file.bytes.firstRange(of: box) == nil, "an old box is in \(file.name)") }
        }
        let needed = "local:" + (try TestLedger.masterKey(2).id)
        await #expect(
            throws: KeyStoreError.wrongMasterKey(given: "local:" + (try TestLedger.masterKey(1).id), needed: needed)
        ) {
            _ = try await ledger.open(masterKey: 1)
        }
        try await expectWhole(ledger, envelopes, masterKey: 2)
        let counts = try await kinds(ledger, masterKey: 2)
        #expect(counts[.rewrap] == 1 && counts[.rewrapTenant] == Self.tenantCount && counts[.finishRewrap] == 1)
        #expect(try KeyStore.masterKeyNeeded(ledger.path).name == needed)
    }

    /// Every state in which a crash can leave material and log, made by stopping after each step.
    enum Step: CaseIterable {
        case begun, oneTenant, oneTenantRecorded, allTenants, allRecorded, root
    }

    /// A ledger as it is when the change of its master key stops after a step.
    private func interrupted(after step: Step) async throws -> (ledger: TestLedger, envelopes: [[UInt8]]) {
        let (ledger, envelopes) = try await furnished()
        let next = try service(2)
        let store = try await ledger.open()
        let rewrap = try await store.beginRewrap(to: next)
        let tenants = try store.custody.tenants(notUnder: next.masterKeyName)
        #expect(tenants.count == Self.tenantCount)
        steps: switch step {
        case .begun: break
        case .oneTenant: try await store.custody.rewrap([tenants[0]])
        case .oneTenantRecorded:
            try await store.custody.rewrap([tenants[0]])
            try await store.recordRewrap(of: [tenants[0]], rewrap)
        case .allTenants: try await store.custody.rewrap(tenants)
        case .allRecorded, .root:
            try await store.custody.rewrap(tenants)
            try await store.recordRewrap(of: tenants, rewrap)
            if step == .root { try await store.custody.rewrapRoot() }
        }
        let left = try ledger.afterPowerCut()
        try? await store.close()
        return (left, envelopes)
    }

    @Test(arguments: Step.allCases)
    func isFinishedByDoingItAgain(after step: Step) async throws {
        let (ledger, envelopes) = try await interrupted(after: step)
        try await KeyStore.rewrap(ledger.path, from: try service(1), to: try service(2), options: ledger.options())
        try await expectWhole(ledger, envelopes, masterKey: 2)
        await #expect(throws: KeyStoreError.self) { _ = try await ledger.open(masterKey: 1) }
        let counts = try await kinds(ledger, masterKey: 2)
        #expect(counts[.rewrap] == 1 && counts[.rewrapTenant] == Self.tenantCount && counts[.finishRewrap] == 1)
    }

    @Test(arguments: Step.allCases)
    func saysWhatToDoWhenOneKeyIsNotEnough(after step: Step) async throws {
        let (ledger, envelopes) = try await interrupted(after: step)
        let names = ("local:" + (try TestLedger.masterKey(1).id), "local:" + (try TestLedger.masterKey(2).id))
        let unfinished = KeyStoreError.rewrapUnfinished(from: names.0, to: names.1)
        switch step {
        case .begun:
            // Nothing has moved: opening with the old key takes it back.
            await #expect(throws: KeyStoreError.wrongMasterKey(given: names.1, needed: names.0)) {
                _ = try await ledger.open(masterKey: 2)
            }
            try await expectWhole(ledger, envelopes, masterKey: 1)
            #expect(try await kinds(ledger, masterKey: 1)[.abandonRewrap] == 1)
        case .oneTenant, .oneTenantRecorded, .allTenants, .allRecorded:
            await #expect(throws: unfinished) { _ = try await ledger.open(masterKey: 1) }
            await #expect(throws: unfinished) { _ = try await ledger.open(masterKey: 2) }
            #expect(throws: unfinished) { _ = try AuditReader(ledger.path, masterKey: try TestLedger.masterKey(2)) }
            #expect(try KeyStore.masterKeyNeeded(ledger.path).next?.name == names.1)
            #expect(unfinished.description.contains("keyledger custody rewrap"))
        case .root:
            // Everything has moved: opening with the new key finishes it.
            await #expect(throws: KeyStoreError.wrongMasterKey(given: names.0, needed: names.1)) {
                _ = try await ledger.open(masterKey: 1)
            }
            try await expectWhole(ledger, envelopes, masterKey: 2)
            #expect(try await kinds(ledger, masterKey: 2)[.finishRewrap] == 1)
        }
    }

    @Test func towardsAThirdKeyIsRefusedUntilItIsFinished() async throws {
        let (ledger, envelopes) = try await interrupted(after: .oneTenant)
        await #expect(throws: KeyStoreError.self) {
            try await KeyStore.rewrap(
                ledger.path, from: try service(1), to: try service(3), options: ledger.options())
        }
        try await KeyStore.rewrap(ledger.path, from: try service(1), to: try service(2), options: ledger.options())
        try await KeyStore.rewrap(ledger.path, from: try service(2), to: try service(3), options: ledger.options())
        try await expectWhole(ledger, envelopes, masterKey: 3)
    }

    @Test func goesOnWhileTenantsAreCreatedAndUsed() async throws {
        let (ledger, _) = try await furnished()
        let store = try await ledger.open()
        let next = try service(2)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.rewrap(to: next) }
            for number in 0..<8 {
                group.addTask {
                    let key = try await store.createTenant("new-\(number)").createSigningKey("claims")
                    for _ in 0..<5 { _ = try await key.sign([1]) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try store.custody.tenants(notUnder: next.masterKeyName).isEmpty)
        try await store.close()
        let again = try await ledger.open(masterKey: 2)
        for number in 0..<8 { _ = try await again.tenant("new-\(number)").signingKey("claims").sign([1]) }
        try await again.close()
    }
}
