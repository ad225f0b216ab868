// Values whose name stands beside them: in query strings, in JSON, in logs.

extension TextScanner {
    private static let nameByteCountMax = 64

    /// `name=value` behind `?` or `&`; also at the start of a text that is a query string alone.
    mutating func scanQueryPair(at start: Int, isAlone: Bool = false) {
        guard start >= covered else { return }
        let nameEnd = end(from: start, limit: Self.nameByteCountMax) {
            Self.isNameByte($0) || $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "]")
        }
        guard nameEnd > start, byte(nameEnd) == UInt8(ascii: "="), let kind = kind(ofName: start..<nameEnd) else {
            return
        }
        let valueEnd = end(from: nameEnd + 1) { byte in
            byte > 0x20 && byte != UInt8(ascii: "&") && byte != UInt8(ascii: "#") && byte != UInt8(ascii: "\"")
                && byte != UInt8(ascii: "'") && byte != UInt8(ascii: "<") && byte != UInt8(ascii: ">")
        }
        guard valueEnd > nameEnd + 1 else { return }
        if isAlone, valueEnd < bytes.count, bytes[valueEnd] != UInt8(ascii: "&") { return }
        found(kind, nameEnd + 1..<valueEnd)
    }

    /// `"name": "value"` or `'name': 'value'`, also with escaped quotation marks: JSON in a text, or a printed
    /// dictionary.
    mutating func scanQuotedPair(at quote: Int) {
        guard quote >= covered else { return }
        let start = quote + 1
        let nameEnd = end(from: start, limit: Self.nameByteCountMax) { Self.isNameByte($0) || $0 == UInt8(ascii: " ") }
        let closing = end(from: nameEnd) { $0 == UInt8(ascii: "\\") }
        guard nameEnd > start, byte(closing) == bytes[quote] else { return }
        let colon = end(from: closing + 1, Self.isBlank)
        guard byte(colon) == UInt8(ascii: ":"), let kind = kind(ofName: start..<nameEnd) else { return }
        let value = end(from: colon + 1, Self.isBlank)
        let open = end(from: value) { $0 == UInt8(ascii: "\\") }
        guard byte(open) == UInt8(ascii: "\"") || byte(open) == UInt8(ascii: "'") else {
            // A number; `null`, `true` and what is nested are nobody's.
            let numberEnd = end(from: value) { $0.isASCIIDigit || $0 == UInt8(ascii: ".") }
            if numberEnd > value { found(kind, value..<numberEnd) }
            return
        }
        let end = stringEnd(from: open + 1, quote: bytes[open], backslashCount: open - value)
        if end > open + 1 { found(kind, open + 1..<end) }
    }

    /// The end of a string whose quotation marks stand behind so many backslashes; the end of the text if it has been
    /// cut off.
    private func stringEnd(from start: Int, quote: UInt8, backslashCount: Int) -> Int {
        var backslashes = 0
        for offset in start..<max(start, bytes.count) {
            if bytes[offset] == quote, backslashes <= backslashCount { return offset - backslashes }
            backslashes = bytes[offset] == UInt8(ascii: "\\") ? backslashes + 1 : 0
        }
        return bytes.count
    }

    /// `customer name: John Smith`, `ssn=123456789`, in prose and logs. Stricter about values than the other two:
    /// program code in a stack trace looks alike.
    mutating func scanPlainPair(at sign: Int) {
        guard sign >= covered, let kind = kindOfName(before: sign) else { return }
        let value = end(from: sign + 1, limit: 2) {
            Self.isBlank($0) || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "'")
        }
        switch kind {
        case .email: break
        case .ssn, .creditCard, .phone:
            if let end = numberEnd(from: value) { found(kind, value..<end) }
        case .name:
            guard let end = capitalizedWordsEnd(from: value, countMax: 4) else { return }
            let isCode =
                byte(end) == UInt8(ascii: "(") || byte(end) == UInt8(ascii: "[") || byte(end) == UInt8(ascii: ".")
            let isConstant = ["none", "null", "true", "false"].contains(lowercased(value..<end))
            if !isConstant, !isCode || byte(end + 1) <= 0x20 { found(.name, value..<end) }
        case .address:
            if let end = addressEnd(from: value) { found(.address, value..<end) }
        }
    }

    /// The kind that the one, two or three words before a sign stand for. The word "name" alone says too little here.
    private func kindOfName(before sign: Int) -> PersonalData.Kind? {
        var start = sign
        for _ in 0..<3 {
            var wordStart = start
            while wordStart > max(0, sign - Self.nameByteCountMax), Self.isNameByte(bytes[wordStart - 1]) {
                wordStart -= 1
            }
            guard wordStart < start else { return nil }
            let isBareName = lowercased(wordStart..<sign) == "name"
            if !isBareName, let kind = kind(ofName: wordStart..<sign) { return kind }
            guard byte(wordStart - 1) == UInt8(ascii: " ") else { return nil }
            start = wordStart - 1
        }
        return nil
    }

    /// Four digits or more with what may stand between them.
    private func numberEnd(from start: Int) -> Int? {
        let run = end(from: start, limit: 32) { byte in
            byte.isASCIIDigit || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
                || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "/")
        }
        let digits = (start..<run).filter { bytes[$0].isASCIIDigit }
        guard digits.count >= 4, let last = digits.last else { return nil }
        return end(from: last, \.isASCIIDigit)
    }

    /// Words and a number: an address in memory or on a network is one word.
    private func addressEnd(from start: Int) -> Int? {
        let end = end(from: start, limit: 128) { byte in
            byte >= 0x20 && byte != UInt8(ascii: ";") && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "'")
                && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "(") && byte != UInt8(ascii: "&")
        }
        let value = bytes[start..<end]
        guard value.contains(where: \.isASCIIDigit), value.contains(where: \.isASCIIUppercase),
            value.contains(UInt8(ascii: " ")), !value.contains(UInt8(ascii: ":"))
        else { return nil }
        return self.scalarBoundary(end)
    }

    // MARK: - Bytes

    private func kind(ofName range: Range<Int>) -> PersonalData.Kind? {
        PersonalData.kind(ofFieldNamed: String(decoding: bytes[range], as: UTF8.self))
    }

    private func end(from offset: Int, limit: Int, _ condition: (UInt8) -> Bool) -> Int {
        var end = offset
        while end < min(bytes.count, offset + limit), condition(bytes[end]) { end += 1 }
        return end
    }

    /// A limit may have cut a scalar.
    private func scalarBoundary(_ offset: Int) -> Int { end(from: offset) { $0 & 0xc0 == 0x80 } }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte.isASCIIAlphanumeric || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }
}
