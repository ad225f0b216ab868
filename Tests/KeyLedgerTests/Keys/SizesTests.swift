import CryptoPrimitives
import Testing
import Transparency

@testable import KeyLedger

@Suite("Sizes")
struct SizesTests {
    @Test(arguments: [0, 1, 1 << 20])
    func ofMessages(byteCount: Int) async throws {
        let message = [UInt8](repeating: 0xA5, count: byteCount)
        try await TestLedger().withStore { store in
            let acme = try await store.createTenant("acme")
            let (claims, pii) = (try await acme.createSigningKey("claims"), try await acme.createEncryptionKey("pii"))
            let signature = try await claims.sign(message)
            #expect(try await claims.verify(signature.bytes, of: message))
            #expect(try await !claims.verify(signature.bytes, of: message + [0]))
            let envelope = try await pii.encrypt(message)
            #expect(envelope.count == byteCount + 68)
            #expect(try await pii.decrypt(envelope).revealed() == message)
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
    }

    @Test(arguments: [0, 1, 65_536])
    func ofContexts(byteCount: Int) async throws {
        let context = byteCount == 0 ? [:] : ["c": String(repeating: "x", count: byteCount)]
        try await TestLedger().withStore { store in
            let pii = try await store.createTenant("acme").createEncryptionKey("pii")
            let envelope = try await pii.encrypt([7], context: context)
            #expect(try await pii.decrypt(envelope, context: context).revealed() == [7])
            await #expect(throws: KeyStoreError.notAuthentic) {
                _ = try await pii.decrypt(envelope, context: ["c": "y"])
            }
            let recorded = try store.audit.events(.encrypt).first?.details?["context"]?.object
            #expect(recorded?.members.count == context.count)
            #expect(recorded?["c"]?.string == context["c"])
            #expect(try LogVerification(store.audit).findings.isEmpty)
        }
    }

    @Test func ofReasonsAndActors() async throws {
        let long = Caller(
            actor: String(repeating: "ä", count: 10_000), reason: String(repeating: "\u{0}\"\\", count: 9))
        try await TestLedger().withStore { store in
            let acme = try await store.createTenant("acme", caller: long)
            try await acme.createSigningKey("claims").handle.suspend()
            let details = try store.audit.events(.suspend).first?.details
            #expect(details?["actor"]?.string == long.actor)
            #expect(details?["reason"]?.string == long.reason)
        }
    }
}
