internal import Ledger
internal import LedgerStore

extension KeyHandle {
    /// Erases the material of a destroyed version, then records that it is gone. The event before, that nothing may use
    /// it any more, was the intent: whoever finds that alone does this.
    func erase(_ version: KeyVersion) async throws(KeyStoreError) {
        try store.custody.eraseMaterial(of: version)
        // The credit that let it into memory is used up: refused while any plaintext is there.
        let event = try closing(.erase, version, on: .custody, amount: 1)
        do throws(KeyStoreError) {
            try await store.record(
                linked: [event],
                details: try store.sealIfPossible(tenant.caller.details(), of: EventID(event.id), tenant: tenant.id),
                of: name.description)
        } catch .refused(operation: .erase, _, .debitAccountAlreadyClosed) {
            // Somebody else came first.
        }
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

    /// Destroys the versions whose waiting time is over, and finishes what a crash left: destructions begun, warnings not
    /// given. Every opening does this; a service does it now and then.
    ///
    /// One key's failure does not keep the others from it.
    @discardableResult
    public func settleDue() async throws(KeyStoreError) -> Settlement {
        var settlement = Settlement()
        let projection = live.read { $0 }
        // The ledger's time never runs back, so what the clock says is due it will accept.
        let now = max(options.clock(), projection.lastTimestamp)
        // What was a tenant's that is no more is gone with it.
        let unsettled = projection.keys.filter { _, key in
            projection.tenants[key.tenant]?.shred == nil && key.versions.contains { $0.isUnsettled(now) }
        }
        for (id, key) in unsettled.sorted(by: { $0.key < $1.key }) {
            for (index, record) in key.versions.enumerated() where record.isUnsettled(now) {
                let version = KeyVersion(key: id, number: UInt32(index + 1))
                let isDue = record.isDestructionDue(now)
                if isDue || record.isErasureDue {
                    do throws(KeyStoreError) {
                        // Its events' details are sealed under keys that a service elsewhere may hold. Without them
                        // the event comes without details.
                        _ = try? await custody.fetchSecrets(of: key.tenant)
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

extension LedgerProjection.VersionRecord {
    fileprivate func isDestructionDue(_ now: UInt64) -> Bool {
        destruction.map { $0.isDue || $0.dueAt <= now } ?? false
    }

    /// A crash, or another task, is between the intent and the event that the material is gone.
    fileprivate var isErasureDue: Bool { state == .destroyed && !isErased }

    fileprivate func isUnsettled(_ now: UInt64) -> Bool {
        isDestructionDue(now) || isErasureDue || isBudgetWarningDue
    }
}
