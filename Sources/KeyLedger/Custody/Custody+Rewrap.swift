internal import CryptoPrimitives
internal import LedgerStore
internal import Synchronization

/// The change of the master key. Every tenant's key is unwrapped with the old one and wrapped with the new one, then the
/// ledger's own secret. Each blob names the master key it is under, so whatever was interrupted can be seen and goes on.
extension Custody {
    /// From here on, what is new is wrapped by `next`, and both services unwrap what names them.
    func beginRewrap(to next: any KeyManagementService) { services.withLock { $0.next = next } }

    /// From here on there is only the service that everything is under.
    func endRewrap() {
        services.withLock { services in
            if let next = services.next { services = Services(current: next) }
        }
    }

    /// The tenants whose keys are not under a master key, in ascending order.
    func tenants(notUnder masterKeyName: String) throws(KeyStoreError) -> [TenantID] {
        var tenants: [TenantID] = []
        let names = try KeyStoreError.store { () throws(StoreError) in try material.names() }
        for name in names {
            guard let tenant = name.tenant, name == .tenantKey(tenant) else { continue }
            let blob = try blob(name, Self.subject(of: tenant))
            if blob.masterKey?.name != masterKeyName { tenants.append(tenant) }
        }
        return tenants
    }

    /// Wraps the keys of tenants with the next service. When it returns, all of them are on disk so, and the bytes under
    /// the old master key are erased.
    func rewrap(_ tenants: [TenantID]) async throws(KeyStoreError) {
        let next = services.withLock { $0.wrapping }
        var blobs: [(MaterialStore.Name, [UInt8])] = []
        for tenant in tenants {
            let subject = Self.subject(of: tenant)
            let blob = try blob(.tenantKey(tenant), subject)
            let context = Self.context(of: tenant, purpose: "tenant")
            let moved = try await rewrap(blob, context, from: try service(for: blob, subject), to: next, subject)
            blobs.append((.tenantKey(tenant), moved.bytes))
        }
        try put(blobs)
    }

    /// Wraps the ledger's own secret with the next service. The old master key opens nothing afterwards.
    func rewrapRoot() async throws(KeyStoreError) {
        let (current, next) = services.withLock { ($0.current, $0.wrapping) }
        let blob = try Self.rootBlob(material, path: "the ledger")
        if blob.masterKey == MasterKeyReference(next) { return }
        let moved = try await rewrap(
            blob, Self.rootContext(origin), from: current, to: next, "the secret of the ledger")
        try put([(.root, moved.bytes)])
    }

    private func rewrap(
        _ blob: WrappedBlob, _ context: WrapContext, from old: any KeyManagementService,
        to new: any KeyManagementService, _ subject: String
    ) async throws(KeyStoreError) -> WrappedBlob {
        do throws(KeyManagementError) {
            let secret = try await old.decrypt(blob.box, context: context.members)
            let box = try await new.encrypt(secret, context: context.members)
            return WrappedBlob(wrappedUnder: MasterKeyReference(new), box: box)
        } catch {
            throw Self.unusable(subject, error)
        }
    }

    /// The service that wrapped a blob.
    ///
    /// - Throws: ``KeyStoreError/rewrapUnfinished(from:to:)`` if it is under a master key that is not at hand.
    func service(for blob: WrappedBlob, _ subject: String) throws(KeyStoreError) -> any KeyManagementService {
        guard let name = blob.masterKey?.name else {
            throw .materialDamaged(subject: subject, reason: "the blob is malformed")
        }
        let services = services.withLock { $0 }
        if let service = services.named(name) { return service }
        throw .rewrapUnfinished(from: services.current.masterKeyName, to: name)
    }

    /// Refuses a service that is not the one the ledger's secret is under, and says whether the change to it was
    /// interrupted.
    static func check(
        _ root: WrappedBlob, _ service: any KeyManagementService, _ material: MaterialStore
    ) throws(KeyStoreError) {
        guard let needed = root.masterKey?.name, needed != service.masterKeyName else { return }
        let isUnderway = try KeyStoreError.store { () throws(StoreError) in
            for name in try material.names() where name.tenant != nil {
                let blob = try material.blob(name).flatMap { WrappedBlob($0) }
                if blob?.masterKey?.name == service.masterKeyName { return true }
            }
            return false
        }
        throw isUnderway
            ? .rewrapUnfinished(from: needed, to: service.masterKeyName)
            : .wrongMasterKey(given: service.masterKeyName, needed: needed)
    }
}
