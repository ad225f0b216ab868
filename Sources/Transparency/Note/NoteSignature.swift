/// One signature line of a note: `— name base64(key ID ‖ signature)` (C2SP signed-note).
public struct NoteSignature: Hashable, Sendable {
    /// The name of the key.
    public let name: KeyName
    /// Which key of that name.
    public let keyID: NoteKeyID
    /// What follows the key ID, in the form of the key's algorithm; never empty.
    public let bytes: [UInt8]

    // An em dash (U+2014) and a space.
    private static let prefix: [UInt8] = [0xe2, 0x80, 0x94, 0x20]
    private static let keyIDByteCount = 4

    init(name: KeyName, keyID: NoteKeyID, bytes: [UInt8]) {
        self.name = name
        self.keyID = keyID
        self.bytes = bytes
    }

    /// Reads a line, without its newline; nil if it is no signature line.
    init?(line: some Collection<UInt8>) {
        guard line.starts(with: Self.prefix) else { return nil }
        let parts = line.dropFirst(Self.prefix.count).split(
            separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 2, let name = KeyName(String(decoding: parts[0], as: UTF8.self)),
            let blob = Base64.decode(parts[1]), blob.count > Self.keyIDByteCount
        else { return nil }
        self.name = name
        keyID = NoteKeyID(blob[..<Self.keyIDByteCount].reduce(0) { $0 << 8 | UInt32($1) })
        bytes = Array(blob[Self.keyIDByteCount...])
    }

    /// Reads one or more lines: the end of a note, or what a witness answers.
    ///
    /// - Throws: ``NoteError/notTerminated``, ``NoteError/noSignatures``, ``NoteError/tooManySignatures(count:)``,
    ///   ``NoteError/malformedSignature(number:)``.
    public static func lines(parsing bytes: some BidirectionalCollection<UInt8>) throws(NoteError) -> [NoteSignature] {
        guard let last = bytes.last else { throw .noSignatures }
        guard last == newline else { throw .notTerminated }
        let lines = bytes.dropLast().split(separator: newline, omittingEmptySubsequences: false)
        guard lines.count <= SignedNote.signatureCountLimit else { throw .tooManySignatures(count: lines.count) }
        var signatures: [NoteSignature] = []
        for line in lines {
            guard let signature = NoteSignature(line: line) else {
                throw .malformedSignature(number: signatures.count + 1)
            }
            signatures.append(signature)
        }
        return signatures
    }

    /// The line, without its newline.
    var line: [UInt8] {
        Self.prefix + name.utf8 + [UInt8(ascii: " ")] + Base64.encode(keyID.bytes + bytes)
    }
}

extension NoteSignature: CustomStringConvertible {
    /// The line, without its newline.
    public var description: String { String(decoding: line, as: UTF8.self) }
}
