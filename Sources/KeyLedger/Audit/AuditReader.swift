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
            custody = try Custody(material, masterKey: masterKey, origin: manifest.origin, path: path)
        } else {
            custody = nil
        }
    }

    init(reader: LedgerReader, custody: Custody, material: MaterialStore) {
        log = reader
        self.custody = custody
        self.material = material
    }

    /// Whether details can be opened.
    public var opensDetails: Bool { custody != nil }

    /// The details of an event as canonical JSON; nil if it has none, or they are sealed to this reader.
    ///
    /// - Parameter tenant: Whose event it is; nil for the ledger's own.
    /// - Throws: ``KeyStoreError/materialDamaged(subject:reason:)`` if they do not open, or are not those the event is
    ///   committed to.
    public func details(of sequence: UInt64, tenant: TenantID?) throws(KeyStoreError) -> String? {
        try detailsObject(of: sequence, tenant: tenant).map { String(decoding: $0.canonicalBytes, as: UTF8.self) }
    }

    func detailsObject(of sequence: UInt64, tenant: TenantID?) throws(KeyStoreError) -> JSONObject? {
        guard let custody,
            let sealed = try KeyStoreError.store({ () throws(StoreError) in try log.sealedDetails(of: sequence) }),
            let block = try KeyStoreError.store({ () throws(StoreError) in try log.block(containing: sequence) }),
            block.operation == .createTransfers
        else { return nil }
        let index = UInt32(sequence - block.firstSequence)
        let event = EventID(block.transfers[Int(index)].id)
        let secrets: TenantSecrets? = if let tenant { try custody.secrets(of: tenant) } else { nil }
        let opened: (details: JSONObject, commitment: SHA256Digest)
        do throws(CryptoError) {
            if let secrets {
                opened = try Details.open(sealed, of: event, under: secrets.details)
            } else {
                opened = try Details.open(sealed, of: event, under: custody.root.details)
            }
        } catch {
            throw .materialDamaged(
                subject: "the details of event \(sequence)", reason: "they were changed or belong elsewhere")
        }
        guard block.commitments.first(where: { $0.index == index })?.digest == opened.commitment else {
            throw .materialDamaged(
                subject: "the details of event \(sequence)", reason: "the event is committed to others")
        }
        return opened.details
    }

    /// The name in the details of the event that created a tenant or key.
    public func name(createdBy sequence: UInt64, tenant: TenantID) throws(KeyStoreError) -> String {
        try detailsObject(of: sequence, tenant: tenant)?["name"]?.string ?? "(sealed)"
    }

    /// The public key of a version of a signing key. Needs no master key: nothing secret is touched.
    public func publicKey(of version: KeyVersion) throws(KeyStoreError) -> Ed25519.PublicKey {
        let subject = "key \(version.key) version \(version.number)"
        guard let bytes = try KeyStoreError.store({ () throws(StoreError) in try material.blob(.version(version)) }),
            let blob = WrappedBlob(bytes)
        else { throw .materialDamaged(subject: subject, reason: "it is missing or malformed") }
        do throws(CryptoError) {
            return try Ed25519.PublicKey(unsafe blob.header.span.bytes)
        } catch {
            throw .materialDamaged(subject: subject, reason: error.description)
        }
    }
}
