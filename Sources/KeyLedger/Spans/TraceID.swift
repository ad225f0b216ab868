/// The 16 bytes that name a trace (W3C Trace Context, section 3.2.2.3). Never all zero.
public struct TraceID: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// The id with these 32 hexadecimal digits of either case, or nil for anything else and for zero.
    public init?(hexadecimal text: String) {
        let utf8 = text.utf8
        guard utf8.count == 32, let high = UInt64(hexadecimalDigits: utf8.prefix(16)),
            let low = UInt64(hexadecimalDigits: utf8.suffix(16)), high | low != 0
        else { return nil }
        self.high = high
        self.low = low
    }
}

/// The 8 bytes that name a span in its trace (W3C Trace Context, section 3.2.2.4). Never all zero.
public struct SpanID: Hashable, Sendable {
    private let value: UInt64

    /// The id with these 16 hexadecimal digits of either case, or nil for anything else and for zero.
    public init?(hexadecimal text: String) {
        let utf8 = text.utf8
        guard utf8.count == 16, let value = UInt64(hexadecimalDigits: utf8[...]), value != 0 else { return nil }
        self.value = value
    }
}

extension TraceID: CustomStringConvertible {
    /// 32 lower-case hexadecimal digits.
    public var description: String { high.hexadecimalDigits + low.hexadecimalDigits }
}

extension SpanID: CustomStringConvertible {
    /// 16 lower-case hexadecimal digits.
    public var description: String { value.hexadecimalDigits }
}

extension UInt64 {
    /// `UInt64(_:radix:)` would take a sign.
    fileprivate init?(hexadecimalDigits digits: Substring.UTF8View) {
        self = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): self = self << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): self = self << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): self = self << 4 | UInt64(digit - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
    }

    fileprivate var hexadecimalDigits: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
