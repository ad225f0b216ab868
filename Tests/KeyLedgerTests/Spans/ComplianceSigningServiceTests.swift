import CryptoPrimitives
import Testing

@testable import KeyLedger

@Suite("Compliance signing service")
struct ComplianceSigningServiceTests {
    private func span(of tenant: String) -> ComplianceSpan {
        ComplianceSpan(
            framework: "soc2", control: "CC6.1", evidenceType: "audit_trail", tenantID: tenant, traceID: "1",
            spanID: "2", timestampMilliseconds: 3, result: "success")
    }

    @Test func aSpanIsSignedAsAnEventAndVerifiedWithThePublicKeyAlone() async throws {
        try await TestLedger().withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("spans")
            let service = ComplianceSigningService(key)
            let evidence = try await service.sign(span(of: "acme"))
            #expect(try service.verify(evidence))
            try await key.handle.rotate()
            #expect(try service.verify(evidence))
            #expect(try await service.sign(span(of: "acme")).keyVersion == 2)
            #expect(try store.audit.events(.sign).map(\.id).first == evidence.event)
            #expect(
                evidence.span.verify(
                    publicKey: try key.publicKey(version: 1), keyID: evidence.keyID, keyVersion: 1))
        }
    }

    @Test func aSpanOfAnotherTenantIsNotSignedAndNotValid() async throws {
        try await TestLedger().withStore { store in
            let key = try await store.createTenant("acme").createSigningKey("spans")
            let service = ComplianceSigningService(key)
            let foreign = span(of: "other")
            await #expect(throws: KeyStoreError.foreignSpan(tenant: "acme")) { try await service.sign(foreign) }
            #expect(try store.audit.denials() == ["foreign-span"])
            let own = try await service.sign(span(of: "acme"))
            var moved = own.span
            moved.tenantID = "other"
            #expect(
                try !service.verify(
                    .init(span: moved, keyID: own.keyID, keyVersion: own.keyVersion, event: own.event)))
        }
    }
}
