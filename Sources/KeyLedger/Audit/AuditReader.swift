public import CryptoPrimitives
internal import Ledger
public import LedgerStore
internal import Transparency

/// Reads what a ledger recorded, also while another process writes it.
///
/// Without the master key it sees everything but the details: names, actors, reasons and contexts stay sealed.
public final class AuditReader: Sendable {
    /// Reads the log.
    public let log: LedgerReader
    private let custody: Custody?
    let material: MaterialStore

    /// Opens a ledger for reading only.
    ///
    /// - Parameter masterKey: Opens the details; nil leaves them sealed.
    public init(_ path: String, masterKey: consuming MasterKey?) throws(KeyStoreError) {
        let folder = LedgerFolder(path: path)
        let manifest = try KeyStoreError.store { () throws(StoreError) in try folder.manifest() }
        log = try KeyStoreError.store { () throws(StoreError) in try LedgerReader(folder) }
        material = try KeyStoreError.store { () throws(StoreError) in try MaterialStore(folder, isReadOnly: true) }
        if let masterKey {
            custody = try Custody(
                material, local: LocalKeyManagementService(masterKey), origin: manifest.origin, path: path)
        } else {
            custody = nil
        }
    }

    /// Opens a ledger for reading only, with its details, under the master key of any service. Details can be read of
    /// tenants whose keys were fetched: ``fetchKeys(of:)``.
    public static func open(
        _ path: String, keyManagement: any KeyManagementService
    ) async throws(KeyStoreError) -> AuditReader {
        let sealed = try AuditReader(path, masterKey: nil)
        let manifest = try KeyStoreError.store { () throws(StoreError) in try sealed.log.folder.manifest() }
        let custody = try await Custody.open(
            sealed.material, keyManagement, next: nil, origin: manifest.origin, path: path
        ) { 0 }
        return AuditReader(reader: sealed.log, custody: custody, material: sealed.material)
    }

    /// Has the keys of tenants unwrapped by a service that has to be waited for. Those that were shredded have none.
    public func fetchKeys(of tenants: some Sequence<TenantID>) async throws(KeyStoreError) {
        guard let custody else { return }
        for tenant in tenants where try !custody.isShredded(tenant) { try await custody.fetchSecrets(of: tenant) }
    }

    init(reader: LedgerReader, custody: Custody, material: MaterialStore) {
        log = reader
        self.custody = custody
        self.material = material
    }

    /// Whether details can be opened.
    public var opensDetails: Bool { custody != nil }

    /// Whether a tenant's keys were erased, and with them its names and details. Needs no master key.
    public func isShredded(_ tenant: TenantID) throws(KeyStoreError) -> Bool {
        try KeyStoreError.store { () throws(StoreError) in try material.standing(of: .detailsKey(tenant)) } == .erased
    }

    /// The details of an event as canonical JSON; nil if it has none, they are sealed to this reader, or its tenant was
    /// shredded.
    ///
    /// - Parameter tenant: Whose event it is; nil for the ledger's own.
    /// - Throws: ``KeyStoreError/materialDamaged(subject:reason:)`` if they do not open, or are not those the event is
    ///   committed to.
    public func details(of sequence: UInt64, tenant: TenantID?) throws(KeyStoreError) -> String? {
        try detailsObject(of: sequence, tenant: tenant).map { String(decoding: $0.canonicalBytes, as: UTF8.self) }
    }

    /// ``details(of:tenant:)`` of the event at `index` of a block that was read already.
    public func details(
        at index: Int, of block: Block, tenant: TenantID?
    ) throws(KeyStoreError) -> String? {
        try detailsObject(at: index, of: block, tenant: tenant).map {
            String(decoding: $0.canonicalBytes, as: UTF8.self)
        }
    }

    func detailsObject(of sequence: UInt64, tenant: TenantID?) throws(KeyStoreError) -> JSONObject? {
        guard let block = try KeyStoreError.store({ () throws(StoreError) in try log.block(containing: sequence) })
        else { return nil }
        return try detailsObject(at: Int(sequence - block.firstSequence), of: block, tenant: tenant)
    }

    private func detailsObject(at index: Int, of block: Block, tenant: TenantID?) throws(KeyStoreError) -> JSONObject? {
        try openedDetails(at: index, of: block, tenant: tenant)?.details
    }

    /// Details with the salt of their commitment, to show to somebody who has only the entry.
    func disclosedDetails(
        at index: Int, of block: Block, tenant: TenantID?
    ) throws(KeyStoreError) -> EvidenceBundle.Details? {
        try openedDetails(at: index, of: block, tenant: tenant).map {
            EvidenceBundle.Details(salt: $0.salt, text: String(decoding: $0.text, as: UTF8.self))
        }
    }

    private func openedDetails(at index: Int, of block: Block, tenant: TenantID?) throws(KeyStoreError) -> Details
        .Opened?
    {
        guard let custody, block.operation == .createTransfers,
            let commitment = block.commitments.first(where: { $0.index == UInt32(index) })
        else { return nil }
        let sequence = block.firstSequence + UInt64(index)
        let subject = "the details of event \(sequence)"
        guard let sealed = try KeyStoreError.store({ () throws(StoreError) in try log.sealedDetails(of: sequence) })
        else { throw .materialDamaged(subject: subject, reason: "they are missing") }
        let event = EventID(block.transfers[index].id)
        // Also if a reader that lives on has the key in memory still.
        if let tenant, try isShredded(tenant) { return nil }
        let secrets: TenantSecrets? = if let tenant { try custody.secrets(of: tenant) } else { nil }
        let opened: Details.Opened
        do throws(CryptoError) {
            if let secrets {
                opened = try Details.open(sealed, of: event, under: secrets.details)
            } else {
                opened = try Details.open(sealed, of: event, under: custody.root.details)
            }
        } catch {
            throw .materialDamaged(subject: subject, reason: "they were changed or belong elsewhere")
        }
        guard commitment.digest == opened.commitment else {
            throw .materialDamaged(subject: subject, reason: "the event is committed to others")
        }
        return opened
    }

    /// The name in the details of the event that created a tenant or key.
    public func name(createdBy sequence: UInt64, tenant: TenantID) throws(KeyStoreError) -> String {
        if try isShredded(tenant) { return "(shredded)" }
        return try detailsObject(of: sequence, tenant: tenant)?["name"]?.string ?? "(sealed)"
    }

    // MARK: Material

    /// The public key that is stored with a version of a signing key. Needs no master key: nothing secret is touched.
    ///
    /// It is what `material/` says. Whether it is the key that was generated only a reader with the master key can tell:
    /// ``publicKey(of:in:)``.
    public func publicKey(of version: KeyVersion) throws(KeyStoreError) -> Ed25519.PublicKey {
        let subject = Custody.subject(of: version)
        let bytes: [UInt8]?
        do throws(StoreError) {
            bytes = try material.blob(.version(version))
        } catch .damaged {
            throw .materialDamaged(subject: subject, reason: "its bytes are not those that were stored")
        } catch {
            throw .store(error)
        }
        guard let blob = bytes.flatMap({ WrappedBlob($0) }) else {
            throw .materialDamaged(subject: subject, reason: "it is missing or malformed")
        }
        do throws(CryptoError) {
            return try Ed25519.PublicKey(unsafe blob.header.span.bytes)
        } catch {
            throw .materialDamaged(subject: subject, reason: error.description)
        }
    }

    /// The public key of a version of a signing key; with the master key, only if it is the one that its event generated.
    /// That of a destroyed version is in its event alone.
    ///
    /// - Throws: ``KeyStoreError/materialDamaged(subject:reason:)`` if it is missing or another.
    public func publicKey(
        of version: KeyVersion, in projection: LedgerProjection
    ) throws(KeyStoreError) -> Ed25519.PublicKey {
        try publicKey(of: version, projection[version], tenant: projection.keys[version.key]?.tenant)
    }

    func publicKey(
        of version: KeyVersion, _ record: LedgerProjection.VersionRecord?, tenant: TenantID?
    ) throws(KeyStoreError) -> Ed25519.PublicKey {
        if let tenant, try isShredded(tenant) { throw .tenantShredded(tenant.description) }
        let generated: JSONValue? =
            if let record, opensDetails {
                try detailsObject(of: record.createdBy, tenant: tenant)?["publicKey"]
            } else {
                nil
            }
        if record?.state == .destroyed, let bytes = generated?.string.flatMap({ [UInt8](hexadecimal: $0) }) {
            return try KeyStoreError.crypto { () throws(CryptoError) in
                try Ed25519.PublicKey(unsafe bytes.span.bytes)
            }
        }
        let key = try publicKey(of: version)
        guard opensDetails else { return key }
        guard generated?.string == key.bytes.hexadecimal else {
            throw .materialDamaged(
                subject: Custody.subject(of: version), reason: "the public key is not the one that was generated")
        }
        return key
    }

    /// Opens the material of a version, and lets go of it at once.
    func checkMaterial(of version: KeyVersion, in projection: LedgerProjection) throws(KeyStoreError) {
        guard let custody, let key = projection.keys[version.key], try !isShredded(key.tenant) else { return }
        if key.algorithm == .ed25519 { _ = try publicKey(of: version, in: projection) }
        _ = try custody.material(of: version, key.algorithm, tenant: key.tenant)
    }
}
