internal import COpenSSL

/// HMAC with SHA-256 (FIPS 198-1, RFC 2104). Codes are never truncated.
public enum HMACSHA256 {
    /// The 32-byte code of `message` under `key`.
    public static func code(for message: RawSpan, key: RawSpan) -> SHA256Digest {
        var keyed = Keyed(with: key)
        defer { keyed.wipe() }
        return keyed.code { $0.update(message) }
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

    /// Whether `code` is the code of `message` under a secret key, compared in constant time.
    public static func isValid(_ code: RawSpan, for message: RawSpan, key: borrowing SecretBytes) -> Bool {
        key.withBytes { isValid(code, for: message, key: $0) }
    }

    /// Both hashes of RFC 2104, section 2, each with its padded key already taken in.
    ///
    /// Composed here rather than asked of OpenSSL's `EVP_MAC`, which copies the key to the ordinary heap.
    struct Keyed {
        private var inner = SHA256()
        private var outer = SHA256()

        init(with key: RawSpan) {
            var block: (UInt128, UInt128, UInt128, UInt128) = (0, 0, 0, 0)
            unsafe withUnsafeMutableBytes(of: &block) { block in
                if key.byteCount > block.count {
                    SHA256.hash(key).withBytes { digest in
                        unsafe digest.withUnsafeBytes { unsafe block.copyMemory(from: $0) }
                    }
                } else {
                    unsafe key.withUnsafeBytes { unsafe block.copyMemory(from: $0) }
                }
                for index in block.indices { unsafe block[index] ^= 0x36 }
                inner.update(unsafe UnsafeRawBufferPointer(block).bytes)
                for index in block.indices { unsafe block[index] ^= 0x36 ^ 0x5c }
                outer.update(unsafe UnsafeRawBufferPointer(block).bytes)
                unsafe OPENSSL_cleanse(block.baseAddress, block.count)
            }
        }

        /// The code of what `addMessage` puts into the hash.
        func code(_ addMessage: (inout SHA256) -> Void) -> SHA256Digest {
            var hash = inner
            defer { hash.wipe() }
            addMessage(&hash)
            let digest = hash.finish()
            hash = outer
            digest.withBytes { hash.update($0) }
            return hash.finish()
        }

        /// Overwrites both states; either is as good as the key.
        mutating func wipe() {
            inner.wipe()
            outer.wipe()
        }
    }
}
