internal import CryptoPrimitives
internal import KeyLedger
internal import Testing

@Suite("Encrypted values")
struct EncryptedValueTests {
    private static let box = Array(UInt8(0)..<29)
    private static let boxText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw="

    @Test func theTextSaysTenantVersionAndBox() throws {
        let value = EncryptedValue(tenant: "tenant-é", keyVersion: 12, box: Self.box)
        #expect(value.text == "enc:v2:dGVuYW50LcOp:12:\(Self.boxText)")
        #expect(try EncryptedValue(parsing: value.text) == value)
        #expect(value.form == .versioned(keyVersion: 12))
    }

    @Test func theOldFormIsReadAndWrittenBack() throws {
        let text = "enc:dGVuYW50LTE=:\(Self.boxText)"
        let value = try EncryptedValue(parsing: text)
        #expect(value.tenant == "tenant-1")
        #expect(value.form == .unversioned)
        #expect(value.box == Self.box)
        #expect(value.text == text)
    }

    @Test(
        "what is no encrypted value is refused, saying why",
        arguments: [
            ("", .notEncrypted), ("enc", .notEncrypted), ("ENC:v2:dA==:1:\(boxText)", .notEncrypted),
            ("xenc:dA==:\(boxText)", .notEncrypted), ("hash:v2:00", .notEncrypted),
            ("enc:", .wrongNumberOfParts(2)), ("enc:dA==", .wrongNumberOfParts(2)), ("enc:v2", .wrongNumberOfParts(2)),
            ("enc:v2:dA==:\(boxText)", .wrongNumberOfParts(4)), ("enc:v2:dA==:1:\(boxText):", .wrongNumberOfParts(6)),
            ("enc:v3:dA==:1:\(boxText)", .wrongNumberOfParts(5)), ("enc:v3:\(boxText)", .unreadableTenant),
            ("enc::\(boxText)", .unreadableTenant), ("enc:dA:\(boxText)", .unreadableTenant),
            ("enc:dB==:\(boxText)", .unreadableTenant), ("enc:/w==:\(boxText)", .unreadableTenant),
            ("enc:v2:dA==::\(boxText)", .unreadableKeyVersion), ("enc:v2:dA==:01:\(boxText)", .unreadableKeyVersion),
            ("enc:v2:dA==:+1:\(boxText)", .unreadableKeyVersion), ("enc:v2:dA==:-1:\(boxText)", .unreadableKeyVersion),
            ("enc:v2:dA==:4294967296:\(boxText)", .unreadableKeyVersion),
            ("enc:v2:dA==:1:\(boxText) ", .unreadableBox), ("enc:v2:dA==:1:AA-_", .unreadableBox),
            ("enc:v2:dA==:1:", .boxTooShort(byteCount: 0)),
            ("enc:dA==:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka", .boxTooShort(byteCount: 27)),
        ] as [(String, EncryptedValueError)])
    func refusal(text: String, error: EncryptedValueError) {
        #expect(throws: error) { try EncryptedValue(parsing: text) }
    }

    @Test func everythingThatDecidesOverDecryptionIsAuthenticated() {
        let data = EncryptedValue.associatedData(tenant: "t", keyID: "01JDKEY0000000000000000000", keyVersion: 3)
        #expect(
            String(decoding: data, as: UTF8.self) == """
                keyledger/redaction/v2
                {"keyId":"01JDKEY0000000000000000000","keyVersion":3,"purpose":"pii_redaction","tenant":"t"}
                """)
        let others = [
            EncryptedValue.associatedData(tenant: "u", keyID: "01JDKEY0000000000000000000", keyVersion: 3),
            EncryptedValue.associatedData(tenant: "t", keyID: "01JDKEY0000000000000000001", keyVersion: 3),
            EncryptedValue.associatedData(tenant: "t", keyID: "01JDKEY0000000000000000000", keyVersion: 4),
            EncryptedValue.associatedData(
                tenant: "t", keyID: "01JDKEY0000000000000000000", keyVersion: 3, purpose: "p"),
        ]
        #expect(Set(others + [data]).count == 5)
    }

    @Test func aSealedValueOpensOnlyWithItsAssociatedData() throws {
        let key = [UInt8](repeating: 9, count: 32)
        let cipher = try AES256GCM(key: try SecretBytes(copying: unsafe key.span.bytes))
        let plaintext = Array("mária@example.com".utf8)
        let data = EncryptedValue.associatedData(tenant: "t", keyID: "k", keyVersion: 3)
        let box = try cipher.seal(unsafe plaintext.span.bytes, authenticating: unsafe data.span.bytes)
        let read = try EncryptedValue(parsing: EncryptedValue(tenant: "t", keyVersion: 3, box: box).text).box
        let opened = try cipher.open(unsafe read.span.bytes, authenticating: unsafe data.span.bytes)
        let bytes = opened.withBytes { $0.array }
        #expect(bytes == plaintext)
        let moved = EncryptedValue.associatedData(tenant: "u", keyID: "k", keyVersion: 3)
        #expect(throws: CryptoError.authenticationFailed) {
            _ = try cipher.open(unsafe read.span.bytes, authenticating: unsafe moved.span.bytes)
        }
    }

    @Test func noDamageStopsTheProgram() {
        var random = SeededDamage()
        let texts = ["enc:v2:dGVuYW50LTE=:3:\(Self.boxText)", "enc:dGVuYW50LTE=:\(Self.boxText)"]
        for _ in 0..<5000 {
            let damaged = random.damage(Array((texts.randomElement(using: &random) ?? "").utf8))
            let text = String(decoding: damaged, as: UTF8.self)
            guard let value = try? EncryptedValue(parsing: text) else { continue }
            #expect(value.text == text, "seed \(random.seed)")
        }
    }
}
