internal import CryptoPrimitives
internal import Testing

@testable import KeyLedger

/// The tenant redaction key of these tests: 32 times the letter k.
func redactionKey(_ letter: Unicode.Scalar = "k") throws -> RedactionKey {
    let bytes = [UInt8](repeating: UInt8(ascii: letter), count: 32)
    return try RedactionKey(try SecretBytes(copying: unsafe bytes.span.bytes))
}

@Suite("Redaction strategies")
struct RedactionStrategyTests {
    private func replacement(_ strategy: RedactionStrategy, _ value: String, tenant: String = "tenant-1") throws
        -> String?
    {
        strategy.replacement(for: value, tenant: tenant, key: try redactionKey())
    }

    @Test(
        "strategies have FLUO's names, in any case",
        arguments: [
            ("EXCLUDE", .exclude), ("redact", .redact), ("Hash", .hash), ("HASH_V1", .hashPlain),
            ("TRUNCATE", .truncate),
            ("TOKENIZE", .tokenize), ("tokenize_v1", .tokenizePlain), ("MASK", .mask), ("eNCRYPT", .encrypt),
            ("", nil), ("HASHED", nil), ("HASH V1", nil), ("ＭＡＳＫ", nil), ("MAS\u{212a}", nil),
        ] as [(String, RedactionStrategy?)])
    func name(_ name: String, strategy: RedactionStrategy?) {
        #expect(RedactionStrategy(named: name) == strategy)
    }

    /// Digests computed with Python's hashlib and hmac, HKDF of 32 times `k` included.
    @Test(
        "each strategy writes its form, byte for byte",
        arguments: [
            (.exclude, "john@example.com", "[REDACTED]"),
            (.redact, "john@example.com", "[REDACTED]"),
            (.hash, "john@example.com", "hash:v2:270ae9c80deb9d85c79326f9b1c0f5c5"),
            (.hashPlain, "john@example.com", "hash:855f96e983f1f8e8be944692b6f719fd"),
            (.tokenize, "john@example.com", "TOK-cb33d1bc068a3c07"),
            (.tokenizePlain, "john@example.com", "TOK-297347919a67"),
            (.hash, "mária", "hash:v2:11a5947c8208ea5090f6523c3894abd6"),
            (.truncate, "123456789", "1234...6789"), (.truncate, "12345678", "***"), (.truncate, "1", "***"),
            (.truncate, "áéíóúüñçß", "áéíó...üñçß"),
            (.mask, "user@example.com", "u***@e***.com"), (.mask, "mária@example.co.uk", "m***@e***.uk"),
            (.mask, "élan@ünï.at", "é***@ü***.at"), (.mask, "a@b.c", "a***@b***.c"),
            (.mask, "a@b@c.de", "a***@c***.de"),
            (.mask, "user@localhost", "u***t"), (.mask, "@example.com", "@***m"), (.mask, "user@.com", "u***m"),
            (.mask, "user@example.", "u***."), (.mask, "see user@example.com", "s***m"),
            (.mask, "123-45-6789", "1***9"), (.mask, "12345", "1***5"), (.mask, "1234", "****"), (.mask, "a", "****"),
            (.mask, "😀bcd😎", "😀***😎"), (.mask, "😀bc😎", "****"),
        ] as [(RedactionStrategy, String, String)])
    func form(strategy: RedactionStrategy, value: String, expected: String) throws {
        #expect(try replacement(strategy, value) == expected)
    }

    /// Two scalars for one letter are two characters: the form does not depend on the version of Unicode.
    @Test func charactersAreScalars() throws {
        #expect(try replacement(.mask, "e\u{301}abc") == "e***c")
        #expect(try replacement(.mask, "\u{e9}abc") == "****")
        #expect(
            try replacement(.truncate, "e\u{301}e\u{301}e\u{301}e\u{301}e") == "e\u{301}e\u{301}...\u{301}e\u{301}e")
    }

    @Test(arguments: RedactionStrategy.allCases) func whatIsEmptyIsRedacted(strategy: RedactionStrategy) throws {
        #expect(try replacement(strategy, "") == "[REDACTED]")
    }

    @Test func encryptionIsNotDoneHere() throws {
        #expect(try replacement(.encrypt, "john@example.com") == nil)
    }

    @Test func tokensDifferBetweenTenantsAndKeyedOnesBetweenKeys() throws {
        let otherKey = try redactionKey("o")
        for strategy in [RedactionStrategy.tokenize, .tokenizePlain] {
            #expect(try replacement(strategy, "x") == replacement(strategy, "x"))
            #expect(try replacement(strategy, "x") != replacement(strategy, "x", tenant: "tenant-2"))
        }
        for strategy in [RedactionStrategy.hash, .tokenize] {
            let replaced = strategy.replacement(for: "x", tenant: "tenant-1", key: otherKey)
            #expect(try replacement(strategy, "x") != replaced)
        }
    }

    /// One secret, and yet the digest of `tenant-1:x` is not what the token of `x` begins with.
    @Test func digestsAndTokensHaveKeysOfTheirOwn() throws {
        let digest = try #require(try replacement(.hash, "tenant-1:x")).dropFirst("hash:v2:".count)
        let token = try #require(try replacement(.tokenize, "x")).dropFirst("TOK-".count)
        #expect(!digest.hasPrefix(token))
    }

    @Test func withoutAKeyThereIsNothingThatWouldNeedOne() {
        for strategy in [RedactionStrategy.hash, .tokenize, .tokenizePlain, .encrypt] {
            #expect(strategy.replacement(for: "x", tenant: "tenant-1", key: nil) == "[REDACTED]")
        }
        #expect(RedactionStrategy.mask.replacement(for: "12345", tenant: "", key: nil) == "1***5")
    }

    @Test(
        "what a strategy wrote is not redacted again",
        arguments: [
            "[REDACTED]", "hash:855f96e983f1f8e8be944692b6f719fd", "hash:v2:855f96e983f1f8e8be944692b6f719fd",
            "TOK-297347919a67", "TOK-0e5d08fbfc7e5ccc", "enc:dGVuYW50LTE=:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw=",
            "enc:v2:dGVuYW50LTE=:1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw=",
        ])
    func isReplacement(text: String) {
        #expect(RedactionStrategy.isReplacement(text))
        #expect(!RedactionStrategy.isReplacement(text + "0"))
        #expect(!RedactionStrategy.isReplacement(String(text.dropLast())))
    }
}
