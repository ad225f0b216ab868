internal import CryptoPrimitives
internal import KeyLedger
internal import Testing

/// The tenant redaction key of these tests: 32 times the letter k.
func redactionKey() throws -> SecretBytes {
    let bytes = [UInt8](repeating: UInt8(ascii: "k"), count: 32)
    return try SecretBytes(copying: unsafe bytes.span.bytes)
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

    /// Digests computed with Python's hashlib and hmac.
    @Test(
        "each strategy writes its form, byte for byte",
        arguments: [
            (.exclude, "john@example.com", "[REDACTED]"),
            (.redact, "john@example.com", "[REDACTED]"),
            (.hash, "john@example.com", "hash:v2:97193afb96659d73313d7d0ce494e500"),
            (.hashPlain, "john@example.com", "hash:855f96e983f1f8e8be944692b6f719fd"),
            (.tokenize, "john@example.com", "TOK-0e5d08fbfc7e5ccc"),
            (.tokenizePlain, "john@example.com", "TOK-297347919a67"),
            (.hash, "mária", "hash:v2:7f0a7f7ff4933f7bbfb7d8044863df5d"),
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
        let other = [UInt8](repeating: 1, count: 32)
        let otherKey = try SecretBytes(copying: unsafe other.span.bytes)
        for strategy in [RedactionStrategy.tokenize, .tokenizePlain] {
            #expect(try replacement(strategy, "x") == replacement(strategy, "x"))
            #expect(try replacement(strategy, "x") != replacement(strategy, "x", tenant: "tenant-2"))
        }
        for strategy in [RedactionStrategy.hash, .tokenize] {
            let replaced = strategy.replacement(for: "x", tenant: "tenant-1", key: otherKey)
            #expect(try replacement(strategy, "x") != replaced)
        }
    }
}
