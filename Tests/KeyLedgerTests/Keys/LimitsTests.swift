import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Budgets and quotas")
struct LimitsTests {
    private let message = Array("claim".utf8)

    @Test func aTenantsQuotaIsEnforcedByTheLedgerOverAllItsKeys() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let (claims, pii) = (try await acme.createSigningKey("claims"), try await acme.createEncryptionKey("pii"))
            let other = try await store.createTenant("globex").createSigningKey("claims")
            try await acme.setQuota(3)
            _ = try await claims.sign(message)
            let envelope = try await pii.encrypt(message)
            // Both or none.
            await #expect(throws: KeyStoreError.refused(operation: .sign, key: "claims", status: .exceedsDebits)) {
                _ = try await claims.sign(count: 2) { _ in [message, message] }
            }
            _ = try await claims.sign(message)
            await #expect(throws: KeyStoreError.refused(operation: .encrypt, key: "pii", status: .exceedsDebits)) {
                _ = try await pii.encrypt(message)
            }
            // Processing is not limited, others are not either, and rotation goes on.
            #expect(try await pii.decrypt(envelope).revealed() == message)
            _ = try await other.sign(message)
            try await claims.handle.rotate()
            await #expect(throws: KeyStoreError.self) { _ = try await claims.sign(message) }
            try await acme.setQuota(4)
            _ = try await claims.sign(message)
            await #expect(throws: KeyStoreError.self) { _ = try await claims.sign(message) }
            try await acme.setQuota(nil)
            _ = try await claims.sign(message)
            #expect(acme.record?.quota == LedgerProjection.unlimitedQuota)
        }
    }

    @Test func theLedgerRefusesAUseBeyondTheQuotaWhoeverAsks() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let key = try await acme.createSigningKey("claims").handle
            try await acme.setQuota(1)
            let use = store.transfer(
                .sign, id: try store.newEventID(),
                from: AccountID.version(key.version(numbered: 1), .ed25519, .protect),
                to: AccountID.tenant(acme.id, .protect), amount: 2, version: key.version(numbered: 1))
            #expect(try await store.writer.submit([use]).reply().results.map(\.status) == [.exceedsDebits])
        }
    }

    @Test func aQuotaBelowWhatIsUsedIsRefused() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let claims = try await acme.createSigningKey("claims")
            for _ in 0..<5 { _ = try await claims.sign(message) }
            await #expect(throws: KeyStoreError.refused(operation: .quota, key: "acme", status: .exceedsDebits)) {
                try await acme.setQuota(4)
            }
            try await acme.setQuota(5)
            #expect(acme.record?.quota == 5)
            let events = try store.eventCount
            try await acme.setQuota(5)
            #expect(try store.audit.events(.quota, from: events).isEmpty)
            for limit: UInt64 in [.max, 6, 5] {
                try await acme.setQuota(limit)
                #expect(acme.record?.quota == UInt128(limit))
            }
        }
    }

    @Test func aWarningComesOnceAt80PercentOfABudget() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.encryptionBudget = 10
        } _: { store in
            let pii = try await store.createTenant("acme").createEncryptionKey("pii")
            for count in 1...10 {
                _ = try await pii.encrypt(message)
                #expect(try store.audit.events(.budgetWarning).count == (count < 8 ? 0 : 1), "\(count)")
            }
            let warning = try #require(try store.audit.events(.budgetWarning).first)
            #expect(warning.version == pii.handle.version(numbered: 1))
            #expect(warning.details?["used"]?.string == "8")
            #expect(warning.details?["limit"]?.string == "10")
            try await pii.handle.rotate()
            for _ in 0..<9 { _ = try await pii.encrypt(message) }
            #expect(try store.audit.events(.budgetWarning).map(\.version.number) == [1, 2])
        }
    }

    @Test func aWarningComesOnceForEachQuota() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let claims = try await acme.createSigningKey("claims")
            try await acme.setQuota(5)
            for count in 1...5 {
                _ = try await claims.sign(message)
                #expect(try store.audit.events(.quotaWarning).count == (count < 4 ? 0 : 1), "\(count)")
            }
            try await acme.setQuota(100)
            _ = try await claims.sign(message)
            #expect(try store.audit.events(.quotaWarning).count == 1)
            // Already near the new one.
            try await acme.setQuota(7)
            #expect(try store.audit.events(.quotaWarning).count == 2)
            _ = try await claims.sign(message)
            #expect(try store.audit.events(.quotaWarning).count == 2)
        }
    }

    @Test func concurrentUsesWarnOnce() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.encryptionBudget = 100
        } _: { store in
            let pii = try await store.createTenant("acme").createEncryptionKey("pii")
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<100 { group.addTask { _ = try? await pii.encrypt(message) } }
            }
            #expect(store.projection.tenants.values.map(\.usage.encrypt) == [100])
            let warnings = try store.audit.events(.budgetWarning).filter { $0.status == .created }
            #expect(warnings.count == 1)
        }
    }

    @Test func aWarningThatACrashSwallowedIsGivenAtTheNextOpening() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open { $0.encryptionBudget = 5 }
        let pii = try await store.createTenant("acme").createEncryptionKey("pii")
        let version = pii.handle.version(numbered: 1)
        // The use without what comes after it.
        let use = store.transfer(
            .encrypt, id: try store.newEventID(), from: AccountID.version(version, .aes256GCM, .protect),
            to: AccountID.tenant(pii.handle.tenant.id, .protect), amount: 4, version: version)
        #expect(try await store.writer.submit([use]).reply().results.map(\.status) == [.created])
        let left = try ledger.afterPowerCut()
        try await store.close()
        try await left.withStore { store in
            let versions = try store.audit.events(.budgetWarning).map(\.version)
            #expect(versions == [version])
        }
        try await left.withStore { store in
            let warnings = try store.audit.events(.budgetWarning)
            #expect(warnings.count == 1)
        }
    }
}
