import CryptoPrimitives
import KeyLedger
import LedgerStore

/// A ledger as a reading command sees it: what the events say, with names where the master key is at hand.
///
/// One damaged name or key does not hide all others: it is complained about once, and ``finish()`` says so in the end.
final class LedgerView {
    let audit: AuditReader
    let projection: LedgerProjection
    let complaints = Complaints()
    private var tenantNames: [TenantID: String] = [:]
    private var keyNames: [KeyID: String] = [:]

    /// Reads the whole log; writes nothing and needs no lock.
    convenience init(_ ledger: LedgerOption, _ masterKey: MasterKeyOption) throws {
        try self.init(AuditReader(ledger.path, masterKey: try masterKey.readIfGiven(for: ledger)))
    }

    /// What a part of the log says.
    init(_ audit: AuditReader, projection: LedgerProjection) {
        self.audit = audit
        self.projection = projection
    }

    init(_ audit: AuditReader) throws {
        let bar = ProgressBar("reading", unit: "events")
        defer { bar.finish() }
        self.audit = audit
        projection = try Replay(audit.log) { bar.update($0, of: $1) }.projection
    }

    /// A tenant's name; its id without the master key.
    func name(of tenant: TenantID) throws -> String {
        if let known = tenantNames[tenant] { return known }
        let name = try recordedName(projection.tenants[tenant]?.createdBy, tenant) ?? tenant.description
        tenantNames[tenant] = name
        return name
    }

    /// A key's name; its id without the master key.
    func name(of key: KeyID) throws -> String {
        if let known = keyNames[key] { return known }
        let record = projection.keys[key]
        let name = try record.flatMap { try recordedName($0.createdBy, $0.tenant) } ?? key.description
        keyNames[key] = name
        return name
    }

    private func recordedName(_ createdBy: UInt64?, _ tenant: TenantID) throws -> String? {
        guard audit.opensDetails, let createdBy else { return nil }
        return try unlessDamaged { () throws(KeyStoreError) in try audit.name(createdBy: createdBy, tenant: tenant) }
    }

    /// The public keys of a signing key, by version.
    func publicKeys(of key: KeyID) throws -> [UInt32: Ed25519.PublicKey] {
        guard let record = projection.keys[key], record.algorithm == .ed25519,
            projection.tenants[record.tenant]?.shred == nil
        else { return [:] }
        var keys: [UInt32: Ed25519.PublicKey] = [:]
        for (index, version) in record.versions.enumerated() {
            // What is destroyed has its public key in the details only.
            if version.state == .destroyed, !audit.opensDetails { continue }
            let number = UInt32(index + 1)
            keys[number] = try unlessDamaged { () throws(KeyStoreError) in
                try audit.publicKey(of: KeyVersion(key: key, number: number), in: projection)
            }
        }
        return keys
    }

    /// The outcome, or nil after a complaint if what is read is damaged.
    func unlessDamaged<Result>(_ body: () throws(KeyStoreError) -> Result?) throws -> Result? {
        do throws(KeyStoreError) {
            return try body()
        } catch .materialDamaged(let subject, let reason) {
            complaints.add(KeyStoreError.materialDamaged(subject: subject, reason: reason).description)
            return nil
        }
    }

    /// Ends a command: with the code for damage if there was some.
    func finish() throws {
        complaints.finish()
        if complaints.count > 0 { throw Failure.Code.checkFailed.exit }
    }
}
