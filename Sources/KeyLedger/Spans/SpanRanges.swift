/// Finds where the spans stand in the bytes of a line that has already been read as JSON: the order is that of the
/// document, the ranges go from brace to brace.
struct SpanRanges {
    private var cursor: JSONCursor
    private var ranges: [Range<Int>] = []

    static func find(in bytes: [UInt8]) -> [Range<Int>] {
        var finder = SpanRanges(bytes)
        finder.elements(ofMember: "resourceSpans") { resource in
            resource.elements(ofMember: "scopeSpans") { scope in
                scope.elements(ofMember: "spans") { span in
                    let start = span.cursor.offset
                    span.cursor.skipValue()
                    span.ranges.append(start..<span.cursor.offset)
                }
            }
        }
        return finder.ranges
    }

    private init(_ bytes: [UInt8]) { cursor = JSONCursor(bytes) }

    /// Moves behind the object that starts here, and lets `visit` move over each element of its member `name`.
    private mutating func elements(ofMember name: String, _ visit: (inout SpanRanges) -> Void) {
        cursor.skipWhitespace()
        guard cursor.next == UInt8(ascii: "{") else { return cursor.skipValue() }
        cursor.enter()
        while cursor.next == UInt8(ascii: "\"") {
            let isMember = cursor.skipName(is: name)
            cursor.skipColon()
            if isMember, cursor.next == UInt8(ascii: "[") { elements(visit) } else { cursor.skipValue() }
            cursor.skipSeparator()
        }
        cursor.skipByte()
    }

    private mutating func elements(_ visit: (inout SpanRanges) -> Void) {
        cursor.enter()
        while cursor.next != 0, cursor.next != UInt8(ascii: "]") {
            visit(&self)
            cursor.skipSeparator()
        }
        cursor.skipByte()
    }
}
