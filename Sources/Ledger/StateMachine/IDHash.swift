/// 64 well-mixed bits of a 128-bit value, under a seed: who does not know the seed cannot choose values that meet.
///
/// The same value under the same seed gives the same bits on any machine; they stand in files.
package struct IDHash: Sendable {
    @usableFromInline let lowKey: UInt64
    @usableFromInline let highKey: UInt64

    package init(seed: UInt64) {
        lowKey = Self.key(seed)
        highKey = Self.key(seed &+ 0x9E37_79B9_7F4A_7C15)
    }

    /// For what lives no longer than the process. Nothing that is decided or written depends on it: it only says where in
    /// a table an entry stands, and no order of a table is ever visible.
    package static let ofThisProcess = IDHash(seed: .random(in: .min ... .max))

    /// Both halves under a key of their own, multiplied to 128 bits and folded; and once more, so that values that are
    /// counted up spread out.
    @inlinable @inline(__always)
    package func callAsFunction(_ value: UInt128) -> UInt64 {
        let low = UInt64(truncatingIfNeeded: value) ^ lowKey
        let high = UInt64(truncatingIfNeeded: value >> 64) ^ highKey
        let product = low.multipliedFullWidth(by: high)
        let mixed = (product.high ^ product.low ^ lowKey).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return mixed.high ^ mixed.low
    }

    /// A key that depends on every bit of a seed (the finalizer of SplitMix64).
    private static func key(_ seed: UInt64) -> UInt64 {
        var z = seed &+ 0xD1B5_4A32_D192_ED03
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
