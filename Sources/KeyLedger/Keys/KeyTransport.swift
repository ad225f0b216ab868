public import CryptoPrimitives
internal import Transparency

/// An AES-256 key that both sides have, to wrap others on their way (AES-KWP, RFC 5649).
public final class KeyEncryptionKey: Sendable {
    let cipher: AES256KWP

    /// The key with these 32 bytes.
    public init(_ secret: consuming SecretBytes) throws(CryptoError) { cipher = try AES256KWP(key: secret) }
}

/// Key material on its way into a ledger.
public enum IncomingKey: Sendable {
    /// Encrypted under the public key of an ``ImportOffer`` (RSA-OAEP with SHA-256).
    case rsaOAEP([UInt8], offer: EventID)
    /// Wrapped with AES-KWP.
    case aesKWP([UInt8], under: KeyEncryptionKey)
    /// Not wrapped at all: everything it came through has seen it.
    case cleartext(ClearKey)

    /// Bytes of a key that nothing protects but the memory they are in.
    public final class ClearKey: Sendable {
        let bytes: SecretBytes
        /// A key in the clear.
        public init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }

    /// As events name it.
    var name: String {
        switch self {
        case .rsaOAEP: "RSA-OAEP-SHA256"
        case .aesKWP: "AES-KWP"
        case .cleartext: "none"
        }
    }
}

/// How key material is protected when it leaves.
public enum ExportProtection: Sendable {
    /// Encrypted under somebody's public key (RSA-OAEP with SHA-256).
    case rsaOAEP(RSAOAEP.PublicKey)
    /// Wrapped with AES-KWP.
    case aesKWP(KeyEncryptionKey)
    /// Not at all: whoever sees the output has the key.
    case cleartext

    /// As events describe it.
    var details: JSONObject {
        switch self {
        case .rsaOAEP(let key):
            let fingerprint = SHA256.hash(unsafe key.der.span.bytes)
            return ["wrapping": "RSA-OAEP-SHA256", "recipient": .string("sha256:" + fingerprint.description)]
        case .aesKWP: return ["wrapping": "AES-KWP"]
        case .cleartext: return ["wrapping": "none"]
        }
    }

    func protect(_ secret: borrowing SecretBytes) throws(CryptoError) -> [UInt8] {
        try secret.withBytes { (bytes: RawSpan) throws(CryptoError) in
            switch self {
            case .rsaOAEP(let key): try key.encrypt(bytes)
            case .aesKWP(let key): try key.cipher.wrap(bytes)
            case .cleartext: bytes.array
            }
        }
    }
}
