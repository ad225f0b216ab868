/// 128-bit identifiers as 26 digits of Crockford's base 32, most significant first, as in ULIDs.
package enum CrockfordBase32 {
    private static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
    private static let digitCount = 26

    /// The digits of a number.
    package static func text(of value: UInt128) -> String {
        String(
            decoding: (0..<digitCount).map {
                digits[Int(truncatingIfNeeded: value >> UInt128(5 * (digitCount - 1 - $0))) & 31]
            }, as: UTF8.self)
    }

    /// The number with these digits, in either case; nil for anything else.
    package static func value(of text: String) -> UInt128? {
        guard text.utf8.count == digitCount else { return nil }
        var value: UInt128 = 0
        for character in text.utf8 {
            let isLowercase = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character)
            guard let digit = digits.firstIndex(of: isLowercase ? character - 0x20 : character), value >> 123 == 0
            else { return nil }
            value = value << 5 | UInt128(digit)
        }
        return value
    }
}
