internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Verifier keys (C2SP signed-note)")
struct VerifierKeyTests {
    @Test func vectorsAreReadOrRefused() throws {
        let cases = try Vectors.load("checkpoints").list("verifier_keys")
        #expect(cases.count == 10)
        for vector in cases {
            let text = try vector.text("vkey")
            if vector["valid"] == true {
                #expect(try VerifierKey(parsing: text).description == text)
            } else {
                let reason = try vector.text("reason")
                #expect(throws: VerifierKeyError.self, "\(reason)") { try VerifierKey(parsing: text) }
            }
        }
    }

    @Test(arguments: ["log", "log_rotated", "other", "witness1", "witness2"])
    func keysHaveTheirIdentifiersAndText(label: String) throws {
        let vector = try Vectors.load("checkpoints").member("keys").member(label)
        let key = try TestKey(vector)
        #expect(key.verifierKey.keyID.description == (try vector.text("key_id_hex")))
        #expect(key.verifierKey.publicKey.bytes == (try vector.bytes("public_hex")))
        #expect(key.verifierKey.name.description == (try vector.text("name")))
        if key.verifierKey.algorithm == .ed25519 {
            #expect(try key.signer().verifierKey == key.verifierKey)
        } else {
            #expect(try key.cosigner().verifierKey == key.verifierKey)
        }
    }

    @Test(
        "refusals name what is wrong",
        arguments: [
            ("", .malformed), ("a+b", .malformed), ("a+00000000+", .malformed), ("a+00000000+AQ=", .malformed),
            ("+00000000+AQ==", .invalidName), ("a\u{a0}b+00000000+AQ==", .invalidName),
            ("a\u{1}b+00+AQ==", .invalidName),
            ("a+00000000+Ag==", .unknownAlgorithm(2)), ("a+00000000+/w==", .unknownAlgorithm(0xff)),
        ] as [(String, VerifierKeyError)])
    func refusal(text: String, expected: VerifierKeyError) {
        #expect(throws: expected) { try VerifierKey(parsing: text) }
    }

    @Test func upperCaseKeyIDsAreRefused() throws {
        let text = try TestKey("log").verifierKey.description.replacing("b913d496", with: "B913D496")
        #expect(throws: VerifierKeyError.self) { try VerifierKey(parsing: text) }
    }

    @Test(
        "keys that verify what nobody signed are refused",
        arguments: [
            // The identity, and the point of order two, of which everyone can make signatures.
            "AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "Aez///////////////////////////////////////9/",
        ])
    func smallOrderKeysAreRefused(base64: String) {
        let refusal = #expect(throws: VerifierKeyError.self) { try VerifierKey(parsing: "a+00000000+\(base64)") }
        guard case .unacceptableKey? = refusal else {
            Issue.record("refused as \(String(describing: refusal))")
            return
        }
    }
}
