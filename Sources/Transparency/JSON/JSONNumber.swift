/// A JSON number: its text as written, and the IEEE 754 double it stands for.
///
/// Every value of this type is finite and its text follows the grammar of RFC 8259, section 6. Numbers are equal when
/// their texts are: `1.0` and `1` are two numbers here, and one in ``JSONValue/canonical()``.
public struct JSONNumber: Hashable, Sendable {
    /// The number as it stands in the document.
    public let text: String

    /// The largest integer a double holds together with all smaller ones, 2^53 − 1. Larger integers belong in strings
    /// (RFC 7493, section 2.2).
    public static let integerLimit: Int64 = (1 << 53) - 1

    /// The number with this text, or nil if it is not a JSON number or lies outside the range of a double.
    public init?(text: String) {
        guard JSONParser.isNumber(Array(text.utf8)) else { return nil }
        self.text = text
    }

    /// An integer, or nil beyond ±(2^53 − 1).
    public init?(exactly value: some BinaryInteger) {
        guard let value = Int64(exactly: value), value.magnitude <= Self.integerLimit else { return nil }
        text = String(value)
    }

    /// The shortest text that reads back as `value`, or nil for infinities and not-a-number.
    public init?(_ value: Double) {
        guard value.isFinite else { return nil }
        text = String(decoding: value.ecmaScriptDigits, as: UTF8.self)
    }

    /// For the parser, which has already checked grammar and range.
    init(validText: String) { text = validText }

    /// The double nearest to the text.
    public var double: Double { Double(text) ?? 0 }

    /// The integer the text spells out, with no fraction and no exponent, or nil if it is none or does not fit.
    public func integer<Integer: FixedWidthInteger>(as type: Integer.Type = Integer.self) -> Integer? { Integer(text) }
}

extension JSONNumber: ExpressibleByIntegerLiteral {
    /// An integer between −(2^53 − 1) and 2^53 − 1; a program with another literal stops.
    public init(integerLiteral value: Int64) {
        precondition(value.magnitude <= Self.integerLimit, "an integer literal beyond 2^53 − 1 belongs in a string")
        text = String(value)
    }
}
