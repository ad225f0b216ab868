/// A pattern of attribute names: `customer.email`, `http.request.header.*`, `*.secret`. A `*` stands for any number of
/// characters, dots included. Case does not matter for ASCII letters: `Customer.Email` must not slip through.
public struct AttributePattern: Hashable, Sendable {
    /// The pattern as it was written.
    public let text: String
    /// The literals between the stars, in lower case.
    private let literals: [[UInt8]]

    /// A pattern; nil if it is empty.
    public init?(_ text: String) {
        guard !text.isEmpty else { return nil }
        self.text = text
        literals = text.utf8.map(\.lowercasedASCII)
            .split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map { Array($0) }
    }

    /// Whether this name fits.
    public func matches(_ name: String) -> Bool { matches(lowercased: name.utf8.map(\.lowercasedASCII)) }

    func matches(lowercased name: [UInt8]) -> Bool {
        guard let first = literals.first, let last = literals.last else { return false }
        guard literals.count > 1 else { return name == first }
        guard name.count >= first.count + last.count, name.starts(with: first) else { return false }
        guard name.suffix(last.count).elementsEqual(last) else { return false }
        // The leftmost place for each literal between leaves the most room for the next.
        var rest = name[first.count..<name.count - last.count]
        for literal in literals.dropFirst().dropLast() where !literal.isEmpty {
            guard let found = rest.indices.first(where: { rest[$0...].starts(with: literal) }) else { return false }
            rest = rest[(found + literal.count)...]
        }
        return true
    }
}
