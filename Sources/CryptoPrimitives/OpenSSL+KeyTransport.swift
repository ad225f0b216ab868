internal import COpenSSL

// The calls into OpenSSL for wrapping keys.

// MARK: - AES key wrap

/// One wrapping or unwrapping with padding. Lives inside one call, so never on two threads.
@safe struct KeyWrapContext: ~Copyable {
    private let handle: OpaquePointer

    /// Sendable: fetched algorithms are immutable and reference-counted by OpenSSL.
    @safe private struct Algorithm: @unchecked Sendable {
        static let shared = Algorithm()
        let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-WRAP-PAD", nil)
    }

    init(wrapping: Bool, _ key: borrowing SecretBytes) throws(CryptoError) {
        guard let handle = unsafe EVP_CIPHER_CTX_new() else { throw .backend(operation: "EVP_CIPHER_CTX_new") }
        let result = keepingErrorQueue {
            unsafe EVP_CIPHER_CTX_set_flags(handle, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW)
            return key.withBytes { key in
                unsafe key.withUnsafeBytes { key in
                    unsafe EVP_CipherInit_ex2(
                        handle, Algorithm.shared.cipher, key.bytePointer, nil, wrapping ? 1 : 0, nil)
                }
            }
        }
        guard result == 1 else {
            unsafe EVP_CIPHER_CTX_free(handle)
            throw .backend(operation: "EVP_CipherInit_ex2")
        }
        unsafe self.handle = handle
    }

    deinit { unsafe EVP_CIPHER_CTX_free(handle) }

    /// The number of bytes put out; nil if the input is not what was wrapped.
    borrowing func run(_ input: RawSpan, into output: inout MutableRawSpan) throws(CryptoError) -> Int? {
        let length = try Int32(checking: input.byteCount)
        var count: Int32 = 0
        let result = keepingErrorQueue {
            unsafe output.withUnsafeMutableBytes { output in
                unsafe input.withUnsafeBytes { input in
                    unsafe EVP_CipherUpdate(handle, output.bytePointer(at: 0), &count, input.bytePointer, length)
                }
            }
        }
        return result == 1 ? Int(count) : nil
    }
}

// MARK: - RSA

/// An RSA key inside OpenSSL, for the length of one operation.
@safe struct RSAKey: ~Copyable {
    private let handle: OpaquePointer

    /// A new key pair.
    init(generating bitCount: Int) throws(CryptoError) {
        let handle = unsafe keepingErrorQueue { () -> OpaquePointer? in
            guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, "RSA", nil) else { return nil }
            defer { unsafe EVP_PKEY_CTX_free(context) }
            var key: OpaquePointer?
            guard unsafe EVP_PKEY_keygen_init(context) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, Int32(bitCount)) == 1,
                unsafe EVP_PKEY_generate(context, &key) == 1
            else { return nil }
            return unsafe key
        }
        guard let handle = unsafe handle else { throw .backend(operation: "EVP_PKEY_generate") }
        unsafe self.handle = handle
    }

    /// A private key in DER.
    init(privateDER der: borrowing SecretBytes) throws(CryptoError) {
        let handle = unsafe keepingErrorQueue {
            unsafe der.withBytes { der in
                unsafe der.withUnsafeBytes { der in
                    var position: UnsafePointer<UInt8>? = unsafe der.bytePointer
                    return unsafe d2i_AutoPrivateKey(nil, &position, der.count)
                }
            }
        }
        try unsafe self.init(owning: unsafe handle, "an RSA private key in DER")
    }

    /// A public key in DER.
    init(publicDER der: RawSpan) throws(CryptoError) {
        let handle = unsafe keepingErrorQueue {
            unsafe der.withUnsafeBytes { der in
                var position: UnsafePointer<UInt8>? = unsafe der.bytePointer
                return unsafe d2i_PUBKEY(nil, &position, der.count)
            }
        }
        try unsafe self.init(owning: unsafe handle, "an RSA public key in DER")
    }

    /// A public key in PEM.
    init(publicPEM pem: RawSpan) throws(CryptoError) {
        let length = try Int32(checking: pem.byteCount)
        let handle = unsafe keepingErrorQueue {
            unsafe pem.withUnsafeBytes { pem -> OpaquePointer? in
                guard let file = unsafe BIO_new_mem_buf(pem.bytePointer, length) else { return nil }
                defer { unsafe BIO_free(file) }
                return unsafe PEM_read_bio_PUBKEY(file, nil, nil, nil)
            }
        }
        try unsafe self.init(owning: unsafe handle, "an RSA public key in PEM (BEGIN PUBLIC KEY)")
    }

    private init(owning handle: OpaquePointer?, _ expected: String) throws(CryptoError) {
        guard let handle = unsafe handle else { throw .invalidKey(reason: "this is not \(expected)") }
        guard unsafe EVP_PKEY_get_base_id(handle) == EVP_PKEY_RSA else {
            unsafe EVP_PKEY_free(handle)
            throw .invalidKey(reason: "this is not \(expected)")
        }
        unsafe self.handle = handle
    }

    deinit { unsafe EVP_PKEY_free(handle) }

    var bitCount: Int { Int(unsafe EVP_PKEY_get_bits(handle)) }

    borrowing func publicDER() throws(CryptoError) -> [UInt8] {
        let count = unsafe i2d_PUBKEY(handle, nil)
        guard count > 0 else { throw .backend(operation: "i2d_PUBKEY") }
        var bytes = [UInt8](repeating: 0, count: Int(count))
        unsafe bytes.withUnsafeMutableBytes { bytes in
            var position = unsafe bytes.bytePointer(at: 0)
            _ = unsafe i2d_PUBKEY(handle, &position)
        }
        return bytes
    }

    borrowing func privateDER() throws(CryptoError) -> SecretBytes {
        let count = unsafe i2d_PrivateKey(handle, nil)
        guard count > 0 else { throw .backend(operation: "i2d_PrivateKey") }
        return try SecretBytes(count: Int(count)) { (bytes: inout MutableRawSpan) in
            unsafe bytes.withUnsafeMutableBytes { bytes in
                var position = unsafe bytes.bytePointer(at: 0)
                _ = unsafe i2d_PrivateKey(handle, &position)
            }
        }
    }

    borrowing func encrypt(_ secret: RawSpan) throws(CryptoError) -> [UInt8] {
        guard let context = unsafe oaepContext(initializedBy: EVP_PKEY_encrypt_init) else {
            throw .backend(operation: "EVP_PKEY_encrypt_init")
        }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var ciphertext = [UInt8](repeating: 0, count: (bitCount + 7) / 8)
        var count = ciphertext.count
        let result = keepingErrorQueue {
            unsafe secret.withUnsafeBytes { secret in
                unsafe EVP_PKEY_encrypt(context, &ciphertext, &count, secret.bytePointer, secret.count)
            }
        }
        guard result == 1, count == ciphertext.count else { throw .backend(operation: "EVP_PKEY_encrypt") }
        return ciphertext
    }

    borrowing func decrypt(_ ciphertext: RawSpan) throws(CryptoError) -> SecretBytes {
        guard let context = unsafe oaepContext(initializedBy: EVP_PKEY_decrypt_init) else {
            throw .backend(operation: "EVP_PKEY_decrypt_init")
        }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var count = (bitCount + 7) / 8
        let padded = try SecretBytes(count: count) { (output: inout MutableRawSpan) throws(CryptoError) in
            let result = keepingErrorQueue {
                unsafe output.withUnsafeMutableBytes { output in
                    unsafe ciphertext.withUnsafeBytes { ciphertext in
                        unsafe EVP_PKEY_decrypt(
                            context, output.bytePointer(at: 0), &count, ciphertext.bytePointer, ciphertext.count)
                    }
                }
            }
            guard result == 1 else { throw .authenticationFailed }
        }
        return try padded.withBytes { (bytes: RawSpan) throws(CryptoError) in
            try SecretBytes(copying: bytes.extracting(0..<count))
        }
    }

    private borrowing func oaepContext(
        initializedBy initialize: (OpaquePointer?) -> Int32
    ) -> OpaquePointer? {
        unsafe keepingErrorQueue {
            guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, handle, nil) else { return nil }
            if unsafe initialize(context) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1
            {
                return unsafe context
            }
            unsafe EVP_PKEY_CTX_free(context)
            return nil
        }
    }
}
