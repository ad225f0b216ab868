import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("The end of a tenant")
struct ShreddingTests {
    private let message: [UInt8] = [1, 2, 3]

    /// Wrapped blobs of a tenant and its keys, as they are in the file.
    private func boxes(_ store: KeyStore, of tenant: Tenant) throws -> [[UInt8]] {
        let keys = store.projection.keys.filter { $0.value.tenant == tenant.id }.keys
        return try store.audit.material.names().filter { name in
            name.tenant == tenant.id || keys.contains { $0 == name.keyVersion?.key }
        }.map { try #require(try store.audit.material.blob($0).flatMap { WrappedBlob($0) }).box }
    }

    private func expectNone(of boxes: [[UInt8]], in ledger: TestLedger) throws {
        for file in try ledger.files() {
            for box in boxes { #expect(file.bytes.firstRange(of: box) == nil, "a box is in \(file.name)") }
        }
    }

    /// The root of the tree over the first events.
    private func root(_ log: LedgerReader, of count: UInt64) throws -> SHA256Digest {
        var tree = MerkleTree()
        try log.forEachBlock(to: count, mapping: { $0 as any Error }) { block in
            block.forEachEntry { if tree.size.leafCount < count { tree.append(MerkleHash.leaf($0)) } }
            return true
        }
        return tree.root
    }

    private func denials(_ store: KeyStore) throws -> [String] { try store.audit.denials() }

    @Test func leavesNothingToReadAndEverythingToProve() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let acme = try await store.createTenant("acme", caller: Caller(actor: "jane"))
        let globex = try await store.createTenant("globex")
        let signing = try await acme.createSigningKey("claims")
        let encryption = try await acme.createEncryptionKey("pii")
        _ = try await signing.sign(message)
        try await signing.handle.rotate()
        let envelope = try await encryption.encrypt(message)
        let other = try await globex.createSigningKey("claims")
        _ = try await other.sign(message)
        let boxes = try boxes(store, of: acme)
        #expect(boxes.count == 5)
        let count = store.projection.eventCount
        let (root, created) = (try LogVerification(store.audit).rootHash, store.projection.tenants[acme.id]?.createdBy)

        try await Tenant(store: store, id: acme.id, name: acme.name, caller: Caller(actor: "joe", reason: "4711"))
            .shred()

        try expectNone(of: boxes, in: ledger)
        // Nobody reads it any more, also not this process, which knew it.
        #expect(try store.audit.name(createdBy: created ?? 0, tenant: acme.id) == "(shredded)")
        #expect(try store.tenants().map(\.name.description) == ["globex"])
        #expect(try !store.hasTenant("acme"))
        let projection = store.projection
        for event in try store.audit.events() where projection.tenant(of: event.transfer) == acme.id {
            #expect(event.details == nil)
        }
        // What was proven stays proven.
        #expect(store.projection.eventCount > count)
        let verification = try LogVerification(store.audit)
        #expect(verification.findings.isEmpty)
        #expect(try self.root(store.audit.log, of: count) == root)
        // The others go on.
        _ = try await other.sign(message)

        let gone = KeyStoreError.tenantShredded(acme.id.description)
        let attempts: [() async throws -> Void] = [
            { _ = try await signing.sign(message) }, { _ = try await signing.verify([], of: message) },
            { _ = try await encryption.encrypt(message) }, { _ = try await encryption.decrypt(envelope) },
            { _ = try await signing.handle.rotate() }, { _ = try await acme.createSigningKey("more") },
            { _ = try await store.tenant("acme") }, { _ = try await store.createTenant("acme") },
            { try await acme.shred() },
        ]
        for (number, attempt) in attempts.enumerated() {
            await #expect(throws: KeyStoreError.self, "attempt \(number)") { try await attempt() }
        }
        await #expect(throws: gone) { _ = try await store.tenant("acme") }
        await #expect(throws: gone) { _ = try await store.createTenant("acme") }
        // Nobody was refused without a trace.
        #expect(try denials(store).count == attempts.count + 2)
        // Not even its name is written down again.
        let said = try store.audit.events().compactMap {
            $0.details.map { String(decoding: $0.canonicalBytes, as: UTF8.self) }
        }
        .joined()
        for word in ["acme", "pii"] { #expect(!said.contains(word), "\(said)") }
        #expect(said.contains("joe") && said.contains("4711"))
        try await store.close()

        try await ledger.withStore { (store) throws in
            await #expect(throws: gone) { _ = try await store.tenant("acme") }
            #expect(try LogVerification(store.audit).findings.isEmpty)
            #expect(try Replay(store.audit.log).projection.digest == store.projection.digest)
        }
        try expectNone(of: boxes, in: ledger)
    }

    /// Whatever the code above asks.
    @Test func isEnforcedByTheLedger() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { (store) throws in
            let acme = try await store.createTenant("acme")
            let key = try await acme.createEncryptionKey("pii")
            let version = key.handle.version(numbered: 1)
            try await acme.shred()
            for kind in [EventKind.encrypt, .decrypt] {
                let use = store.transfer(
                    kind, id: try store.newEventID(),
                    from: AccountID.version(version, .aes256GCM, kind.ledger),
                    to: AccountID.tenant(acme.id, kind.ledger), amount: 1, version: version)
                let reply = try await store.writer.submit([use]).reply()
                #expect(reply.results[0].status == .creditAccountAlreadyClosed)
            }
            let generate = store.transfer(
                .generate, id: try store.newEventID(), from: AccountID.tenant(acme.id, .custody),
                to: AccountID.version(version, .aes256GCM, .custody), amount: 1, version: version)
            let reply = try await store.writer.submit([generate]).reply()
            #expect(reply.results[0].status == .debitAccountAlreadyClosed)
        }
    }

    @Test func waitsForUsesThatHaveBegunAndRefusesThoseThatCome() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let acme = try await store.createTenant("acme")
        let key = try await acme.createSigningKey("claims")
        let (signed, refused) = (Counter(), Counter())
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    for _ in 0..<20 {
                        do {
                            _ = try await key.sign(message)
                            signed.increment()
                        } catch {
                            refused.increment()
                        }
                    }
                }
            }
            group.addTask { try? await acme.shred() }
        }
        #expect(signed.count + refused.count == 400)
        #expect(store.projection.tenants[acme.id]?.shred?.doneBy != nil)
        #expect(store.projection.residencies.isEmpty)
        #expect(store.live.versionsInMemory.isEmpty)
        #expect(UInt64(signed.count) == store.projection.tenants[acme.id]?.usage.sign)
        try await store.close()
        #expect(try await ledger.withStore { try LogVerification($0.audit).findings }.isEmpty)
    }

    enum Step: CaseIterable { case intent, erasure, recorded }

    @Test(arguments: Step.allCases)
    func isFinishedAtTheNextOpening(after step: Step) async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let acme = try await store.createTenant("acme")
        _ = try await acme.createSigningKey("claims").sign(message)
        let boxes = try boxes(store, of: acme)
        try await store.recordIntent(acme)
        switch step {
        case .intent: break
        case .erasure: _ = try store.custody.eraseSecrets(of: acme.id, versions: [])
        case .recorded: try await store.finishShredding(acme.id, caller: acme.caller)
        }
        let left = try ledger.afterPowerCut()
        try? await store.close()
        try await left.withStore { (store) throws in
            #expect(store.projection.tenants[acme.id]?.shred?.doneBy != nil)
            await #expect(throws: KeyStoreError.tenantShredded(acme.id.description)) {
                _ = try await store.tenant("acme")
            }
            #expect(try store.audit.material.names() == [.root])
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
        try expectNone(of: boxes, in: left)
        let kinds = try await left.withStore { try $0.audit.events().compactMap(\.kind) }
        #expect(kinds.count { $0 == .shred } == 3 && kinds.count { $0 == .shredded } == 1)
    }

    @Test func isNotedByAReaderThatKnewTheTenant() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let acme = try await store.createTenant("acme")
        let audit = AuditReader(reader: store.audit.log, custody: store.custody, material: store.audit.material)
        let created = try #require(store.projection.tenants[acme.id]?.createdBy)
        #expect(try audit.name(createdBy: created, tenant: acme.id) == "acme")
        try await acme.shred()
        #expect(try audit.name(createdBy: created, tenant: acme.id) == "(shredded)")
        #expect(try audit.details(of: created, tenant: acme.id) == nil)
        try await store.close()
    }
}
