public import CryptoPrimitives

/// What a key's signatures in a note look like, by the type byte in front of the public key (C2SP signed-note).
public enum NoteAlgorithm: UInt8, Hashable, Sendable {
    /// Ed25519 over the text: 64 bytes.
    case ed25519 = 0x01
    /// A witness's Ed25519 cosignature with its time (C2SP tlog-cosignature): 8 + 64 bytes.
    case cosignature = 0x04
}

/// A public key with the name it signs under, written `name+keyID+base64(type ‖ key)` (C2SP signed-note, "vkey").
public struct VerifierKey: Hashable, Sendable {
    /// The name in signature lines.
    public let name: KeyName
    /// What the signatures look like.
    public let algorithm: NoteAlgorithm
    /// The key.
    public let publicKey: Ed25519.PublicKey
    /// Which key of that name, in signature lines.
    public let keyID: NoteKeyID

    /// The verifier of what the holder of a key signs.
    public init(name: KeyName, algorithm: NoteAlgorithm, publicKey: Ed25519.PublicKey) {
        self.name = name
        self.algorithm = algorithm
        self.publicKey = publicKey
        let identified = name.utf8 + [newline, algorithm.rawValue] + publicKey.bytes
        let digest = SHA256.hash(unsafe identified.span.bytes)
        keyID = NoteKeyID(digest.bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// Reads the text form.
    ///
    /// - Throws: ``VerifierKeyError``, also for a key ID that is not this key's under this name.
    public init(parsing text: String) throws(VerifierKeyError) {
        // The base64 at the end may contain a plus itself.
        let parts = text.utf8.split(separator: UInt8(ascii: "+"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed }
        guard let name = KeyName(String(decoding: parts[0], as: UTF8.self)) else { throw .invalidName }
        guard let encoded = Base64.decode(parts[2]), let type = encoded.first else { throw .malformed }
        guard let algorithm = NoteAlgorithm(rawValue: type) else { throw .unknownAlgorithm(type) }
        let key = Array(encoded.dropFirst())
        do throws(CryptoError) {
            self.init(
                name: name, algorithm: algorithm, publicKey: try Ed25519.PublicKey(unsafe key.span.bytes))
        } catch {
            throw .unacceptableKey(error)
        }
        guard parts[1].elementsEqual(keyID.description.utf8) else { throw .wrongKeyID(expected: keyID) }
    }

    /// The signature, if this key made it over this text.
    func verify(_ signature: NoteSignature, over text: NoteText) -> VerifiedSignature? {
        switch algorithm {
        case .ed25519:
            guard publicKey.isValid(signature.bytes, for: text.bytes) else { return nil }
            return VerifiedSignature(key: self, secondsSince1970: nil)
        case .cosignature:
            guard let cosignature = Cosignature(signature.bytes),
                publicKey.isValid(cosignature.signature, for: cosignature.message(over: text))
            else { return nil }
            return VerifiedSignature(key: self, secondsSince1970: cosignature.secondsSince1970)
        }
    }
}

extension VerifierKey: CustomStringConvertible {
    /// The text form.
    public var description: String {
        let key = Base64.encode([algorithm.rawValue] + publicKey.bytes)
        return "\(name)+\(keyID)+\(String(decoding: key, as: UTF8.self))"
    }
}

/// Why a text is no verifier key to rely on.
public enum VerifierKeyError: Error, Hashable, Sendable {
    /// Not of the form `name+keyID+base64`.
    case malformed
    /// Notes cannot carry the name.
    case invalidName
    /// A type byte that is not supported.
    case unknownAlgorithm(UInt8)
    /// The key has the wrong length or an encoding that must be refused.
    case unacceptableKey(CryptoError)
    /// Name and key have another key ID: one of the three was changed.
    case wrongKeyID(expected: NoteKeyID)
}

extension VerifierKeyError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .malformed: "a verifier key is written name+keyID+base64"
        case .invalidName: "a key name is not empty and has no white space, control characters or plus signs"
        case .unknownAlgorithm(let type): "signature type 0x\([type].hexadecimal) is not supported"
        case .unacceptableKey(let error): "\(error)"
        case .wrongKeyID(let expected): "this name and key have the key ID \(expected): the text was altered"
        }
    }
}

extension Ed25519.PublicKey {
    /// Whether the signature of a message holds.
    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        isValidSignature(unsafe signature.span.bytes, for: unsafe message.span.bytes)
    }
}
