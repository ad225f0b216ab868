import Foundation
import Testing

@testable import CryptoPrimitives

@Suite struct HKDFSHA256Tests {
    struct Group: Decodable {
        struct Case: Decodable {
            let tcId: Int
            let ikm, salt, info, okm: Hex
            let size: Int
            let result: Wycheproof<Group>.Verdict
        }
        let tests: [Case]
    }

    /// The SHA-256 examples of RFC 5869, appendix A, are its first three cases.
    @Test func wycheproof() throws {
        let file: Wycheproof<Group> = try Vectors.read("wycheproof/hkdf_sha256_test.json")
        var count = 0
        for test in file.testGroups.flatMap(\.tests) {
            count += 1
            if test.result == .valid {
                let derived = try HKDFSHA256.derive(
                    from: test.ikm.bytes, salt: test.salt.bytes, info: test.info.bytes, count: test.size)
                #expect(derived == test.okm.bytes, "case \(test.tcId)")
            } else {
                #expect(throws: CryptoError.self, "case \(test.tcId)") {
                    try HKDFSHA256.derive(
                        from: test.ikm.bytes, salt: test.salt.bytes, info: test.info.bytes, count: test.size)
                }
            }
        }
        #expect(count == file.numberOfTests)
        #expect(count == 86)
    }

    @Test(arguments: [Int.min, -1, 0, 8161, Int.max]) func aLengthRFC5869DoesNotAllowIsRefused(_ count: Int) {
        #expect(throws: CryptoError.invalidParameter(reason: "HKDF-SHA-256 derives 1 to 8160 bytes, not \(count)")) {
            try HKDFSHA256.derive(from: [1, 2, 3], count: count)
        }
    }

    @Test func shorterOutputIsThePrefixOfLonger() throws {
        let whole = try HKDFSHA256.derive(from: [1, 2, 3], count: 8160)
        #expect(whole.count == 8160)
        for count in [1, 31, 32, 33, 63, 64, 65, 8159] {
            #expect(try HKDFSHA256.derive(from: [1, 2, 3], count: count) == Array(whole.prefix(count)))
        }
    }

    /// RFC 5869, section 2.2: no salt is a salt of 32 zero bytes.
    @Test func noSaltIsAZeroSalt() throws {
        let zero = [UInt8](repeating: 0, count: 32)
        #expect(try HKDFSHA256.derive(from: [1], count: 32) == HKDFSHA256.derive(from: [1], salt: zero, count: 32))
    }

    @Test func emptyAndLongInputsSeparateKeys() throws {
        let long = [UInt8](repeating: 7, count: 65_536)
        var derived: Set<[UInt8]> = []
        for (secret, salt, info) in [([], [], []), (long, [], []), ([], long, []), ([], [], long), (long, long, long)] {
            derived.insert(try HKDFSHA256.derive(from: secret, salt: salt, info: info, count: 32))
        }
        #expect(derived.count == 5)
    }

    /// Whatever the length of `info`; OpenSSL's own derivation refuses more than 32,768 bytes in version 3.0.
    @Test func longInfoIsTakenWhole() throws {
        var info = [UInt8](repeating: 7, count: 65_536)
        let one = try HKDFSHA256.derive(from: [1], info: info, count: 32)
        let key = HMACSHA256.code(for: [1], key: []).bytes
        #expect(one == HMACSHA256.code(for: info + [1], key: key).bytes)
        info[65_535] ^= 1
        #expect(try HKDFSHA256.derive(from: [1], info: info, count: 32) != one)
    }
}

@Suite struct ScryptTests {
    struct Example: Sendable {
        let passphrase: String
        let salt: String
        let parameters: Scrypt.Parameters
        let derived: String
    }

    /// RFC 7914, section 12. The last takes 1 GiB of memory.
    static let rfc7914 = [
        Example(
            passphrase: "", salt: "", parameters: .init(n: 16, r: 1, p: 1),
            derived: """
                77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442\
                fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906
                """),
        Example(
            passphrase: "password", salt: "NaCl", parameters: .init(n: 1024, r: 8, p: 16),
            derived: """
                fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162\
                2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640
                """),
        Example(
            passphrase: "pleaseletmein", salt: "SodiumChloride", parameters: .init(n: 16384, r: 8, p: 1),
            derived: """
                7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2\
                d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887
                """),
        Example(
            passphrase: "pleaseletmein", salt: "SodiumChloride", parameters: .init(n: 1_048_576, r: 8, p: 1),
            derived: """
                2101cb9b6a511aaeaddbbe09cf70f881ec568d574a2ffd4dabe5ee9820adaa47\
                8e56fd8f4ba5d09ffa1c6d927c40f4c337304049e8a952fbcbf45c6fa77a41a4
                """),
    ]

    @Test(arguments: rfc7914) func examplesOfRFC7914(_ example: Example) throws {
        let derived = try Scrypt.derive(
            passphrase: example.passphrase, salt: example.salt, parameters: example.parameters, count: 64)
        #expect(derived.hexadecimal == example.derived)
    }

    static let outOfBounds: [(n: UInt64, r: UInt32, p: UInt32)] = [
        // n is not a power of two above 1.
        (0, 8, 1), (1, 8, 1), (1000, 8, 1), (.max, 8, 1),
        // r or p is none, or together they pass 2^30 − 1.
        (16, 0, 1), (16, 8, 0), (16, 32_768, 32_768), (16, .max, .max),
        // n is not below 2^(16 · r).
        (65_536, 1, 1), (4_294_967_296, 2, 1),
        // More memory than we lend.
        (2_097_152, 8, 1), (9_223_372_036_854_775_808, 8, 1), (2, 1, 16_777_216), (2, 8_388_608, 1),
        // More work than we lend.
        (131_072, 8, 65),
    ]

    @Test(arguments: outOfBounds)
    func parametersOutOfBoundsAreRefused(n: UInt64, r: UInt32, p: UInt32) {
        let parameters = Scrypt.Parameters(n: n, r: r, p: p)
        let error = #expect(throws: CryptoError.self) {
            try Scrypt.derive(passphrase: "p", salt: "s", parameters: parameters, count: 32)
        }
        guard case .invalidParameter(let reason) = error else {
            Issue.record("refused by OpenSSL instead of by us: \(String(describing: error))")
            return
        }
        #expect(reason.contains("scrypt"))
    }

    /// Just inside the bounds, OpenSSL has nothing left to refuse.
    @Test(arguments: [
        Scrypt.Parameters(n: 2, r: 1, p: 1), Scrypt.Parameters(n: 32_768, r: 1, p: 1),
        Scrypt.Parameters(n: 2, r: 262_144, p: 1), Scrypt.Parameters(n: 2, r: 1, p: 262_144),
    ])
    func parametersWithinBoundsWork(_ parameters: Scrypt.Parameters) throws {
        #expect(try Scrypt.derive(passphrase: "p", salt: "s", parameters: parameters, count: 32).count == 32)
    }

    @Test(arguments: [0, -1, Int.min]) func derivingNothingIsRefused(_ count: Int) {
        #expect(throws: CryptoError.invalidParameter(reason: "scrypt derives at least 1 byte, not \(count)")) {
            try Scrypt.derive(passphrase: "p", salt: "s", parameters: .init(n: 2, r: 1, p: 1), count: count)
        }
    }

    @Test func parametersSurviveAFile() throws {
        let encoded = try JSONEncoder().encode(Scrypt.Parameters.standard)
        #expect(try JSONDecoder().decode(Scrypt.Parameters.self, from: encoded) == .standard)
    }
}
