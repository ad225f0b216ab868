/// Says of most ids that were never added that they were not. Split into blocks of one cache line, one bit in each of
/// the line's eight words, so a question costs one miss.
///
/// At 12 bits an id about one in a hundred strangers is taken for known.
enum BloomFilter {
    static func wordCount(capacity: Int) -> Int { max(1, (capacity * 12 + 511) / 512) * 8 }

    static func insert(_ id: UInt128, into words: inout [UInt64]) {
        let (block, bits) = place(id, words.count)
        for word in 0..<8 { words[block + word] |= 1 << (bits >> UInt64(6 * word) & 63) }
    }

    static func mayContain(_ id: UInt128, in words: MappedArray<UInt64>) -> Bool {
        let (block, bits) = place(id, words.count)
        for word in 0..<8 where words[block + word] & 1 << (bits >> UInt64(6 * word) & 63) == 0 { return false }
        return true
    }

    private static func place(_ id: UInt128, _ wordCount: Int) -> (block: Int, bits: UInt64) {
        let hash = mix(id)
        // The upper bits choose the block without a division, the product of the lower ones the eight bits.
        let block = hash.multipliedFullWidth(by: UInt64(wordCount / 8)).high
        return (Int(block) * 8, (hash &* 0x9E37_79B9_7F4A_7C15) >> 16 ^ hash)
    }
}

/// 64 well-mixed bits of a 128-bit value.
func mix(_ value: UInt128) -> UInt64 {
    let low = UInt64(truncatingIfNeeded: value) ^ 0x9E37_79B9_7F4A_7C15
    let high = UInt64(truncatingIfNeeded: value >> 64) ^ 0xD1B5_4A32_D192_ED03
    var z = low &* 0xBF58_476D_1CE4_E5B9 ^ high.multipliedFullWidth(by: 0x94D0_49BB_1331_11EB).high ^ high
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
}
