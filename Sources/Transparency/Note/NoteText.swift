/// What a note says and its signatures are made over: UTF-8 without control characters, ending in a newline (C2SP
/// signed-note).
public struct NoteText: Hashable, Sendable {
    /// The text with its final newline.
    public let bytes: [UInt8]

    /// - Throws: ``NoteError/notUTF8(byteOffset:)``, ``NoteError/controlCharacter(_:byteOffset:)``,
    ///   ``NoteError/notTerminated``.
    public init(_ bytes: [UInt8]) throws(NoteError) {
        try Self.requireCharacters(of: bytes)
        guard bytes.last == newline else { throw .notTerminated }
        self.bytes = bytes
    }

    /// For text cut out of a note or composed of parts that were already checked.
    init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// The rule for every byte of a note: valid UTF-8, and of the characters below U+0020 only the newline.
    static func requireCharacters(of bytes: [UInt8]) throws(NoteError) {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw .notUTF8(byteOffset: error.byteOffsets.lowerBound)
        }
        if let offset = bytes.firstIndex(where: { $0 < 0x20 && $0 != newline }) {
            throw .controlCharacter(bytes[offset], byteOffset: offset)
        }
    }

    /// The lines, without their newlines.
    var lines: [ArraySlice<UInt8>] { bytes.dropLast().split(separator: newline, omittingEmptySubsequences: false) }
}

extension NoteText: CustomStringConvertible {
    /// The text.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

let newline = UInt8(ascii: "\n")
