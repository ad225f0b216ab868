import Testing

@testable import CryptoPrimitives

@Suite("Wrapping keys")
struct KeyTransportTests {
    struct WrapGroup: Decodable {
        struct Case: Decodable {
            let tcId: Int
            let key, msg, ct: Hex
            let result: Wycheproof<WrapGroup>.Verdict
        }
        let keySize: Int
        let tests: [Case]
    }

    struct OAEPGroup: Decodable {
        struct Case: Decodable {
            let tcId: Int
            let msg, ct, label: Hex
            let result: Wycheproof<OAEPGroup>.Verdict
        }
        let privateKeyPkcs8: Hex
        let tests: [Case]
    }

    private func unwrap(_ key: [UInt8], _ wrapped: [UInt8]) throws(CryptoError) -> [UInt8] {
        try AES256KWP(key: try SecretBytes(key)).unwrap(unsafe wrapped.span.bytes).revealed()
    }

    private func wrap(_ key: [UInt8], _ secret: [UInt8]) throws(CryptoError) -> [UInt8] {
        try AES256KWP(key: try SecretBytes(key)).wrap(unsafe secret.span.bytes)
    }

    // MARK: AES-KWP

    @Test func wycheproofKWP() throws {
        let file: Wycheproof<WrapGroup> = try Vectors.read("wycheproof/aes_kwp_test.json")
        var (validCount, invalidCount) = (0, 0)
        for test in file.testGroups.filter({ $0.keySize == 256 }).flatMap(\.tests) {
            switch test.result {
            case .valid:
                validCount += 1
                #expect(try wrap(test.key.bytes, test.msg.bytes) == test.ct.bytes, "case \(test.tcId)")
                #expect(try unwrap(test.key.bytes, test.ct.bytes) == test.msg.bytes, "case \(test.tcId)")
            case .invalid:
                invalidCount += 1
                #expect(throws: CryptoError.authenticationFailed, "case \(test.tcId)") {
                    try unwrap(test.key.bytes, test.ct.bytes)
                }
            }
        }
        #expect(validCount == 25)
        #expect(invalidCount == 69)
    }

    @Test func anyChangedByteIsFound() throws {
        let key = [UInt8](0..<32)
        let secret = [UInt8](100..<132)
        let wrapped = try wrap(key, secret)
        #expect(wrapped.count == 40)
        for index in wrapped.indices {
            var changed = wrapped
            changed[index] ^= 1
            #expect(throws: CryptoError.authenticationFailed) { try unwrap(key, changed) }
        }
        for count in 0..<40 {
            #expect(throws: CryptoError.authenticationFailed) { try unwrap(key, Array(wrapped.prefix(count))) }
        }
        #expect(throws: CryptoError.authenticationFailed) { try unwrap([1] + key.dropFirst(), wrapped) }
        #expect(throws: CryptoError.invalidKey(reason: "AES-256 needs 32 bytes, not 16")) {
            try wrap(Array(key.prefix(16)), secret)
        }
    }

    @Test func lengthsAreLimited() throws {
        let key = [UInt8](0..<32)
        for count in [1, 7, 8, 9, 1 << 16] {
            let secret = [UInt8](repeating: 5, count: count)
            #expect(try unwrap(key, wrap(key, secret)) == secret)
        }
        for count in [0, 1 << 16 + 1] {
            #expect(throws: CryptoError.self) { try wrap(key, [UInt8](repeating: 5, count: count)) }
        }
        #expect(throws: CryptoError.authenticationFailed) {
            try unwrap(key, [UInt8](repeating: 5, count: 1 << 20))
        }
    }

    // MARK: RSA-OAEP

    @Test(arguments: [2048, 3072, 4096])
    func wycheproofOAEP(bitCount: Int) throws {
        let file: Wycheproof<OAEPGroup> = try Vectors.read(
            "wycheproof/rsa_oaep_\(bitCount)_sha256_mgf1sha256_test.json")
        var (validCount, refusedCount) = (0, 0)
        for group in file.testGroups {
            let key = try RSAOAEP.PrivateKey(der: try SecretBytes(group.privateKeyPkcs8.bytes))
            #expect(key.publicKey.bitCount == bitCount)
            for test in group.tests {
                let ciphertext = test.ct.bytes
                // A label is none of ours: such a ciphertext was made for something else.
                if test.result == .valid, test.label.bytes.isEmpty {
                    validCount += 1
                    let plaintext = try key.decrypt(unsafe ciphertext.span.bytes).revealed()
                    #expect(plaintext == test.msg.bytes, "case \(test.tcId)")
                } else {
                    refusedCount += 1
                    var refusal: CryptoError?
                    do throws(CryptoError) {
                        _ = try key.decrypt(unsafe ciphertext.span.bytes)
                    } catch {
                        refusal = error
                    }
                    #expect(refusal == .authenticationFailed, "case \(test.tcId)")
                }
            }
        }
        #expect(validCount > 5)
        #expect(refusedCount > 15)
        #expect(validCount + refusedCount == file.numberOfTests)
    }

    @Test func aNewKeyDecryptsWhatItsPublicKeyEncrypts() throws {
        let key = try RSAOAEP.PrivateKey(bitCount: 3072)
        let secret = [UInt8](0..<48)
        let ciphertext = try key.publicKey.encrypt(unsafe secret.span.bytes)
        #expect(ciphertext.count == 384)
        #expect(try key.decrypt(unsafe ciphertext.span.bytes).revealed() == secret)
        let copy = try key.withDER { (der: RawSpan) throws(CryptoError) in
            try RSAOAEP.PrivateKey(der: try SecretBytes(copying: der))
        }
        #expect(copy.publicKey == key.publicKey)
        #expect(try copy.decrypt(unsafe ciphertext.span.bytes).revealed() == secret)
        let long = [UInt8](repeating: 1, count: 319)
        #expect(throws: CryptoError.self) { try key.publicKey.encrypt(unsafe long.span.bytes) }
    }

    @Test func whatIsNoRSAKeyIsRefused() {
        let ed25519 = Array(
            """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
            -----END PUBLIC KEY-----

            """.utf8)
        for pem in [[], [1, 2, 3], ed25519, Array(ed25519.dropLast(40))] {
            #expect(throws: CryptoError.self) { try RSAOAEP.PublicKey(pem: pem) }
        }
        #expect(throws: CryptoError.self) { _ = try RSAOAEP.PrivateKey(der: try SecretBytes([0x30, 0x03, 1, 1, 1])) }
    }
}
