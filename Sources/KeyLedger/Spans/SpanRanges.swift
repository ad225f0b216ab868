internal import Transparency

/// Finds where the spans stand in the bytes of a line that has already been read as JSON: the order is that of the
/// document, the ranges go from brace to brace.
struct SpanRanges {
    private let bytes: [UInt8]
    private var offset = 0
    private var ranges: [Range<Int>] = []

    static func find(in bytes: [UInt8]) -> [Range<Int>] {
        var finder = SpanRanges(bytes)
        finder.elements(ofMember: "resourceSpans") { resource in
            resource.elements(ofMember: "scopeSpans") { scope in
                scope.elements(ofMember: "spans") { span in
                    let start = span.offset
                    span.skipValue()
                    span.ranges.append(start..<span.offset)
                }
            }
        }
        return finder.ranges
    }

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Moves behind the object that starts here, and lets `visit` move over each element of its member `name`.
    private mutating func elements(ofMember name: String, _ visit: (inout SpanRanges) -> Void) {
        skipWhitespace()
        guard next == UInt8(ascii: "{") else { return skipValue() }
        enter()
        while next == UInt8(ascii: "\"") {
            let isMember = skipName(is: name)
            skipWhitespace()
            offset += 1
            skipWhitespace()
            if isMember, next == UInt8(ascii: "[") { elements(visit) } else { skipValue() }
            skipSeparator()
        }
        offset += 1
    }

    private mutating func elements(_ visit: (inout SpanRanges) -> Void) {
        enter()
        while offset < bytes.count, next != UInt8(ascii: "]") {
            visit(&self)
            skipSeparator()
        }
        offset += 1
    }

    private mutating func enter() {
        offset += 1
        skipWhitespace()
    }

    private mutating func skipSeparator() {
        skipWhitespace()
        guard next == UInt8(ascii: ",") else { return }
        offset += 1
        skipWhitespace()
    }

    /// A name may be written with escapes.
    private mutating func skipName(is name: String) -> Bool {
        let start = offset
        skipString()
        let quoted = bytes[start..<offset]
        guard quoted.contains(UInt8(ascii: "\\")) else { return quoted.dropFirst().dropLast().elementsEqual(name.utf8) }
        return (try? JSONValue(parsing: Array(quoted)))?.string?.isExactly(name) == true
    }

    private mutating func skipValue() {
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
    private mutating func skipPlain() {
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

    private mutating func skipString() {
        offset += 1
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
            offset += bytes[offset] == UInt8(ascii: "\\") ? 2 : 1
        }
        offset += 1
    }

    private mutating func skipWhitespace() {
        while next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09 { offset += 1 }
    }

    /// The byte here, or zero at the end: no byte of a JSON document is zero.
    private var next: UInt8 { offset < bytes.count ? bytes[offset] : 0 }
}
