internal import CryptoPrimitives
internal import LedgerStore
internal import Synchronization

/// Where key material rests and how it is woken: every version wrapped under its tenant's key, that under the master
/// key, each bound to its place by the authenticated context.
final class Custody: Sendable {
    private let masterKey: MasterKey
    let material: MaterialStore
    let root: Root
    private let tenants = Mutex<[TenantID: TenantSecrets]>([:])

    /// Sets up the custody of a new ledger: makes the secret its ids are derived from.
    static func create(in material: MaterialStore, masterKey: borrowing MasterKey, origin: String) throws(KeyStoreError)
    {
        let blob: WrappedBlob
        do throws(CryptoError) {
            let secret = try SecretBytes(randomCount: 32)
            blob = WrappedBlob(
                header: Array(masterKey.id.utf8), box: try wrap(secret, rootContext(origin), under: masterKey))
        } catch {
            throw .crypto(error)
        }
        try KeyStoreError.store { () throws(StoreError) in try material.put([(.root, blob.bytes)], eventCount: 0) }
    }

    /// Opens the custody of a ledger in `path`.
    ///
    /// - Throws: ``KeyStoreError/wrongMasterKey(given:needed:)`` for another master key, and
    ///   ``KeyStoreError/notInitialised(path:)`` if custody was never set up.
    init(
        _ material: MaterialStore, masterKey: consuming MasterKey, origin: String, path: String
    ) throws(KeyStoreError) {
        guard let bytes = try KeyStoreError.store({ () throws(StoreError) in try material.blob(.root) }) else {
            throw .notInitialised(path: path)
        }
        guard let blob = WrappedBlob(bytes) else {
            throw .materialDamaged(subject: "the secret of the ledger", reason: "the blob is malformed")
        }
        let needed = String(decoding: blob.header, as: UTF8.self)
        guard needed == masterKey.id else { throw .wrongMasterKey(given: masterKey.id, needed: needed) }
        do throws(CryptoError) {
            root = try Root(try Self.unwrap(blob, Self.rootContext(origin), under: masterKey))
        } catch {
            throw Self.unusable("the secret of the ledger", error)
        }
        self.material = material
        self.masterKey = masterKey
    }

    /// Keys of the ledger as a whole.
    struct Root: ~Copyable, Sendable {
        /// Turns names into ids.
        let naming: SecretBytes
        /// Seals the details of events that are no tenant's.
        let details: AES256GCM
        /// Wraps the key that signs checkpoints.
        let checkpoints: AES256GCM

        init(_ secret: consuming SecretBytes) throws(CryptoError) {
            let naming = try secret.derived("keyledger naming v1")
            let details = try AES256GCM(key: try secret.derived("keyledger details v1"))
            let checkpoints = try AES256GCM(key: try secret.derived("keyledger checkpoint wrap v1"))
            self.naming = naming
            self.details = details
            self.checkpoints = checkpoints
        }
    }

    private static func rootContext(_ origin: String) -> WrapContext {
        WrapContext(purpose: "root").with("origin", origin)
    }

    // MARK: Names

    func id(ofTenant name: EntityName) -> TenantID { TenantID(derive("tenant", 0, name)) }

    func id(ofKey name: EntityName, of tenant: TenantID) -> KeyID { KeyID(derive("key", tenant.value, name)) }

    private func derive(_ kind: StaticString, _ owner: UInt128, _ name: EntityName) -> UInt128 {
        var bytes = LittleEndianBytes()
        bytes.append(Array(kind.description.utf8))
        bytes.append(owner)
        bytes.append(Array(name.description.utf8))
        return HMACSHA256.code(for: unsafe bytes.bytes.span.bytes, key: root.naming).leadingNumber
    }

    // MARK: Tenants

    /// Makes a tenant's keys and stores them wrapped, unless an attempt that got no further than that left some.
    func createSecrets(of tenant: TenantID) throws(KeyStoreError) {
        if try hasBlob(.tenantKey(tenant)), (try? secrets(of: tenant)) != nil { return }
        let blobs: [(MaterialStore.Name, [UInt8])]
        do throws(CryptoError) {
            let tenantKey = try SecretBytes(randomCount: 32)
            let detailsKey = try SecretBytes(randomCount: 32)
            let wrapping = try TenantSecrets.wrappingKey(from: tenantKey)
            let tenantBox = try Self.wrap(tenantKey, Self.context(of: tenant, purpose: "tenant"), under: masterKey)
            let detailsBox = try Self.wrap(detailsKey, Self.context(of: tenant, purpose: "details"), under: wrapping)
            blobs = [
                (.tenantKey(tenant), WrappedBlob(header: Array(masterKey.id.utf8), box: tenantBox).bytes),
                (.detailsKey(tenant), WrappedBlob(box: detailsBox).bytes),
            ]
        } catch {
            throw .crypto(error)
        }
        try KeyStoreError.store { () throws(StoreError) in try material.put(blobs, eventCount: 0) }
    }

    private func hasBlob(_ name: MaterialStore.Name) throws(KeyStoreError) -> Bool {
        try KeyStoreError.store { () throws(StoreError) in try material.blob(name) } != nil
    }

    /// A tenant's keys, unwrapped once and kept until the ledger is closed.
    func secrets(of tenant: TenantID) throws(KeyStoreError) -> TenantSecrets {
        if let known = tenants.withLock({ $0[tenant] }) { return known }
        let subject = "the material of tenant \(tenant)"
        let tenantBlob = try blob(.tenantKey(tenant), subject)
        let detailsBlob = try blob(.detailsKey(tenant), subject)
        let secrets: TenantSecrets
        do throws(CryptoError) {
            let tenantKey = try Self.unwrap(tenantBlob, Self.context(of: tenant, purpose: "tenant"), under: masterKey)
            let wrapping = try TenantSecrets.wrappingKey(from: tenantKey)
            let detailsKey = try Self.unwrap(detailsBlob, Self.context(of: tenant, purpose: "details"), under: wrapping)
            let details = try AES256GCM(key: detailsKey)
            let redaction = try RedactionKey(try tenantKey.derived("keyledger redaction v1"))
            secrets = TenantSecrets(wrapping: wrapping, details: details, redaction: redaction)
        } catch {
            throw Self.unusable(subject, error)
        }
        tenants.withLock { $0[tenant] = secrets }
        return secrets
    }

    private static func context(of tenant: TenantID, purpose: String) -> WrapContext {
        WrapContext(purpose: purpose).with("tenantId", tenant.description)
    }

    // MARK: Keys

    /// Makes the material of a new version and stores it wrapped, unless an attempt that got no further than that left
    /// some: whether its event reached the disk may be unknown, and what an event speaks of is never replaced.
    ///
    /// - Returns: The public key; empty where there is none.
    func createMaterial(
        of version: KeyVersion, _ algorithm: KeyAlgorithm, tenant: TenantID
    ) throws(KeyStoreError) -> [UInt8] {
        if try hasBlob(.version(version)), let left = try? material(of: version, algorithm, tenant: tenant) {
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
        let wrapping = try secrets(of: tenant)
        do throws(CryptoError) {
            publicKey = try KeyMaterial(algorithm, try secret.copy()).publicKey
            let context = Self.context(of: version, algorithm, tenant, publicKey: publicKey)
            blob = WrappedBlob(header: publicKey, box: try Self.wrap(secret, context, under: wrapping.wrapping))
        } catch {
            throw .crypto(error)
        }
        try KeyStoreError.store { () throws(StoreError) in
            try material.put([(.version(version), blob.bytes)], eventCount: 0)
        }
        return publicKey
    }

    /// The material of a version, unwrapped.
    func material(
        of version: KeyVersion, _ algorithm: KeyAlgorithm, tenant: TenantID
    ) throws(KeyStoreError) -> KeyMaterial {
        let subject = Self.subject(of: version)
        let blob = try blob(.version(version), subject)
        let context = Self.context(of: version, algorithm, tenant, publicKey: blob.header)
        let wrapping = try secrets(of: tenant)
        let key: KeyMaterial
        do throws(CryptoError) {
            key = try KeyMaterial(algorithm, try Self.unwrap(blob, context, under: wrapping.wrapping))
        } catch {
            throw Self.unusable(subject, error)
        }
        guard key.publicKey == blob.header else {
            throw .materialDamaged(subject: subject, reason: "the public key is not its own")
        }
        return key
    }

    /// Erases the material of a version, if it is there.
    func eraseMaterial(of version: KeyVersion) throws(KeyStoreError) {
        try KeyStoreError.store { () throws(StoreError) in try material.erase([.version(version)]) }
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

    // MARK: Wrapping

    func blob(_ name: MaterialStore.Name, _ subject: String) throws(KeyStoreError) -> WrappedBlob {
        guard let bytes = try KeyStoreError.store({ () throws(StoreError) in try material.blob(name) }) else {
            throw .materialDamaged(subject: subject, reason: "it is missing")
        }
        guard let blob = WrappedBlob(bytes) else {
            throw .materialDamaged(subject: subject, reason: "the blob is malformed")
        }
        return blob
    }

    static func wrap<Key: Wrapping & ~Copyable>(
        _ secret: borrowing SecretBytes, _ context: WrapContext, under key: borrowing Key
    ) throws(CryptoError) -> [UInt8] {
        let context = context.bytes
        return try secret.withBytes { (secret: RawSpan) throws(CryptoError) in
            try key.seal(secret, authenticating: unsafe context.span.bytes)
        }
    }

    static func unwrap<Key: Wrapping & ~Copyable>(
        _ blob: WrappedBlob, _ context: WrapContext, under key: borrowing Key
    ) throws(CryptoError) -> SecretBytes {
        let context = context.bytes
        return try key.open(unsafe blob.box.span.bytes, authenticating: unsafe context.span.bytes)
    }

    static func unusable(_ subject: String, _ error: CryptoError) -> KeyStoreError {
        error == .authenticationFailed
            ? .materialDamaged(subject: subject, reason: "it was changed or belongs elsewhere") : .crypto(error)
    }

    /// Material that no event speaks of: what a crash left between storing a key and recording it.
    func removeOrphans(known: (MaterialStore.Name) -> Bool) throws(KeyStoreError) -> Int {
        let orphans = try KeyStoreError.store { () throws(StoreError) in
            try material.names().filter { $0 != .root && !known($0) }
        }
        if !orphans.isEmpty { try KeyStoreError.store { () throws(StoreError) in try material.erase(orphans) } }
        return orphans.count
    }

    /// Lets go of all tenants' keys, which wipes them.
    func forgetTenants() { tenants.withLock { $0.removeAll() } }
}

/// What can wrap a secret: the master key, and a tenant's key.
protocol Wrapping: ~Copyable {
    borrowing func seal(_ plaintext: RawSpan, authenticating context: RawSpan) throws(CryptoError) -> [UInt8]
    borrowing func open(_ box: RawSpan, authenticating context: RawSpan) throws(CryptoError) -> SecretBytes
}

extension AES256GCM: Wrapping {}
extension MasterKey: Wrapping {}

/// A tenant's keys in plaintext, wiped when the last holder lets go of them.
final class TenantSecrets: Sendable {
    /// Wraps the versions of the tenant's keys.
    let wrapping: AES256GCM
    /// Seals the details of the tenant's events.
    let details: AES256GCM
    /// Keys the deterministic redactions (HMAC).
    let redaction: RedactionKey

    init(wrapping: consuming AES256GCM, details: consuming AES256GCM, redaction: RedactionKey) {
        self.wrapping = wrapping
        self.details = details
        self.redaction = redaction
    }

    static func wrappingKey(from tenantKey: borrowing SecretBytes) throws(CryptoError) -> AES256GCM {
        try AES256GCM(key: try tenantKey.derived("keyledger tenant wrap v1"))
    }
}
