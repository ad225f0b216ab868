import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Destruction")
struct DestructionTests {
    private func materialNames(_ store: KeyStore) throws -> [KeyVersion] {
        try store.audit.material.names().compactMap(\.keyVersion)
    }

    @Test func waitsThirtyDaysAndIsDoneByTheNextSettlement() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let version = key.handle.version(numbered: 1)
            let envelope = try await key.encrypt([7])
            try await key.handle.scheduleDestruction()
            let due = try #require(key.handle.record?.versions[0].destruction?.dueAt)
            #expect((due - ledger.clock.now + 500_000_000) / 1_000_000_000 == 30 * 86400)
            ledger.clock.advance(to: due - 1_000_000_000)
            #expect(try await store.settleDue().destroyed.isEmpty)
            #expect(try materialNames(store) == [version])
            ledger.clock.advance(to: due + 1)
            let settlement = try await store.settleDue()
            #expect(settlement.destroyed == [version])
            #expect(settlement.failures.isEmpty)
            #expect(try materialNames(store).isEmpty)
            let record = try #require(key.handle.record?.versions[0])
            #expect(record.state == .destroyed)
            #expect(record.isErased)
            #expect(try await store.settleDue().destroyed.isEmpty)
            await #expect(throws: KeyStoreError.self) { _ = try await key.decrypt(envelope) }
            #expect(try store.audit.denials().isEmpty)
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
    }

    @Test func isDoneByTheOpeningIfItsTimeCameMeanwhile() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await store.createTenant("acme").createSigningKey("claims").handle.scheduleDestruction(
                waitingSeconds: 60)
        }
        ledger.clock.advance(seconds: 61)
        try await ledger.withStore { store in
            let key = try await store.tenant("acme").key("claims")
            #expect(key.record?.versions.map(\.state) == [.destroyed])
            #expect(try materialNames(store).isEmpty)
            let events = try store.audit.events(.destroy)
            #expect(events.allSatisfy { $0.status == .created })
        }
    }

    @Test func theLedgerItselfRefusesItBeforeItsTime() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims").handle
            try await key.scheduleDestruction(waitingSeconds: 60)
            // What the settlement asks for when it is due.
            await #expect(throws: KeyStoreError.self) { try await key.order(.destroy, 1) }
            let refused = try store.audit.events(.destroy).map(\.status)
            #expect(refused.contains(.debitAccountAlreadyClosed))
            #expect(!refused.contains(.created))
            #expect(try materialNames(store) == [key.version(numbered: 1)])
            await #expect(throws: KeyStoreError.self) { try await key.scheduleDestruction(waitingSeconds: 0) }
        }
    }

    @Test func cannotBeCancelledOnceItIsDue() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims").handle
            try await key.scheduleDestruction(waitingSeconds: 60)
            ledger.clock.advance(seconds: 61)
            await #expect(throws: KeyStoreError.self) { try await key.cancelDestruction() }
            #expect(try store.audit.events(.cancelDestruction).map(\.status).contains(.pendingTransferExpired))
        }
    }

    @Test func theMaterialIsNotErasedWhileItIsInMemory() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            _ = try await key.sign([1])
            // Nobody asks for this; the ledger refuses it all the same.
            let erase = try key.handle.closing(.erase, key.handle.version(numbered: 1), on: .custody, amount: 1)
            let reply = try await store.writer.submit([erase]).reply()
            #expect(reply.results.map(\.status) == [.exceedsCredits])
        }
    }

    /// As far as destroying a version gets before the power is cut.
    enum Step: CaseIterable { case intent, erasure, event }

    @Test(arguments: Step.allCases)
    func afterACrashAtAnyStepTheOpeningFinishesIt(step: Step) async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let key = try await store.createTenant("acme").createEncryptionKey("pii")
        let version = key.handle.version(numbered: 1)
        _ = try await key.encrypt([7])
        try await key.handle.order(.destroy, 1)
        if step == .erasure { try store.custody.eraseMaterial(of: version) }
        if step == .event { try await key.handle.erase(version) }
        let left = try ledger.afterPowerCut()
        try await store.close()
        try await left.withStore { store in
            let record = try #require(try await store.tenant("acme").key("pii").record?.versions[0])
            #expect(record.state == .destroyed)
            #expect(record.isErased)
            #expect(try materialNames(store).isEmpty)
            #expect(try store.audit.events(.erase).map(\.status) == [.created])
            #expect(try LogVerification(store.audit).findings.isEmpty)
            #expect(try Replay(store.audit.log).projection == store.projection)
        }
    }

    @Test func oneKeysDamageDoesNotKeepTheOthers() async throws {
        let ledger = try TestLedger()
        let tenant = try await ledger.withStore { store in
            for name in ["acme", "globex"] {
                try await store.createTenant(name).createSigningKey("claims").handle.scheduleDestruction(
                    waitingSeconds: 60)
            }
            return try await store.tenant("acme").id
        }
        try ledger.tamper { try $0.erase([.detailsKey(tenant)]) }
        ledger.clock.advance(seconds: 61)
        try await ledger.withStore { store in
            #expect(store.projection.keys.values.allSatisfy { $0.versions.allSatisfy(\.isErased) })
            let left = try materialNames(store)
            #expect(left.isEmpty)
        }
    }

    @Test func takingBackWhatIsForGoodIsFoundByACheckOfTheLog() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let version = key.handle.version(numbered: 1)
            try await key.handle.suspend()
            try await key.handle.resume()
            try await key.handle.deactivate()
            #expect(try LogVerification(store.audit).findings.isEmpty)
            let final = try #require(try store.audit.events(.deactivate).first)
            let void = store.void(.resume, of: final.id, id: try store.newEventID(), version: version)
            #expect(try await store.writer.submit([void]).reply().results.map(\.status) == [.created])
            let findings = try LogVerification(store.audit).findings
            #expect(findings.map(\.description) == ["deactivate is for good, and was taken back"])
            try await key.handle.suspend()
            let suspension = try #require(try store.audit.events(.suspend).last)
            let other = store.void(.evict, of: suspension.id, id: try store.newEventID(), version: version)
            _ = try await store.writer.submit([other]).reply()
            #expect(try LogVerification(store.audit).findings.last?.description == "suspend was ended by evict")
        }
    }
}
