internal import CryptoPrimitives

/// A key in plaintext, in locked memory, wiped when the last holder lets go of it.
enum KeyMaterial: Sendable {
    case signing(Signing)
    case encryption(Encryption)

    final class Signing: Sendable {
        let key: Ed25519.PrivateKey
        init(_ key: consuming Ed25519.PrivateKey) { self.key = key }
    }

    final class Encryption: Sendable {
        let key: AES256GCM
        init(_ key: consuming AES256GCM) { self.key = key }
    }

    /// The key with these 32 bytes.
    init(_ algorithm: KeyAlgorithm, _ secret: consuming SecretBytes) throws(CryptoError) {
        switch algorithm {
        case .ed25519: self = .signing(Signing(try Ed25519.PrivateKey(seed: secret)))
        case .aes256GCM: self = .encryption(Encryption(try AES256GCM(key: secret)))
        }
    }

    /// The public half, where there is one.
    var publicKey: [UInt8] {
        switch self {
        case .signing(let signing): signing.key.publicKey.bytes
        case .encryption: []
        }
    }
}
