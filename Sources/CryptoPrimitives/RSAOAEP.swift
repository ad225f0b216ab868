/// RSA encryption of keys with OAEP, SHA-256 and MGF1 with SHA-256, without a label (RFC 8017, section 7.1).
///
/// For transporting keys only: at most 190 bytes under a key of 2,048 bits, 318 under one of 3,072.
public enum RSAOAEP {
    /// The sizes of modulus that are accepted, in bits. NIST SP 800-56B rev. 2, section 6.3: at least 2,048.
    public static let bitCounts = 2048...8192

    /// A public key.
    public struct PublicKey: Hashable, Sendable {
        /// SubjectPublicKeyInfo in DER (RFC 5280, section 4.1).
        public let der: [UInt8]
        /// The size of the modulus, in bits.
        public let bitCount: Int

        /// Reads a public key in PEM (`BEGIN PUBLIC KEY`).
        ///
        /// - Throws: ``CryptoError/invalidKey(reason:)`` for anything that is no RSA key of an accepted size.
        public init(pem: [UInt8]) throws(CryptoError) {
            try self.init(try RSAKey(publicPEM: unsafe pem.span.bytes))
        }

        init(_ key: borrowing RSAKey) throws(CryptoError) {
            let bitCount = key.bitCount
            guard RSAOAEP.bitCounts.contains(bitCount) else {
                throw .invalidKey(
                    reason: "an RSA modulus of \(bitCount) bits; from \(bitCounts.lowerBound) to "
                        + "\(bitCounts.upperBound) are accepted")
            }
            self.bitCount = bitCount
            der = try key.publicDER()
        }

        /// Encrypts a secret so that only the holder of the private key can read it.
        public func encrypt(_ secret: RawSpan) throws(CryptoError) -> [UInt8] {
            let countMax = (bitCount + 7) / 8 - 66
            guard secret.byteCount <= countMax else {
                throw .invalidParameter(
                    reason: "\(secret.byteCount) bytes under an RSA key of \(bitCount) bits, which takes \(countMax)")
            }
            return try RSAKey(publicDER: unsafe der.span.bytes).encrypt(secret)
        }
    }

    /// A private key, kept in DER in locked memory.
    ///
    /// While OpenSSL works with it there is a copy in the ordinary heap, wiped before the call returns.
    public struct PrivateKey: ~Copyable, Sendable {
        private let der: SecretBytes
        /// The matching public key.
        public let publicKey: PublicKey

        /// A new key.
        ///
        /// - Parameter bitCount: The size of the modulus: 3,072 or 4,096.
        public init(bitCount: Int) throws(CryptoError) {
            precondition([3072, 4096].contains(bitCount), "a size that is good for years")
            let key = try RSAKey(generating: bitCount)
            let publicKey = try PublicKey(key)
            let secret = try key.privateDER()
            der = secret
            self.publicKey = publicKey
        }

        /// Reads a private key in DER, as PKCS #8 or PKCS #1.
        ///
        /// - Throws: ``CryptoError/invalidKey(reason:)`` for anything that is no RSA key of an accepted size.
        public init(der: consuming SecretBytes) throws(CryptoError) {
            let publicKey = try PublicKey(try RSAKey(privateDER: der))
            self.publicKey = publicKey
            self.der = der
        }

        /// Runs `body` with the DER, to wrap it.
        public borrowing func withDER<Result: ~Copyable, Failure: Error>(
            _ body: (RawSpan) throws(Failure) -> Result
        ) throws(Failure) -> Result {
            try der.withBytes(body)
        }

        /// Decrypts what was encrypted under the public key.
        ///
        /// - Throws: ``CryptoError/authenticationFailed`` for everything else, whatever is wrong with it: more would help an
        ///   attacker (RFC 8017, section 7.1.2, note).
        public borrowing func decrypt(_ ciphertext: RawSpan) throws(CryptoError) -> SecretBytes {
            try RSAKey(privateDER: der).decrypt(ciphertext)
        }
    }
}
