internal import Ledger
internal import LedgerStore
internal import Transparency

extension Tenant {
    /// Limits how often the tenant's keys may apply protection (sign, encrypt), over all time: the ledger refuses what goes
    /// beyond. For a limit a month, raise it every month.
    ///
    /// The tenant's account on `protect` may not have more credits, which are its uses, than debits, which are its quota.
    /// So a use needs no second transfer.
    ///
    /// - Parameter limit: nil for none.
    /// - Throws: ``KeyStoreError/refused(operation:key:status:)`` with `exceedsDebits` for less than is used already.
    public func setQuota(_ limit: UInt64?) async throws(KeyStoreError) {
        let wanted = limit.map { UInt128($0) } ?? LedgerProjection.unlimitedQuota
        let refusal = KeyStoreError.rotationInProgress(key: name.description)
        try await store.exclusively(id.value, orElse: refusal) { () throws(KeyStoreError) in
            guard let present = store.live.read({ $0.tenants[id]?.quota }) else {
                throw .unknownTenant(name.description)
            }
            if wanted == present { return }
            let event = try store.newEventID()
            try await store.record(
                linked: [store.quota(of: id, from: present, to: wanted, id: event)],
                details: [try store.seal(caller.details(["quota": .string(String(wanted))]), of: event, tenant: id)],
                of: name.description)
        }
        await store.warn(about: id)
    }

    /// What the ledger says about the tenant now.
    public var record: LedgerProjection.TenantRecord? { store.live.read { $0.tenants[id] } }
}

extension KeyStore {
    /// The transfer that changes a quota.
    func quota(of tenant: TenantID, from present: UInt128, to wanted: UInt128, id: EventID) -> Transfer {
        let (account, issuer) = (AccountID.tenant(tenant, .protect), AccountID.issuer(.protect))
        let (from, to) = wanted > present ? (account, issuer) : (issuer, account)
        return transfer(
            .quota, id: id, from: from, to: to, amount: wanted > present ? wanted - present : present - wanted,
            subject: tenant.value)
    }

    /// Records once that 80 % of a version's budget, or of its tenant's quota, are used.
    ///
    /// What fails here is tried again after the next use and at the next opening; the use it comes after is not to fail.
    func warn(about version: KeyVersion) async {
        let (record, tenant) = live.read { ($0[version], $0.keys[version.key]?.tenant) }
        guard let record, let tenant, live.read({ $0.tenants[tenant]?.shred == nil }) else { return }
        if record.isBudgetWarningDue, let budget = record.budget {
            try? await warn(
                tenant, used: record.usage.protections, of: budget,
                transfer(
                    .budgetWarning, id: EventID(once: .budgetWarning, version), from: AccountID.issuer(.protect),
                    to: AccountID.tenant(tenant, .protect), amount: 0, version: version))
        }
        await warn(about: tenant)
    }

    /// Records once for each quota of a tenant that 80 % of it are used.
    func warn(about tenant: TenantID) async {
        guard let record = live.read({ $0.tenants[tenant] }), record.shred == nil, record.isQuotaWarningDue else {
            return
        }
        try? await warn(
            tenant, used: record.usage.protections, of: record.quota,
            transfer(
                .quotaWarning, id: EventID(once: .quotaWarning, record.quotaSetBy.value),
                from: AccountID.issuer(.protect), to: AccountID.tenant(tenant, .protect), amount: 0,
                subject: tenant.value))
    }

    private func warn(
        _ tenant: TenantID, used: UInt64, of limit: UInt128, _ warning: Transfer
    ) async throws(KeyStoreError) {
        let details: JSONObject = ["limit": .string(String(limit)), "used": .string(String(used))]
        try await record(
            linked: [warning],
            details: try sealIfPossible(options.caller.details(details), of: EventID(warning.id), tenant: tenant))
    }
}
