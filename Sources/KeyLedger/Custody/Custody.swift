internal import CryptoPrimitives
internal import LedgerStore
internal import Synchronization

/// Where key material rests and how it is woken: every version wrapped under its tenant's key, that under the master key
/// of a key management service, each bound to its place by the authenticated context.
///
/// What rests under the master key is unwrapped by the service, once; the rest follows in this process. `Custody+Tenants`
/// has the tenants' keys, `Custody+Keys` the versions, `Custody+Rewrap` the change of the master key.
final class Custody: Sendable {
    let material: MaterialStore
    let root: Root
    let origin: String
    let services: Mutex<Services>
    let tenants = Mutex<[TenantID: TenantSecrets]>([:])
    /// How many events the log has: material says how long a log it belongs to.
    let eventCount: @Sendable () -> UInt64

    /// The service that wraps, and while everything moves to another master key, that other.
    struct Services: Sendable {
        var current: any KeyManagementService
        var next: (any KeyManagementService)?

        /// Wraps what is new.
        var wrapping: any KeyManagementService { next ?? current }

        /// The service for the master key that a blob names.
        func named(_ name: String) -> (any KeyManagementService)? {
            if current.masterKeyName == name { return current }
            return next?.masterKeyName == name ? next : nil
        }
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

    // MARK: Setting up

    /// Sets up the custody of a new ledger: makes the secret its ids are derived from.
    static func create(in material: MaterialStore, masterKey: borrowing MasterKey, origin: String) throws(KeyStoreError)
    {
        let blob: WrappedBlob
        do throws(CryptoError) {
            let secret = try SecretBytes(randomCount: 32)
            let context = rootContext(origin).bytes
            let box = try secret.withBytes { (secret: RawSpan) throws(CryptoError) in
                try masterKey.seal(secret, authenticating: unsafe context.span.bytes)
            }
            let name = "\(LocalKeyManagementService.provider):\(masterKey.id)"
            blob = WrappedBlob(wrappedUnder: MasterKeyReference(name: name, derivation: masterKey.derivation), box: box)
        } catch {
            throw .crypto(error)
        }
        try KeyStoreError.store { () throws(StoreError) in try material.put([(.root, blob.bytes)], eventCount: 0) }
    }

    /// Sets up the custody of a new ledger under the master key of any service.
    static func create(
        in material: MaterialStore, _ service: any KeyManagementService, origin: String
    ) async throws(KeyStoreError) {
        let blob: WrappedBlob
        do throws(KeyManagementError) {
            let key = try await service.generateDataKey(.aes256, context: rootContext(origin).members)
            blob = WrappedBlob(wrappedUnder: MasterKeyReference(service), box: key.wrapped)
        } catch {
            throw .keyManagement(error)
        }
        try KeyStoreError.store { () throws(StoreError) in try material.put([(.root, blob.bytes)], eventCount: 0) }
    }

    // MARK: Opening

    /// Opens the custody of a ledger in `path` under a master key of this process.
    ///
    /// - Throws: ``KeyStoreError/wrongMasterKey(given:needed:)`` for another master key, and
    ///   ``KeyStoreError/notInitialised(path:)`` if custody was never set up.
    convenience init(
        _ material: MaterialStore, local service: LocalKeyManagementService, origin: String, path: String
    ) throws(KeyStoreError) {
        let blob = try Self.rootBlob(material, path: path)
        try Self.check(blob, service, material)
        let root: Root
        do throws(KeyManagementError) {
            let secret = try service.decryptAtOnce(blob.box, context: Self.rootContext(origin).members)
            root = try Self.root(secret)
        } catch {
            throw Self.unusable("the secret of the ledger", error)
        }
        self.init(material, Services(current: service), root, origin: origin) { 0 }
    }

    /// Opens the custody of a ledger in `path` under the master key of any service; refuses as above.
    ///
    /// - Parameters:
    ///   - next: The service that everything is on its way to, if it is.
    ///   - eventCount: How many events the log has.
    static func open(
        _ material: MaterialStore, _ service: any KeyManagementService, next: (any KeyManagementService)?,
        origin: String, path: String, eventCount: @escaping @Sendable () -> UInt64
    ) async throws(KeyStoreError) -> Custody {
        let blob = try rootBlob(material, path: path)
        try check(blob, service, material)
        let root: Root
        do throws(KeyManagementError) {
            let secret = try await service.decrypt(blob.box, context: rootContext(origin).members)
            root = try Self.root(secret)
        } catch {
            throw unusable("the secret of the ledger", error)
        }
        return Custody(
            material, Services(current: service, next: next), root, origin: origin, eventCount: eventCount)
    }

    private init(
        _ material: MaterialStore, _ services: Services, _ root: consuming Root, origin: String,
        eventCount: @escaping @Sendable () -> UInt64
    ) {
        self.material = material
        self.services = Mutex(services)
        self.root = root
        self.origin = origin
        self.eventCount = eventCount
    }

    private static func root(_ secret: consuming SecretBytes) throws(KeyManagementError) -> Root {
        do throws(CryptoError) {
            return try Root(secret)
        } catch {
            throw KeyManagementError(
                provider: LocalKeyManagementService.provider, operation: .decrypt, category: .internalError,
                message: error.description)
        }
    }

    static func rootBlob(_ material: MaterialStore, path: String) throws(KeyStoreError) -> WrappedBlob {
        guard let bytes = try KeyStoreError.store({ () throws(StoreError) in try material.blob(.root) }) else {
            throw .notInitialised(path: path)
        }
        guard let blob = WrappedBlob(bytes), blob.masterKey != nil else {
            throw .materialDamaged(subject: "the secret of the ledger", reason: "the blob is malformed")
        }
        return blob
    }

    static func rootContext(_ origin: String) -> WrapContext { WrapContext(purpose: "root").with("origin", origin) }

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

    // MARK: Blobs

    func blob(_ name: MaterialStore.Name, _ subject: String) throws(KeyStoreError) -> WrappedBlob {
        let bytes: [UInt8]?
        let isErased: Bool
        do throws(StoreError) {
            bytes = try material.blob(name)
            let standing = bytes == nil ? try material.standing(of: name) : nil
            isErased = standing == .erased
        } catch .damaged {
            throw .materialDamaged(subject: subject, reason: "its bytes are not those that were stored")
        } catch {
            throw .store(error)
        }
        if isErased { throw .materialDamaged(subject: subject, reason: "it was erased") }
        guard let bytes else { throw .materialDamaged(subject: subject, reason: "it is missing") }
        guard let blob = WrappedBlob(bytes) else {
            throw .materialDamaged(subject: subject, reason: "the blob is malformed")
        }
        return blob
    }

    func put(_ blobs: [(MaterialStore.Name, [UInt8])]) throws(KeyStoreError) {
        let eventCount = eventCount()
        try KeyStoreError.store { () throws(StoreError) in try material.put(blobs, eventCount: eventCount) }
    }

    /// What an attempt left that got no further than storing it; what an event speaks of is never replaced.
    func isLeftOver(_ name: MaterialStore.Name) throws(KeyStoreError) -> Bool {
        let standing = try KeyStoreError.store { () throws(StoreError) in try material.standing(of: name) }
        return standing == .new || standing == .recorded
    }

    static func unusable(_ subject: String, _ error: KeyManagementError) -> KeyStoreError {
        switch error.category {
        case .invalidCiphertext, .contextMismatch:
            .materialDamaged(subject: subject, reason: "it was changed or belongs elsewhere")
        default: .keyManagement(error)
        }
    }

    static func unusable(_ subject: String, _ error: CryptoError) -> KeyStoreError {
        error == .authenticationFailed
            ? .materialDamaged(subject: subject, reason: "it was changed or belongs elsewhere") : .crypto(error)
    }

    /// Lets go of all tenants' keys, which wipes them.
    func forgetTenants() { tenants.withLock { $0.removeAll() } }
}
