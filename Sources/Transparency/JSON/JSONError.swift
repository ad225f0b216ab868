internal import CryptoPrimitives

/// Why bytes are not an I-JSON document, or a value cannot become one.
public struct JSONError: Error, Hashable, Sendable {
    /// What is wrong.
    public enum Reason: Hashable, Sendable {
        /// The document ends inside a value.
        case unexpectedEnd
        /// A byte that cannot stand where it does.
        case unexpectedByte(UInt8)
        /// Something follows the value.
        case trailingBytes
        /// The bytes are not UTF-8 (RFC 8259, section 8.1).
        case invalidUTF8
        /// A control character that is not escaped (RFC 8259, section 7).
        case controlCharacter(UInt8)
        /// A backslash followed by something that is no escape.
        case invalidEscape
        /// An escaped surrogate without its other half (RFC 7493, section 2.1).
        case loneSurrogate
        /// A number beyond the range of a double (RFC 7493, section 2.2).
        case numberOutOfRange
        /// A name that appears twice in one object (RFC 7493, section 2.3).
        case duplicateName(String)
        /// Arrays and objects nested deeper than ``JSONValue/depthLimit``.
        case nestedTooDeeply
    }

    /// What is wrong.
    public let reason: Reason
    /// Where, in bytes from the start of the document.
    public let byteOffset: Int

    /// The error with this reason at this place.
    public init(_ reason: Reason, byteOffset: Int) {
        self.reason = reason
        self.byteOffset = byteOffset
    }
}

extension JSONError: CustomStringConvertible {
    /// What is wrong and where, for a person.
    public var description: String { "not acceptable JSON at byte \(byteOffset): \(reason)" }
}

extension JSONError.Reason: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .unexpectedEnd: "the document ends inside a value"
        case .unexpectedByte(let byte): "unexpected byte 0x\([byte].hexadecimal)"
        case .trailingBytes: "something follows the value"
        case .invalidUTF8: "the bytes are not UTF-8"
        case .controlCharacter(let byte): "control character 0x\([byte].hexadecimal) is not escaped"
        case .invalidEscape: "a backslash is followed by something that is no escape"
        case .loneSurrogate: "an escaped surrogate lacks its other half"
        case .numberOutOfRange: "the number is beyond the range of a double; write it as a string"
        case .duplicateName(let name): "the name \"\(name)\" appears twice in one object"
        case .nestedTooDeeply: "arrays and objects are nested deeper than \(JSONValue.depthLimit)"
        }
    }
}
