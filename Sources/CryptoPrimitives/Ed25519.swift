/// Ed25519 signatures (RFC 8032, section 5.1).
public enum Ed25519 {
    /// The number of bytes of a public key.
    public static let publicKeyByteCount = 32
    /// The number of bytes of a seed, the private key that is stored.
    public static let seedByteCount = 32
    /// The number of bytes of a signature.
    public static let signatureByteCount = 64

    /// A public key whose encoding is canonical and whose point is not of small order.
    ///
    /// RFC 8032 lets libraries differ on such keys, and a small-order key "verifies" signatures nobody made: they
    /// are refused here, so that every verifier agrees. Whether the encoding is that of a point at all shows only when
    /// a signature is checked: for no point, none is valid.
    public struct PublicKey: Hashable, Sendable {
        /// The 32-byte encoding.
        public let bytes: [UInt8]

        /// - Throws: ``CryptoError/invalidKey(reason:)`` for another length, a non-canonical or a small-order encoding.
        public init(_ bytes: RawSpan) throws(CryptoError) {
            guard bytes.byteCount == Ed25519.publicKeyByteCount else {
                throw .invalidKey(reason: "an Ed25519 public key has 32 bytes, not \(bytes.byteCount)")
            }
            let copy = bytes.array
            guard Self.isCanonical(copy) else { throw .invalidKey(reason: "the encoding is not canonical") }
            guard !Self.smallOrderY.contains(Self.y(copy)) else {
                throw .invalidKey(reason: "the point has small order")
            }
            self.bytes = copy
        }

        /// Whether `signature` was made over `message` by the holder of this key's private half.
        ///
        /// RFC 8032, section 5.1.7, without the cofactor: S is below the group order and R is compared by its bytes,
        /// so that nobody can turn one signature into another.
        public func isValidSignature(_ signature: RawSpan, for message: RawSpan) -> Bool {
            guard signature.byteCount == Ed25519.signatureByteCount else { return false }
            do throws(CryptoError) {
                return try Ed25519Key(publicKey: self).verifies(signature, for: message)
            } catch {
                return false
            }
        }

        /// ``isValidSignature(_:for:)-(RawSpan,_)`` for bytes in arrays.
        public func isValidSignature(_ signature: [UInt8], for message: [UInt8]) -> Bool {
            isValidSignature(unsafe signature.span.bytes, for: unsafe message.span.bytes)
        }

        /// y < 2^255 − 19: in little-endian bytes, not (last byte 0x7f, all between 0xff, first from 0xed).
        private static func isCanonical(_ bytes: [UInt8]) -> Bool {
            let y = Self.y(bytes)
            return !(y[31] == 0x7f && y[1..<31].allSatisfy { $0 == 0xff } && y[0] >= 0xed)
        }

        /// The encoding without the sign of x.
        private static func y(_ bytes: [UInt8]) -> [UInt8] {
            bytes.dropLast() + [bytes[31] & 0x7f]
        }

        /// The y coordinates of the eight points whose order divides the cofactor.
        private static let smallOrderY: Set<[UInt8]> = {
            let zero = [UInt8](repeating: 0, count: 32)
            let one = [1] + [UInt8](repeating: 0, count: 31)
            let minusOne = [0xec] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
            let orderEight = [
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            ].compactMap { [UInt8](hexadecimal: $0) }
            return Set([zero, one, minusOne] + orderEight)
        }()
    }

    /// A private key. Only it can sign; it cannot be copied, described or compared.
    public struct PrivateKey: ~Copyable, Sendable {
        /// The matching public key.
        public let publicKey: PublicKey
        private let seed: SecretBytes

        /// A new key from OpenSSL's generator for private values.
        public init() throws(CryptoError) {
            try self.init(seed: try SecretBytes(randomCount: Ed25519.seedByteCount))
        }

        /// The key with this 32-byte seed (RFC 8032, section 5.1.5).
        ///
        /// - Throws: ``CryptoError/invalidKey(reason:)`` for another length.
        public init(seed: consuming SecretBytes) throws(CryptoError) {
            guard seed.count == Ed25519.seedByteCount else {
                throw .invalidKey(reason: "an Ed25519 seed has 32 bytes, not \(seed.count)")
            }
            let encoded = try Ed25519Key(seed: seed).publicKeyBytes()
            publicKey = try PublicKey(unsafe encoded.span.bytes)
            self.seed = seed
        }

        /// The 64-byte signature of `message`.
        public borrowing func signature(for message: RawSpan) throws(CryptoError) -> [UInt8] {
            try Ed25519Key(seed: seed, publicKey: publicKey).sign(message)
        }

        /// Runs `body` with the seed, to wrap it.
        public borrowing func withSeed<Result: ~Copyable, Failure: Error>(
            _ body: (RawSpan) throws(Failure) -> Result
        ) throws(Failure) -> Result {
            try seed.withBytes(body)
        }
    }
}
