import CryptoPrimitives

// The library takes spans and keeps secrets to itself; tests compare arrays.

extension SecretBytes {
    init(_ bytes: [UInt8]) throws(CryptoError) {
        try self.init(copying: unsafe bytes.span.bytes)
    }

    borrowing func revealed() -> [UInt8] { withBytes { $0.array } }

    borrowing func duplicate() throws(CryptoError) -> SecretBytes {
        try withBytes { (bytes: RawSpan) throws(CryptoError) in try SecretBytes(copying: bytes) }
    }

    /// Where the bytes are, to be looked at from outside.
    borrowing func address() -> UInt {
        withBytes { bytes in unsafe bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
    }
}

extension Ed25519.PublicKey {
    init(_ bytes: [UInt8]) throws(CryptoError) {
        try self.init(unsafe bytes.span.bytes)
    }

    func isValidSignature(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        unsafe isValidSignature(signature.span.bytes, for: message.span.bytes)
    }
}

extension Ed25519.PrivateKey {
    init(seed: [UInt8]) throws(CryptoError) {
        try self.init(seed: try SecretBytes(seed))
    }

    borrowing func signature(for message: [UInt8]) throws(CryptoError) -> [UInt8] {
        try signature(for: unsafe message.span.bytes)
    }
}

extension AES256GCM {
    init(key: [UInt8]) throws(CryptoError) {
        try self.init(key: try SecretBytes(key))
    }

    borrowing func seal(_ plaintext: [UInt8], authenticating context: [UInt8] = []) throws(CryptoError) -> [UInt8] {
        try seal(unsafe plaintext.span.bytes, authenticating: unsafe context.span.bytes)
    }

    borrowing func seal(
        _ plaintext: [UInt8], nonce: [UInt8], authenticating context: [UInt8] = []
    ) throws(CryptoError) -> [UInt8] {
        try seal(
            unsafe plaintext.span.bytes, nonce: unsafe nonce.span.bytes, authenticating: unsafe context.span.bytes)
    }

    borrowing func open(_ box: [UInt8], authenticating context: [UInt8] = []) throws(CryptoError) -> [UInt8] {
        try open(unsafe box.span.bytes, authenticating: unsafe context.span.bytes).revealed()
    }
}

extension SHA256Digest {
    init?(_ bytes: [UInt8]) {
        self.init(unsafe bytes.span.bytes)
    }
}

extension SHA256 {
    static func hash(_ bytes: [UInt8]) -> SHA256Digest { unsafe hash(bytes.span.bytes) }

    mutating func update(_ bytes: [UInt8]) { unsafe update(bytes.span.bytes) }
}

extension HMACSHA256 {
    static func code(for message: [UInt8], key: [UInt8]) -> SHA256Digest {
        unsafe code(for: message.span.bytes, key: key.span.bytes)
    }

    static func isValid(_ code: [UInt8], for message: [UInt8], key: [UInt8]) -> Bool {
        unsafe isValid(code.span.bytes, for: message.span.bytes, key: key.span.bytes)
    }
}

extension HKDFSHA256 {
    static func derive(
        from secret: [UInt8], salt: [UInt8] = [], info: [UInt8] = [], count: Int
    ) throws(CryptoError) -> [UInt8] {
        try derive(
            from: try SecretBytes(secret), salt: unsafe salt.span.bytes, info: unsafe info.span.bytes, count: count
        ).revealed()
    }
}

extension Scrypt {
    static func derive(
        passphrase: String, salt: String, parameters: Parameters, count: Int
    ) throws(CryptoError) -> [UInt8] {
        let salt = Array(salt.utf8)
        return try derive(
            passphrase: try SecretBytes(Array(passphrase.utf8)), salt: unsafe salt.span.bytes, parameters: parameters,
            count: count
        ).revealed()
    }
}
