import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Synchronization
import Testing
import Transparency

@testable import KeyLedger

@Suite("Nothing leaves before its event is on disk")
struct WriteAheadTests {
    private let message = Array("claim 4711".utf8)

    /// A clock that holds back the next commit: the writer's thread asks for the time before it decides and writes. The
    /// tasks that ask on their own behalf are let through.
    private final class HeldBackClock: Sendable {
        private let isHeld = Mutex(false)
        private let isWriterWaiting = Mutex(false)
        private let release = DispatchSemaphore(value: 0)
        private let time: TestClock

        init(_ time: TestClock) { self.time = time }

        func now() -> UInt64 {
            let isTask = unsafe withUnsafeCurrentTask { unsafe $0 != nil }
            if !isTask, isHeld.withLock({ $0 }) {
                isWriterWaiting.withLock { $0 = true }
                release.wait()
                release.signal()
            }
            return time.now
        }

        func holdBack() { isHeld.withLock { $0 = true } }

        var holdsTheWriter: Bool { isWriterWaiting.withLock { $0 } }

        func letGo() {
            isHeld.withLock { $0 = false }
            release.signal()
        }
    }

    /// Operations that hand something out.
    enum Operation: CaseIterable, CustomTestStringConvertible {
        case sign, signFirst, signMany, encrypt, decrypt, verify, rotate, createTenant, createKey

        var testDescription: String { "\(self)" }
    }

    @Test(arguments: Operation.allCases)
    func anOperationReturnsOnlyOnceItsCommitIsDone(operation: Operation) async throws {
        let ledger = try TestLedger()
        let clock = HeldBackClock(ledger.clock)
        let store = try await ledger.open { $0.clock = { clock.now() } }
        let tenant = try await store.createTenant("acme")
        let signing = try await tenant.createSigningKey("claims")
        let unused = try await tenant.createSigningKey("unused")
        let encryption = try await tenant.createEncryptionKey("pii")
        let signature = try await signing.sign(message)
        let envelope = try await encryption.encrypt(message)

        let before = try store.eventCount
        let returned = Counter()
        clock.holdBack()
        let task = Task {
            switch operation {
            case .sign: _ = try await signing.sign(message)
            case .signFirst: _ = try await unused.sign(message)
            case .signMany: _ = try await signing.sign(count: 100) { $0.events.map { _ in message } }
            case .encrypt: _ = try await encryption.encrypt(message)
            case .decrypt: _ = try await encryption.decrypt(envelope)
            case .verify: _ = try await signing.verify(signature.bytes, of: message)
            case .rotate: _ = try await signing.handle.rotate()
            case .createTenant: _ = try await store.createTenant("globex")
            case .createKey: _ = try await tenant.createSigningKey("more")
            }
            returned.increment()
        }
        #expect(await eventually { clock.holdsTheWriter })
        // The cryptography is long done; the operation still has not returned, because nothing is on disk.
        try await Task.sleep(for: .milliseconds(50))
        #expect(returned.count == 0)
        #expect(try store.eventCount == before)
        clock.letGo()
        try await task.value
        #expect(returned.count == 1)
        #expect(try store.eventCount > before)
        try await store.close()
    }

    @Test func everySignatureHasItsEventInWhatAPowerCutWouldLeave() async throws {
        let ledger = try TestLedger()
        let store = try await ledger.open()
        let key = try await store.createTenant("acme").createSigningKey("claims")
        for number in 0..<10 {
            let message = Array("message \(number)".utf8)
            let signature = try await key.sign(message)
            let left = try ledger.afterPowerCut()
            let audit = try AuditReader(left.path, masterKey: try TestLedger.masterKey())
            let event = try #require(try audit.events(.sign).last)
            #expect(event.id == signature.event)
            #expect(event.sequence == signature.sequence)
            #expect(event.status == .created)
            #expect(event.version == key.handle.version(numbered: signature.version))
            #expect(event.details?["messageDigest"]?.string == "sha256:\(SHA256.hash(of: message))")
        }
        try await store.close()
    }

    @Test func theWorkIsThrownAwayIfTheLedgerRefuses() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore {
            $0.encryptionBudget = 1
        } _: { store in
            let key = try await store.createTenant("acme").createEncryptionKey("pii")
            let worked = Counter()
            let use = KeyHandle.Use(id: try store.newEventID(), amount: 2)
            let version = key.handle.version(numbered: 1)
            await #expect(throws: KeyStoreError.refused(operation: .encrypt, key: "pii", status: .exceedsCredits)) {
                _ = try await key.handle.use(.encrypt, version, [use], .init { _, _ in worked.increment() })
            }
            // It ran in parallel with the commit, and nothing of it came out.
            #expect(worked.count == 1)
        }
    }

    @Test func aFailureOfTheWorkItselfIsPassedOnAfterTheEvent() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let use = KeyHandle.Use(id: try store.newEventID())
            let version = key.handle.version(numbered: 1)
            func fails(_ material: KeyMaterial, _ index: Int) throws(KeyStoreError) -> [UInt8] {
                throw .crypto(.secureMemoryExhausted)
            }
            let outcome = await Result { () async throws(KeyStoreError) in
                try await key.handle.use(.sign, version, [use], .init(step: fails)).outcomes
            }
            #expect(outcome == .failure(.crypto(.secureMemoryExhausted)))
            // What was asked for is on disk; what is in memory goes on working.
            #expect(try store.audit.events(.sign).map(\.id) == [use.id])
            _ = try await key.sign(message)
        }
    }
}
