/// A file in the format of `java.util.Properties`, with one addition: white space and `#` begin a comment also behind
/// a value, as in FLUO's sample. A value that contains just that writes `\#`.
struct PropertiesFile {
    struct Property: Hashable {
        let name: String
        let value: String
        /// From 1; where the name stands.
        let line: Int
    }

    let path: String
    let properties: [Property]

    init(parsing text: String, path: String) throws(ConfigurationError) {
        self.path = path
        var properties: [Property] = []
        for (line, text) in Self.logicalLines(text) {
            do throws(Malformed) {
                let (name, value) = try Self.split(text)
                properties.append(Property(name: name, value: value, line: line))
            } catch {
                throw .malformed(path: path, line: line, reason: error.reason)
            }
        }
        self.properties = properties
    }

    private struct Malformed: Error { let reason: String }

    /// Lines with their continuations, without blank ones and comments, each with the number of its first line.
    private static func logicalLines(_ text: String) -> [(line: Int, text: [Character])] {
        var lines: [(line: Int, text: [Character])] = []
        var isContinued = false
        // One character: Swift reads CR LF as one.
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let trimmed = line.drop { $0.isBlank }
            if !isContinued {
                guard let first = trimmed.first, first != "#", first != "!" else { continue }
                lines.append((index + 1, []))
            }
            let backslashCount = trimmed.reversed().prefix { $0 == "\\" }.count
            isContinued = backslashCount % 2 == 1
            lines[lines.count - 1].text += isContinued ? trimmed.dropLast() : trimmed
        }
        return lines
    }

    /// The name ends at the first `=`, `:` or white space that is not escaped.
    private static func split(_ line: [Character]) throws(Malformed) -> (name: String, value: String) {
        var rest = line[...]
        let name = try unescape(&rest) { character, _ in character == "=" || character == ":" || character.isBlank }
        rest = rest.drop { $0.isBlank }
        if let separator = rest.first, separator == "=" || separator == ":" { rest = rest.dropFirst() }
        rest = rest.drop { $0.isBlank }
        var value = ""
        if rest.first != "#" {
            value = try unescape(&rest) { character, before in character == "#" && before?.isBlank == true }
        }
        guard !name.isEmpty else { throw Malformed(reason: "a name is missing before the value") }
        return (name, value)
    }

    /// Takes characters up to the first that ends them, without the white space at their end.
    private static func unescape(
        _ rest: inout ArraySlice<Character>, until isEnd: (_ character: Character, _ before: Character?) -> Bool
    ) throws(Malformed) -> String {
        var text = ""
        var before: Character?
        /// How long the text is without white space at its end; what is escaped is no white space.
        var lengthKept = 0
        while let character = rest.first, !isEnd(character, before) {
            rest.removeFirst()
            before = character
            if character == "\\" {
                text.append(try escaped(&rest))
                lengthKept = text.count
                before = nil
            } else {
                text.append(character)
                if !character.isBlank { lengthKept = text.count }
            }
        }
        return String(text.prefix(lengthKept))
    }

    private static func escaped(_ rest: inout ArraySlice<Character>) throws(Malformed) -> Character {
        guard let character = rest.popFirst() else { throw Malformed(reason: "a backslash ends the file") }
        switch character {
        case "t": return "\t"
        case "n": return "\n"
        case "r": return "\r"
        case "f": return "\u{C}"
        case "u":
            let digits = String(rest.prefix(4))
            rest = rest.dropFirst(4)
            guard digits.count == 4, let code = UInt32(digits, radix: 16), digits.first != "+",
                let scalar = Unicode.Scalar(code)
            else { throw Malformed(reason: "\\u\(digits) names no character") }
            return Character(scalar)
        default: return character
        }
    }
}

extension Character {
    /// White space within a line.
    fileprivate var isBlank: Bool { self == " " || self == "\t" || self == "\u{C}" }
}
