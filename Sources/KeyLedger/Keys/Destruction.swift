internal import Ledger
internal import LedgerStore

extension KeyHandle {
    /// Erases the material of a destroyed version, then records that it is gone. The event before, that nothing may use
    /// it any more, was the intent: whoever finds that alone does this.
    func erase(_ version: KeyVersion) async throws(KeyStoreError) {
        try store.custody.eraseMaterial(of: version)
        // The credit that let it into memory is used up: refused while any plaintext is there.
        let event = try closing(.erase, version, on: .custody, amount: 1)
        try await store.record(
            linked: [event],
            details: try store.sealIfPossible(tenant.caller.details(), of: EventID(event.id), tenant: tenant.id),
            of: name.description)
    }
}

extension KeyStore {
    /// What ``settleDue()`` did.
    public struct Settlement: Sendable {
        /// The versions that were destroyed.
        public internal(set) var destroyed: [KeyVersion] = []
        /// The versions whose destruction failed, and why; they remain due.
        public internal(set) var failures: [(version: KeyVersion, error: KeyStoreError)] = []
    }

    /// Destroys the versions whose waiting time is over, and finishes what a crash left: destructions begun, wrapping keys
    /// of imports that did not come, warnings not given. Every opening does this; a service does it now and then.
    ///
    /// One key's failure does not keep the others from it.
    @discardableResult
    public func settleDue() async throws(KeyStoreError) -> Settlement {
        var settlement = Settlement()
        let projection = live.read { $0 }
        // The ledger's time never runs back, so what the clock says is due it will accept.
        let now = max(options.clock(), projection.lastTimestamp)
        for (id, key) in projection.keys.sorted(by: { $0.key < $1.key }) {
            for (index, record) in key.versions.enumerated() {
                let version = KeyVersion(key: id, number: UInt32(index + 1))
                let isDue = record.destruction.map { $0.isDue || $0.dueAt <= now } ?? false
                if isDue || record.state == .destroyed && !record.isErased {
                    do throws(KeyStoreError) {
                        let handle = try handle(of: id, key, reason: "the waiting time is over")
                        if isDue { try await handle.order(.destroy, version.number) }
                        try await handle.erase(version)
                        settlement.destroyed.append(version)
                    } catch {
                        settlement.failures.append((version, error))
                    }
                }
                if record.isBudgetWarningDue { await warn(about: version) }
            }
        }
        for (tenant, record) in projection.tenants where record.isQuotaWarningDue { await warn(about: tenant) }
        try removeUnneededMaterial()
        return settlement
    }

    /// A key as such, also where its name cannot be read.
    private func handle(
        of id: KeyID, _ key: LedgerProjection.KeyRecord, reason: String
    ) throws(KeyStoreError) -> KeyHandle {
        func name(_ createdBy: UInt64?, _ id: String) throws(KeyStoreError) -> EntityName {
            if let createdBy, let text = try? audit.name(createdBy: createdBy, tenant: key.tenant),
                let name = try? EntityName(text)
            {
                return name
            }
            return try EntityName(id)
        }
        let createdBy = live.read { $0.tenants[key.tenant]?.createdBy }
        let tenant = Tenant(
            store: self, id: key.tenant, name: try name(createdBy, key.tenant.description),
            caller: Caller(actor: options.caller.actor, reason: reason))
        return KeyHandle(
            tenant: tenant, id: id, name: try name(key.createdBy, id.description), algorithm: key.algorithm)
    }
}
