import Testing

@testable import CryptoPrimitives

@Suite struct SHA256Tests {
    struct Example: Sendable {
        let message: [UInt8]
        let digest: String
    }

    /// The examples that NIST publishes with FIPS 180-4, and those of its "additional examples" that end beside
    /// the border of a block.
    static let examples = [
        Example(message: [], digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        Example(message: Array("abc".utf8), digest: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        Example(
            message: Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8),
            digest: "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        Example(
            message: Array(
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
                    .utf8),
            digest: "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
        Example(
            message: [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000),
            digest: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        Example(message: [0xbd], digest: "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
        Example(
            message: [0xc9, 0x8c, 0x8e, 0x55],
            digest: "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504"),
        Example(
            message: [UInt8](repeating: 0, count: 55),
            digest: "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"),
        Example(
            message: [UInt8](repeating: 0, count: 56),
            digest: "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"),
        Example(
            message: [UInt8](repeating: 0, count: 57),
            digest: "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"),
        Example(
            message: [UInt8](repeating: 0, count: 64),
            digest: "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"),
        Example(
            message: [UInt8](repeating: 0, count: 1000),
            digest: "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"),
    ]

    @Test func examplesOfTheStandard() {
        for example in Self.examples {
            #expect(SHA256.hash(example.message).description == example.digest, "\(example.message.count) bytes")
        }
    }

    @Test func piecesHashLikeTheWhole() {
        let message = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let whole = SHA256.hash(message)
        for cut in 0...message.count {
            var hash = SHA256()
            hash.update(Array(message[..<cut]))
            hash.update([])
            hash.update(Array(message[cut...]))
            #expect(hash.finalize() == whole, "cut at \(cut)")
        }
    }

    @Test func finalizingLeavesTheComputationOpen() {
        var hash = SHA256()
        hash.update(Array("a".utf8))
        #expect(hash.finalize() == SHA256.hash(Array("a".utf8)))
        #expect(hash.finalize() == SHA256.hash(Array("a".utf8)))
        hash.update(Array("bc".utf8))
        #expect(hash.finalize() == SHA256.hash(Array("abc".utf8)))
    }

    @Test func copyingForksTheComputation() {
        var one = SHA256()
        one.update(Array("ab".utf8))
        var other = one
        one.update(Array("c".utf8))
        other.update(Array("d".utf8))
        #expect(one.finalize() == SHA256.hash(Array("abc".utf8)))
        #expect(other.finalize() == SHA256.hash(Array("abd".utf8)))
    }
}

@Suite struct SHA256DigestTests {
    @Test func bytesComeBackInOrder() throws {
        let bytes = [UInt8](1...32)
        let digest = try #require(SHA256Digest(bytes))
        #expect(digest.bytes == bytes)
        #expect(digest.withBytes { $0.array } == bytes)
        #expect(digest.description == bytes.hexadecimal)
        #expect(SHA256Digest(digest.bytes) == digest)
        #expect(SHA256Digest.byteCount == 32)
    }

    @Test(arguments: [0, 1, 31, 33, 64]) func anotherNumberOfBytesIsNoDigest(_ count: Int) {
        #expect(SHA256Digest([UInt8](repeating: 0, count: count)) == nil)
    }

    @Test func zeroIsThirtyTwoZeroBytes() {
        #expect(SHA256Digest.zero.bytes == [UInt8](repeating: 0, count: 32))
        #expect(SHA256Digest.zero.description == String(repeating: "0", count: 64))
    }

    /// A digest from a span that does not start where an integer may.
    @Test func alignmentDoesNotMatter() throws {
        let bytes = [UInt8](0...40)
        let digest = unsafe SHA256Digest(bytes.span.bytes.extracting(3..<35))
        #expect(try #require(digest).bytes == [UInt8](3..<35))
    }

    @Test func orderIsThatOfTheBytes() throws {
        // Digests that differ in one byte, then as many pseudorandom ones, against the order of arrays.
        var digests = (0..<32).flatMap { place in
            [UInt8(1), 0x7f, 0x80, 0xff].map { value in
                var bytes = [UInt8](repeating: 0, count: 32)
                bytes[place] = value
                return bytes
            }
        }
        digests += (0..<128).map { SHA256.hash([UInt8($0)]).bytes }
        for a in digests {
            for b in digests {
                let (first, second) = (try #require(SHA256Digest(a)), try #require(SHA256Digest(b)))
                #expect((first < second) == a.lexicographicallyPrecedes(b))
                #expect((first == second) == (a == b))
            }
        }
    }

    /// Around every number of bytes at which another block is needed, and beyond what is padded in one piece.
    @Test func aByteAndTwoPiecesAreHashedAsOneMessage() {
        for count in 0...300 {
            let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
            for split in Set([0, 1, count / 2, count]) where split <= count {
                let (first, second) = (Array(message[..<split]), Array(message[split...]))
                #expect(
                    unsafe SHA256.hash(0x5A, first.span.bytes, second.span.bytes) == SHA256.hash([0x5A] + message))
            }
        }
    }

    @Test func errorsPassThroughWithBytes() {
        #expect(throws: CryptoError.authenticationFailed) {
            try SHA256Digest.zero.withBytes { (_: RawSpan) throws(CryptoError) in
                throw CryptoError.authenticationFailed
            }
        }
    }
}
