/// Base64 with padding (RFC 4648), read strictly: every byte string has exactly one text in an alphabet.
///
/// Decoders differ about padding, white space and unused bits. Evidence whose bytes could be written in two ways could
/// be altered without breaking a signature, so all of it is refused here.
enum Base64 {
    /// The 64 digits.
    enum Alphabet {
        /// `+` and `/` (RFC 4648, section 4).
        case standard
        /// `-` and `_` (RFC 4648, section 5).
        case urlSafe
    }

    private static let padding = UInt8(ascii: "=")
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The text of `bytes` in the standard alphabet.
    static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var rest = bytes[...]
        while !rest.isEmpty {
            let group = rest.prefix(3)
            rest = rest.dropFirst(3)
            var bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for _ in 0...group.count {
                text.append(digits[Int(bits >> 18 & 63)])
                bits <<= 6
            }
            text += repeatElement(padding, count: 3 - group.count)
        }
        return text
    }

    /// The bytes of `text`, or nil if it is not the one text of any bytes.
    static func decode(_ text: some Collection<UInt8>, _ alphabet: Alphabet = .standard) -> [UInt8]? {
        guard text.count.isMultiple(of: 4) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var rest = text[...]
        while !rest.isEmpty {
            let group = rest.prefix(4)
            rest = rest.dropFirst(4)
            // Only the last group may be padded.
            let characters = rest.isEmpty ? group.droppingPadding : group
            guard characters.count >= 2 else { return nil }
            var bits: UInt32 = 0
            for character in characters {
                guard let value = alphabet.value(of: character) else { return nil }
                bits = bits << 6 | UInt32(value)
            }
            let unusedBits = UInt32(characters.count * 6 % 8)
            guard bits & ((1 << unusedBits) - 1) == 0 else { return nil }
            bits >>= unusedBits
            for place in (0..<characters.count - 1).reversed() { bytes.append(UInt8(bits >> UInt32(8 * place) & 0xff)) }
        }
        return bytes
    }
}

extension Collection<UInt8> {
    /// The characters before one or two signs of padding.
    fileprivate var droppingPadding: SubSequence {
        let padding = self.reversed().prefix(2).prefix { $0 == UInt8(ascii: "=") }
        return dropLast(padding.count)
    }
}

extension Base64.Alphabet {
    fileprivate func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+") where self == .standard, UInt8(ascii: "-") where self == .urlSafe: 62
        case UInt8(ascii: "/") where self == .standard, UInt8(ascii: "_") where self == .urlSafe: 63
        default: nil
        }
    }
}
