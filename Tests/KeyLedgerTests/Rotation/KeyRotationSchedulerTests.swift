import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Scheduled rotation")
struct KeyRotationSchedulerTests {
    private let message = Array("claim 4711".utf8)
    private static let day = 86_400.0

    private func policy(batch: Int = 100, days: UInt32 = 90) -> RotationPolicy {
        var policy = RotationPolicy()
        policy.batchSize = batch
        policy.ageDays = days
        return policy
    }

    private func createTenants(_ count: Int, _ store: KeyStore, _ clock: TestClock, apart: Double = 60) async throws {
        for number in 0..<count {
            _ = try await store.createTenant("tenant-\(number)").createSigningKey("claims")
            clock.advance(seconds: apart)
        }
    }

    private func activeVersions(_ store: KeyStore) throws -> [UInt32?] {
        try store.tenants().flatMap { try $0.keys() }.map { $0.record?.activeVersion }
    }

    @Test func rotatesWhatIsDueAndNothingElse() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let tenant = try await store.createTenant("acme")
            let old = try await tenant.createSigningKey("old"), secret = try await tenant.createEncryptionKey("secret")
            let signature = try await old.sign(message)
            let envelope = try await secret.encrypt(message)
            ledger.clock.advance(seconds: 45 * Self.day)
            let young = try await tenant.createSigningKey("young")
            let scheduler = KeyRotationScheduler(store, policy: policy())
            ledger.clock.advance(seconds: 44 * Self.day)
            #expect(scheduler.plan.tenants.isEmpty)
            ledger.clock.advance(seconds: 2 * Self.day)
            #expect(scheduler.plan.tenants.map { $0.keys.count } == [2])

            let run = try await scheduler.run()
            #expect(Set(run.rotated.map(\.version.key)) == [old.handle.id, secret.handle.id])
            #expect(run.failed.isEmpty && run.remainingTenantCount == 0)
            #expect(young.handle.record?.activeVersion == 1)
            #expect(scheduler.plan.tenants.isEmpty)
            // Old versions still verify and decrypt.
            #expect(try await old.verify(signature.bytes, of: message, version: 1))
            #expect(try await secret.decrypt(envelope).revealed() == message)
            #expect(try await old.sign(message).version == 2)

            let event = try #require(try store.audit.events(.rotationRun).first)
            #expect(event.transfer.amount == 2)
            #expect(event.details?["rotated"] == "2")
            #expect(store.projection.rotation.lastRunAt == event.transfer.userData64)
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
    }

    @Test func aShorterAgeMakesOlderVersionsDueButNotThoseThatChoseTheirOwn() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let tenant = try await store.createTenant("acme")
            let usual = try await tenant.createSigningKey("usual")
            _ = try await tenant.createSigningKey("chosen", policy: KeyPolicy(cryptoperiodSeconds: 365 * 86_400))
            ledger.clock.advance(seconds: 31 * Self.day)
            #expect(KeyRotationScheduler(store, policy: policy()).plan.tenants.isEmpty)
            let plan = KeyRotationScheduler(store, policy: policy(days: 30)).plan
            #expect(plan.tenants.flatMap(\.keys).map(\.version.key) == [usual.handle.id])
        }
    }

    @Test func takesTheOldestTenantsFirstABatchAtATime() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await createTenants(5, store, ledger.clock)
            ledger.clock.advance(seconds: 91 * Self.day)
            let scheduler = KeyRotationScheduler(store, policy: policy(batch: 2))
            for (versions, remaining): ([UInt32?], Int) in [
                ([2, 2, 1, 1, 1], 3), ([2, 2, 2, 2, 1], 1), ([2, 2, 2, 2, 2], 0), ([2, 2, 2, 2, 2], 0),
            ] {
                let run = try await scheduler.run()
                #expect(run.remainingTenantCount == remaining)
                #expect(try activeVersions(store) == versions)
            }
        }
    }

    @Test func aTenantThatFailsIsRecordedTriedAgainAndKeepsNobodyWaiting() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await createTenants(6, store, ledger.clock)
        }
        // The two oldest tenants cannot be rotated: their keys were damaged.
        let original = try await ledger.withStore { store in
            try store.tenants().prefix(2).map { tenant in
                (tenant.id, try #require(try store.audit.material.blob(.tenantKey(tenant.id))))
            }
        }
        try ledger.tamper { material in
            try material.put(original.map { (.tenantKey($0.0), [1, 0, 0, 9]) }, eventCount: 0)
        }
        ledger.clock.advance(seconds: 91 * Self.day)
        try await ledger.withStore { store in
            let scheduler = KeyRotationScheduler(store, policy: policy(batch: 2))
            let damaged = Set(original.map(\.0))
            var rotated: Set<TenantID> = []
            for number in 0..<3 {
                let run = try await scheduler.run()
                rotated.formUnion(run.rotated.map(\.tenant))
                if number == 0 { #expect(Set(run.failed.map(\.tenant)) == damaged) }
                ledger.clock.advance(seconds: Self.day)
            }
            // After three runs of two the four others are done, though the two that fail are the oldest.
            #expect(rotated.count == 4 && rotated.isDisjoint(with: damaged))
            #expect(store.projection.rotation.failures.count == 2)
            // They are tried again.
            #expect(try await scheduler.run().failed.count == 2)
            #expect(try store.audit.log.eventCount() > 0)
            #expect(try Replay(store.audit.log).projection.rotation == store.projection.rotation)
            #expect(LedgerProjection(snapshot: store.projection.snapshot) == store.projection)
        }
        try ledger.tamper { material in
            try material.put(original.map { (.tenantKey($0.0), $0.1) }, eventCount: 0)
        }
        try await ledger.withStore { store in
            let run = try await KeyRotationScheduler(store, policy: policy(batch: 2)).run()
            #expect(Set(run.rotated.map(\.tenant)) == Set(original.map(\.0)))
            #expect(store.projection.rotation.failures.isEmpty)
            #expect(try activeVersions(store) == Array(repeating: 2, count: 6))
            let failures = try store.audit.events(.rotationFailed)
            #expect(failures.count == 4)
            #expect(failures.allSatisfy { $0.transfer.creditAccountID == AccountID.denials })
        }
    }

    @Test func oneKeyThatFailsKeepsTheOthersOfItsTenantFromNothing() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let tenant = try await store.createTenant("acme")
            let busy = try await tenant.createSigningKey("busy"), free = try await tenant.createSigningKey("free")
            ledger.clock.advance(seconds: 91 * Self.day)
            let scheduler = KeyRotationScheduler(store, policy: policy())
            // Somebody is rotating one of them by hand.
            let run = try await store.exclusively(busy.handle.id.value, orElse: .notAuthentic) {
                await Result { () async throws(KeyStoreError) in try await scheduler.run() }
            }.get()
            #expect(run.rotated.map(\.version.key) == [free.handle.id])
            #expect(run.failed.map(\.version.key) == [busy.handle.id])
            let event = try #require(try store.audit.events(.rotationFailed).first)
            #expect(event.version == busy.handle.version(numbered: 1))
            #expect(event.details?["error"]?.string?.contains("another task") == true)
        }
    }

    @Test func manyTenantsRotateAtOnceAndReplayAgrees() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await createTenants(150, store, ledger.clock, apart: 0.01)
            ledger.clock.advance(seconds: 91 * Self.day)
            let scheduler = KeyRotationScheduler(store, policy: policy())
            #expect(try await scheduler.run().rotated.count == 100)
            #expect(try await scheduler.run().rotated.count == 50)
            #expect(try activeVersions(store) == Array(repeating: 2, count: 150))
            #expect(try Replay(store.audit.log).projection == store.projection)
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
    }

    @Test func oneRunAtATime() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let scheduler = KeyRotationScheduler(store, policy: policy())
            let inProgress = KeyStoreError.rotationInProgress(key: "(all that are due)")
            let outcome = try await store.exclusively(AccountID.scheduler, orElse: .notAuthentic) {
                await Result { () async throws(KeyStoreError) in try await scheduler.run() }
            }
            guard case .failure(inProgress) = outcome else {
                Issue.record("a second run was let in: \(outcome)")
                return
            }
        }
    }

    @Test func aCancelledRunBeginsNothingMore() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            try await createTenants(3, store, ledger.clock)
            ledger.clock.advance(seconds: 91 * Self.day)
            let scheduler = KeyRotationScheduler(store, policy: policy())
            let running = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await scheduler.run()
            }
            running.cancel()
            let run = try await running.value
            #expect(run.rotated.isEmpty)
            #expect(run.remainingTenantCount == 3)
            #expect(scheduler.plan.tenants.count == 3)
        }
    }

    @Test func whatWasMissedIsMadeUpForOnce() throws {
        let policy = RotationPolicy()
        let day: UInt64 = 86_400_000_000_000
        let midnight = TestClock.start
        #expect(policy.nextRun(lastRunAt: nil, now: midnight + 5) == midnight + 5)
        // Three midnights ago: at once.
        #expect(policy.nextRun(lastRunAt: midnight - 3 * day + 5, now: midnight + 5) == midnight + 5)
        // Then not before the next.
        #expect(policy.nextRun(lastRunAt: midnight + 5, now: midnight + 6) == midnight + day)
        #expect(policy.nextRun(lastRunAt: midnight, now: midnight) == midnight + day)
        #expect(policy.nextRun(lastRunAt: midnight + 5, now: midnight + day) == midnight + day)
        var ended = policy
        ended.schedule = try CronExpression(parsing: "0 0 0 1 1 ? 2020")
        #expect(ended.nextRun(lastRunAt: midnight, now: midnight) == nil)
    }

    @Test func aPlanWritesNothingAndSparesWhatCannotBeRotated() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let tenant = try await store.createTenant("acme")
            let suspended = try await tenant.createSigningKey("suspended")
            try await suspended.handle.suspend()
            _ = try await tenant.createSigningKey(
                "later", policy: KeyPolicy(notBefore: ledger.clock.now + 365 * 86_400_000_000_000))
            ledger.clock.advance(seconds: 91 * Self.day)
            let before = try store.eventCount
            #expect(KeyRotationScheduler(store, policy: policy()).plan.tenants.isEmpty)
            #expect(try store.eventCount == before)
        }
    }
}
