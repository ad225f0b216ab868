public import CryptoPrimitives

/// A witness's signature over a checkpoint and a time (C2SP tlog-cosignature, type 0x04).
///
/// It says: at that time this was the largest consistent tree the witness had seen of the log. In a signature line it
/// is `time (8 bytes, big-endian) ‖ Ed25519 (64)`.
struct Cosignature {
    let secondsSince1970: UInt64
    let signature: [UInt8]

    /// Reads what follows the key ID; nil for another length or a time beyond 2^63 − 1.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == 8 + Ed25519.signatureByteCount else { return nil }
        secondsSince1970 = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        signature = Array(bytes[8...])
        guard secondsSince1970 < 1 << 63 else { return nil }
    }

    /// What the witness signs. The first line keeps it from being taken for any other signed text.
    static func message(over text: NoteText, secondsSince1970: UInt64) -> [UInt8] {
        Array("cosignature/v1\ntime \(secondsSince1970)\n".utf8) + text.bytes
    }

    func message(over text: NoteText) -> [UInt8] { Self.message(over: text, secondsSince1970: secondsSince1970) }
}

/// The private half of a witness's ``VerifierKey``.
///
/// The signed message does not name the witness, so a key must not serve two of them.
public struct Cosigner: ~Copyable, Sendable {
    /// What others verify the cosignatures with.
    public let verifierKey: VerifierKey
    private let privateKey: Ed25519.PrivateKey

    /// Cosigns under `name` with `privateKey`.
    public init(name: KeyName, privateKey: consuming Ed25519.PrivateKey) {
        verifierKey = VerifierKey(name: name, algorithm: .cosignature, publicKey: privateKey.publicKey)
        self.privateKey = privateKey
    }

    /// The cosignature of a checkpoint that was seen to extend every earlier one of its log, with the time below 2^63.
    public borrowing func cosignature(
        over checkpoint: Checkpoint, secondsSince1970: UInt64
    ) throws(CryptoError) -> NoteSignature {
        precondition(secondsSince1970 < 1 << 63, "a cosignature's time is below 2^63 seconds")
        let message = Cosignature.message(over: checkpoint.text, secondsSince1970: secondsSince1970)
        let signature = try privateKey.signature(for: unsafe message.span.bytes)
        return NoteSignature(
            name: verifierKey.name, keyID: verifierKey.keyID, bytes: secondsSince1970.bigEndianBytes + signature)
    }
}
