internal import Ledger
internal import LedgerStore
internal import Transparency

extension Tenant {
    /// Ends the tenant for good: erases its keys and what was ever written down about it besides numbers.
    ///
    /// The names and details of its events cannot be read by anybody any more, its keys sign, verify as events, encrypt and
    /// decrypt nothing; what they encrypted is lost. Its events stay, and every proof over them stays valid. Its name is
    /// not used again. There is no way back.
    ///
    /// First the intent is recorded: from there on the ledger refuses every use. Then the material is erased, then that is
    /// recorded. Opening the ledger finishes what was interrupted.
    ///
    /// - Throws: ``KeyStoreError/tenantShredded(_:)`` if it was done already.
    public func shred() async throws(KeyStoreError) { try await store.shred(self) }
}

extension KeyStore {
    fileprivate func shred(_ tenant: Tenant) async throws(KeyStoreError) {
        let gone = KeyStoreError.tenantShredded(tenant.id.description)
        do throws(KeyStoreError) {
            try await exclusively(tenant.id.value, orElse: gone) { () throws(KeyStoreError) in
                guard live.read({ $0.tenants[tenant.id]?.shred == nil }) else { throw gone }
                try await recordIntent(tenant)
                try await finishShredding(tenant.id, caller: tenant.caller)
            }
        } catch {
            throw await recorded(error, tenant: tenant.id, details: tenant.caller.details())
        }
    }

    /// Closes the tenant's accounts, in one chain with the end of its residencies. Uses that have begun come first.
    func recordIntent(_ tenant: Tenant) async throws(KeyStoreError) {
        var claims: [(version: KeyVersion, departure: PlaintextKeys.Departure?)] = []
        defer { for claim in claims { live.endClaim(claim.version, claim.departure) } }
        for version in live.read({ $0.versions(of: tenant.id) }) {
            claims.append((version, try await live.claimDeparture(of: version)))
        }
        var chain: [Transfer] = []
        for case let departure? in claims.map(\.departure) { chain.append(try eviction(of: departure)) }
        let event = EventID(once: .shred, tenant.id.value)
        // The closing of the account that creations and refusals debit carries the details, and comes last.
        for ledger in LedgerKind.allCases {
            chain.append(
                transfer(
                    .shred, on: ledger, id: EventID(once: .shred, tenant.id.value, on: ledger),
                    from: AccountID.tenant(tenant.id, ledger), to: AccountID.issuer(ledger), amount: 0,
                    flags: [.pending, .closingDebit], subject: tenant.id.value))
        }
        let details = try seal(
            tenant.caller.details(["tenantId": .string(tenant.id.description)]), of: event, at: chain.count - 1,
            tenant: nil)
        while true {
            do throws(KeyStoreError) {
                return try await record(linked: chain, details: [details], of: tenant.name.description)
            } catch .refused(operation: .evict, _, .pendingTransferExpired) {
                // One of the residencies expired at the very moment: without it there is one less.
                chain.removeAll { $0.userData32 == EventKind.evict.rawValue && !isPending($0) }
            }
        }
    }

    private func isPending(_ eviction: Transfer) -> Bool {
        live.read { $0.residencies[EventID(eviction.pendingID)] != nil }
    }

    /// Erases, and records that. From wherever an earlier attempt stopped.
    func finishShredding(_ tenant: TenantID, caller: Caller) async throws(KeyStoreError) {
        // The next version of each key too: a rotation that got no further may have left its material.
        let versions = live.read { projection in
            projection.keys.filter { $0.value.tenant == tenant }.flatMap { id, key in
                (0...key.versions.count).map { KeyVersion(key: id, number: UInt32($0 + 1)) }
            }
        }
        let count = try custody.eraseSecrets(of: tenant, versions: versions)
        publicKeys.forget(versions.contains)
        try await create([account(AccountID.erased, .erased, on: .custody)])
        let event = EventID(once: .shredded, tenant.value)
        try await record(
            linked: [
                transfer(
                    .shredded, id: event, from: AccountID.issuer(.custody), to: AccountID.erased,
                    amount: UInt128(count), subject: tenant.value)
            ],
            details: [
                try seal(
                    caller.details(["tenantId": .string(tenant.description)]), of: event, tenant: nil)
            ])
    }

    /// Finishes what a crash interrupted.
    func settleShredding() async throws(KeyStoreError) {
        let unfinished = live.read { projection in
            projection.tenants.filter { $0.value.shred.map { $0.doneBy == nil } ?? false }.keys.sorted()
        }
        for tenant in unfinished { try await finishShredding(tenant, caller: options.caller) }
    }
}

extension LedgerProjection {
    /// All versions of all keys of a tenant, in order.
    fileprivate func versions(of tenant: TenantID) -> [KeyVersion] {
        keys.filter { $0.value.tenant == tenant }.flatMap { id, key in
            key.versions.indices.map { KeyVersion(key: id, number: UInt32($0 + 1)) }
        }.sorted()
    }
}
