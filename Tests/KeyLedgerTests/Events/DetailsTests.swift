import CryptoPrimitives
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("The details of an event")
struct DetailsTests {
    private let details: JSONObject = ["actor": "jane", "context": ["purpose": "export"]]

    private func key(_ seed: UInt8 = 1) throws -> AES256GCM {
        let bytes = TestLedger.masterKeyBytes(seed)
        return try AES256GCM(key: try SecretBytes(copying: unsafe bytes.span.bytes))
    }

    @Test func openUnderTheSameKeyForTheSameEvent() throws {
        let key = try key()
        let sealed = try Details.seal(details, of: EventID(7), at: 3, under: key)
        #expect(sealed.index == 3)
        let opened = try Details.open(sealed.sealed, of: EventID(7), under: key)
        #expect(opened.details["actor"] == "jane")
        #expect(opened.details["context"]?["purpose"] == "export")
        #expect(opened.commitment == sealed.commitment)
    }

    @Test func doNotOpenForAnotherEventOrKey() throws {
        let sealed = try Details.seal(details, of: EventID(7), at: 0, under: try key())
        #expect(throws: CryptoError.authenticationFailed) {
            _ = try Details.open(sealed.sealed, of: EventID(8), under: try key())
        }
        #expect(throws: CryptoError.authenticationFailed) {
            _ = try Details.open(sealed.sealed, of: EventID(7), under: try key(2))
        }
    }

    @Test func doNotOpenWithAChangedByteOrCut() throws {
        let key = try key()
        let sealed = try Details.seal(details, of: EventID(7), at: 0, under: key).sealed
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 0x80
            #expect(throws: CryptoError.self) { _ = try Details.open(changed, of: EventID(7), under: key) }
            #expect(throws: CryptoError.self) {
                _ = try Details.open(Array(sealed.prefix(index)), of: EventID(7), under: key)
            }
        }
    }

    @Test func ofEqualTextHaveDifferentCommitments() throws {
        let key = try key()
        let one = try Details.seal(details, of: EventID(7), at: 0, under: key)
        let other = try Details.seal(details, of: EventID(7), at: 0, under: key)
        #expect(one.commitment != other.commitment)
        #expect(one.sealed != other.sealed)
    }

    @Test func areSealedToWhoReadsWithoutTheMasterKey() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            _ = try await store.createTenant("acme", caller: Caller(actor: "jane", reason: "ticket 12"))
        }
        let sealed = try AuditReader(ledger.path, masterKey: nil)
        #expect(!sealed.opensDetails)
        #expect(try sealed.events().allSatisfy { $0.details == nil })
        let (tenant, record) = try #require(try Replay(sealed.log).projection.tenants.first)
        #expect(try sealed.name(createdBy: record.createdBy, tenant: tenant) == "(sealed)")
    }

    @Test func areInTheLogForEveryUseAndEveryRefusal() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let tenant = try await store.createTenant("acme")
            let key = try await tenant.createSigningKey("claims")
            _ = try await key.sign([1])
            _ = try? await tenant.signingKey("nobody")
            for event in try store.audit.events(.createTenant, .generate, .sign, .deny, .cacheCapacity) {
                #expect(event.details?["actor"] == "test", "\(event.transfer)")
            }
        }
    }

    @Test func belongToTheTenantWhoseEventItIs() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let acme = try await store.createTenant("acme")
            let globex = try await store.createTenant("globex")
            let signature = try await acme.createSigningKey("claims").sign([1])
            #expect(try store.audit.details(of: signature.sequence, tenant: acme.id) != nil)
            for other in [globex.id, nil] {
                #expect(throws: KeyStoreError.self) {
                    _ = try store.audit.details(of: signature.sequence, tenant: other)
                }
            }
            #expect(throws: KeyStoreError.self) {
                _ = try store.audit.details(of: signature.sequence, tenant: TenantID(1))
            }
        }
    }
}
