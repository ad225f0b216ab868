import Testing

@testable import LedgerStore

@Suite struct SealedDetailsTests {
    private static let details = [
        SealedDetails(sequence: 100, bytes: [1, 2, 3]), SealedDetails(sequence: 103, bytes: []),
        SealedDetails(sequence: 110, bytes: [4]),
    ]

    private static func found(_ sequence: UInt64, in bytes: [UInt8]) throws -> [UInt8]? {
        try unsafe SealedDetails.bytes(of: sequence, in: bytes.span.bytes, from: 100, "log")
    }

    @Test func eachIsFoundByItsEvent() throws {
        let bytes = SealedDetails.bytes(of: Self.details, from: 100)
        #expect(unsafe SealedDetails.count(in: bytes.span.bytes) == 3)
        for detail in Self.details { #expect(try Self.found(detail.sequence, in: bytes) == detail.bytes) }
        for other: UInt64 in [99, 101, 102, 104, 111] { #expect(try Self.found(other, in: bytes) == nil) }
        #expect(SealedDetails.bytes(of: [], from: 100).isEmpty)
    }

    /// Whatever the bytes are, they lead to details, to none or to an error.
    @Test func damagedBytesNeverTrap() {
        var generator = SeededGenerator(seed: 7)
        let original = SealedDetails.bytes(of: Self.details, from: 100)
        for _ in 0..<2_000 {
            var bytes = original
            for _ in 0..<4 {
                bytes[Int.random(in: 0..<28, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
            for sequence: UInt64 in [100, 103, 110] { _ = try? Self.found(sequence, in: bytes) }
        }
        let short = Array(original.dropLast())
        #expect(throws: StoreError.damaged(path: "log", sequence: 110, reason: "the details' sizes do not fit")) {
            _ = try Self.found(110, in: short)
        }
    }
}
