/// AES-256 in Galois/counter mode (SP 800-38D): 96-bit nonces, 128-bit tags.
///
/// A sealed box is `nonce (12) ‖ ciphertext ‖ tag (16)`. With random nonces one key may seal at most 2^32 boxes
/// (SP 800-38D, section 8.3); counting is the caller's business.
public struct AES256GCM: ~Copyable, Sendable {
    private let key: SecretBytes

    /// The bytes a sealed box has more than its plaintext.
    public static let overhead = nonceByteCount + tagByteCount
    static let tagByteCount = 16
    private static let nonceByteCount = 12

    /// - Throws: ``CryptoError/invalidKey(reason:)`` unless the key has 32 bytes.
    public init(key: consuming SecretBytes) throws(CryptoError) {
        guard key.count == 32 else { throw .invalidKey(reason: "AES-256 needs 32 bytes, not \(key.count)") }
        self.key = key
    }

    /// Runs `body` with the key, to wrap it.
    public borrowing func withKey<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try key.withBytes(body)
    }

    /// Encrypts and authenticates `plaintext`, and authenticates `context`, under a fresh random nonce.
    public borrowing func seal(_ plaintext: RawSpan, authenticating context: RawSpan) throws(CryptoError) -> [UInt8] {
        let nonce = try SecureRandom.bytes(count: Self.nonceByteCount)
        return try seal(plaintext, nonce: unsafe nonce.span.bytes, authenticating: context)
    }

    /// ``seal(_:authenticating:)`` under a nonce that the caller guarantees to be unique for this key.
    public borrowing func seal(
        _ plaintext: RawSpan, nonce: RawSpan, authenticating context: RawSpan
    ) throws(CryptoError) -> [UInt8] {
        guard nonce.byteCount == Self.nonceByteCount else {
            throw .invalidParameter(reason: "a nonce of \(nonce.byteCount) bytes instead of 12")
        }
        let cipher = try CipherContext(encrypting: true, key: key, nonce: nonce)
        try cipher.authenticate(context)
        var box = [UInt8](repeating: 0, count: plaintext.byteCount + Self.overhead)
        unsafe box.withUnsafeMutableBytes { box in unsafe nonce.withUnsafeBytes { unsafe box.copyMemory(from: $0) } }
        var span = box.mutableSpan
        var bytes = unsafe span.mutableBytes
        try cipher.encrypt(plaintext, into: &bytes, from: Self.nonceByteCount)
        return box
    }

    /// Decrypts a sealed box.
    ///
    /// - Throws: ``CryptoError/authenticationFailed`` if anything was changed, or the key or context differ; no
    ///   plaintext is released then.
    public borrowing func open(_ box: RawSpan, authenticating context: RawSpan) throws(CryptoError) -> SecretBytes {
        guard box.byteCount >= Self.overhead else { throw .authenticationFailed }
        let end = box.byteCount - Self.tagByteCount
        let cipher = try CipherContext(
            encrypting: false, key: key, nonce: box.extracting(0..<Self.nonceByteCount))
        try cipher.authenticate(context)
        return try SecretBytes(count: end - Self.nonceByteCount) {
            (plaintext: inout MutableRawSpan) throws(CryptoError) in
            try cipher.decrypt(
                box.extracting(Self.nonceByteCount..<end), tag: box.extracting(end..<box.byteCount), into: &plaintext)
        }
    }
}

/// Random bytes that are not secret: nonces, salts, identifiers.
public enum SecureRandom {
    /// `count` bytes from OpenSSL's public generator (SP 800-90A).
    public static func bytes(count: Int) throws(CryptoError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var output = unsafe span.mutableBytes
        try fillRandomly(&output, asSecret: false)
        return bytes
    }
}
