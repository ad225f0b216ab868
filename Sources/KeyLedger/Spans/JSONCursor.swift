internal import Transparency

/// Walks over the bytes of a document that has already been read as JSON, to find where something stands in it.
struct JSONCursor {
    let bytes: [UInt8]
    private(set) var offset = 0

    /// A step from an object or array to what it contains.
    enum Step: Hashable {
        case member(String)
        case element(Int)
    }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Moves to what lies at the end of a path; nil if there is no such member or element.
    mutating func find(_ path: [Step]) -> Int? {
        skipWhitespace()
        for step in path {
            switch step {
            case .member(let name): guard enterMember(name) else { return nil }
            case .element(let index): guard enterElement(index) else { return nil }
            }
        }
        return offset
    }

    private mutating func enterMember(_ name: String) -> Bool {
        guard next == UInt8(ascii: "{") else { return false }
        enter()
        while next == UInt8(ascii: "\"") {
            let isMember = skipName(is: name)
            skipColon()
            if isMember { return true }
            skipValue()
            skipSeparator()
        }
        return false
    }

    private mutating func enterElement(_ index: Int) -> Bool {
        guard next == UInt8(ascii: "[") else { return false }
        enter()
        for _ in 0..<index {
            guard offset < bytes.count, next != UInt8(ascii: "]") else { return false }
            skipValue()
            skipSeparator()
        }
        return true
    }

    mutating func skipColon() {
        skipWhitespace()
        skipByte()
        skipWhitespace()
    }

    mutating func skipByte() { offset += 1 }

    mutating func enter() {
        offset += 1
        skipWhitespace()
    }

    mutating func skipSeparator() {
        skipWhitespace()
        guard next == UInt8(ascii: ",") else { return }
        offset += 1
        skipWhitespace()
    }

    /// A name may be written with escapes.
    mutating func skipName(is name: String) -> Bool {
        let start = offset
        skipString()
        let quoted = bytes[start..<offset]
        guard quoted.contains(UInt8(ascii: "\\")) else { return quoted.dropFirst().dropLast().elementsEqual(name.utf8) }
        return (try? JSONValue(parsing: Array(quoted)))?.string?.isExactly(name) == true
    }

    mutating func skipValue() {
        var depth = 0
        repeat {
            switch next {
            case UInt8(ascii: "\""): skipString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                offset += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                offset += 1
            default: skipPlain()
            }
        } while depth > 0 && offset < bytes.count
    }

    /// Moves over numbers, literals, white space, commas and colons: all that is neither string nor bracket. Outside
    /// brackets, only up to what ends a value.
    mutating func skipPlain() {
        repeat { offset += 1 } while offset < bytes.count && !Self.isStructural(bytes[offset])
    }

    private static func isStructural(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"),
            UInt8(ascii: ","):
            true
        default: false
        }
    }

    mutating func skipString() {
        offset += 1
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
            offset += bytes[offset] == UInt8(ascii: "\\") ? 2 : 1
        }
        offset += 1
    }

    mutating func skipWhitespace() {
        while next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09 { offset += 1 }
    }

    /// The byte here, or zero at the end: no byte of a JSON document is zero.
    var next: UInt8 { offset < bytes.count ? bytes[offset] : 0 }
}
