import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Many tasks at once")
struct ConcurrencyTests {
    private func message(_ number: Int) -> [UInt8] { Array("message \(number)".utf8) }

    /// Every signature is backed by its event, which is accepted and commits to its message, and nothing else was counted.
    private func expectExactly(
        _ signatures: [(message: [UInt8], signature: SigningKey.Signature)], by key: SigningKey, _ store: KeyStore
    ) throws {
        var events: [UInt64: RecordedEvent] = [:]
        for event in try store.audit.events(.sign) where event.status == .created { events[event.sequence] = event }
        for (message, signature) in signatures {
            #expect(try key.publicKey(version: signature.version).isValid(signature.bytes, for: message))
            let found = events.removeValue(forKey: signature.sequence)
            let event = try #require(found)
            #expect(event.id == signature.event)
            #expect(event.version == key.handle.version(numbered: signature.version))
            #expect(event.details?["messageDigest"]?.string == "sha256:\(SHA256.hash(of: message))")
        }
        #expect(events.isEmpty, "an event without a signature")
        for (index, version) in (key.handle.record?.versions ?? []).enumerated() {
            let number = UInt32(index + 1)
            let count = signatures.count { $0.signature.version == number }
            #expect(version.usage.sign == UInt64(count))
            #expect(store.balance(key.handle.version(numbered: number), .ed25519, .protect) == UInt128(count))
        }
        #expect(try residencyViolations(in: store.audit.log, capacity: store.options.cache.entryCountMax).isEmpty)
        #expect(store.projection.refusalCount == 0)
        #expect(try LogVerification(store.audit).findings.isEmpty)
    }

    @Test func firstUsesOfOneKeyFetchItOnce() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let signatures = try await withThrowingTaskGroup { group in
                for number in 0..<64 {
                    group.addTask { (message(number), try await key.sign(message(number))) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(signatures.count == 64)
            #expect(try store.audit.events(.admit).count == 1)
            try expectExactly(signatures, by: key, store)
        }
    }

    @Test func signWhileAnotherRotates() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let signatures = try await withThrowingTaskGroup(
                of: [(message: [UInt8], signature: SigningKey.Signature)].self
            ) { group in
                for task in 0..<64 {
                    group.addTask {
                        var signatures: [(message: [UInt8], signature: SigningKey.Signature)] = []
                        for number in 0..<10 {
                            let message = message(task * 100 + number)
                            signatures.append((message, try await key.sign(message)))
                        }
                        return signatures
                    }
                }
                group.addTask {
                    for _ in 0..<8 { try await key.handle.rotate() }
                    return []
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(signatures.count == 640)
            #expect(key.handle.record?.activeVersion == 9)
            #expect(store.live.versionsInMemory.isSubset(of: [key.handle.version(numbered: 9)]))
            try expectExactly(signatures, by: key, store)
        }
    }

    @Test func decryptOldVersionsWhileAnotherRotates() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.entryCountMax = 2
        } _: { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            try await withThrowingTaskGroup { group in
                for task in 0..<32 {
                    group.addTask {
                        for number in 0..<5 {
                            let plaintext = message(task * 100 + number)
                            let envelope = try await key.encrypt(plaintext)
                            #expect(try await key.decrypt(envelope).revealed() == plaintext)
                        }
                    }
                }
                group.addTask { for _ in 0..<5 { try await key.handle.rotate() } }
                try await group.waitForAll()
            }
            let usage = try #require(store.projection.tenants[key.handle.tenant.id]?.usage)
            #expect(usage.encrypt == 160)
            #expect(usage.decrypt == 160)
            #expect(store.projection.refusalCount == 0)
            #expect(try residencyViolations(in: store.audit.log, capacity: 2).isEmpty)
        }
    }

    @Test(arguments: [1, 3])
    func shareASmallCacheWithoutBeingRefused(capacity: Int) async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.entryCountMax = capacity
        } _: { store in
            let tenant = try await store.createTenant("acme")
            var keys: [SigningKey] = []
            for number in 0..<8 { keys.append(try await tenant.createSigningKey("key-\(number)")) }
            let all = keys
            try await withThrowingTaskGroup { group in
                for key in all {
                    group.addTask { for _ in 0..<4 { try await key.handle.rotate() } }
                }
                for task in 0..<48 {
                    group.addTask {
                        for number in 0..<4 {
                            let key = all[(task * 5 + number * 3) % all.count]
                            let signature = try await key.sign(message(task))
                            let publicKey = try key.publicKey(version: signature.version)
                            #expect(publicKey.isValid(signature.bytes, for: message(task)))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(store.projection.tenants[tenant.id]?.usage.sign == 48 * 4)
            #expect(store.projection.refusalCount == 0)
            #expect(try store.audit.events(.sign).allSatisfy { $0.status == .created })
            #expect(try residencyViolations(in: store.audit.log, capacity: capacity).isEmpty)
        }
    }

    @Test func fetchKeysAnewThatExpireAllTheTime() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.cache.privateKeySeconds = 1
            $0.cache.entryCountMax = 2
        } _: { store in
            let tenant = try await store.createTenant("acme")
            var keys: [SigningKey] = []
            for number in 0..<3 { keys.append(try await tenant.createSigningKey("key-\(number)")) }
            let all = keys
            try await withThrowingTaskGroup { group in
                for task in 0..<16 {
                    group.addTask {
                        for number in 0..<10 {
                            if task == 0 { ledger.clock.advance(seconds: 0.3) }
                            _ = try await all[(task + number) % all.count].sign(message(number))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(store.projection.tenants[tenant.id]?.usage.sign == 160)
            #expect(store.projection.refusalCount == 0)
        }
    }

    @Test func createOneNameOnce() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let tenants = await withTaskGroup(of: Result<Tenant, KeyStoreError>.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        await Result { () async throws(KeyStoreError) in try await store.createTenant("acme") }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let created = tenants.compactMap { try? $0.get() }
            #expect(created.count == 1)
            #expect(try store.tenants().count == 1)
            let tenant = try #require(created.first)
            let keys = await withTaskGroup(of: Result<SigningKey, KeyStoreError>.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        await Result { () async throws(KeyStoreError) in try await tenant.createSigningKey("claims") }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(keys.count { (try? $0.get()) != nil } == 1)
            #expect(store.projection.keys.count == 1)
            #expect(store.projection.refusalCount == 30)
        }
    }

    @Test func haveWhatTheyWereGivenOnDiskWhenTheStoreIsClosedUnderThem() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let key = try await store.createTenant("acme").createSigningKey("claims")
        // Not by the clock: how soon these tasks get anywhere depends on what else the threads have to do.
        let (signed, sign) = AsyncStream.makeStream(of: Void.self)
        let signatures: [SigningKey.Signature] = try await withThrowingTaskGroup { group in
            for task in 0..<32 {
                group.addTask {
                    var signatures: [SigningKey.Signature] = []
                    while true {
                        do {
                            signatures.append(try await key.sign(message(task)))
                            sign.yield()
                        } catch KeyStoreError.store(.closed) {
                            return signatures
                        }
                    }
                }
            }
            for await _ in signed.prefix(100) {}
            try await store.close()
            return try await group.reduce(into: []) { $0 += $1 }
        }
        try await ledger.withStore { store in
            let events = try store.audit.events(.sign)
            #expect(Set(events.map(\.id)) == Set(signatures.map(\.event)))
            #expect(events.count == signatures.count)
            #expect(store.projection.residencies.isEmpty)
            // Nobody had to clean up: the residency ended with the store.
            let reasons = try store.audit.events(.evict).map { $0.details?["reason"] }
            #expect(reasons == ["the key store was closed"])
            #expect(try residencyViolations(in: store.audit.log, capacity: 1000).isEmpty)
        }
    }
}
