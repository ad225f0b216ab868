import CryptoPrimitives
import LedgerStore
import Testing

@testable import KeyLedger

@Suite("What is in memory and what the log says")
struct CacheReplayTests {
    /// Folds a log as it grows, knowing nothing else.
    private struct Follower {
        let reader: LedgerReader
        private(set) var projection = LedgerProjection()
        private(set) var history = CacheHistory()

        init(_ reader: LedgerReader) { self.reader = reader }

        mutating func catchUp(to end: UInt64) throws {
            let start = projection.eventCount
            if start == end { return }
            try reader.forEachBlock(from: start, to: end, mapping: { $0 as any Error }) { block in
                projection.apply(block, to: end)
                history.apply(block, to: end)
                return true
            }
        }
    }

    /// Tenants with keys of both kinds, and what may happen to them.
    private struct Scene: Sendable {
        let store: KeyStore
        let clock: TestClock
        let signing: [SigningKey]
        let encryption: [(key: EncryptionKey, envelope: [UInt8])]

        init(_ store: KeyStore, _ clock: TestClock) async throws {
            var signing: [SigningKey] = []
            var encryption: [(key: EncryptionKey, envelope: [UInt8])] = []
            for name in ["acme", "globex", "initech"] {
                let tenant = try await store.createTenant(name)
                for number in 0..<3 { signing.append(try await tenant.createSigningKey("sign-\(number)")) }
                for number in 0..<2 {
                    let key = try await tenant.createEncryptionKey("pii-\(number)")
                    encryption.append((key, try await key.encrypt([1, 2, 3])))
                }
            }
            (self.store, self.clock, self.signing, self.encryption) = (store, clock, signing, encryption)
        }

        func step(_ random: inout SeededRandom) async throws {
            // Some are in demand, others hardly ever.
            let index = min(Int.random(in: 0..<9, using: &random), Int.random(in: 0..<9, using: &random))
            let key = signing[index % signing.count], secret = encryption[index % encryption.count]
            switch Int.random(in: 0..<40, using: &random) {
            case 0..<16: _ = try await key.sign([0])
            case 16..<22: _ = try await secret.key.encrypt([0])
            // Always version 1: an old one comes into memory too.
            case 22..<28: #expect(try await secret.key.decrypt(secret.envelope).revealed() == [1, 2, 3])
            case 28: _ = try? await key.handle.rotate()
            case 29: _ = try? await secret.key.handle.rotate()
            case 30, 31: try await store.cache.invalidate(random.oneIn(2) ? key.handle : secret.key.handle)
            case 32: try await store.cache.invalidate(key.handle.tenant)
            case 33: if random.oneIn(4) { try await store.cache.invalidateAll() }
            case 34: clock.goBack(seconds: 10)
            default: clock.advance(seconds: [0.1, 1, 9, 31].randomElement(using: &random) ?? 1)
            }
        }
    }

    private func open(_ ledger: TestLedger, _ random: inout SeededRandom) async throws -> KeyStore {
        let capacity = Int.random(in: 1...5, using: &random)
        let seconds = (UInt32.random(in: 1...60, using: &random), UInt32.random(in: 1...60, using: &random))
        return try await ledger.open {
            $0.cache.entryCountMax = capacity
            $0.cache.privateKeySeconds = seconds.0
            $0.cache.encryptionKeySeconds = seconds.1
        }
    }

    private func expectOne(_ store: KeyStore, _ follower: inout Follower, _ step: Int) throws {
        let (inMemory, live) = store.live.memoryAndLedger
        try follower.catchUp(to: live.eventCount)
        try #require(follower.projection.residencies == live.residencies, "after step \(step)")
        try #require(Set(live.residencies.values.map(\.version)) == inMemory, "after step \(step)")
    }

    @Test(arguments: 1...4)
    func areOneAfterEveryStep(number: Int) async throws {
        var random = SeededRandom("\(#function) \(number)")
        let ledger = try TestLedger()
        let store = try await open(ledger, &random)
        let scene = try await Scene(store, ledger.clock)
        var follower = Follower(store.audit.log)
        for step in 0..<3000 {
            try await scene.step(&random)
            try expectOne(store, &follower, step)
        }
        #expect(follower.projection == store.projection)
        // Nobody but these steps was served: the log counts what the caches counted.
        #expect(follower.history.privateKeys == store.cache.privateKeys)
        #expect(follower.history.encryptionKeys == store.cache.encryptionKeys)
        #expect(store.cache.privateKeys.hitCount > 100)
        #expect(store.cache.privateKeys.evictionCount > 100)
        #expect(try residencyViolations(in: store.audit.log, capacity: store.options.cache.entryCountMax).isEmpty)
        try await store.close()
        #expect(store.live.versionsInMemory.isEmpty)
    }

    @Test(arguments: 1...2)
    func areOneAtAnyMomentOfManyTasks(number: Int) async throws {
        var random = SeededRandom("\(#function) \(number)")
        let ledger = try TestLedger()
        let store = try await open(ledger, &random)
        let scene = try await Scene(store, ledger.clock)
        var follower = Follower(store.audit.log)
        for round in 0..<150 {
            try await withThrowingTaskGroup { group in
                for task in 0..<8 {
                    var own = SeededRandom(seed: random.next())
                    group.addTask {
                        for _ in 0..<3 { try await scene.step(&own) }
                        if task > 0 { return }
                        // In the middle of it all.
                        let (inMemory, projection) = store.live.memoryAndLedger
                        #expect(Set(projection.residencies.values.map(\.version)) == inMemory)
                    }
                }
                try await group.waitForAll()
            }
            try expectOne(store, &follower, round)
        }
        // The clock leaps while keys are in use here, so a use may be decided after its key has expired; nothing else.
        let violations = try residencyViolations(in: store.audit.log, capacity: store.options.cache.entryCountMax)
        #expect(violations.filter { !$0.contains("a use of a key") }.isEmpty)
        #expect(try LogVerification(store.audit).findings.isEmpty)
        try await store.close()
    }
}
