internal import CryptoPrimitives

/// How the bytes of a key are written when they come or go.
///
/// An AES key is its 32 bytes. An Ed25519 key is its 32-byte seed, or PKCS #8 in DER as RFC 8410, section 7, writes it:
///
/// ```
/// 30 2e 02 01 00 30 05 06 03 2b 65 70 04 22 04 20 ‖ seed (32)                                    48 bytes
/// 30 51 02 01 01 30 05 06 03 2b 65 70 04 22 04 20 ‖ seed (32) ‖ 81 21 00 ‖ public key (32)       83 bytes
/// ```
enum KeyEncoding {
    private static let algorithm: [UInt8] = [0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]
    private static let prefix: [UInt8] = [0x30, 0x2E, 0x02, 0x01, 0x00] + algorithm
    private static let prefixWithPublicKey: [UInt8] = [0x30, 0x51, 0x02, 0x01, 0x01] + algorithm
    private static let publicKeyPrefix: [UInt8] = [0x81, 0x21, 0x00]

    /// The 32 bytes of a key.
    ///
    /// - Throws: ``KeyStoreError/malformedMaterial(reason:)`` for what is not a key of this algorithm.
    static func decode(_ encoded: borrowing SecretBytes, _ algorithm: KeyAlgorithm) throws(KeyStoreError) -> SecretBytes
    {
        try encoded.withBytes { (bytes: RawSpan) throws(KeyStoreError) in
            switch (algorithm, bytes.byteCount) {
            case (_, 32): return try copy(bytes)
            case (.ed25519, 48) where bytes.starts(with: prefix):
                return try copy(bytes.extracting(16..<48))
            case (.ed25519, 83)
            where bytes.starts(with: prefixWithPublicKey)
                && bytes.extracting(48..<83).starts(with: publicKeyPrefix):
                let seed = try copy(bytes.extracting(16..<48))
                let key = try KeyStoreError.crypto { () throws(CryptoError) in
                    try Ed25519.PrivateKey(seed: try seed.copy())
                }
                // A signature under one half of two pairs would give the key away.
                guard bytes.extracting(51..<83).starts(with: key.publicKey.bytes) else {
                    throw .malformedMaterial(reason: "the public key in it is not that of the private key")
                }
                return seed
            case (.ed25519, let count):
                throw .malformedMaterial(
                    reason: "it has \(count) bytes and is neither a 32-byte seed nor PKCS #8 of an Ed25519 key")
            case (.aes256GCM, let count):
                throw .malformedMaterial(reason: "it has \(count) bytes; an AES-256 key has 32")
            }
        }
    }

    /// A key as it leaves: PKCS #8 for Ed25519, the bytes themselves for AES.
    static func encode(_ material: KeyMaterial) throws(CryptoError) -> SecretBytes {
        switch material {
        case .encryption(let encryption):
            try encryption.key.withKey { (key: RawSpan) throws(CryptoError) in try SecretBytes(copying: key) }
        case .signing(let signing):
            try signing.key.withSeed { (seed: RawSpan) throws(CryptoError) in
                try SecretBytes(count: prefix.count + seed.byteCount) { (encoded: inout MutableRawSpan) in
                    for (index, byte) in prefix.enumerated() {
                        encoded.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
                    }
                    for index in 0..<seed.byteCount {
                        encoded.storeBytes(
                            of: unsafe seed.unsafeLoad(fromByteOffset: index, as: UInt8.self),
                            toByteOffset: prefix.count + index, as: UInt8.self)
                    }
                }
            }
        }
    }

    private static func copy(_ bytes: RawSpan) throws(KeyStoreError) -> SecretBytes {
        try KeyStoreError.crypto { () throws(CryptoError) in try SecretBytes(copying: bytes) }
    }
}

extension RawSpan {
    fileprivate func starts(with bytes: [UInt8]) -> Bool {
        byteCount >= bytes.count
            && bytes.indices.allSatisfy { unsafe unsafeLoad(fromByteOffset: $0, as: UInt8.self) == bytes[$0] }
    }
}
