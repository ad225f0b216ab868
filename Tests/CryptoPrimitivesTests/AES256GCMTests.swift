import Testing

@testable import CryptoPrimitives

@Suite struct AES256GCMTests {
    struct Classic: Decodable {
        struct Case: Decodable {
            let key, iv, plaintext, aad, ciphertext, tag: Hex
            let reason: String?
        }
        let cases, must_reject: [Case]
    }

    struct Group: Decodable {
        struct Case: Decodable {
            let tcId: Int
            let key, iv, aad, msg, ct, tag: Hex
            let result: Wycheproof<Group>.Verdict
        }
        let ivSize, keySize, tagSize: Int
        let tests: [Case]
    }

    static let key = [UInt8](0..<32)

    // MARK: Vectors

    /// Test cases 13 to 16 of the specification that GCM was proposed with; 1 to 4 have 128-bit keys.
    @Test func classicCases() throws {
        let file: Classic = try Vectors.read("aes_gcm.json")
        var count = 0
        for test in file.cases {
            guard test.key.bytes.count == 32 else {
                #expect(throws: CryptoError.invalidKey(reason: "AES-256 needs 32 bytes, not 16")) {
                    _ = try AES256GCM(key: test.key.bytes)
                }
                continue
            }
            count += 1
            let cipher = try AES256GCM(key: test.key.bytes)
            let box = try cipher.seal(test.plaintext.bytes, nonce: test.iv.bytes, authenticating: test.aad.bytes)
            #expect(box == test.iv.bytes + test.ciphertext.bytes + test.tag.bytes)
            #expect(try cipher.open(box, authenticating: test.aad.bytes) == test.plaintext.bytes)
        }
        #expect(count == 4)
    }

    @Test func wycheproof() throws {
        let file: Wycheproof<Group> = try Vectors.read("wycheproof/aes_gcm_test.json")
        let groups = file.testGroups.filter { $0.ivSize == 96 && $0.keySize == 256 && $0.tagSize == 128 }
        var (validCount, invalidCount) = (0, 0)
        for test in groups.flatMap(\.tests) {
            let cipher = try AES256GCM(key: test.key.bytes)
            let box = test.iv.bytes + test.ct.bytes + test.tag.bytes
            switch test.result {
            case .valid:
                validCount += 1
                let sealed = try cipher.seal(test.msg.bytes, nonce: test.iv.bytes, authenticating: test.aad.bytes)
                #expect(sealed == box, "case \(test.tcId)")
                #expect(try cipher.open(box, authenticating: test.aad.bytes) == test.msg.bytes, "case \(test.tcId)")
            case .invalid:
                invalidCount += 1
                #expect(throws: CryptoError.authenticationFailed, "case \(test.tcId)") {
                    try cipher.open(box, authenticating: test.aad.bytes)
                }
            }
        }
        #expect(validCount == 39)
        #expect(invalidCount == 27)
    }

    /// A nonce of another length is refused, not hashed into one (SP 800-38D, section 8.2, allows both).
    @Test func wycheproofOtherNonceLengthsAreRefused() throws {
        let file: Wycheproof<Group> = try Vectors.read("wycheproof/aes_gcm_test.json")
        let groups = file.testGroups.filter { $0.ivSize != 96 && $0.keySize == 256 }
        var count = 0
        for test in groups.flatMap(\.tests) {
            count += 1
            let cipher = try AES256GCM(key: test.key.bytes)
            let reason = "a nonce of \(test.iv.bytes.count) bytes instead of 12"
            #expect(throws: CryptoError.invalidParameter(reason: reason), "case \(test.tcId)") {
                try cipher.seal(test.msg.bytes, nonce: test.iv.bytes, authenticating: test.aad.bytes)
            }
        }
        #expect(count == 39)
    }

    // MARK: What a box is

    @Test(arguments: [0, 1, 15, 16, 17, 65_536], [0, 1, 16, 65_536])
    func whatIsSealedOpens(plaintextCount: Int, contextCount: Int) throws {
        let cipher = try AES256GCM(key: Self.key)
        let plaintext = (0..<plaintextCount).map { UInt8(truncatingIfNeeded: $0) }
        let context = [UInt8](repeating: 0xc0, count: contextCount)
        let box = try cipher.seal(plaintext, authenticating: context)
        #expect(box.count == plaintextCount + AES256GCM.overhead)
        #expect(try cipher.open(box, authenticating: context) == plaintext)
    }

    @Test func everyBoxHasANonceOfItsOwn() throws {
        let cipher = try AES256GCM(key: Self.key)
        let nonces = try Set((0..<1000).map { _ in Array(try cipher.seal([]).prefix(12)) })
        #expect(nonces.count == 1000)
    }

    // MARK: What does not open

    @Test func anyChangedBitIsRefused() throws {
        let cipher = try AES256GCM(key: Self.key)
        let context = Array("tenant 7, key 3, version 1".utf8)
        let box = try cipher.seal([UInt8](0..<37), authenticating: context)
        for bit in 0..<8 * box.count {
            var changed = box
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: CryptoError.authenticationFailed, "bit \(bit) of the box") {
                try cipher.open(changed, authenticating: context)
            }
        }
        for bit in 0..<8 * context.count {
            var changed = context
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: CryptoError.authenticationFailed, "bit \(bit) of the context") {
                try cipher.open(box, authenticating: changed)
            }
        }
    }

    @Test func aBoxCutShortOrContinuedIsRefused() throws {
        let cipher = try AES256GCM(key: Self.key)
        let box = try cipher.seal([UInt8](0..<37))
        for count in 0..<box.count {
            #expect(throws: CryptoError.authenticationFailed, "\(count) bytes") {
                try cipher.open(Array(box.prefix(count)))
            }
        }
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open(box + [0]) }
    }

    /// A box of an empty plaintext is all nonce and tag; one byte less is no box.
    @Test func theShortestBoxIsTheOverhead() throws {
        let cipher = try AES256GCM(key: Self.key)
        let box = try cipher.seal([])
        #expect(box.count == AES256GCM.overhead)
        #expect(try cipher.open(box) == [])
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open(Array(box.dropLast())) }
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open([]) }
    }

    @Test func anotherKeyOrContextDoesNotOpen() throws {
        let cipher = try AES256GCM(key: Self.key)
        let box = try cipher.seal([1, 2, 3], authenticating: [4])
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open(box) }
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open(box, authenticating: [4, 0]) }
        #expect(throws: CryptoError.authenticationFailed) {
            try AES256GCM(key: [UInt8](1...32)).open(box, authenticating: [4])
        }
    }

    @Test(arguments: [0, 1, 16, 24, 31, 33, 64]) func aKeyOfAnotherLengthIsRefused(_ count: Int) {
        #expect(throws: CryptoError.invalidKey(reason: "AES-256 needs 32 bytes, not \(count)")) {
            _ = try AES256GCM(key: [UInt8](repeating: 1, count: count))
        }
    }
}

@Suite struct SecureRandomTests {
    @Test(arguments: [0, 1, 12, 65_536]) func asManyBytesAsAsked(_ count: Int) throws {
        #expect(try SecureRandom.bytes(count: count).count == count)
    }

    @Test func bytesDoNotRepeat() throws {
        let drawn = try Set((0..<1000).map { _ in try SecureRandom.bytes(count: 16) })
        #expect(drawn.count == 1000)
    }
}
