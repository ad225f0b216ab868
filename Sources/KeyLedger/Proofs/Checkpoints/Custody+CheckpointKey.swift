internal import CryptoPrimitives
internal import LedgerStore
internal import Transparency

// The key that signs checkpoints: wrapped under a key that is derived from the ledger's root secret. It is unwrapped for
// each signature and wiped after it.
extension Custody {
    /// Makes a version of the checkpoint key and stores it wrapped, unless an attempt that got no further left one.
    func createCheckpointKey(version: UInt32, name: KeyName) throws(KeyStoreError) -> VerifierKey {
        if let left = try? checkpointSigner(version: version, name: name) { return left.verifierKey }
        let blob: WrappedBlob
        let verifierKey: VerifierKey
        do throws(CryptoError) {
            let secret = try SecretBytes(randomCount: Ed25519.seedByteCount)
            let publicKey = try Ed25519.PrivateKey(seed: try secret.copy()).publicKey
            verifierKey = VerifierKey(name: name, algorithm: .ed25519, publicKey: publicKey)
            let context = Self.checkpointContext(version, name, publicKey: publicKey.bytes)
            blob = WrappedBlob(
                header: publicKey.bytes, box: try root.checkpoints.wrap(secret, context))
        } catch {
            throw .crypto(error)
        }
        try put([(.checkpointKey(version), blob.bytes)])
        return verifierKey
    }

    /// A version of the checkpoint key, unwrapped.
    func checkpointSigner(version: UInt32, name: KeyName) throws(KeyStoreError) -> NoteSigner {
        NoteSigner(name: name, privateKey: try checkpointKey(version: version, name: name))
    }

    /// A version of the checkpoint key as it is, to sign evidence with.
    func checkpointKey(version: UInt32, name: KeyName) throws(KeyStoreError) -> Ed25519.PrivateKey {
        let subject = "the checkpoint key version \(version)"
        let blob = try blob(.checkpointKey(version), subject)
        let key: Ed25519.PrivateKey
        do throws(CryptoError) {
            let context = Self.checkpointContext(version, name, publicKey: blob.header)
            key = try Ed25519.PrivateKey(seed: try root.checkpoints.unwrap(blob, context))
        } catch {
            throw Self.unusable(subject, error)
        }
        guard key.publicKey.bytes == blob.header else {
            throw .materialDamaged(subject: subject, reason: "the public key is not its own")
        }
        return key
    }

    private static func checkpointContext(_ version: UInt32, _ name: KeyName, publicKey: [UInt8]) -> WrapContext {
        WrapContext(purpose: "checkpoint").with("origin", name.description).with("version", String(version))
            .with("publicKey", publicKey.hexadecimal)
    }
}

extension MaterialStore.Name {
    /// A version of the key that signs checkpoints; wrapped under the ledger's secret.
    static func checkpointKey(_ version: UInt32) -> Self { Self(owner: 0, version: version, kind: 5) }

    /// The version of the checkpoint key this name is of, or nil for the other kinds.
    var checkpointKeyVersion: UInt32? { kind == 5 && owner == 0 ? version : nil }
}
