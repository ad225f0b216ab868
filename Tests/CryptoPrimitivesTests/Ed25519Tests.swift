import Testing

@testable import CryptoPrimitives

@Suite struct Ed25519Tests {
    struct File: Decodable {
        struct Signed: Decodable {
            let seed, `public`, message, signature: Hex
        }
        struct Keys: Decodable {
            let keys: [Hex]
        }
        struct Malleable: Decodable {
            let `public`, message, good_signature, bad_signature: Hex
        }
        struct Forgery: Decodable {
            let `public`, message, signature: Hex
        }
        let rfc8032: [Signed]
        let small_order_public_keys_hex: Keys
        let non_canonical_S: Malleable
        let identity_key_forgery: Forgery
    }

    struct Group: Decodable {
        struct Key: Decodable {
            let pk: Hex
        }
        struct Case: Decodable {
            let tcId: Int
            let msg, sig: Hex
            let result: Wycheproof<Group>.Verdict
        }
        let publicKey: Key
        let tests: [Case]
    }

    struct EdgeCase: Decodable {
        let number: Int
        let key, sig: Hex
        let msg: String
        let flags: Set<String>?
    }

    let file: File

    init() throws {
        file = try Vectors.read("ed25519.json")
    }

    // MARK: Vectors

    @Test func examplesOfRFC8032() throws {
        for example in file.rfc8032 {
            let key = try Ed25519.PrivateKey(seed: example.seed.bytes)
            #expect(key.publicKey.bytes == example.public.bytes)
            #expect(try key.signature(for: example.message.bytes) == example.signature.bytes)
            #expect(key.publicKey.isValidSignature(example.signature.bytes, for: example.message.bytes))
            #expect(!key.publicKey.isValidSignature(example.signature.bytes, for: example.message.bytes + [0]))
        }
        #expect(file.rfc8032.count == 4)
    }

    @Test func wycheproof() throws {
        let file: Wycheproof<Group> = try Vectors.read("wycheproof/ed25519_test.json")
        var (validCount, invalidCount) = (0, 0)
        for group in file.testGroups {
            let key = try Ed25519.PublicKey(group.publicKey.pk.bytes)
            for test in group.tests {
                switch test.result {
                case .valid: validCount += 1
                case .invalid: invalidCount += 1
                }
                let isValid = key.isValidSignature(test.sig.bytes, for: test.msg.bytes)
                #expect(isValid == (test.result == .valid), "case \(test.tcId)")
            }
        }
        #expect(validCount == 88)
        #expect(invalidCount == 63)
    }

    /// Libraries may differ on these, verifiers of one log may not. We refuse keys that are of small order or not
    /// canonical, and of the signatures under all others accept exactly those for which S·B = R + k·A holds without the
    /// cofactor (no residue of low order) and with R in its one encoding.
    @Test func edgeCasesAreDecidedByRuleNotByLibrary() throws {
        let cases: [EdgeCase] = try Vectors.read("cctv-ed25519/ed25519vectors.json")
        var (refusedKeyCount, acceptedCount, refusedCount) = (0, 0, 0)
        for test in cases {
            let flags = test.flags ?? []
            let key: Ed25519.PublicKey
            do {
                key = try Ed25519.PublicKey(test.key.bytes)
            } catch {
                refusedKeyCount += 1
                #expect(!flags.isDisjoint(with: ["low_order_A", "non_canonical_A"]), "case \(test.number): \(error)")
                continue
            }
            #expect(flags.isDisjoint(with: ["low_order_A", "non_canonical_A"]), "case \(test.number)")
            let isExpected = flags.isDisjoint(with: ["low_order_residue", "non_canonical_R"])
            let isValid = key.isValidSignature(test.sig.bytes, for: Array(test.msg.utf8))
            #expect(isValid == isExpected, "case \(test.number): \(flags.sorted())")
            if isValid { acceptedCount += 1 } else { refusedCount += 1 }
        }
        #expect(cases.count == 914)
        #expect((refusedKeyCount, acceptedCount, refusedCount) == (526, 86, 302))
    }

    // MARK: Public keys

    @Test func keysOfSmallOrderAreRefusedInEveryEncoding() throws {
        let keys = file.small_order_public_keys_hex.keys.map(\.bytes)
        #expect(keys.count == 14)
        for key in keys {
            let error = #expect(throws: CryptoError.self, "\(key.hexadecimal)") { try Ed25519.PublicKey(key) }
            guard case .invalidKey = error else {
                Issue.record("\(key.hexadecimal): \(String(describing: error))")
                continue
            }
        }
    }

    /// 2^255 − 19 and all above it, with either sign.
    @Test(arguments: UInt8(0xed)...0xff, [UInt8(0x7f), 0xff])
    func encodingsAtOrAboveTheModulusAreRefused(first: UInt8, last: UInt8) {
        let key = [first] + [UInt8](repeating: 0xff, count: 30) + [last]
        #expect(throws: CryptoError.invalidKey(reason: "the encoding is not canonical")) {
            try Ed25519.PublicKey(key)
        }
    }

    /// One byte below in any place, and the encoding is canonical again.
    @Test func encodingsBelowTheModulusAreNotConfusedWithThoseAbove() throws {
        var keys = [[0xeb] + [UInt8](repeating: 0xff, count: 30) + [0x7f]]
        for place in 1..<31 {
            var key = [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
            key[place] = 0xfe
            keys.append(key)
        }
        keys.append([UInt8](repeating: 0xff, count: 31) + [0x7e])
        for key in keys {
            #expect(try Ed25519.PublicKey(key).bytes == key)
        }
    }

    @Test(arguments: [0, 1, 31, 33, 64]) func aPublicKeyOfAnotherLengthIsRefused(_ count: Int) {
        #expect(
            throws: CryptoError.invalidKey(reason: "an Ed25519 public key has 32 bytes, not \(count)")
        ) {
            try Ed25519.PublicKey([UInt8](repeating: 3, count: count))
        }
    }

    /// y = 2 is on no point of the curve. Such a key is taken as bytes and verifies nothing.
    @Test func anEncodingOfNoPointVerifiesNothing() throws {
        let key = try Ed25519.PublicKey([2] + [UInt8](repeating: 0, count: 31))
        for example in file.rfc8032 {
            #expect(!key.isValidSignature(example.signature.bytes, for: example.message.bytes))
        }
        let identity = [1] + [UInt8](repeating: 0, count: 63)
        #expect(!key.isValidSignature(identity, for: []))
    }

    @Test func equalKeysAreEqualAsValues() throws {
        let example = try #require(file.rfc8032.first)
        let key = try Ed25519.PublicKey(example.public.bytes)
        #expect(try Ed25519.PrivateKey(seed: example.seed.bytes).publicKey == key)
        #expect(Set([key, key, try Ed25519.PrivateKey().publicKey]).count == 2)
    }

    // MARK: Signatures

    /// RFC 8032, section 5.1.7: S is below the order of the group, or one signature could be turned into another.
    @Test func aMalleableSignatureIsRefused() throws {
        let vector = file.non_canonical_S
        let key = try Ed25519.PublicKey(vector.public.bytes)
        #expect(key.isValidSignature(vector.good_signature.bytes, for: vector.message.bytes))
        #expect(!key.isValidSignature(vector.bad_signature.bytes, for: vector.message.bytes))
    }

    /// Under the identity as key, R = identity and S = 0 satisfy the equation for every message.
    @Test func theForgeryUnderTheIdentityKeyFindsNoKeyToBeCheckedWith() throws {
        let vector = file.identity_key_forgery
        #expect(throws: CryptoError.invalidKey(reason: "the point has small order")) {
            try Ed25519.PublicKey(vector.public.bytes)
        }
        let honest = try Ed25519.PrivateKey().publicKey
        #expect(!honest.isValidSignature(vector.signature.bytes, for: vector.message.bytes))
    }

    @Test func anyChangedBitIsRefused() throws {
        let key = try Ed25519.PrivateKey()
        let message = Array("message".utf8)
        let signature = try key.signature(for: message)
        #expect(key.publicKey.isValidSignature(signature, for: message))
        for bit in 0..<8 * signature.count {
            var changed = signature
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(!key.publicKey.isValidSignature(changed, for: message), "bit \(bit)")
        }
        for count in 0..<64 {
            #expect(!key.publicKey.isValidSignature(Array(signature.prefix(count)), for: message))
        }
        #expect(!key.publicKey.isValidSignature(signature + [0], for: message))
    }

    @Test func anotherKeysSignatureIsRefused() throws {
        let signature = try Ed25519.PrivateKey().signature(for: [1])
        #expect(!(try Ed25519.PrivateKey().publicKey.isValidSignature(signature, for: [1])))
    }

    @Test(arguments: [0, 1, 65_536]) func messagesOfAnyLength(_ count: Int) throws {
        let key = try Ed25519.PrivateKey()
        let message = [UInt8](repeating: 9, count: count)
        let signature = try key.signature(for: message)
        #expect(signature.count == Ed25519.signatureByteCount)
        #expect(key.publicKey.isValidSignature(signature, for: message))
        #expect(!key.publicKey.isValidSignature(signature, for: message + [9]))
    }

    // MARK: Private keys

    @Test(arguments: [0, 1, 31, 33, 64]) func aSeedOfAnotherLengthIsRefused(_ count: Int) {
        #expect(throws: CryptoError.invalidKey(reason: "an Ed25519 seed has 32 bytes, not \(count)")) {
            _ = try Ed25519.PrivateKey(seed: [UInt8](repeating: 3, count: count))
        }
    }

    @Test func theSeedMakesTheSameKeyAgain() throws {
        let key = try Ed25519.PrivateKey()
        let again = try Ed25519.PrivateKey(seed: key.withSeed { $0.array })
        #expect(again.publicKey == key.publicKey)
        // RFC 8032 signatures are deterministic.
        #expect(try again.signature(for: [1, 2, 3]) == key.signature(for: [1, 2, 3]))
    }

    @Test func newKeysDiffer() throws {
        let keys = try Set((0..<100).map { _ in try Ed25519.PrivateKey().publicKey })
        #expect(keys.count == 100)
    }

    /// One key signs on many threads: what it is made of is only ever read.
    @Test func oneKeySignsConcurrently() async throws {
        final class Holder: Sendable {
            let key: Ed25519.PrivateKey
            init() throws { key = try Ed25519.PrivateKey() }
        }
        let holder = try Holder()
        let validCount = try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<200 {
                group.addTask {
                    let message = [UInt8(index)]
                    return holder.key.publicKey.isValidSignature(
                        try holder.key.signature(for: message), for: message)
                }
            }
            return try await group.reduce(into: 0) { count, isValid in count += isValid ? 1 : 0 }
        }
        #expect(validCount == 200)
    }
}
