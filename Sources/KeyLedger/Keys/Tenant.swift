internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Transparency

/// A tenant of a key store: the owner of keys, and the one whose usage is counted.
public struct Tenant: Sendable {
    let store: KeyStore
    /// What its events name it by.
    public let id: TenantID
    /// What people name it by.
    public let name: EntityName
    /// In whose name this handle, and the keys it hands out, act.
    public var caller: Caller

    /// Creates an Ed25519 key.
    ///
    /// - Throws: ``KeyStoreError/keyExists(tenant:key:)`` if the tenant has a key with this name.
    public func createSigningKey(
        _ name: String, policy: KeyPolicy = KeyPolicy()
    ) async throws(KeyStoreError) -> SigningKey {
        SigningKey(try await create(name, .ed25519, policy))
    }

    /// Creates an AES-256-GCM key.
    ///
    /// - Throws: ``KeyStoreError/keyExists(tenant:key:)`` if the tenant has a key with this name.
    public func createEncryptionKey(
        _ name: String, policy: KeyPolicy = KeyPolicy()
    ) async throws(KeyStoreError) -> EncryptionKey {
        EncryptionKey(try await create(name, .aes256GCM, policy))
    }

    /// The signing key with a name.
    ///
    /// - Throws: ``KeyStoreError/unknownKey(tenant:key:)`` or ``KeyStoreError/wrongAlgorithm(key:is:needs:)``, after recording
    ///   the attempt.
    public func signingKey(_ name: String) async throws(KeyStoreError) -> SigningKey {
        SigningKey(try await key(name, .ed25519))
    }

    /// The encryption key with a name; refuses as ``signingKey(_:)`` does.
    public func encryptionKey(_ name: String) async throws(KeyStoreError) -> EncryptionKey {
        EncryptionKey(try await key(name, .aes256GCM))
    }

    /// All keys of the tenant in order of creation.
    public func keys() throws(KeyStoreError) -> [KeyHandle] {
        let records = store.live.read { projection in
            projection.keys.filter { $0.value.tenant == id }.sorted { $0.value.createdBy < $1.value.createdBy }
        }
        var keys: [KeyHandle] = []
        for (keyID, record) in records {
            let name = try EntityName(try store.audit.name(createdBy: record.createdBy, tenant: id))
            keys.append(KeyHandle(tenant: self, id: keyID, name: name, algorithm: record.algorithm))
        }
        return keys
    }

    /// Whether the tenant has a key with a name. Asking is no event.
    public func hasKey(_ name: String) throws(KeyStoreError) -> Bool {
        let keyID = store.custody.id(ofKey: try EntityName(name), of: id)
        return store.live.read { $0.keys[keyID] != nil }
    }

    /// The key with a name, whatever it is for.
    public func key(_ name: String) async throws(KeyStoreError) -> KeyHandle { try await key(name, nil) }

    private func key(_ name: String, _ algorithm: KeyAlgorithm?) async throws(KeyStoreError) -> KeyHandle {
        let name = try EntityName(name)
        let keyID = store.custody.id(ofKey: name, of: id)
        guard let record = store.live.read({ $0.keys[keyID] }) else {
            throw await recorded(.unknownKey(tenant: self.name.description, key: name.description), key: name)
        }
        let handle = KeyHandle(tenant: self, id: keyID, name: name, algorithm: record.algorithm)
        if let algorithm, record.algorithm != algorithm {
            throw await handle.recorded(
                .wrongAlgorithm(key: name.description, is: record.algorithm, needs: algorithm),
                details: ["key": .string(name.description)])
        }
        return handle
    }

    /// Makes a key with its first version, out of nothing or out of material from outside.
    func create(
        _ name: String, _ algorithm: KeyAlgorithm, _ policy: KeyPolicy, importing material: ImportedMaterial? = nil
    ) async throws(KeyStoreError) -> KeyHandle {
        let name = try EntityName(name)
        let keyID = store.custody.id(ofKey: name, of: id)
        let handle = KeyHandle(tenant: self, id: keyID, name: name, algorithm: algorithm)
        let exists = KeyStoreError.keyExists(tenant: self.name.description, key: name.description)
        do throws(KeyStoreError) {
            return try await store.exclusively(keyID.value, orElse: exists) { () throws(KeyStoreError) in
                guard store.live.read({ $0.keys[keyID] == nil }) else { throw exists }
                try await handle.createFirstVersion(policy, importing: material)
                return handle
            }
        } catch {
            throw await recorded(error, key: name)
        }
    }

    /// Records a refusal, and returns what to throw. What is not known to exist is named in the details only.
    private func recorded(_ refusal: KeyStoreError, key: EntityName) async -> KeyStoreError {
        await store.recorded(refusal, tenant: id, details: caller.details(["key": .string(key.description)]))
    }
}
