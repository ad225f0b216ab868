import Testing

@testable import CryptoPrimitives

@Suite struct ChecksumTests {
    /// RFC 8439, section 2.5.2.
    @Test func theExampleOfTheStandard() throws {
        let key = try #require(
            [UInt8](hexadecimal: "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b"))
        let message = Array("Cryptographic Forum Research Group".utf8)
        #expect(
            unsafe Checksum.of(message.span.bytes, key: key).description == "a8061dc1305136c6c22b8baf0c0127a9")
    }

    /// Computed with Python's cryptography 48 under SHA-256 of "keyledger checksum v1".
    @Test(arguments: [
        ([], "b48a6e440620030b35bf05b6d149c30b"),
        ([0], "be72db9206907e9042cf7d5bddc51abe"),
        ([UInt8](repeating: 0, count: 16), "d692d04452fae91b499594c42c37621a"),
        (Array("keyledger".utf8), "426845066e63e335a4e2412705414364"),
        ((0..<1024).map { UInt8($0 % 256) }, "67873fa8e37e20f625d3971acce93799"),
    ]) func theKeyIsTheOneInTheSpecification(_ message: [UInt8], _ expected: String) {
        #expect(unsafe Checksum.of(message.span.bytes).description == expected)
    }

    @Test func howInputIsCutDoesNotMatter() {
        let message = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let whole = unsafe Checksum.of(message.span.bytes)
        for cut in 0...message.count {
            let (head, tail) = (Array(message[..<cut]), Array(message[cut...]))
            var computation = Checksum.Computation()
            computation.update(unsafe head.span.bytes)
            computation.update(unsafe tail.span.bytes)
            #expect(computation.finalize() == whole, "cut at \(cut)")
        }
    }

    @Test func everyFlippedBitAndEveryOtherLengthShows() {
        let message = [UInt8](repeating: 0, count: 80)
        var seen: Set<Checksum> = [unsafe Checksum.of(message.span.bytes)]
        for bit in 0..<(8 * message.count) {
            var changed = message
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(seen.insert(unsafe Checksum.of(changed.span.bytes)).inserted, "bit \(bit)")
        }
        for count in 0..<message.count {
            let shorter = [UInt8](repeating: 0, count: count)
            #expect(seen.insert(unsafe Checksum.of(shorter.span.bytes)).inserted, "\(count) bytes")
        }
    }

    @Test func bytesAreTheChecksum() {
        let bytes = (1...16).map { UInt8($0) }
        let checksum = unsafe Checksum(bytes.span.bytes)
        #expect(checksum?.bytes == bytes)
        #expect(checksum?.description == "0102030405060708090a0b0c0d0e0f10")
        #expect(Checksum.zero.bytes == [UInt8](repeating: 0, count: 16))
        #expect(unsafe Checksum(bytes.span.bytes.extracting(0..<15)) == nil)
    }

    /// One prepared context serves all threads.
    @Test func threadsDoNotDisturbEachOther() async {
        let messages = (0..<8).map { [UInt8](repeating: UInt8($0), count: 10_000) }
        let expected = messages.map { unsafe Checksum.of($0.span.bytes) }
        await withTaskGroup(of: Bool.self) { group in
            for (message, checksum) in zip(messages, expected) {
                group.addTask { (0..<200).allSatisfy { _ in unsafe Checksum.of(message.span.bytes) == checksum } }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
