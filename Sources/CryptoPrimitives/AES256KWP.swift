/// AES-256 key wrap with padding (RFC 5649, SP 800-38F): wraps keys of any length, needs no nonce, and says when what is
/// unwrapped is not what was wrapped.
public struct AES256KWP: ~Copyable, Sendable {
    private let key: SecretBytes

    /// The most bytes that are wrapped; keys are shorter.
    public static let byteCountMax = 1 << 16

    /// - Throws: ``CryptoError/invalidKey(reason:)`` unless the key has 32 bytes.
    public init(key: consuming SecretBytes) throws(CryptoError) {
        guard key.count == 32 else { throw .invalidKey(reason: "AES-256 needs 32 bytes, not \(key.count)") }
        self.key = key
    }

    /// Wraps 1 to ``byteCountMax`` bytes.
    public borrowing func wrap(_ secret: RawSpan) throws(CryptoError) -> [UInt8] {
        guard (1...Self.byteCountMax).contains(secret.byteCount) else {
            throw .invalidParameter(reason: "\(secret.byteCount) bytes to wrap; 1 to \(Self.byteCountMax) are possible")
        }
        var wrapped = [UInt8](repeating: 0, count: (secret.byteCount + 7) / 8 * 8 + 8)
        var span = wrapped.mutableSpan
        var output = unsafe span.mutableBytes
        guard try KeyWrapContext(wrapping: true, key).run(secret, into: &output) == output.byteCount else {
            throw .backend(operation: "EVP_CipherUpdate")
        }
        return wrapped
    }

    /// Unwraps what ``wrap(_:)`` wrapped under the same key.
    ///
    /// - Throws: ``CryptoError/authenticationFailed`` for anything else.
    public borrowing func unwrap(_ wrapped: RawSpan) throws(CryptoError) -> SecretBytes {
        guard wrapped.byteCount >= 16, wrapped.byteCount % 8 == 0, wrapped.byteCount <= Self.byteCountMax + 8 else {
            throw .authenticationFailed
        }
        var count: Int?
        let padded = try SecretBytes(count: wrapped.byteCount) { (output: inout MutableRawSpan) throws(CryptoError) in
            count = try KeyWrapContext(wrapping: false, key).run(wrapped, into: &output)
        }
        guard let count, count > 0 else { throw .authenticationFailed }
        return try padded.withBytes { (bytes: RawSpan) throws(CryptoError) in
            try SecretBytes(copying: bytes.extracting(0..<count))
        }
    }
}
