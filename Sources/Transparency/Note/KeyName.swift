internal import CryptoPrimitives

/// The name of a signing key in notes (C2SP signed-note): not empty, no white space, no control characters and no `+`.
/// By custom a URL without its scheme, `ledger.example/keys`. Compared byte for byte.
public struct KeyName: Hashable, Sendable {
    /// The name in UTF-8. Not a `String`, whose equality would mix up names that only look alike.
    public let utf8: [UInt8]

    /// The name, or nil if notes cannot carry it.
    public init?(_ text: String) {
        let isAcceptable = text.unicodeScalars.allSatisfy {
            !$0.properties.isWhitespace && $0.value >= 0x20 && $0 != "+"
        }
        guard !text.isEmpty, isAcceptable else { return nil }
        utf8 = Array(text.utf8)
    }
}

extension KeyName: CustomStringConvertible {
    /// The name as text.
    public var description: String { String(decoding: utf8, as: UTF8.self) }
}

/// The four bytes by which a signature line says which key of that name made it (C2SP signed-note). Not unique: name
/// and key ID together only select the key to try.
public struct NoteKeyID: Hashable, Sendable {
    /// The bytes, the first one highest.
    public let value: UInt32

    /// The identifier with this value.
    public init(_ value: UInt32) { self.value = value }

    var bytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
}

extension NoteKeyID: CustomStringConvertible {
    /// Eight lower-case hexadecimal digits.
    public var description: String { bytes.hexadecimal }
}
