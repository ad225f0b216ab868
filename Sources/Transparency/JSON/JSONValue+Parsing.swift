internal import CryptoPrimitives

extension JSONValue {
    /// Reads one I-JSON document (RFC 8259 with the restrictions of RFC 7493).
    ///
    /// - Throws: ``JSONError`` for anything the two RFCs forbid; no input stops the program.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        var parser = try JSONParser(bytes)
        self = try parser.document()
    }

    /// Reads one I-JSON document from memory that belongs to somebody else.
    ///
    /// - Throws: ``JSONError``.
    public init(parsing bytes: RawSpan) throws(JSONError) { try self.init(parsing: bytes.array) }

    /// Reads one I-JSON document from text.
    ///
    /// - Throws: ``JSONError``.
    public init(parsing text: String) throws(JSONError) { try self.init(parsing: Array(text.utf8)) }
}

/// A recursive descent over the bytes. Strings are cut out of the input in runs, never character by character.
struct JSONParser {
    private let bytes: [UInt8]
    private var offset = 0

    /// Checks the encoding of the whole document first: below, every slice between two ASCII bytes is valid UTF-8.
    init(_ bytes: [UInt8]) throws(JSONError) {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw JSONError(.invalidUTF8, byteOffset: error.byteOffsets.lowerBound)
        }
        self.bytes = bytes
    }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value(depth: 0)
        skipWhitespace()
        guard offset == bytes.count else { throw failure(.trailingBytes) }
        return value
    }

    /// Whether these bytes are one number within the range of a double, and nothing else.
    static func isNumber(_ bytes: [UInt8]) -> Bool {
        guard var parser = try? JSONParser(bytes), (try? parser.number()) != nil else { return false }
        return parser.offset == bytes.count
    }

    // MARK: - Values

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipWhitespace()
        switch try peek() {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "t"):
            try expect("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try expect("null")
            return .null
        default: return .number(try number())
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        guard depth <= JSONValue.depthLimit else { throw failure(.nestedTooDeeply) }
        offset += 1
        var elements: [JSONValue] = []
        guard try !closes(with: UInt8(ascii: "]")) else { return elements }
        while true {
            elements.append(try value(depth: depth))
            guard try continues(orClosesWith: UInt8(ascii: "]")) else { return elements }
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        guard depth <= JSONValue.depthLimit else { throw failure(.nestedTooDeeply) }
        offset += 1
        var members: [JSONObject.Member] = []
        var names = UniqueNames()
        guard try !closes(with: UInt8(ascii: "}")) else { return JSONObject() }
        while true {
            skipWhitespace()
            let start = offset
            guard try peek() == UInt8(ascii: "\"") else { throw unexpected() }
            let name = try string()
            guard names.insert(name, before: members) else {
                throw JSONError(.duplicateName(name), byteOffset: start)
            }
            skipWhitespace()
            try expect(":")
            members.append(JSONObject.Member(name: name, value: try value(depth: depth)))
            guard try continues(orClosesWith: UInt8(ascii: "}")) else { return JSONObject(uniqueMembers: members) }
        }
    }

    private mutating func closes(with closing: UInt8) throws(JSONError) -> Bool {
        skipWhitespace()
        guard try peek() == closing else { return false }
        offset += 1
        return true
    }

    private mutating func continues(orClosesWith closing: UInt8) throws(JSONError) -> Bool {
        skipWhitespace()
        let byte = try peek()
        guard byte == UInt8(ascii: ",") || byte == closing else { throw unexpected() }
        offset += 1
        return byte != closing
    }

    // MARK: - Strings

    private mutating func string() throws(JSONError) -> String {
        offset += 1
        let start = offset
        guard try endOfRun() == UInt8(ascii: "\\") else {
            defer { offset += 1 }
            return String(decoding: bytes[start..<offset], as: UTF8.self)
        }
        var decoded = Array(bytes[start..<offset])
        while bytes[offset] == UInt8(ascii: "\\") {
            try escape(into: &decoded)
            let run = offset
            _ = try endOfRun()
            decoded += bytes[run..<offset]
        }
        offset += 1
        return String(decoding: decoded, as: UTF8.self)
    }

    /// Moves to the next quotation mark or backslash and returns it.
    private mutating func endOfRun() throws(JSONError) -> UInt8 {
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return byte }
            guard byte >= 0x20 else { throw failure(.controlCharacter(byte)) }
            offset += 1
        }
        throw failure(.unexpectedEnd)
    }

    private mutating func escape(into decoded: inout [UInt8]) throws(JSONError) {
        let start = offset
        offset += 1
        let byte = try peek()
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0c)
        case UInt8(ascii: "n"): decoded.append(0x0a)
        case UInt8(ascii: "r"): decoded.append(0x0d)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"): decoded += String(try scalar(escapeOffset: start)).utf8
        default: throw JSONError(.invalidEscape, byteOffset: start)
        }
    }

    /// The scalar of a `\u` escape whose `u` has just been read, or of two that form a surrogate pair.
    private mutating func scalar(escapeOffset: Int) throws(JSONError) -> Character {
        let high = UInt32(try fourHexadecimalDigits())
        guard (0xd800..<0xe000).contains(high) else {
            // Every 16-bit value that is no surrogate is a scalar.
            return Character(Unicode.Scalar(high) ?? "\u{fffd}")
        }
        let lone = JSONError(.loneSurrogate, byteOffset: escapeOffset)
        guard high < 0xdc00, bytes[offset...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else { throw lone }
        offset += 2
        let low = UInt32(try fourHexadecimalDigits())
        guard (0xdc00..<0xe000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
        else { throw lone }
        return Character(scalar)
    }

    private mutating func fourHexadecimalDigits() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            let byte = try peek()
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw failure(.invalidEscape) }
            value = value << 4 | UInt16(digit)
            offset += 1
        }
        return value
    }

    // MARK: - Numbers

    /// RFC 8259, section 6: `[-] int [frac] [exp]`, without leading zeros.
    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = offset
        if try peek() == UInt8(ascii: "-") { offset += 1 }
        if try peek() == UInt8(ascii: "0") { offset += 1 } else { try digits() }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            offset += 1
            try digits()
        }
        let hasExponent = offset < bytes.count && (bytes[offset] | 0x20) == UInt8(ascii: "e")
        if hasExponent {
            offset += 1
            let sign = try peek()
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { offset += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        // Without an exponent, the largest double needs 309 digits: shorter numbers cannot overflow.
        if hasExponent || offset - start > 308 {
            guard let value = Double(text), value.isFinite else {
                throw JSONError(.numberOutOfRange, byteOffset: start)
            }
        }
        return JSONNumber(validText: text)
    }

    private mutating func digits() throws(JSONError) {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(try peek()) else { throw unexpected() }
        while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) { offset += 1 }
    }

    // MARK: - Bytes

    private mutating func skipWhitespace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): offset += 1
            default: return
            }
        }
    }

    private func peek() throws(JSONError) -> UInt8 {
        guard offset < bytes.count else { throw failure(.unexpectedEnd) }
        return bytes[offset]
    }

    private mutating func expect(_ word: StaticString) throws(JSONError) {
        for expected in word.description.utf8 {
            guard try peek() == expected else { throw unexpected() }
            offset += 1
        }
    }

    private func failure(_ reason: JSONError.Reason) -> JSONError { JSONError(reason, byteOffset: offset) }

    /// For a byte that is there but cannot be.
    private func unexpected() -> JSONError { failure(.unexpectedByte(bytes[offset])) }
}

/// The names seen in one object: compared one by one while they are few, looked up once they are many, so that a
/// large object does not cost the square of its size.
private struct UniqueNames {
    private static let few = 16
    private var names: Set<ExactName> = []

    mutating func insert(_ name: String, before members: [JSONObject.Member]) -> Bool {
        if members.count < Self.few { return !members.contains { $0.name.hasSameScalars(as: name) } }
        if members.count == Self.few { names = Set(members.map { ExactName(text: $0.name) }) }
        return names.insert(ExactName(text: name)).inserted
    }
}

private struct ExactName: Hashable {
    let text: String

    static func == (a: Self, b: Self) -> Bool { a.text.hasSameScalars(as: b.text) }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
