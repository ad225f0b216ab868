internal import COpenSSL

// The calls into OpenSSL's EVP interface; everything above them is typed Swift.

// MARK: - AES-256-GCM

/// Algorithms fetched once: fetching takes longer than encrypting a small message.
///
/// Sendable: fetched algorithms are immutable and reference-counted by OpenSSL.
@safe private struct Algorithms: @unchecked Sendable {
    static let shared = Algorithms()
    let aes256GCM = unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
}

/// One AES-256-GCM operation. Lives inside one call, so never on two threads.
///
/// OpenSSL keeps the expanded key in the ordinary heap and wipes it when the context is freed: it exists there only for
/// the length of that call.
@safe struct CipherContext: ~Copyable {
    private let handle: OpaquePointer

    init(encrypting: Bool, key: borrowing SecretBytes, nonce: RawSpan) throws(CryptoError) {
        guard let handle = unsafe EVP_CIPHER_CTX_new() else { throw .backend(operation: "EVP_CIPHER_CTX_new") }
        let result = keepingErrorQueue {
            key.withBytes { key in
                unsafe key.withUnsafeBytes { key in
                    unsafe nonce.withUnsafeBytes { nonce in
                        unsafe EVP_CipherInit_ex2(
                            handle, Algorithms.shared.aes256GCM, key.bytePointer, nonce.bytePointer,
                            encrypting ? 1 : 0, nil)
                    }
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

    borrowing func authenticate(_ context: RawSpan) throws(CryptoError) {
        guard context.byteCount > 0 else { return }
        let length = try Int32(checking: context.byteCount)
        var count: Int32 = 0
        let result = keepingErrorQueue {
            unsafe context.withUnsafeBytes { context in
                unsafe EVP_CipherUpdate(handle, nil, &count, context.bytePointer, length)
            }
        }
        guard result == 1 else { throw .backend(operation: "EVP_CipherUpdate") }
    }

    /// Fills `output` from `start` to its end with the ciphertext and the tag.
    borrowing func encrypt(
        _ plaintext: RawSpan, into output: inout MutableRawSpan, from start: Int
    ) throws(CryptoError) {
        precondition(
            output.byteCount == start + plaintext.byteCount + AES256GCM.tagByteCount, "room for ciphertext and tag")
        let length = try Int32(checking: plaintext.byteCount)
        let isSealed = keepingErrorQueue {
            unsafe output.withUnsafeMutableBytes { output in
                unsafe plaintext.withUnsafeBytes { plaintext in
                    var count: Int32 = 0
                    let tag = unsafe output.bytePointer(at: start + plaintext.count)
                    // In this mode the final step writes nothing; the tag's place serves as its output.
                    return unsafe EVP_CipherUpdate(
                        handle, output.bytePointer(at: start), &count, plaintext.bytePointer, length) == 1
                        && EVP_CipherFinal_ex(handle, tag, &count) == 1
                        && EVP_CIPHER_CTX_ctrl(handle, EVP_CTRL_AEAD_GET_TAG, Int32(AES256GCM.tagByteCount), tag) == 1
                }
            }
        }
        guard isSealed else { throw .backend(operation: "EVP_CipherFinal_ex") }
    }

    /// Fills `plaintext`, whose bytes count for nothing when this throws.
    borrowing func decrypt(
        _ ciphertext: RawSpan, tag: RawSpan, into plaintext: inout MutableRawSpan
    ) throws(CryptoError) {
        precondition(tag.byteCount == AES256GCM.tagByteCount, "a whole tag")
        precondition(ciphertext.byteCount == plaintext.byteCount, "plaintext and ciphertext have one length")
        let length = try Int32(checking: ciphertext.byteCount)
        var tag = tag.array
        var rest = [UInt8](repeating: 0, count: 16)
        let isAuthentic = keepingErrorQueue {
            unsafe plaintext.withUnsafeMutableBytes { plaintext in
                unsafe ciphertext.withUnsafeBytes { ciphertext in
                    var count: Int32 = 0
                    return unsafe EVP_CipherUpdate(
                        handle, plaintext.bytePointer(at: 0), &count, ciphertext.bytePointer, length) == 1
                        && EVP_CIPHER_CTX_ctrl(handle, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) == 1
                        && EVP_CipherFinal_ex(handle, &rest, &count) == 1
                }
            }
        }
        guard isAuthentic else { throw .authenticationFailed }
    }
}

// MARK: - Ed25519

/// An Ed25519 key inside OpenSSL, for the length of one operation.
///
/// OpenSSL 3.0 puts raw private keys into the ordinary heap, unlocked, until the `EVP_PKEY` is freed (and wiped). So
/// the key that lasts is the seed in the secure heap, and this copy of it is made for each signature: with the public
/// key at hand that takes a tenth of the time of the signature itself.
@safe struct Ed25519Key: ~Copyable {
    private let handle: OpaquePointer

    /// The key pair of a seed alone, from which the public key must be computed.
    init(seed: borrowing SecretBytes) throws(CryptoError) {
        let handle = unsafe keepingErrorQueue {
            unsafe seed.withBytes { seed in
                unsafe seed.withUnsafeBytes { seed in
                    unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed.bytePointer, seed.count)
                }
            }
        }
        guard let handle = unsafe handle else { throw .backend(operation: "EVP_PKEY_new_raw_private_key") }
        unsafe self.handle = handle
    }

    /// The key pair of a seed and the public key computed from it.
    ///
    /// OpenSSL believes that they belong together. They must: signatures of one seed under two public keys give
    /// the seed away.
    init(seed: borrowing SecretBytes, publicKey: Ed25519.PublicKey) throws(CryptoError) {
        let handle = unsafe keepingErrorQueue {
            unsafe seed.withBytes { seed in
                unsafe seed.withUnsafeBytes { seed in
                    unsafe publicKey.bytes.withUnsafeBytes { publicKey in
                        unsafe Self.makePair(seed, publicKey)
                    }
                }
            }
        }
        guard let handle = unsafe handle else { throw .backend(operation: "EVP_PKEY_fromdata") }
        unsafe self.handle = handle
    }

    /// A public key alone.
    init(publicKey: Ed25519.PublicKey) throws(CryptoError) {
        let bytes = publicKey.bytes
        let handle = unsafe keepingErrorQueue {
            unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
        }
        guard let handle = unsafe handle else { throw .backend(operation: "EVP_PKEY_new_raw_public_key") }
        unsafe self.handle = handle
    }

    deinit { unsafe EVP_PKEY_free(handle) }

    borrowing func publicKeyBytes() throws(CryptoError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Ed25519.publicKeyByteCount)
        var count = bytes.count
        guard unsafe EVP_PKEY_get_raw_public_key(handle, &bytes, &count) == 1, count == bytes.count else {
            throw .backend(operation: "EVP_PKEY_get_raw_public_key")
        }
        return bytes
    }

    borrowing func sign(_ message: RawSpan) throws(CryptoError) -> [UInt8] {
        guard let context = unsafe EVP_MD_CTX_new() else { throw .backend(operation: "EVP_MD_CTX_new") }
        defer { unsafe EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: Ed25519.signatureByteCount)
        var count = signature.count
        let isSigned = keepingErrorQueue {
            unsafe message.withUnsafeBytes { message in
                unsafe EVP_DigestSignInit(context, nil, nil, nil, handle) == 1
                    && EVP_DigestSign(context, &signature, &count, message.bytePointer, message.count) == 1
            }
        }
        guard isSigned, count == signature.count else { throw .backend(operation: "EVP_DigestSign") }
        return signature
    }

    borrowing func verifies(_ signature: RawSpan, for message: RawSpan) -> Bool {
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        return keepingErrorQueue {
            unsafe signature.withUnsafeBytes { signature in
                unsafe message.withUnsafeBytes { message in
                    unsafe EVP_DigestVerifyInit(context, nil, nil, nil, handle) == 1
                        && EVP_DigestVerify(
                            context, signature.bytePointer, signature.count, message.bytePointer, message.count) == 1
                }
            }
        }
    }

    private static func makePair(
        _ seed: UnsafeRawBufferPointer, _ publicKey: UnsafeRawBufferPointer
    ) -> OpaquePointer? {
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, "ED25519", nil) else { return nil }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        // OSSL_PKEY_PARAM_PRIV_KEY and _PUB_KEY. OpenSSL keeps the pointers to these names, so they must be static.
        let (seedName, publicKeyName): (StaticString, StaticString) = ("priv", "pub")
        var parameters = unsafe [
            octets(seed, named: seedName), octets(publicKey, named: publicKeyName), OSSL_PARAM_construct_end(),
        ]
        // EVP_PKEY_KEYPAIR: a macro of macros, which is not imported.
        let keyPair = OSSL_KEYMGMT_SELECT_PRIVATE_KEY | OSSL_KEYMGMT_SELECT_PUBLIC_KEY
        var handle: OpaquePointer?
        guard unsafe EVP_PKEY_fromdata_init(context) == 1,
            unsafe EVP_PKEY_fromdata(context, &handle, keyPair, &parameters) == 1
        else { return nil }
        return unsafe handle
    }

    private static func octets(_ bytes: UnsafeRawBufferPointer, named name: StaticString) -> OSSL_PARAM {
        unsafe OSSL_PARAM_construct_octet_string(
            UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
            UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
}

// MARK: - scrypt

/// RFC 7914 with parameters already checked. OpenSSL's copies and tables are in the ordinary heap until it has wiped
/// them, before this returns.
func deriveScrypt(
    passphrase: RawSpan, salt: RawSpan, parameters: Scrypt.Parameters, into output: inout MutableRawSpan
) throws(CryptoError) {
    let result = keepingErrorQueue {
        unsafe output.withUnsafeMutableBytes { output in
            unsafe passphrase.withUnsafeBytes { passphrase in
                unsafe salt.withUnsafeBytes { salt in
                    unsafe EVP_PBE_scrypt(
                        UnsafeRawPointer(passphrase.bytePointer).assumingMemoryBound(to: CChar.self), passphrase.count,
                        salt.bytePointer, salt.count, parameters.n, UInt64(parameters.r), UInt64(parameters.p),
                        Scrypt.memoryByteCountMax, output.bytePointer(at: 0), output.count)
                }
            }
        }
    }
    guard result == 1 else { throw .backend(operation: "EVP_PBE_scrypt") }
}

// MARK: - Random bytes

/// Fills `output` from one of OpenSSL's two generators (SP 800-90A): what is secret and what will be seen by others do
/// not come from the same one.
func fillRandomly(_ output: inout MutableRawSpan, asSecret isSecret: Bool) throws(CryptoError) {
    let count = try Int32(checking: output.byteCount)
    let result = keepingErrorQueue {
        unsafe output.withUnsafeMutableBytes { output in
            unsafe isSecret
                ? RAND_priv_bytes(output.bytePointer(at: 0), count) : RAND_bytes(output.bytePointer(at: 0), count)
        }
    }
    guard result == 1 else {
        // A thread's first random bytes need a generator of its own, which OpenSSL puts into the secure heap.
        if SecureHeap.isFull { throw .secureMemoryExhausted }
        throw .backend(operation: isSecret ? "RAND_priv_bytes" : "RAND_bytes")
    }
}

// MARK: - Errors

/// Runs `body` and drops what it left in the thread's queue of OpenSSL errors. The queue belongs to the host program
/// too, whose TLS would take a forged signature found here for a failure of its own.
func keepingErrorQueue<Result>(_ body: () -> Result) -> Result {
    ERR_set_mark()
    defer { ERR_pop_to_mark() }
    return body()
}

// MARK: - Pointers

/// What an empty span points at: OpenSSL reads a null pointer as "no argument", not as "no bytes".
@safe private struct EmptyByte: @unchecked Sendable {
    static let shared = EmptyByte()
    let pointer: UnsafePointer<UInt8> = unsafe UnsafePointer(UnsafeMutablePointer<UInt8>.allocate(capacity: 1))
}

extension UnsafeRawBufferPointer {
    var bytePointer: UnsafePointer<UInt8> {
        unsafe baseAddress?.assumingMemoryBound(to: UInt8.self) ?? EmptyByte.shared.pointer
    }
}

extension UnsafeMutableRawBufferPointer {
    func bytePointer(at offset: Int) -> UnsafeMutablePointer<UInt8>? {
        unsafe baseAddress.map { unsafe ($0 + offset).assumingMemoryBound(to: UInt8.self) }
    }
}

extension RawSpan {
    /// The bytes as an array of their own; not for secrets.
    public var array: [UInt8] { unsafe withUnsafeBytes { unsafe [UInt8]($0) } }
}

extension Int32 {
    init(checking count: Int) throws(CryptoError) {
        guard let value = Int32(exactly: count) else {
            throw .invalidParameter(reason: "more than 2^31 − 1 bytes in one message")
        }
        self = value
    }
}
