/// A text with signatures below it (C2SP signed-note):
///
/// ```
/// text, one or more lines
///
/// — name base64(key ID ‖ signature)
/// ```
///
/// A value is well formed; whether a signature holds says ``verifiedSignatures(by:)``. It is written back as the very
/// bytes it was read from.
public struct SignedNote: Hashable, Sendable {
    /// What is signed.
    public let text: NoteText
    /// The signatures in order, known or not.
    public private(set) var signatures: [NoteSignature]

    /// More bytes than any checkpoint needs; larger notes are refused before they are looked at.
    public static let byteCountLimit = 1_000_000
    /// More signatures than any quorum needs.
    public static let signatureCountLimit = 100

    /// A note with a first signature.
    public init(text: NoteText, signature: NoteSignature) {
        self.text = text
        signatures = [signature]
    }

    /// Reads a note.
    ///
    /// - Throws: ``NoteError`` for everything the specification forbids, and for the two limits.
    public init(parsing bytes: [UInt8]) throws(NoteError) {
        guard bytes.count <= Self.byteCountLimit else { throw .tooLarge(byteCount: bytes.count) }
        try NoteText.requireCharacters(of: bytes)
        guard bytes.last == newline else { throw .notTerminated }
        // The text may contain empty lines itself; signatures cannot, so it is the last one that separates.
        guard
            let separator = bytes.indices.dropFirst().last(where: { bytes[$0 - 1] == newline && bytes[$0] == newline })
        else { throw .noSeparator }
        text = NoteText(checked: Array(bytes[..<separator]))
        signatures = try NoteSignature.lines(parsing: bytes[(separator + 1)...])
    }

    /// The same note with another signature at its end.
    ///
    /// - Throws: ``NoteError/tooManySignatures(count:)``.
    public func signed(with signature: NoteSignature) throws(NoteError) -> SignedNote {
        guard signatures.count < Self.signatureCountLimit else {
            throw .tooManySignatures(count: signatures.count + 1)
        }
        var note = self
        note.signatures.append(signature)
        return note
    }

    /// The same note with the signatures of these keys only, in their order; nil if there are none. Nothing is verified.
    public func signed(by keys: [VerifierKey]) -> SignedNote? {
        var note = self
        note.signatures = signatures.filter { signature in
            keys.contains { $0.name == signature.name && $0.keyID == signature.keyID }
        }
        return note.signatures.isEmpty ? nil : note
    }

    /// The note as bytes.
    public func serialized() -> [UInt8] {
        text.bytes + [newline] + signatures.flatMap { $0.line + [newline] }
    }
}

// MARK: - Verification

/// A signature that holds, and the key that made it.
public struct VerifiedSignature: Hashable, Sendable {
    /// The key.
    public let key: VerifierKey
    /// When a cosigner says it signed, in seconds since 1970; nil for signatures without a time.
    public let secondsSince1970: UInt64?
}

extension SignedNote {
    /// The signatures made by these keys, one a key; signatures by other keys are ignored.
    ///
    /// A signature line that names one of the keys must hold, even if it repeats an earlier one: otherwise the whole
    /// note is refused.
    ///
    /// - Throws: ``NoteError/invalidSignature(_:_:)``, ``NoteError/noTrustedSignature``.
    public func verifiedSignatures(by keys: [VerifierKey]) throws(NoteError) -> [VerifiedSignature] {
        var verified: [VerifiedSignature] = []
        for signature in signatures {
            // Four bytes of key ID may be shared by two keys; then either may have signed.
            let candidates = keys.filter { $0.name == signature.name && $0.keyID == signature.keyID }
            guard !candidates.isEmpty else { continue }
            guard let holding = candidates.lazy.compactMap({ $0.verify(signature, over: text) }).first else {
                throw .invalidSignature(signature.name, signature.keyID)
            }
            if !verified.contains(where: { $0.key == holding.key }) { verified.append(holding) }
        }
        guard !verified.isEmpty else { throw .noTrustedSignature }
        return verified
    }
}
