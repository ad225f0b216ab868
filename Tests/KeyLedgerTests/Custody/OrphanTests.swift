import Foundation
import LedgerStore
import Testing

@testable import KeyLedger

@Suite("Material beside a log that is not its own")
struct OrphanTests {
    /// A copy of `log/` as it is now.
    private func backup(_ ledger: TestLedger, as name: String = "-log") throws -> String {
        let copy = ledger.path + name
        try FileManager.default.copyItem(atPath: ledger.folder.logPath, toPath: copy)
        return copy
    }

    private func restore(_ copy: String, _ ledger: TestLedger) throws {
        try FileManager.default.removeItem(atPath: ledger.folder.logPath)
        try FileManager.default.moveItem(atPath: copy, toPath: ledger.folder.logPath)
    }

    private func expectTooShort(_ ledger: TestLedger, keyCount: Int) async throws {
        do {
            let store = try await ledger.open()
            try await store.close()
            Issue.record("it opened")
        } catch KeyStoreError.logTooShort(let path, let eventCount, let highWaterMark, let unknown) {
            #expect(path == ledger.path && eventCount < highWaterMark && unknown == keyCount)
        }
    }

    /// An older log beside newer material: keys were deleted as orphans here once.
    @Test func isRefusedAndNothingIsErased() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { _ = try await $0.createTenant("acme") }
        let copy = try backup(ledger)
        let envelope = try await ledger.withStore { (store) throws in
            try await store.tenant("acme").createEncryptionKey("pii").encrypt([7])
        }
        let newer = try backup(ledger, as: "-newer")
        try restore(copy, ledger)
        let before = try ledger.files().first { $0.name == "material/blobs" }?.bytes
        for _ in 0..<2 { try await expectTooShort(ledger, keyCount: 1) }
        #expect(try ledger.files().first { $0.name == "material/blobs" }?.bytes == before)
        // The log that belongs to it comes back, and everything is there.
        try restore(newer, ledger)
        try await ledger.withStore { (store) throws in
            #expect(try await store.tenant("acme").encryptionKey("pii").decrypt(envelope).revealed() == [7])
        }
    }

    /// The very next thing after the backup was a key: only that its event was seen tells it from what a crash leaves.
    @Test func isRefusedAlsoAfterACrash() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { _ = try await $0.createTenant("acme") }
        let store = try await ledger.open()
        let copy = try backup(ledger)
        _ = try await store.tenant("acme").createEncryptionKey("pii").encrypt([7])
        let left = try ledger.afterPowerCut()
        try await store.close()
        try restore(copy, left)
        try await expectTooShort(left, keyCount: 1)
    }

    @Test func isRefusedWhenOnlyUsesAreMissing() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { _ = try await $0.createTenant("acme").createSigningKey("claims") }
        let copy = try backup(ledger)
        try await ledger.withStore { (store) throws in
            _ = try await store.tenant("acme").signingKey("claims").sign([1])
        }
        try restore(copy, ledger)
        try await expectTooShort(ledger, keyCount: 0)
    }

    @Test func goesOnWhenThatIsAcceptedAndKeepsWhatIsUnknown() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { _ = try await $0.createTenant("acme").createSigningKey("claims") }
        let copy = try backup(ledger)
        let version = try await ledger.withStore { (store) throws in
            try await store.tenant("acme").createEncryptionKey("pii").handle.version(numbered: 1)
        }
        try restore(copy, ledger)
        try await ledger.withStore({ $0.acceptsShorterLog = true }) { (store) throws in
            #expect(try store.audit.events().count { $0.kind == .acceptLog } == 1)
            #expect(try store.audit.material.standing(of: .version(version)) == .setAside)
        }
        // It is settled: no question any more, and what is unknown stays.
        try await ledger.withStore { (store) throws in
            #expect(try store.audit.material.blob(.version(version)) != nil)
            _ = try await store.tenant("acme").signingKey("claims").sign([1])
            #expect(try LogVerification(store.audit).findings.isEmpty)
            // The name is free in this log: a key made now is a new one.
            _ = try await store.tenant("acme").createEncryptionKey("pii").encrypt([1])
            #expect(try store.audit.material.standing(of: .version(version)) == .recorded)
        }
    }

    @Test func isNoMatterForAWholeFolderOfAnotherTime() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { _ = try await $0.createTenant("acme").createSigningKey("claims") }
        let older = try TestLedger(of: ledger)
        try await ledger.withStore { _ = try await $0.tenant("acme").createEncryptionKey("pii") }
        try await older.withStore { _ = try await $0.tenant("acme").signingKey("claims").sign([1]) }
    }
}
