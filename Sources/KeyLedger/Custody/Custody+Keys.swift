internal import CryptoPrimitives
internal import LedgerStore

extension Custody {
    /// Makes the material of a new version and stores it wrapped, unless an attempt that got no further than that left
    /// some: whether its event reached the disk may be unknown, and what an event speaks of is never replaced.
    ///
    /// - Returns: The public key; empty where there is none.
    func createMaterial(
        of version: KeyVersion, _ algorithm: KeyAlgorithm, tenant: TenantID
    ) throws(KeyStoreError) -> [UInt8] {
        if try isLeftOver(.version(version)), let left = try? material(of: version, algorithm, tenant: tenant) {
            return left.publicKey
        }
        let secret = try KeyStoreError.crypto { () throws(CryptoError) in try SecretBytes(randomCount: 32) }
        return try storeMaterial(secret, of: version, algorithm, tenant: tenant)
    }

    /// Stores material from outside, wrapped, as a new version's.
    ///
    /// - Returns: The public key; empty where there is none.
    func storeMaterial(
        _ secret: borrowing SecretBytes, of version: KeyVersion, _ algorithm: KeyAlgorithm, tenant: TenantID
    ) throws(KeyStoreError) -> [UInt8] {
        let publicKey: [UInt8]
        let blob: WrappedBlob
        let secrets = try secrets(of: tenant)
        do throws(CryptoError) {
            publicKey = try KeyMaterial(algorithm, try secret.copy()).publicKey
            let context = Self.context(of: version, algorithm, tenant, publicKey: publicKey)
            blob = WrappedBlob(header: publicKey, box: try secrets.wrapping.wrap(secret, context))
        } catch {
            throw .crypto(error)
        }
        try put([(.version(version), blob.bytes)])
        return publicKey
    }

    /// The material of a version, unwrapped.
    func material(
        of version: KeyVersion, _ algorithm: KeyAlgorithm, tenant: TenantID
    ) throws(KeyStoreError) -> KeyMaterial {
        let subject = Self.subject(of: version)
        let secrets = try secrets(of: tenant)
        let blob = try blob(.version(version), subject)
        let context = Self.context(of: version, algorithm, tenant, publicKey: blob.header)
        let key: KeyMaterial
        do throws(CryptoError) {
            key = try KeyMaterial(algorithm, try secrets.wrapping.unwrap(blob, context))
        } catch {
            throw Self.unusable(subject, error)
        }
        guard key.publicKey == blob.header else {
            throw .materialDamaged(subject: subject, reason: "the public key is not its own")
        }
        return key
    }

    /// Erases the material of a version: afterwards it is nowhere in the folder. Idempotent.
    func eraseMaterial(of version: KeyVersion) throws(KeyStoreError) {
        try KeyStoreError.store { () throws(StoreError) in try material.erase([.version(version)]) }
    }

    /// Whether the material of a version was erased.
    func isErased(_ version: KeyVersion) throws(KeyStoreError) -> Bool {
        try KeyStoreError.store { () throws(StoreError) in try material.standing(of: .version(version)) } == .erased
    }

    /// What messages call a version.
    static func subject(of version: KeyVersion) -> String {
        "the material of key \(version.key) version \(version.number)"
    }

    private static func context(
        of version: KeyVersion, _ algorithm: KeyAlgorithm, _ tenant: TenantID, publicKey: [UInt8]
    ) -> WrapContext {
        context(of: tenant, purpose: "key").with("keyId", version.key.description)
            .with("version", String(version.number)).with("algorithm", algorithm.description)
            .with("publicKey", publicKey.hexadecimal)
    }
}
