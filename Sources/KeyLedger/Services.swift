public import CryptoPrimitives

/// Makes keys, under the names that FLUO's callers know. ``Tenant`` does the work.
public struct KeyGenerationService: Sendable {
    private let store: KeyStore

    /// Makes keys in `store`.
    public init(_ store: KeyStore) { self.store = store }

    /// A key that was made.
    public struct Generated: Sendable {
        /// What its events name it by.
        public let keyID: KeyID
        /// The algorithm, as ``KeyAlgorithm`` writes it.
        public let algorithm: KeyAlgorithm
        /// For verifiers; nil for an encryption key.
        public let publicKey: Ed25519.PublicKey?
    }

    /// Makes a tenant's Ed25519 key.
    public func generateSigningKey(
        tenant: String, key name: String = KeyRetrievalService.signingKeyName
    ) async throws(KeyStoreError) -> Generated {
        let key = try await store.tenant(tenant).createSigningKey(name)
        return Generated(keyID: key.handle.id, algorithm: .ed25519, publicKey: try key.publicKey())
    }

    /// Makes a tenant's AES-256-GCM key.
    public func generateEncryptionKey(
        tenant: String, key name: String = KeyRetrievalService.encryptionKeyName
    ) async throws(KeyStoreError) -> Generated {
        let key = try await store.tenant(tenant).createEncryptionKey(name)
        return Generated(keyID: key.handle.id, algorithm: .aes256GCM, publicKey: nil)
    }
}

/// Finds keys for use, under the names that FLUO's callers know.
///
/// A use looks into ``KeyCache`` first, then has the wrapped key opened, then keeps it in memory; concurrent misses open it
/// once. Keys are found by tenant and name, so nobody finds another tenant's; what is too old is never used. The plaintext
/// itself is not handed out: the key signs and encrypts.
public struct KeyRetrievalService: Sendable {
    /// What a tenant's signing key is called when nobody says otherwise.
    public static let signingKeyName = "signing"
    /// What a tenant's encryption key is called when nobody says otherwise.
    public static let encryptionKeyName = "encryption"

    private let store: KeyStore

    /// Finds keys in `store`.
    public init(_ store: KeyStore) { self.store = store }

    /// A tenant's signing key.
    public func signingKey(
        tenant: String, key name: String = signingKeyName
    ) async throws(KeyStoreError) -> SigningKey {
        try await store.tenant(tenant).signingKey(name)
    }

    /// A tenant's encryption key.
    public func encryptionKey(
        tenant: String, key name: String = encryptionKeyName
    ) async throws(KeyStoreError) -> EncryptionKey {
        try await store.tenant(tenant).encryptionKey(name)
    }

    /// The public key of a version, for verifiers elsewhere; touches nothing private.
    ///
    /// - Parameter version: The active one if nil.
    public func publicKey(
        tenant: String, key name: String = signingKeyName, version: UInt32? = nil
    ) async throws(KeyStoreError) -> Ed25519.PublicKey {
        try await signingKey(tenant: tenant, key: name).publicKey(version: version)
    }

    /// Wipes a tenant's keys from memory; see ``KeyCache/invalidate(_:caller:)``.
    @discardableResult
    public func invalidate(tenant: String) async throws(KeyStoreError) -> Int {
        try await store.cache.invalidate(try await store.tenant(tenant))
    }

    /// What is in memory, and how it served those who asked.
    public var cache: KeyCache { store.cache }
}
