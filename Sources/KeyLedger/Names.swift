/// The name of a tenant or key, valid by construction: 1 to 128 characters, letters and digits of ASCII and `. _ - @ :`,
/// beginning with a letter or digit. No name can be a path, hide a control character or look like another.
public struct EntityName: Hashable, Sendable, CustomStringConvertible {
    /// The name itself.
    public let description: String

    /// The most characters of a name.
    public static let characterCountMax = 128

    /// Checks a name.
    ///
    /// - Throws: ``KeyStoreError/invalidName(_:reason:)`` with the name cut to a printable length.
    public init(_ text: String) throws(KeyStoreError) {
        let bytes = Array(text.utf8)
        func invalid(_ reason: String) -> KeyStoreError {
            let shown =
                text.unicodeScalars.count > 40
                ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(40))) + "…" : text
            return .invalidName(shown, reason: reason)
        }
        guard !bytes.isEmpty else { throw invalid("it is empty") }
        guard bytes.count <= Self.characterCountMax else {
            throw invalid("it has \(bytes.count) bytes, more than \(Self.characterCountMax)")
        }
        guard bytes[0].isASCIIAlphanumeric else { throw invalid("it must begin with an ASCII letter or digit") }
        guard bytes.allSatisfy({ $0.isASCIIAlphanumeric || ".-_@:".utf8.contains($0) }) else {
            throw invalid("only ASCII letters, digits and . _ - @ : are allowed")
        }
        description = text
    }
}
