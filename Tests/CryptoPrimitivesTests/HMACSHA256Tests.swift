import Testing

@testable import CryptoPrimitives

@Suite struct HMACSHA256Tests {
    struct Group: Decodable {
        struct Case: Decodable {
            let tcId: Int
            let key, msg, tag: Hex
            let result: Wycheproof<Group>.Verdict
        }
        let tagSize: Int
        let tests: [Case]
    }

    /// RFC 4231, section 4, but for case 5, which truncates.
    static let rfc4231: [(key: [UInt8], message: [UInt8], code: String)] = [
        (
            [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            [UInt8](1...25), [UInt8](repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            Array(
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ]

    @Test func examplesOfRFC4231() {
        for example in Self.rfc4231 {
            #expect(HMACSHA256.code(for: example.message, key: example.key).description == example.code)
        }
    }

    @Test func wycheproofWholeTags() throws {
        let file: Wycheproof<Group> = try Vectors.read("wycheproof/hmac_sha256_test.json")
        var count = 0
        for test in file.testGroups.filter({ $0.tagSize == 256 }).flatMap(\.tests) {
            count += 1
            let isValid = HMACSHA256.isValid(test.tag.bytes, for: test.msg.bytes, key: test.key.bytes)
            #expect(isValid == (test.result == .valid), "case \(test.tcId)")
        }
        #expect(count == 87)
    }

    /// 128-bit tags are the first half of a code: checked as such, and never accepted in the place of a whole one.
    @Test func wycheproofTruncatedTagsAreNotCodes() throws {
        let file: Wycheproof<Group> = try Vectors.read("wycheproof/hmac_sha256_test.json")
        var count = 0
        for test in file.testGroups.filter({ $0.tagSize == 128 }).flatMap(\.tests) {
            count += 1
            let code = HMACSHA256.code(for: test.msg.bytes, key: test.key.bytes).bytes
            #expect((Array(code.prefix(16)) == test.tag.bytes) == (test.result == .valid), "case \(test.tcId)")
            #expect(!HMACSHA256.isValid(test.tag.bytes, for: test.msg.bytes, key: test.key.bytes), "case \(test.tcId)")
        }
        #expect(count == 87)
    }

    @Test(arguments: [0, 1, 63, 64, 65, 128]) func keysOfAnyLength(_ count: Int) throws {
        let key = [UInt8](repeating: 0x5a, count: count)
        let message = [UInt8](repeating: 0xa5, count: 65_536)
        // RFC 2104, section 2, spelled out.
        let block = count > 64 ? SHA256.hash(key).bytes : key
        let padded = block + [UInt8](repeating: 0, count: 64 - block.count)
        let inner = SHA256.hash(padded.map { $0 ^ 0x36 } + message)
        let expected = SHA256.hash(padded.map { $0 ^ 0x5c } + inner.bytes)
        #expect(HMACSHA256.code(for: message, key: key) == expected)
        let secret = try SecretBytes(key)
        #expect(HMACSHA256.code(for: unsafe message.span.bytes, key: secret) == expected)
        let code = expected.bytes
        #expect(unsafe HMACSHA256.isValid(code.span.bytes, for: message.span.bytes, key: secret))
    }

    @Test func anyChangedBitIsRefused() {
        let (key, message) = (Array("key".utf8), Array("message".utf8))
        let code = HMACSHA256.code(for: message, key: key).bytes
        #expect(HMACSHA256.isValid(code, for: message, key: key))
        for bit in 0..<256 {
            var changed = code
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(!HMACSHA256.isValid(changed, for: message, key: key))
        }
        for count in 0..<32 {
            #expect(!HMACSHA256.isValid(Array(code.prefix(count)), for: message, key: key))
        }
        #expect(!HMACSHA256.isValid(code + [0], for: message, key: key))
    }
}
