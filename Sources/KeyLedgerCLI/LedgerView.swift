import KeyLedger
import LedgerStore

/// A ledger as a reading command sees it: what the events say, with names where the master key is at hand.
struct LedgerView {
    let audit: AuditReader
    let projection: LedgerProjection

    /// Reads the whole log; writes nothing and needs no lock.
    init(_ ledger: LedgerOption, _ masterKey: MasterKeyOption) throws {
        try self.init(AuditReader(ledger.path, masterKey: masterKey.path == nil ? nil : try masterKey.read()))
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
        guard audit.opensDetails, let record = projection.tenants[tenant] else { return tenant.description }
        return try audit.name(createdBy: record.createdBy, tenant: tenant)
    }

    /// A key's name; its id without the master key.
    func name(of key: KeyID) throws -> String {
        guard audit.opensDetails, let record = projection.keys[key] else { return key.description }
        return try audit.name(createdBy: record.createdBy, tenant: record.tenant)
    }
}
