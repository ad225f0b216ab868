import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Replay")
struct ReplayTests {
    /// What is in memory, what the projection says and what a replay of the log says are one and the same.
    private func expectReplayEqualsLive(_ store: KeyStore, _ step: String) throws {
        // Residencies expire on the writer's thread whenever their time has come: then look again.
        while true {
            let live = store.projection
            let inMemory = store.live.versionsInMemory
            let accounts = try Replay(store.audit.log).machine.allAccounts
            let isBalanced = accounts.allSatisfy { store.writer.account($0.id) == $0 }
            let replay = try Replay(store.audit.log).projection
            if try store.eventCount != live.eventCount { continue }
            try #require(replay == live, "after \(step)")
            #expect(replay.digest == live.digest)
            #expect(replay.residencyDigest == live.residencyDigest)
            #expect(inMemory == Set(live.residencies.values.map(\.version)), "after \(step)")
            #expect(isBalanced, "after \(step)")
            #expect(LedgerProjection(snapshot: live.snapshot) == live, "after \(step)")
            return
        }
    }

    /// A life of a ledger, chosen at random.
    private struct History {
        var random: SeededRandom
        var ledger: TestLedger
        var store: KeyStore
        let capacity: Int
        var signatures: [(tenant: String, key: String, version: UInt32, bytes: [UInt8], message: [UInt8])] = []
        var envelopes: [(tenant: String, key: String, bytes: [UInt8], plaintext: [UInt8])] = []
        var names: [String: [(name: String, algorithm: KeyAlgorithm)]] = [:]

        init(_ random: SeededRandom) async throws {
            self.random = random
            capacity = Int.random(in: 1...4, using: &self.random)
            ledger = try TestLedger()
            store = try await Self.open(ledger, capacity)
        }

        private static func open(_ ledger: TestLedger, _ capacity: Int) async throws -> KeyStore {
            try await ledger.open {
                $0.cache.entryCountMax = capacity
                $0.cache.privateKeySeconds = 60
                $0.cache.encryptionKeySeconds = 60
                $0.cryptoperiodSeconds = 600
                $0.encryptionBudget = 20
            }
        }

        /// One step, and what it was.
        mutating func step() async throws -> String {
            switch Int.random(in: 0..<26, using: &random) {
            case 0..<2: return try await createTenant()
            case 2..<5: return try await createKey()
            case 5..<10: return try await sign()
            case 10..<13: return try await encrypt()
            case 13..<15: return try await verify()
            case 15..<17: return try await decrypt()
            case 17..<19: return try await rotate()
            case 19: return try await refuse()
            case 20..<23:
                let seconds: Double = [0.5, 30, 59.5, 61, 700].randomElement(using: &random) ?? 1
                ledger.clock.advance(seconds: seconds)
                return "\(seconds) s"
            case 23:
                ledger.clock.goBack(seconds: 45)
                return "going back 45 s"
            case 24: return try await reopen()
            default: return try await crash()
            }
        }

        private mutating func createTenant() async throws -> String {
            let name = "tenant-\(names.count)"
            _ = try await store.createTenant(name)
            names[name] = []
            return "creating \(name)"
        }

        private mutating func createKey() async throws -> String {
            guard let tenant = names.keys.sorted().randomElement(using: &random) else {
                return try await createTenant()
            }
            let name = "key-\(names[tenant]?.count ?? 0)"
            let algorithm = random.oneIn(2) ? KeyAlgorithm.ed25519 : .aes256GCM
            let owner = try await store.tenant(tenant)
            switch algorithm {
            case .ed25519: _ = try await owner.createSigningKey(name)
            case .aes256GCM: _ = try await owner.createEncryptionKey(name)
            }
            names[tenant]?.append((name, algorithm))
            return "creating \(tenant)/\(name)"
        }

        private mutating func pick(_ algorithm: KeyAlgorithm?) -> (tenant: String, key: String)? {
            let all = names.sorted { $0.key < $1.key }.flatMap { tenant, keys in
                keys.filter { algorithm == nil || $0.algorithm == algorithm }.map { (tenant, $0.name) }
            }
            return all.randomElement(using: &random)
        }

        private mutating func sign() async throws -> String {
            guard let (tenant, name) = pick(.ed25519) else { return try await createKey() }
            let key = try await store.tenant(tenant).signingKey(name)
            let messages = (0..<Int.random(in: 1...5, using: &random)).map { _ in random.bytes(0...50) }
            for (message, signature) in zip(messages, try await key.sign(count: messages.count) { _ in messages }) {
                #expect(try key.publicKey(version: signature.version).isValid(signature.bytes, for: message))
                signatures.append((tenant, name, signature.version, signature.bytes, message))
            }
            return "signing \(messages.count) with \(tenant)/\(name)"
        }

        private mutating func encrypt() async throws -> String {
            guard let (tenant, name) = pick(.aes256GCM) else { return try await createKey() }
            let plaintext = random.bytes(0...50)
            do {
                let envelope = try await store.tenant(tenant).encryptionKey(name).encrypt(
                    plaintext, context: ["tenant": tenant])
                envelopes.append((tenant, name, envelope, plaintext))
            } catch KeyStoreError.refused(.encrypt, _, .exceedsCredits) {
                return "exhausting \(tenant)/\(name)"
            }
            return "encrypting with \(tenant)/\(name)"
        }

        private mutating func verify() async throws -> String {
            guard let made = signatures.randomElement(using: &random) else { return try await sign() }
            let key = try await store.tenant(made.tenant).signingKey(made.key)
            #expect(try await key.verify(made.bytes, of: made.message, version: made.version))
            return "verifying with \(made.tenant)/\(made.key) version \(made.version)"
        }

        private mutating func decrypt() async throws -> String {
            guard let made = envelopes.randomElement(using: &random) else { return try await encrypt() }
            let key = try await store.tenant(made.tenant).encryptionKey(made.key)
            let plaintext = try await key.decrypt(made.bytes, context: ["tenant": made.tenant]).revealed()
            #expect(plaintext == made.plaintext)
            return "decrypting with \(made.tenant)/\(made.key)"
        }

        private mutating func rotate() async throws -> String {
            guard let (tenant, name) = pick(nil) else { return try await createKey() }
            return "rotating \(tenant)/\(name) to \(try await store.tenant(tenant).key(name).rotate())"
        }

        private mutating func refuse() async throws -> String {
            await #expect(throws: KeyStoreError.self) { _ = try await store.tenant("nobody") }
            guard let made = envelopes.randomElement(using: &random) else { return "being refused" }
            let key = try await store.tenant(made.tenant).encryptionKey(made.key)
            await #expect(throws: KeyStoreError.notAuthentic) {
                _ = try await key.decrypt(made.bytes, context: ["tenant": "another"])
            }
            return "being refused twice"
        }

        private mutating func reopen() async throws -> String {
            try await store.close()
            let isWithoutState = random.oneIn(2)
            if isWithoutState { try ledger.folder.removeState() }
            store = try await Self.open(ledger, capacity)
            return "reopening" + (isWithoutState ? " without state" : "")
        }

        private mutating func crash() async throws -> String {
            let left = try ledger.afterPowerCut()
            try await store.close()
            ledger = left
            store = try await Self.open(ledger, capacity)
            return "a power cut"
        }
    }

    @Test(arguments: 1...8)
    func equalsTheLiveStateAtEveryPointOfARandomHistory(number: Int) async throws {
        var history = try await History(SeededRandom("history \(number)"))
        for _ in 0..<150 {
            let step = try await history.step()
            if history.random.oneIn(3) { try expectReplayEqualsLive(history.store, step) }
        }
        try expectReplayEqualsLive(history.store, "the last step")
        let store = history.store
        #expect(try LogVerification(store.audit).findings.isEmpty)
        #expect(try residencyViolations(in: store.audit.log, capacity: history.capacity).isEmpty)
        // Everything that was ever made is still good.
        for made in history.signatures {
            let key = try await store.tenant(made.tenant).signingKey(made.key)
            #expect(try key.publicKey(version: made.version).isValid(made.bytes, for: made.message))
        }
        #expect(store.projection.tenants.values.reduce(0) { $0 + $1.usage.sign } == UInt64(history.signatures.count))
        #expect(store.projection.tenants.values.reduce(0) { $0 + $1.usage.encrypt } == UInt64(history.envelopes.count))
        try await store.close()
    }

    @Test func upToAnEventIsTheStateBeforeThatEvent() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            var states: [UInt64: LedgerProjection] = [0: LedgerProjection()]
            for round in 0..<4 {
                _ = try await key.sign(count: 3) { $0.events.map { _ in [UInt8(round)] } }
                states[try store.eventCount] = store.projection
                try await key.handle.rotate()
                states[try store.eventCount] = store.projection
            }
            for (end, state) in states {
                #expect(try Replay(store.audit.log, to: end).projection == state)
            }
            // Between, event by event: a batch of three is counted one at a time.
            let first = try #require(try store.audit.events(.sign).first?.sequence)
            for count in 0...3 {
                let replay = try Replay(store.audit.log, to: first + UInt64(count))
                #expect(replay.projection.keys[key.handle.id]?.versions.first?.usage.sign == UInt64(count))
                #expect(replay.projection.eventCount == first + UInt64(count))
            }
            #expect(try Replay(store.audit.log, to: .max).projection == store.projection)
        }
    }

    @Test func needsNoKeysAndNoState() async throws {
        let ledger = try TestLedger()
        let digest = try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            _ = try await key.sign([1])
            return store.projection.digest
        }
        try ledger.folder.removeState()
        let audit = try AuditReader(ledger.path, masterKey: nil)
        let evictedAtTheEnd = try audit.events(.evict).count
        let end = try audit.log.eventCount() - UInt64(evictedAtTheEnd)
        #expect(try Replay(audit.log, to: end).projection.digest == digest)
    }

    @Test func saysHowFarItIs() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            for number in 0..<5 { _ = try await store.createTenant("tenant-\(number)") }
            var progress: [UInt64] = []
            let count = try store.eventCount
            _ = try Replay(store.audit.log) { done, total in
                progress.append(done)
                #expect(total == count)
            }
            #expect(progress == progress.sorted())
            #expect(progress.last == count)
        }
    }

    @Test func ofTheSameEventsHasTheSameBalances() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let empty = Replay().balanceDigest
            let before = try Replay(store.audit.log).balanceDigest
            _ = try await key.sign([1])
            let after = try Replay(store.audit.log).balanceDigest
            #expect(Set([empty, before, after]).count == 3)
            #expect(try Replay(store.audit.log).balanceDigest == after)
        }
    }
}
