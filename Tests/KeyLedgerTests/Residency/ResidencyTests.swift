import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("A plaintext key in memory")
struct ResidencyTests {
    private let message = Array("claim 4711".utf8)

    /// What is in memory is what the ledger says, and both are `versions`.
    private func expectInMemory(
        _ versions: Set<KeyVersion>, _ store: KeyStore, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(store.live.versionsInMemory == versions, sourceLocation: sourceLocation)
        #expect(
            Set(store.projection.residencies.values.map(\.version)) == versions, sourceLocation: sourceLocation)
        #expect(
            KeyAlgorithm.allCases.reduce(0) {
                $0 + (store.writer.account(AccountID.keyCache($1))?.creditsPending ?? 0)
            } == UInt128(versions.count), sourceLocation: sourceLocation)
        let replay = try Replay(store.audit.log).projection
        #expect(Set(replay.residencies.values.map(\.version)) == versions, sourceLocation: sourceLocation)
    }

    private func keys(_ count: Int, _ store: KeyStore) async throws -> [SigningKey] {
        let tenant = try await store.createTenant("acme")
        var keys: [SigningKey] = []
        for number in 0..<count { keys.append(try await tenant.createSigningKey("key-\(number)")) }
        return keys
    }

    @Test func comesWithItsFirstUseAndServesTheNext() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await keys(1, store)[0]
            try expectInMemory([], store)
            let before = try store.eventCount
            _ = try await key.sign(message)
            try expectInMemory([key.handle.version(numbered: 1)], store)
            _ = try await key.sign(message)
            #expect(try store.audit.events(from: before).map(\.kind) == [.admit, .sign, .sign])
            // Verifying needs no secret and admits nothing.
            try await key.handle.rotate()
            _ = try await key.verify([], of: message)
            try expectInMemory([], store)
        }
    }

    @Test func doesNotComeForAUseThatIsRefused() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.encryptionBudget = 0
        } _: { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            await #expect(throws: KeyStoreError.refused(operation: .encrypt, key: "pii", status: .exceedsCredits)) {
                _ = try await key.encrypt(message)
            }
            try expectInMemory([], store)
            #expect(try store.audit.events(.admit).map(\.status) == [.linkedEventFailed])
        }
    }

    // MARK: Capacity

    @Test func leavesWhenTheRoomIsNeededTheLeastUsedFirst() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.entryCountMax = 2
        } _: { store in
            let keys = try await keys(4, store)
            func version(_ index: Int) -> KeyVersion { keys[index].handle.version(numbered: 1) }
            _ = try await keys[0].sign(message)
            _ = try await keys[1].sign(message)
            _ = try await keys[0].sign(message)
            _ = try await keys[2].sign(message)
            try expectInMemory([version(0), version(2)], store)
            // Key 0 was asked for twice, key 2 once.
            _ = try await keys[3].sign(message)
            try expectInMemory([version(0), version(3)], store)
            #expect(try store.audit.events(.evict).map(\.version) == [version(1), version(2)])
            #expect(try residencyViolations(in: store.audit.log, capacity: 2).isEmpty)
        }
    }

    @Test func theLedgerRefusesOneMoreThanTheCapacity() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.entryCountMax = 1
        } _: { store in
            let keys = try await keys(2, store)
            _ = try await keys[0].sign(message)
            let version = keys[1].handle.version(numbered: 1)
            func admission() throws -> Transfer {
                store.transfer(
                    .admit, id: try store.newEventID(), from: AccountID.version(version, .ed25519, .custody),
                    to: AccountID.keyCache(.ed25519), amount: 1, flags: .pending, timeoutSeconds: 60, version: version)
            }
            #expect(try await store.writer.submit([try admission()]).reply().results.map(\.status) == [.exceedsDebits])
            try await keys[0].handle.rotate()
            // Nor can one version be in memory twice.
            let statuses = try await store.writer.submit([try admission(), try admission()]).reply().results.map(
                \.status)
            #expect(statuses == [.created, .exceedsCredits])
        }
    }

    @Test func theCapacityIsWhatTheLastOpeningSaidAndEveryChangeIsAnEvent() async throws {
        let ledger = try TestLedger()
        for capacity in [1, 3, 3, 2] {
            try await ledger.withStore {
                $0.cache.entryCountMax = capacity
            } _: { store in
                let tenant =
                    try store.hasTenant("acme") ? try await store.tenant("acme") : try await store.createTenant("acme")
                for name in ["a", "b", "c", "d"] {
                    let key =
                        try tenant.hasKey(name)
                        ? try await tenant.signingKey(name) : try await tenant.createSigningKey(name)
                    _ = try await key.sign(message)
                }
                #expect(store.live.versionsInMemory.count == capacity)
                let cache = try #require(store.writer.account(AccountID.keyCache(.ed25519)))
                #expect(cache.debitsPosted - cache.creditsPosted == UInt128(capacity))
            }
        }
        try await ledger.withStore {
            $0.cache.entryCountMax = 2
        } _: { store in
            let changes = try store.audit.events(.cacheCapacity)
            let caches = KeyAlgorithm.allCases.map { AccountID.keyCache($0) }
            for cache in caches {
                let own = changes.filter { [$0.transfer.debitAccountID, $0.transfer.creditAccountID].contains(cache) }
                #expect(own.map(\.transfer.amount) == [1, 2, 1])
            }
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
    }

    @Test func thatIsLentDoesNotLeaveUntilItIsGivenBack() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.entryCountMax = 1
        } _: { store in
            let keys = try await keys(2, store)
            _ = try await keys[0].sign(message)
            let first = keys[0].handle.version(numbered: 1)
            let renewal = PlaintextKeys.Renewal(now: ledger.clock.now, residencySeconds: 3600)
            guard case .lent(_, let residency) = try await store.live.loan(of: first, protects: true, renewal: renewal)
            else {
                Issue.record("the key is not in memory")
                return
            }
            let waiting = Task { try await keys[1].sign(message) }
            let rotating = Task { try await keys[0].handle.rotate() }
            // Both have to wait: nothing about residencies reaches the log, however long it takes.
            try await Task.sleep(for: .milliseconds(100))
            try expectInMemory([first], store)
            store.live.giveBack(first, residency)
            #expect(try await waiting.value.version == 1)
            #expect(try await rotating.value == 2)
            try expectInMemory([keys[1].handle.version(numbered: 1)], store)
        }
    }

    // MARK: Time to live

    @Test func isWipedWhenItsTimeIsUpWithoutAnybodyAsking() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.privateKeySeconds = 60
        } _: { store in
            let key = try await keys(1, store)[0]
            _ = try await key.sign(message)
            let version = key.handle.version(numbered: 1)
            let renewal = PlaintextKeys.Renewal(now: ledger.clock.now, residencySeconds: 60)
            weak var plaintext: KeyMaterial.Signing?
            if case .lent(.signing(let signing), let residency) = try await store.live.loan(
                of: version, protects: true, renewal: renewal)
            {
                plaintext = signing
                store.live.giveBack(version, residency)
            }
            #expect(plaintext != nil)
            ledger.clock.advance(seconds: 61)
            #expect(await eventually { store.live.versionsInMemory.isEmpty })
            #expect(plaintext == nil)
            try expectInMemory([], store)
        }
    }

    @Test func isNotUsedAfterItsTimeIsUp() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.privateKeySeconds = 60
        } _: { store in
            let key = try await keys(1, store)[0]
            for seconds in [0, 59.5, 59.9, 60, 61, 3600.0] {
                _ = try await key.sign(message)
                ledger.clock.advance(seconds: seconds)
            }
            _ = try await key.sign(message)
            // Five times too late, or too close to its end to begin; each time it came anew.
            let residencies = try store.audit.events(.admit).filter { $0.status == .created }
            #expect(residencies.count == 6)
            #expect(try residencyViolations(in: store.audit.log, capacity: 1000).isEmpty)
            #expect(key.handle.record?.versions.first?.usage.sign == 7)
            #expect(store.projection.refusalCount == 0)
        }
    }

    @Test(arguments: [1, 2, 60, 3600])
    func anEndTooCloseToBeginAUseIsAnEighthOfTheTimeOrASecond(residencySeconds: UInt32) {
        let expiresAt = UInt64(residencySeconds) * 1_000_000_000
        let margin = min(1_000_000_000, UInt64(residencySeconds) * 125_000_000)
        func isDue(_ now: UInt64) -> Bool {
            PlaintextKeys.Renewal(now: now, residencySeconds: residencySeconds).isDue(
                expiringAt: expiresAt)
        }
        #expect(!isDue(0))
        #expect(!isDue(expiresAt - margin - 1))
        #expect(isDue(expiresAt - margin))
        #expect(isDue(expiresAt))
        #expect(isDue(.max))
    }

    @Test func survivesAClockThatGoesBackwards() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.privateKeySeconds = 60
        } _: { store in
            let key = try await keys(1, store)[0]
            var events: [EventID] = []
            for seconds in [0, 3600, 30, 86_400.0] {
                events.append(try await key.sign(message).event)
                ledger.clock.goBack(seconds: seconds)
            }
            ledger.clock.advance(seconds: 10 * 86_400)
            events.append(try await key.sign(message).event)
            // Time in the log never runs backwards, nor do ids.
            #expect(events == events.sorted())
            let timestamps = try store.audit.events().map(\.timestamp)
            #expect(timestamps == timestamps.sorted())
            #expect(Set(timestamps).count == timestamps.count)
            #expect(try residencyViolations(in: store.audit.log, capacity: 1000).isEmpty)
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
        ledger.clock.goBack(seconds: 20 * 86_400)
        try await ledger.withStore { store in
            _ = try await store.tenant("acme").signingKey("key-0").sign(message)
            #expect(store.projection.refusalCount == 0)
        }
    }

    // MARK: Closing and crashing

    @Test func isWipedWhenTheStoreIsClosed() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let keys = try await keys(3, store)
        for key in keys { _ = try await key.sign(message) }
        try await store.close()
        #expect(store.live.versionsInMemory.isEmpty)
        await #expect(throws: KeyStoreError.store(.closed)) { _ = try await keys[0].sign(message) }
        try await ledger.withStore { store in
            let evictions = try store.audit.events(.evict)
            #expect(evictions.count == 3)
            #expect(evictions.allSatisfy { $0.details?["reason"] == "the key store was closed" })
            try expectInMemory([], store)
        }
    }

    @Test func thatIsLentKeepsTheStoreOpen() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let key = try await keys(1, store)[0]
        _ = try await key.sign(message)
        let version = key.handle.version(numbered: 1)
        let renewal = PlaintextKeys.Renewal(now: ledger.clock.now, residencySeconds: 3600)
        guard case .lent(_, let residency) = try await store.live.loan(of: version, protects: true, renewal: renewal)
        else {
            Issue.record("the key is not in memory")
            return
        }
        let closed = Counter()
        let closing = Task {
            try await store.close()
            closed.increment()
        }
        try await Task.sleep(for: .milliseconds(100))
        #expect(closed.count == 0)
        try expectInMemory([version], store)
        // What begins from here on is refused.
        await #expect(throws: KeyStoreError.store(.closed)) { _ = try await key.sign(message) }
        store.live.giveBack(version, residency)
        try await closing.value
        #expect(store.live.versionsInMemory.isEmpty)
    }

    @Test func ofAProcessThatIsGoneIsRecordedAsEvictedAtTheNextOpening() async throws {
        let original = try TestLedger()
        let store = try await original.open()
        let keys = try await keys(3, store)
        for key in keys { _ = try await key.sign(message) }
        let ledger = try original.afterPowerCut()
        try await store.close()
        try await ledger.withStore { store in
            try expectInMemory([], store)
            let evictions = try store.audit.events(.evict)
            #expect(evictions.count == 3)
            #expect(evictions.allSatisfy { $0.details?["reason"] == "the process that held the key is gone" })
            _ = try await store.tenant("acme").signingKey("key-0").sign(message)
        }
    }

    @Test func whoseTimeWasUpWhileNoProcessRanIsNoRefusal() async throws {
        let original = try TestLedger()
        let store = try await original.open()
        for key in try await keys(3, store) { _ = try await key.sign(message) }
        let ledger = try original.afterPowerCut()
        try await store.close()
        ledger.clock.advance(seconds: 86_400)
        try await ledger.withStore { store in
            try expectInMemory([], store)
            #expect(store.projection.refusalCount == 0)
        }
    }
}
