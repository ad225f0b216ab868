public import CryptoPrimitives

/// A tenant's key for the deterministic strategies.
///
/// One secret, from which every strategy derives a key of its own: the digest of a value never is the token of another.
public final class RedactionKey: Sendable {
    let hashing: SecretBytes
    let tokenization: SecretBytes

    /// The keys derived from this secret (HKDF, RFC 5869).
    public init(_ secret: borrowing SecretBytes) throws(CryptoError) {
        let hashing = try secret.derived("keyledger redaction hash v2")
        let tokenization = try secret.derived("keyledger redaction token v2")
        self.hashing = hashing
        self.tokenization = tokenization
    }
}
