internal import CryptoPrimitives

/// Why bytes are not a signed note, or not one to rely on.
public enum NoteError: Error, Hashable, Sendable {
    /// More bytes than ``SignedNote/byteCountLimit``.
    case tooLarge(byteCount: Int)
    /// Not UTF-8.
    case notUTF8(byteOffset: Int)
    /// A control character other than the newline.
    case controlCharacter(UInt8, byteOffset: Int)
    /// The last line has no newline.
    case notTerminated
    /// No empty line between text and signatures.
    case noSeparator
    /// Nothing after the empty line.
    case noSignatures
    /// More signature lines than ``SignedNote/signatureCountLimit``.
    case tooManySignatures(count: Int)
    /// The line with this number, counted from 1 below the text, is no signature line.
    case malformedSignature(number: Int)
    /// A signature that claims to be a trusted key's does not hold: text or signature was altered.
    case invalidSignature(KeyName, NoteKeyID)
    /// None of the trusted keys signed.
    case noTrustedSignature
}

extension NoteError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .tooLarge(let count): "the note has \(count) bytes; at most \(SignedNote.byteCountLimit) are read"
        case .notUTF8(let offset): "the note is not UTF-8 at byte \(offset)"
        case .controlCharacter(let byte, let offset): "control character 0x\([byte].hexadecimal) at byte \(offset)"
        case .notTerminated: "the last line of the note does not end in a newline"
        case .noSeparator: "no empty line separates the text from its signatures"
        case .noSignatures: "the note has no signatures"
        case .tooManySignatures(let count):
            "the note has \(count) signatures; at most \(SignedNote.signatureCountLimit) are read"
        case .malformedSignature(let number): "signature line \(number) is malformed"
        case .invalidSignature(let name, let keyID):
            "the signature of \(name) (key \(keyID)) does not hold: text or signature was altered"
        case .noTrustedSignature: "none of the trusted keys signed this note"
        }
    }
}
