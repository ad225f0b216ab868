/// 64 bits that say whether bytes are still those that were written. Against decay, not against people: what people
/// change is found by replaying the log.
enum ChunkChecksum {
    private static let keys = SIMD4<UInt64>(
        0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03, 0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB)

    /// Four lanes that do not wait for each other, each folding a 128-bit product every 16 bytes.
    ///
    /// - Parameter seed: What the bytes are: the same ones in another place have another checksum.
    static func of(_ bytes: RawSpan, seed: UInt64) -> UInt64 {
        func word(_ offset: Int) -> UInt64 {
            unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
        }
        func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
            let product = a.multipliedFullWidth(by: b)
            return product.high ^ product.low
        }
        let count = bytes.byteCount
        var (a, b, c, d) = (seed ^ keys[0], seed ^ keys[1], seed ^ keys[2], seed ^ keys[3])
        var offset = 0
        while offset + 64 <= count {
            a = fold(word(offset) ^ keys[0], word(offset + 8) ^ a)
            b = fold(word(offset + 16) ^ keys[1], word(offset + 24) ^ b)
            c = fold(word(offset + 32) ^ keys[2], word(offset + 40) ^ c)
            d = fold(word(offset + 48) ^ keys[3], word(offset + 56) ^ d)
            offset += 64
        }
        var sum = fold(a ^ b &+ keys[2], c &+ d ^ keys[3])
        while offset < count {
            var last: UInt64 = 0
            for index in offset..<min(offset + 8, count) {
                last = last << 8 | UInt64(bytes.load(UInt8.self, at: index))
            }
            sum = fold(sum ^ keys[0], last ^ keys[1])
            offset += 8
        }
        return fold(sum ^ keys[2], UInt64(count) ^ seed ^ keys[3])
    }
}
