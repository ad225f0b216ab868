/// Walks over a text once and tries, at each byte that can begin something personal, what it could be.
struct TextScanner {
    let bytes: [UInt8]
    private(set) var findings: [PersonalData.Finding] = []
    /// The end of all findings so far. What lies before it is hidden already, and not looked at again by anything that
    /// may read far ahead: no text takes more than linear time.
    private(set) var covered = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func scan() {
        scanQueryPair(at: 0, isAlone: true)
        var offset = 0
        while offset < bytes.count {
            offset = max(step(at: offset), offset + 1)
        }
    }

    /// Tries what can begin at this byte, and returns where to go on.
    private mutating func step(at offset: Int) -> Int {
        switch bytes[offset] {
        case UInt8(ascii: "@"): return scanEmail(at: offset..<offset + 1)
        case UInt8(ascii: "%"):
            if matches("%40", at: offset) { return scanEmail(at: offset..<offset + 3) }
            if matches("%2B", at: offset) || matches("%2b", at: offset) { return scanNumber(at: offset) }
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "("):
            return scanNumber(at: offset)
        case UInt8(ascii: "?"), UInt8(ascii: "&"):
            scanQueryPair(at: offset + 1)
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            scanQuotedPair(at: offset)
        case UInt8(ascii: "="), UInt8(ascii: ":"):
            scanPlainPair(at: offset)
        case UInt8(ascii: "A")...UInt8(ascii: "Z"):
            return scanCapitalizedWord(at: offset)
        default: break
        }
        return offset + 1
    }

    mutating func found(_ kind: PersonalData.Kind, _ range: Range<Int>) {
        findings.append(PersonalData.Finding(kind: kind, utf8Range: range))
        covered = max(covered, range.upperBound)
    }

    // MARK: - Bytes

    /// The byte here, or zero outside the text.
    func byte(_ offset: Int) -> UInt8 { bytes.indices.contains(offset) ? bytes[offset] : 0 }

    func matches(_ word: StaticString, at offset: Int) -> Bool {
        guard offset >= 0, offset + word.utf8CodeUnitCount <= bytes.count else { return false }
        return word.description.utf8.elementsEqual(bytes[offset..<offset + word.utf8CodeUnitCount])
    }

    /// Where the run of bytes that satisfy `condition` ends.
    func end(from offset: Int, _ condition: (UInt8) -> Bool) -> Int {
        var end = offset
        while end < bytes.count, condition(bytes[end]) { end += 1 }
        return end
    }
}

extension UInt8 {
    var isASCIIDigit: Bool { self &- UInt8(ascii: "0") < 10 }
    var isASCIIUppercase: Bool { self &- UInt8(ascii: "A") < 26 }
    var isASCIILetter: Bool { (self | 0x20) &- UInt8(ascii: "a") < 26 }
    var isASCIIAlphanumeric: Bool { isASCIIDigit || isASCIILetter }
    /// A letter, or a byte of a scalar beyond ASCII, most of which are letters.
    var isLetterOrBeyondASCII: Bool { isASCIILetter || self >= 0x80 }
}

// MARK: - E-mail addresses

extension TextScanner {
    /// The address around an `@`, which in a URL may be written `%40`.
    ///
    /// Wider than RFC 5321 on purpose: letters of all scripts, and anything a local part may hold that is not also
    /// punctuation around addresses in URLs and logs.
    mutating func scanEmail(at sign: Range<Int>) -> Int {
        let next = sign.upperBound
        var start = sign.lowerBound
        while start > 0, isLocalPart(bytes[start - 1]) || isPercentEncoded(endingAt: start) { start -= 1 }
        start = max(start, covered)
        // The digits of an escape in front, such as %3D, do not belong to it.
        if byte(start - 1) == UInt8(ascii: "%"), byte(start).isASCIIAlphanumeric, byte(start + 1).isASCIIAlphanumeric,
            start + 2 < sign.lowerBound
        {
            start += 2
        }
        while start < sign.lowerBound, Self.isTrimmed(bytes[start]) { start += 1 }
        guard start < sign.lowerBound else { return next }
        if let userInformation = userInformation(before: sign.lowerBound) {
            // https://user:password@host: the host is technical, what stands before it is not.
            found(.name, userInformation)
            return next
        }
        guard let end = domainEnd(from: next) else { return next }
        found(.email, start..<end)
        return end
    }

    private func isLocalPart(_ byte: UInt8) -> Bool {
        if byte.isASCIIAlphanumeric || byte >= 0x80 { return true }
        return switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "'"),
            UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "*"), UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Whether the byte before `end` belongs to a `%` escape of a plus sign or of a letter beyond ASCII; the digits
    /// themselves are alphanumeric, so only the sign has to be asked about.
    private func isPercentEncoded(endingAt end: Int) -> Bool {
        guard byte(end - 1) == UInt8(ascii: "%") else { return false }
        let high = byte(end).lowercasedASCII
        return high == UInt8(ascii: "8") || high == UInt8(ascii: "9")
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(high)
            || (high == UInt8(ascii: "2") && byte(end + 1).lowercasedASCII == UInt8(ascii: "b"))
    }

    /// Punctuation that may stand in front of an address without belonging to it.
    private static func isTrimmed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "'"), UInt8(ascii: "`"), UInt8(ascii: "{"),
            UInt8(ascii: "|"), UInt8(ascii: "*"), UInt8(ascii: "#"):
            true
        default: false
        }
    }

    /// What stands between `://` and the sign, if nothing but the authority of a URL does.
    private func userInformation(before sign: Int) -> Range<Int>? {
        var start = sign
        // Bounded, so that a text of nothing but signs is still read in linear time.
        while start > max(0, sign - 256), bytes[start - 1] > 0x20, bytes[start - 1] != UInt8(ascii: "\""),
            bytes[start - 1] != UInt8(ascii: "/"), bytes[start - 1] != UInt8(ascii: "?"),
            bytes[start - 1] != UInt8(ascii: "#")
        {
            start -= 1
        }
        return start < sign && matches("://", at: start - 3) ? start..<sign : nil
    }

    /// Where a domain of two labels or more ends, whose last label is a word.
    private func domainEnd(from start: Int) -> Int? {
        var end = start
        var lastLabel = start
        var labelCount = 0
        while true {
            let labelEnd = self.end(from: end) {
                $0.isASCIIAlphanumeric || $0 >= 0x80 || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
            guard labelEnd > end else { break }
            lastLabel = end
            labelCount += 1
            end = labelEnd
            guard byte(end) == UInt8(ascii: "."), byte(end + 1).isASCIIAlphanumeric || byte(end + 1) >= 0x80 else {
                break
            }
            end += 1
        }
        while end > start, bytes[end - 1] == UInt8(ascii: "-") || bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
        guard labelCount > 1, end - lastLabel >= 2, bytes[lastLabel..<end].contains(where: \.isLetterOrBeyondASCII)
        else {
            return nil
        }
        return end
    }
}
