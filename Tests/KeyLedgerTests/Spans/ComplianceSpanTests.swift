internal import CryptoPrimitives
internal import KeyLedger
internal import Testing
internal import Transparency

@Suite("The compliance span")
struct ComplianceSpanTests {
    private let span = ComplianceSpan(
        framework: "soc2", control: "CC6.1", evidenceType: "audit_trail", tenantID: "tenant-001", traceID: "trace-1",
        spanID: "span-1", parentSpanID: "span-0", timestampMilliseconds: 1_795_495_373_010, result: "success",
        durationMilliseconds: 12, attributes: ["b": "2", "a": "1;x=|"])
    private let keyID = "01JDKEY0000000000000000000"

    @Test func theCanonicalFormHasAllFieldsTenantAndKey() {
        #expect(
            String(decoding: span.messageToSign(keyID: keyID, keyVersion: 3), as: UTF8.self) == """
                keyledger/compliance-span/v1
                {"algorithm":"Ed25519","attributes":{"a":"1;x=|","b":"2"},"control":"CC6.1","duration":"12",\
                "evidenceType":"audit_trail","framework":"soc2","keyId":"01JDKEY0000000000000000000","keyVersion":3,\
                "parentSpanId":"span-0","result":"success","spanId":"span-1","tenantId":"tenant-001",\
                "timestamp":"1795495373010","traceId":"trace-1"}
                """)
    }

    @Test func anEd25519SignatureCoversEveryField() throws {
        let seed = [UInt8](repeating: 7, count: 32)
        let key = try Ed25519.PrivateKey(seed: try SecretBytes(copying: unsafe seed.span.bytes))
        let message = span.messageToSign(keyID: keyID, keyVersion: 3)
        let signed = span.signed(with: try key.signature(for: unsafe message.span.bytes))
        #expect(signed.verify(publicKey: key.publicKey, keyID: keyID, keyVersion: 3))
        #expect(!signed.verify(publicKey: key.publicKey, keyID: keyID, keyVersion: 4))
        #expect(!signed.verify(publicKey: key.publicKey, keyID: "another", keyVersion: 3))
        #expect(!span.verify(publicKey: key.publicKey, keyID: keyID, keyVersion: 3))
        for change in Self.changes + [{ $0.tenantID = "tenant-002" }] {
            var changed = signed
            change(&changed)
            #expect(!changed.verify(publicKey: key.publicKey, keyID: keyID, keyVersion: 3))
        }
    }

    private static let changes: [@Sendable (inout ComplianceSpan) -> Void] = [
        { $0.framework += "x" }, { $0.control += "x" }, { $0.evidenceType += "x" }, { $0.traceID += "x" },
        { $0.spanID += "x" }, { $0.parentSpanID = "x" }, { $0.timestampMilliseconds += 1 }, { $0.result = "failure" },
        { $0.durationMilliseconds = 13 }, { $0.error = "x" }, { $0.attributes["b"] = "3" },
    ]

    /// Python: hmac.new(b"k" * 32, message, "sha256"), base64.
    @Test func theOldFormIsVerifiedUnderItsOwnName() throws {
        #expect(ComplianceSpan.fluoHMACv1 == "fluo-hmac-v1")
        #expect(
            String(decoding: span.fluoHMACv1Message, as: UTF8.self)
                == "soc2|CC6.1|audit_trail|trace-1|span-1|span-0|1795495373010|success|12||a=1;x=|;b=2;")
        let bytes = [UInt8](repeating: UInt8(ascii: "k"), count: 32)
        let key = try SecretBytes(copying: unsafe bytes.span.bytes)
        var signed = span
        signed.signature = "EjIsKr0GwFFEmSCflHoovciGWecKt21F33VwvEBaaaY="
        let verdicts = [signed.verifyFluoHMACv1(key: key), span.verifyFluoHMACv1(key: key)]
        #expect(verdicts == [true, false])
        for change in Self.changes {
            var changed = signed
            change(&changed)
            let isValid = changed.verifyFluoHMACv1(key: key)
            #expect(!isValid)
        }
    }

    /// Why the old form was given up: the tenant is not in it, and borders between fields move.
    @Test func theOldFormIsAmbiguousAndTheNewOneIsNot() {
        var original = span
        original.attributes = ["a": "1", "b": "2"]
        var other = span
        other.attributes = ["a": "1;b=2"]
        other.tenantID = "tenant-002"
        #expect(other.fluoHMACv1Message == original.fluoHMACv1Message)
        #expect(other.canonical(keyID: keyID, keyVersion: 3) != original.canonical(keyID: keyID, keyVersion: 3))
    }

    @Test func asOpenTelemetryItIsAttributes() throws {
        var failed = span
        failed.error = "timeout"
        let texts = failed.openTelemetryAttributes.map(\.description)
        #expect(
            texts == [
                attribute("compliance.framework", "soc2"), attribute("compliance.control", "CC6.1"),
                attribute("compliance.evidenceType", "audit_trail"), attribute("tenant.id", "tenant-001"),
                attribute("compliance.result", "success"),
                #"{"key":"compliance.duration_ms","value":{"intValue":"12"}}"#,
                attribute("compliance.error", "timeout"),
                attribute("a", "1;x=|"), attribute("b", "2"),
            ])
    }
}
