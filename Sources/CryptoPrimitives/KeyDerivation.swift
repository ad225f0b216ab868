internal import COpenSSL

/// HMAC with SHA-256 (FIPS 198-1).
public enum HMACSHA256 {
    /// The 32-byte code of `message` under `key`.
    public static func code(for message: RawSpan, key: RawSpan) -> SHA256Digest {
        // RFC 2104, section 2, over the value-type hash: no allocation, no fetch.
        var block: (UInt128, UInt128, UInt128, UInt128) = (0, 0, 0, 0)
        defer { unsafe withUnsafeMutableBytes(of: &block) { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) } }
        unsafe withUnsafeMutableBytes(of: &block) { block in
            if key.byteCount > 64 {
                SHA256.hash(key).withBytes { hashed in unsafe hashed.withUnsafeBytes { unsafe block.copyMemory(from: $0) } }
            } else {
                unsafe key.withUnsafeBytes { unsafe block.copyMemory(from: $0) }
            }
        }
        func hash(pad: UInt8, _ parts: (inout SHA256) -> Void) -> SHA256Digest {
            unsafe withUnsafeMutableBytes(of: &block) { block in
                for index in 0..<64 { unsafe block[index] ^= pad }
                var hash = SHA256()
                hash.update(unsafe UnsafeRawBufferPointer(block).bytes)
                parts(&hash)
                for index in 0..<64 { unsafe block[index] ^= pad }
                return hash.finalize()
            }
        }
        let inner = hash(pad: 0x36) { $0.update(message) }
        return hash(pad: 0x5c) { outer in inner.withBytes { outer.update($0) } }
    }

    /// The 32-byte code of `message` under a secret key.
    public static func code(for message: RawSpan, key: borrowing SecretBytes) -> SHA256Digest {
        key.withBytes { code(for: message, key: $0) }
    }

    /// Whether `code` is the code of `message`, compared in constant time.
    public static func isValid(_ code: RawSpan, for message: RawSpan, key: RawSpan) -> Bool {
        guard code.byteCount == SHA256Digest.byteCount else { return false }
        return self.code(for: message, key: key).withBytes { expected in
            unsafe expected.withUnsafeBytes { a in
                unsafe code.withUnsafeBytes { b in unsafe CRYPTO_memcmp(a.baseAddress, b.baseAddress, a.count) == 0 }
            }
        }
    }
}

/// HKDF with SHA-256 (RFC 5869): extract, then expand.
public enum HKDFSHA256 {
    /// Derives `count` bytes from a secret.
    ///
    /// - Throws: ``CryptoError/invalidParameter(reason:)`` for more than 8,160 bytes (255 blocks), or none.
    public static func derive(
        from secret: borrowing SecretBytes, salt: RawSpan, info: RawSpan, count: Int
    ) throws(CryptoError) -> SecretBytes {
        guard (1...255 * 32).contains(count) else {
            throw .invalidParameter(reason: "HKDF-SHA-256 derives 1 to 8160 bytes, not \(count)")
        }
        return try secret.withBytes { (secret: RawSpan) throws(CryptoError) -> SecretBytes in
            try KeyDerivation("HKDF").derive(
                count: count,
                [
                    .text(OSSL_KDF_PARAM_DIGEST, "SHA256"), .bytes(OSSL_KDF_PARAM_KEY), .bytes(OSSL_KDF_PARAM_SALT),
                    .bytes(OSSL_KDF_PARAM_INFO),
                ], secret, salt, info)
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

    /// Derives `count` bytes from a passphrase.
    ///
    /// - Throws: ``CryptoError/invalidParameter(reason:)`` if the parameters are not those of RFC 7914 or need
    ///   more than ``memoryByteCountMax``.
    public static func derive(
        passphrase: borrowing SecretBytes, salt: RawSpan, parameters: Parameters, count: Int
    ) throws(CryptoError) -> SecretBytes {
        guard parameters.n > 1, parameters.n.nonzeroBitCount == 1, parameters.r > 0, parameters.p > 0, count > 0,
            case let (memory, overflow) = parameters.n.multipliedReportingOverflow(by: 128 * UInt64(parameters.r)),
            !overflow, memory <= memoryByteCountMax
        else { throw .invalidParameter(reason: "scrypt parameters \(parameters)") }
        return try passphrase.withBytes { (passphrase: RawSpan) throws(CryptoError) -> SecretBytes in
            try KeyDerivation("SCRYPT").derive(
                count: count,
                [
                    .bytes(OSSL_KDF_PARAM_PASSWORD), .bytes(OSSL_KDF_PARAM_SALT),
                    .number(OSSL_KDF_PARAM_SCRYPT_N, parameters.n),
                    .number(OSSL_KDF_PARAM_SCRYPT_R, UInt64(parameters.r)),
                    .number(OSSL_KDF_PARAM_SCRYPT_P, UInt64(parameters.p)),
                    .number(OSSL_KDF_PARAM_SCRYPT_MAXMEM, memoryByteCountMax + 1 << 20),
                ], passphrase, salt)
        }
    }
}
