/// Says of most ids that were never added that they were not: a split block Bloom filter, as in Apache Parquet. Blocks of
/// eight 32-bit words with one bit in each, so that a question costs one cache miss and no branch.
///
/// At 16 bits an id about one in five hundred strangers is taken for known.
enum BloomFilter {
    typealias Block = SIMD8<UInt32>

    static func blockCount(capacity: Int) -> Int { max(1, (capacity + 15) / 16) }

    /// What an id asks of every filter.
    struct Question: BitwiseCopyable {
        fileprivate let hash: UInt64
        fileprivate let bits: Block

        /// The salts are those of Parquet.
        private static let salts = Block(
            0x47B6_137B, 0x4497_4D91, 0x8824_AD5B, 0xA2B7_289D, 0x7054_95C7, 0x2DF1_424B, 0x9EFC_4947, 0x5C6B_FB31)

        /// - Parameter hash: That of the id, see ``IDHash``.
        init(_ hash: UInt64) {
            self.hash = hash
            let spread = Block(repeating: UInt32(truncatingIfNeeded: hash)) &* Self.salts
            bits = Block(repeating: 1) &<< (spread &>> 27)
        }

        /// The upper bits of the hash choose the block without a division.
        @inline(__always)
        fileprivate func place(in blockCount: Int) -> Int { Int(hash.multipliedFullWidth(by: UInt64(blockCount)).high) }
    }

    static func insert(_ hash: UInt64, into blocks: inout [Block]) {
        let question = Question(hash)
        blocks[question.place(in: blocks.count)] |= question.bits
    }

    static func mayContain(_ question: Question, in blocks: CheckedArray<Block>) throws(StoreError) -> Bool {
        let place = question.place(in: blocks.count)
        try blocks.check(place..<(place + 1))
        return mayContain(question, inChecked: blocks)
    }

    /// Without a look at checksums, for a filter that was checked whole.
    @inline(__always)
    static func mayContain(_ question: Question, inChecked blocks: CheckedArray<Block>) -> Bool {
        let missing = question.bits & ~blocks[checked: question.place(in: blocks.count)]
        let words = unsafe unsafeBitCast(missing, to: SIMD4<UInt64>.self)
        return words[0] | words[1] | words[2] | words[3] == 0
    }
}
