import CryptoPrimitives
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("A signing key")
struct SigningKeyTests {
    private let message = Array("claim 4711 was approved".utf8)

    @Test func signsAndAnybodyVerifiesWithThePublicKeyAlone() async throws {
        let ledger = try TestLedger()
        let (publicKey, signature) = try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            return (try key.publicKey(), try await key.sign(message))
        }
        #expect(signature.bytes.count == Ed25519.signatureByteCount)
        #expect(signature.version == 1)
        // No store, no ledger, no master key from here on.
        #expect(publicKey.isValid(signature.bytes, for: message))
        #expect(!publicKey.isValid(signature.bytes, for: message + [0]))
    }

    @Test func isTheSameKeyAfterReopening() async throws {
        let ledger = try TestLedger()
        let first = try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            return (key: try key.publicKey(), signature: try await key.sign(message), id: key.handle.id)
        }
        try await ledger.withStore { store in
            let key = try await store.tenant("acme").signingKey("claims")
            #expect(key.handle.id == first.id)
            #expect(try key.publicKey() == first.key)
            #expect(try await key.verify(first.signature.bytes, of: message))
            // Ed25519 is deterministic: the same key says the same.
            #expect(try await key.sign(message).bytes == first.signature.bytes)
        }
    }

    @Test func verifiesAsAnEventThatSaysWhetherItWasValid() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let signature = try await key.sign(message)
            #expect(try await key.verify(signature.bytes, of: message))
            #expect(try await !key.verify(signature.bytes, of: [1, 2, 3]))
            #expect(try await !key.verify([], of: message))
            #expect(try await !key.verify(Array(signature.bytes.dropLast()), of: message))
            let events = try store.audit.events(.verify)
            #expect(events.map { $0.details?["valid"] } == [true, false, false, false])
            #expect(events.first?.details?["messageDigest"]?.string == "sha256:\(SHA256.hash(of: message))")
        }
    }

    @Test(arguments: [0, 1, 1 << 20])
    func signsMessagesOfAnyLength(byteCount: Int) async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let message = [UInt8](repeating: 0x5A, count: byteCount)
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let signature = try await key.sign(message)
            #expect(try key.publicKey().isValid(signature.bytes, for: message))
            #expect(try await key.verify(signature.bytes, of: message, version: 1))
        }
    }

    // MARK: Batches

    @Test func aBatchHasAnEventForEachSignatureInOrder() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let messages = (0..<50).map { Array("message \($0)".utf8) }
            var announced: [EventID] = []
            let signatures = try await key.sign(count: messages.count) { intent in
                announced = intent.events
                return messages
            }
            #expect(signatures.map(\.event) == announced)
            let events = try store.audit.events(.sign)
            #expect(events.map(\.id) == signatures.map(\.event))
            #expect(events.map(\.sequence) == signatures.map(\.sequence))
            for (signature, message) in zip(signatures, messages) {
                #expect(try key.publicKey().isValid(signature.bytes, for: message))
            }
            #expect(try await key.sign(count: 0) { _ in [] }.isEmpty)
        }
    }

    @Test func messagesMayNameTheVersionAndTheEventsTheyAreSignedUnder() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            func message(_ version: UInt32, _ event: EventID) -> [UInt8] { Array("\(version) \(event)".utf8) }
            let signatures = try await key.sign(count: 3) { intent in
                intent.events.map { message(intent.version, $0) }
            }
            for signature in signatures {
                let own = message(signature.version, signature.event)
                #expect(try key.publicKey().isValid(signature.bytes, for: own))
            }
        }
    }

    @Test func aBatchAtTheLimitFitsAndOneBeyondIsRefusedBeforeAnythingHappens() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let signatures = try await key.sign(count: SigningKey.countMax) { intent in
                intent.events.map { _ in [] }
            }
            #expect(signatures.count == SigningKey.countMax)
            #expect(key.handle.record?.versions.first?.usage.sign == UInt64(SigningKey.countMax))
            let before = try store.eventCount
            let tooMany = SigningKey.countMax + 1
            await #expect(throws: KeyStoreError.store(.batchTooLarge(count: tooMany, limit: SigningKey.countMax))) {
                try await key.sign(count: tooMany) { _ in [] }
            }
            #expect(try store.eventCount == before)
        }
    }

    @Test func aBatchIsSignedAsAWholeOrNotAtAll() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("claims")
            let version = key.handle.version(numbered: 1)
            let taken = try await key.sign(message).event
            // The second use carries an id that is taken: the ledger refuses it, and with it its neighbours.
            let uses = [try store.newEventID(), taken, try store.newEventID()].map { KeyHandle.Use(id: $0) }
            await #expect(throws: KeyStoreError.self) {
                _ = try await key.handle.use(.sign, version, uses, .init { _, _ in })
            }
            #expect(key.handle.record?.versions.first?.usage.sign == 1)
            #expect(store.balance(version, .ed25519, .protect) == 1)
        }
    }
}
