extension JSONValue {
    /// The one form of this value under the JSON Canonicalization Scheme (RFC 8785): no white space, members sorted by
    /// the UTF-16 code units of their names, numbers as ECMAScript prints doubles.
    ///
    /// Integers beyond 2^53 − 1 lose digits here, as the scheme demands: carry them as strings.
    ///
    /// - Throws: ``JSONError/Reason/nestedTooDeeply`` for a value that could not be read back, with the number of
    ///   bytes written until then as offset.
    public func canonical() throws(JSONError) -> [UInt8] {
        var writer = JSONWriter()
        try writer.write(canonical: self, depth: 0)
        return writer.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func write(canonical value: JSONValue, depth: Int) throws(JSONError) {
        guard depth <= JSONValue.depthLimit else {
            throw JSONError(.nestedTooDeeply, byteOffset: bytes.count)
        }
        switch value {
        case .null, .bool, .string: write(value)
        case .number(let number): bytes += number.double.ecmaScriptDigits
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                try write(canonical: element, depth: depth + 1)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            let sorted = object.members.sorted { $0.name.precedesInUTF16($1.name) }
            for (index, member) in sorted.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(quoted: member.name)
                bytes.append(UInt8(ascii: ":"))
                try write(canonical: member.value, depth: depth + 1)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }
}

extension String {
    /// The order of UTF-16 code units (RFC 8785, section 3.2.3), found on the UTF-8 bytes.
    ///
    /// Both encodings order scalars by value, but for one thing: UTF-16 puts scalars above U+FFFF (surrogates, UTF-8
    /// lead bytes from F0) before U+E000…U+FFFF (lead bytes EE and EF).
    fileprivate func precedesInUTF16(_ other: String) -> Bool {
        var a = utf8.makeIterator()
        var b = other.utf8.makeIterator()
        while true {
            guard let right = b.next() else { return false }
            guard let left = a.next() else { return true }
            guard left != right else { continue }
            let areSwapped = min(left, right) >= 0xee && (left < 0xf0) != (right < 0xf0)
            return areSwapped ? left > right : left < right
        }
    }
}

extension Double {
    /// The number as ECMAScript prints it (RFC 8785, section 3.2.2.3; ECMA-262, Number::toString): the shortest digits
    /// that read back as the same double, with an exponent from 1e21 and below 1e-6. Only for finite numbers.
    var ecmaScriptDigits: [UInt8] {
        if self == 0 { return [UInt8(ascii: "0")] }
        if let integer = Int64(exactly: self), integer.magnitude <= JSONNumber.integerLimit {
            return Array(String(integer).utf8)
        }
        let (digits, point) = shortestDecimal
        let zero = UInt8(ascii: "0")
        var text: [UInt8] = self < 0 ? [UInt8(ascii: "-")] : []
        switch point {
        case digits.count...21:
            text += digits
            text += repeatElement(zero, count: point - digits.count)
        case 1...21:
            text += digits[..<point]
            text.append(UInt8(ascii: "."))
            text += digits[point...]
        case -5...0:
            text += [zero, UInt8(ascii: ".")]
            text += repeatElement(zero, count: -point)
            text += digits
        default:
            text.append(digits[0])
            if digits.count > 1 {
                text.append(UInt8(ascii: "."))
                text += digits[1...]
            }
            text.append(UInt8(ascii: "e"))
            if point > 0 { text.append(UInt8(ascii: "+")) }
            text += String(point - 1).utf8
        }
        return text
    }

    /// The magnitude as `0.d₁d₂…dₖ × 10^point`, k as small as can be. Swift prints doubles with exactly these digits;
    /// only where it puts the point differs from ECMAScript.
    private var shortestDecimal: (digits: [UInt8], point: Int) {
        let parts = magnitude.description.utf8.split(separator: UInt8(ascii: "e"))
        let mantissa = parts[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let whole = mantissa[0]
        let fraction = mantissa.count > 1 ? mantissa[1] : Substring().utf8
        let exponent = parts.count > 1 ? Int(String(Substring(parts[1]))) ?? 0 : 0
        let all = Array(whole) + Array(fraction)
        let significant = all.drop { $0 == UInt8(ascii: "0") }
        let digits = Array(significant.reversed().drop { $0 == UInt8(ascii: "0") }.reversed())
        return (digits, whole.count + exponent - (all.count - significant.count))
    }
}
