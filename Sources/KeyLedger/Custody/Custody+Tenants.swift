internal import CryptoPrimitives
internal import LedgerStore
internal import Synchronization

extension Custody {
    /// Makes a tenant's keys and stores them wrapped, unless an attempt that got no further than that left some.
    func createSecrets(of tenant: TenantID) async throws(KeyStoreError) {
        if try isLeftOver(.tenantKey(tenant)), (try? await fetchSecrets(of: tenant)) != nil { return }
        while true {
            let service = services.withLock { $0.wrapping }
            try await newSecrets(of: tenant, service)
            // While they were made everything may have begun to move to another master key, past these.
            if services.withLock({ $0.wrapping.masterKeyName }) == service.masterKeyName { return }
        }
    }

    private func newSecrets(
        of tenant: TenantID, _ service: any KeyManagementService
    ) async throws(KeyStoreError) {
        let key: DataKey
        do throws(KeyManagementError) {
            key = try await service.generateDataKey(
                .aes256, context: Self.context(of: tenant, purpose: "tenant").members)
        } catch {
            throw .keyManagement(error)
        }
        let details: WrappedBlob
        do throws(CryptoError) {
            let detailsKey = try SecretBytes(randomCount: 32)
            let wrapping = try TenantSecrets.wrappingKey(from: key.plaintext)
            details = WrappedBlob(box: try wrapping.wrap(detailsKey, Self.context(of: tenant, purpose: "details")))
        } catch {
            throw .crypto(error)
        }
        try put([
            (.tenantKey(tenant), WrappedBlob(wrappedUnder: MasterKeyReference(service), box: key.wrapped).bytes),
            (.detailsKey(tenant), details.bytes),
        ])
        _ = try keep(key.plaintext, details, of: tenant)
    }

    /// A tenant's keys, kept in memory until the ledger is closed; they are there once ``fetchSecrets(of:)`` returned.
    ///
    /// Under a master key of this process they are unwrapped here. A service elsewhere has to be waited for, which
    /// whoever hands out a tenant has done.
    func secrets(of tenant: TenantID) throws(KeyStoreError) -> TenantSecrets {
        if let known = tenants.withLock({ $0[tenant] }) { return known }
        let blobs = try tenantBlobs(tenant)
        guard let local = blobs.service as? LocalKeyManagementService else {
            throw .keyManagement(
                KeyManagementError(
                    provider: blobs.service.providerName, operation: .decrypt, category: .unavailable,
                    message: "the keys of tenant \(tenant) were not fetched yet"))
        }
        let key: SecretBytes
        do throws(KeyManagementError) {
            key = try local.decryptAtOnce(
                blobs.tenant.box, context: Self.context(of: tenant, purpose: "tenant").members)
        } catch {
            throw Self.unusable(Self.subject(of: tenant), error)
        }
        return try keep(key, blobs.details, of: tenant)
    }

    /// ``secrets(of:)`` of any service: waits for it unless they are in memory.
    @discardableResult
    func fetchSecrets(of tenant: TenantID) async throws(KeyStoreError) -> TenantSecrets {
        if let known = tenants.withLock({ $0[tenant] }) { return known }
        let blobs = try tenantBlobs(tenant)
        let key: SecretBytes
        do throws(KeyManagementError) {
            key = try await blobs.service.decrypt(
                blobs.tenant.box, context: Self.context(of: tenant, purpose: "tenant").members)
        } catch {
            throw Self.unusable(Self.subject(of: tenant), error)
        }
        return try keep(key, blobs.details, of: tenant)
    }

    private func tenantBlobs(
        _ tenant: TenantID
    ) throws(KeyStoreError) -> (tenant: WrappedBlob, details: WrappedBlob, service: any KeyManagementService) {
        if try isShredded(tenant) { throw .tenantShredded(tenant.description) }
        let subject = Self.subject(of: tenant)
        let blob = try blob(.tenantKey(tenant), subject)
        return (blob, try self.blob(.detailsKey(tenant), subject), try service(for: blob, subject))
    }

    private func keep(
        _ tenantKey: borrowing SecretBytes, _ details: WrappedBlob, of tenant: TenantID
    ) throws(KeyStoreError) -> TenantSecrets {
        let secrets: TenantSecrets
        do throws(CryptoError) {
            let wrapping = try TenantSecrets.wrappingKey(from: tenantKey)
            let detailsKey = try wrapping.unwrap(details, Self.context(of: tenant, purpose: "details"))
            secrets = TenantSecrets(
                wrapping: wrapping, details: try AES256GCM(key: detailsKey),
                redaction: try RedactionKey(try tenantKey.derived("keyledger redaction v1")))
        } catch {
            throw Self.unusable(Self.subject(of: tenant), error)
        }
        try tenants.withLock { (tenants) throws(KeyStoreError) in
            // Erased meanwhile? Whoever erases forgets afterwards.
            if try isShredded(tenant) { throw .tenantShredded(tenant.description) }
            tenants[tenant] = secrets
        }
        return secrets
    }

    /// Whether a tenant's keys were erased: nothing of it can be read any more, also what is still in memory here.
    func isShredded(_ tenant: TenantID) throws(KeyStoreError) -> Bool {
        try KeyStoreError.store { () throws(StoreError) in try material.standing(of: .detailsKey(tenant)) } == .erased
    }

    /// Erases a tenant's keys and the versions of its keys, and forgets what was unwrapped. Idempotent.
    ///
    /// - Returns: How many blobs there were.
    func eraseSecrets(of tenant: TenantID, versions: [KeyVersion]) throws(KeyStoreError) -> Int {
        let names = [.tenantKey(tenant), .detailsKey(tenant)] + versions.map(MaterialStore.Name.version)
        try KeyStoreError.store { () throws(StoreError) in try material.erase(names) }
        _ = tenants.withLock { $0.removeValue(forKey: tenant) }
        return names.count
    }

    static func context(of tenant: TenantID, purpose: String) -> WrapContext {
        WrapContext(purpose: purpose).with("tenantId", tenant.description)
    }

    static func subject(of tenant: TenantID) -> String { "the material of tenant \(tenant)" }
}

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

extension AES256GCM {
    /// Wraps a secret under this key, bound to its place.
    borrowing func wrap(_ secret: borrowing SecretBytes, _ context: WrapContext) throws(CryptoError) -> [UInt8] {
        let context = context.bytes
        return try secret.withBytes { (secret: RawSpan) throws(CryptoError) in
            try seal(secret, authenticating: unsafe context.span.bytes)
        }
    }

    /// Unwraps what ``wrap(_:_:)`` made for the same place.
    borrowing func unwrap(_ blob: WrappedBlob, _ context: WrapContext) throws(CryptoError) -> SecretBytes {
        let context = context.bytes
        return try open(unsafe blob.box.span.bytes, authenticating: unsafe context.span.bytes)
    }
}
