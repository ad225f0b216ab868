public import CryptoPrimitives

/// The private half of a ``VerifierKey`` that signs texts.
public struct NoteSigner: ~Copyable, Sendable {
    /// What others verify the signatures with.
    public let verifierKey: VerifierKey
    private let privateKey: Ed25519.PrivateKey

    /// Signs under `name` with `privateKey`.
    public init(name: KeyName, privateKey: consuming Ed25519.PrivateKey) {
        verifierKey = VerifierKey(name: name, algorithm: .ed25519, publicKey: privateKey.publicKey)
        self.privateKey = privateKey
    }

    /// The signature line for a text.
    public borrowing func signature(over text: NoteText) throws(CryptoError) -> NoteSignature {
        let bytes = text.bytes
        let signature = try privateKey.signature(for: unsafe bytes.span.bytes)
        return NoteSignature(name: verifierKey.name, keyID: verifierKey.keyID, bytes: signature)
    }

    /// The text as a note with this one signature.
    public borrowing func sign(_ text: NoteText) throws(CryptoError) -> SignedNote {
        SignedNote(text: text, signature: try signature(over: text))
    }
}
