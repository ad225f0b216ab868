extension [UInt8] {
    /// Two lower-case hexadecimal digits a byte.
    public var hexadecimal: String { unsafe span.bytes.hexadecimal }

    /// Bytes from ASCII hexadecimal digits of either case, or nil.
    ///
    /// Nothing else is a digit here: no prefix, no space, no sign, and none of Unicode's full-width look-alikes.
    public init?(hexadecimal text: String) {
        var digits = text.utf8.makeIterator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 2)
        while let first = digits.next() {
            guard let second = digits.next(), let high = Self.value(ofDigit: first),
                let low = Self.value(ofDigit: second)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self = bytes
    }

    private static func value(ofDigit digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension RawSpan {
    /// Two lower-case hexadecimal digits a byte; not for secrets.
    public var hexadecimal: String {
        unsafe String(unsafeUninitializedCapacity: 2 * byteCount) { digits in
            for index in 0..<byteCount {
                let byte = unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
                unsafe digits[2 * index] = Self.digit(byte >> 4)
                unsafe digits[2 * index + 1] = Self.digit(byte & 15)
            }
            return 2 * byteCount
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
