internal import Transparency

extension JSONValue {
    /// The canonical form of RFC 8785, completed where that form loses something.
    ///
    /// RFC 8785 prints every number as an IEEE 754 double, so the timestamps 1795495373298500290 and
    /// 1795495373298500291, written as JSON numbers, have one canonical form. OTLP/JSON writes 64-bit integers as
    /// strings, but not every exporter does, and what is signed must not be rounded. If there are numbers whose
    /// decimal value the canonical form does not preserve, it is followed by a line feed and the canonical form of
    /// `[[pointer, text], …]`: the JSON Pointer (RFC 6901) of each of them and its text, sorted by the bytes of the
    /// pointers. No canonical form contains a line feed, so the two parts cannot be confused.
    ///
    /// Numbers that are merely written differently (`1`, `1.0`, `10e-1`) still have one form.
    func exactCanonical() throws(JSONError) -> [UInt8] {
        var bytes = try canonical()
        var finder = RoundedNumbers()
        finder.visit(self)
        guard !finder.found.isEmpty else { return bytes }
        let sorted = finder.found.sorted { $0.pointer.lexicographicallyPrecedes($1.pointer) }
        let list = sorted.map {
            JSONValue.array([.string(String(decoding: $0.pointer, as: UTF8.self)), .string($0.text)])
        }
        bytes.append(UInt8(ascii: "\n"))
        bytes += try JSONValue.array(list).canonical()
        return bytes
    }
}

/// The numbers of a document whose decimal value differs from that of their canonical form.
private struct RoundedNumbers {
    var found: [(pointer: [UInt8], text: String)] = []
    /// The pointer of the value being visited.
    private var pointer: [UInt8] = []

    mutating func visit(_ value: JSONValue) {
        switch value {
        case .null, .bool, .string: break
        case .number(let number):
            if !number.survivesCanonicalForm { found.append((pointer, number.text)) }
        case .array(let elements):
            for (index, element) in elements.enumerated() { visit(element, at: String(index)) }
        case .object(let object):
            for member in object.members { visit(member.value, at: member.name) }
        }
    }

    private mutating func visit(_ value: JSONValue, at token: String) {
        switch value {
        case .null, .bool, .string: return
        case .number, .array, .object: break
        }
        let length = pointer.count
        pointer.append(UInt8(ascii: "/"))
        for byte in token.utf8 {
            switch byte {
            case UInt8(ascii: "~"): pointer += "~0".utf8
            case UInt8(ascii: "/"): pointer += "~1".utf8
            default: pointer.append(byte)
            }
        }
        visit(value)
        pointer.removeSubrange(length...)
    }
}

extension JSONNumber {
    fileprivate var survivesCanonicalForm: Bool {
        // Every decimal of up to 15 digits comes back from a double, unless an exponent takes it out of range. Zero may
        // lose its sign.
        let isShort = text.utf8.count <= 15
        if isShort, text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }) { return true }
        guard let written = DecimalValue(text.utf8), let canonical = try? JSONValue.number(self).canonical() else {
            return false
        }
        return written == DecimalValue(canonical)
    }
}

/// The value a JSON number spells out: ±0.d₁d₂…dₖ × 10^exponent, d₁ and dₖ not zero.
private struct DecimalValue: Equatable {
    private let isNegative: Bool
    private let digits: [UInt8]
    private let exponent: Int

    /// - Parameter text: a number in the grammar of RFC 8259. Nil if its exponent is beyond all reason.
    init?(_ text: some Collection<UInt8>) {
        isNegative = text.first == UInt8(ascii: "-")
        var digits: [UInt8] = []
        var point: Int?
        var exponentText: [UInt8] = []
        var isExponent = false
        for byte in text {
            switch byte {
            case UInt8(ascii: "."): point = digits.count
            case UInt8(ascii: "e"), UInt8(ascii: "E"): isExponent = true
            case _ where isExponent: exponentText.append(byte)
            case UInt8(ascii: "-"): break
            default: digits.append(byte)
            }
        }
        guard let shift = isExponent ? Int(String(decoding: exponentText, as: UTF8.self)) : 0, abs(shift) < 1 << 32
        else {
            return nil
        }
        let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
        let significant = digits.dropFirst(leading)
        let trailing = significant.reversed().prefix { $0 == UInt8(ascii: "0") }.count
        self.digits = Array(significant.dropLast(trailing))
        exponent = self.digits.isEmpty ? 0 : (point ?? digits.count) - leading + shift
    }
}
