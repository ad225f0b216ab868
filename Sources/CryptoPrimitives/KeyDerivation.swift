internal import COpenSSL

/// HKDF with SHA-256 (RFC 5869): extract, then expand.
public enum HKDFSHA256 {
    /// The most bytes one derivation yields: 255 blocks (RFC 5869, section 2.3).
    public static let byteCountMax = 255 * SHA256Digest.byteCount

    /// Derives `count` bytes from a secret.
    ///
    /// Composed from ``HMACSHA256`` rather than asked of OpenSSL's `EVP_KDF`, which copies the secret to the ordinary
    /// heap and limits `info` differently from version to version; here the secret and what is derived stay in the
    /// secure heap.
    ///
    /// - Throws: ``CryptoError/invalidParameter(reason:)`` for more than ``byteCountMax`` bytes, or none;
    ///   ``CryptoError/secureMemoryExhausted``.
    public static func derive(
        from secret: borrowing SecretBytes, salt: RawSpan, info: RawSpan, count: Int
    ) throws(CryptoError) -> SecretBytes {
        guard (1...byteCountMax).contains(count) else {
            throw .invalidParameter(reason: "HKDF-SHA-256 derives 1 to \(byteCountMax) bytes, not \(count)")
        }
        // Extract. An absent salt is 32 zero bytes, which HMAC pads to the same key as no bytes at all.
        var extraction = HMACSHA256.Keyed(with: salt)
        var pseudorandomKey = secret.withBytes { secret in extraction.code { $0.update(secret) } }
        var expansion = pseudorandomKey.withBytes { HMACSHA256.Keyed(with: $0) }
        extraction.wipe()
        pseudorandomKey.wipe()
        defer { expansion.wipe() }

        return try SecretBytes(count: count) { (output: inout MutableRawSpan) throws(CryptoError) in
            unsafe output.withUnsafeMutableBytes { output in
                // T(i) = HMAC(PRK, T(i − 1) ‖ info ‖ i), cut to what is still missing.
                var block = SHA256Digest.zero
                defer { block.wipe() }
                for (index, start) in stride(from: 0, to: output.count, by: SHA256Digest.byteCount).enumerated() {
                    block = expansion.code { hash in
                        if index > 0 { block.withBytes { hash.update($0) } }
                        hash.update(info)
                        unsafe withUnsafeBytes(of: UInt8(index + 1)) { unsafe hash.update($0.bytes) }
                    }
                    let part = unsafe UnsafeMutableRawBufferPointer(
                        rebasing: output[start...].prefix(SHA256Digest.byteCount))
                    block.withBytes { block in
                        unsafe block.extracting(first: part.count).withUnsafeBytes { unsafe part.copyMemory(from: $0) }
                    }
                }
            }
        }
    }
}

/// scrypt (RFC 7914): a key from a passphrase, expensive in time and memory on purpose.
public enum Scrypt {
    /// Cost parameters; memory is about 128 · n · r bytes.
    public struct Parameters: Hashable, Sendable, Codable {
        /// CPU and memory cost, a power of two.
        public let n: UInt64
        /// Block size.
        public let r: UInt32
        /// Parallelisation.
        public let p: UInt32

        /// Parameters that the caller vouches for; ``Scrypt/derive(passphrase:salt:parameters:count:)`` checks them.
        public init(n: UInt64, r: UInt32, p: UInt32) {
            self.n = n
            self.r = r
            self.p = p
        }

        /// 128 MiB, a fraction of a second: for a passphrase typed at start-up.
        public static let standard = Parameters(n: 1 << 17, r: 8, p: 1)
    }

    /// The most memory a derivation may ask for, in bytes.
    public static let memoryByteCountMax: UInt64 = 1 << 31
    /// The most work a derivation may ask for, in bytes mixed (128 · n · r · p): 64 times the standard. Parameters are
    /// read from files, and a file must not keep a process busy for days.
    public static let workByteCountMax: UInt64 = 1 << 33

    /// Derives `count` bytes from a passphrase.
    ///
    /// - Throws: ``CryptoError/invalidParameter(reason:)`` if the parameters are not those of RFC 7914 or need
    ///   more than ``memoryByteCountMax`` or ``workByteCountMax``; ``CryptoError/secureMemoryExhausted``.
    public static func derive(
        passphrase: borrowing SecretBytes, salt: RawSpan, parameters: Parameters, count: Int
    ) throws(CryptoError) -> SecretBytes {
        if let reason = reasonToRefuse(parameters) { throw .invalidParameter(reason: reason) }
        guard count > 0 else { throw .invalidParameter(reason: "scrypt derives at least 1 byte, not \(count)") }
        return try passphrase.withBytes { (passphrase: RawSpan) throws(CryptoError) -> SecretBytes in
            try SecretBytes(count: count) { (output: inout MutableRawSpan) throws(CryptoError) in
                try deriveScrypt(passphrase: passphrase, salt: salt, parameters: parameters, into: &output)
            }
        }
    }

    /// RFC 7914, section 6, and the limits above.
    private static func reasonToRefuse(_ parameters: Parameters) -> String? {
        let (n, r, p) = (parameters.n, UInt64(parameters.r), UInt64(parameters.p))
        guard n > 1, n.nonzeroBitCount == 1 else { return "scrypt's n is a power of two above 1, not \(n)" }
        guard r > 0, p > 0, r * p < 1 << 30 else { return "scrypt's r · p is 1 to 2^30 − 1, not \(r) · \(p)" }
        // n < 2^(128 · r / 8), which only r below 4 can violate.
        guard r >= 4 || n < 1 << (16 * r) else { return "scrypt's n = \(n) is too large for r = \(r)" }
        let (work, workOverflows) = n.multipliedReportingOverflow(by: 128 * r * p)
        guard !workOverflows, work <= workByteCountMax else {
            return "scrypt's n = \(n), r = \(r), p = \(p) takes more than \(workByteCountMax) bytes of work"
        }
        guard 128 * r * (n + p + 2) <= memoryByteCountMax else {
            return "scrypt's n = \(n), r = \(r), p = \(p) takes more than \(memoryByteCountMax) bytes of memory"
        }
        return nil
    }
}
