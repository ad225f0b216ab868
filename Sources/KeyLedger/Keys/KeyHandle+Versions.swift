internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Transparency

// How versions come to be.
extension KeyHandle {
    /// Makes a new version the active one. The old one signs and encrypts nothing more, and still verifies and decrypts.
    ///
    /// All or nothing: budget, cryptoperiod, the end of the old version's residency and its closing are one linked chain.
    /// Also the way on after a version was deactivated or compromised.
    ///
    /// - Returns: The new version's number.
    /// - Throws: ``KeyStoreError/wrongState(operation:key:version:state:destruction:)`` while the newest version waits for
    ///   its activation or destruction, and once it is destroyed.
    @discardableResult
    public func rotate() async throws(KeyStoreError) -> UInt32 {
        do throws(KeyStoreError) {
            return try await store.exclusively(
                id.value, orElse: .rotationInProgress(key: name.description)
            ) { () throws(KeyStoreError) in
                guard let record, let newest = record.versions.last else {
                    throw .unknownKey(tenant: tenant.name.description, key: name.description)
                }
                let old = KeyVersion(key: id, number: UInt32(record.versions.count))
                guard newest.state != .destroyed, newest.destruction == nil else {
                    throw await recorded(wrongState(.retire, old), as: "wrong-state", old)
                }
                let next = KeyVersion(key: id, number: old.number + 1)
                let policy = KeyPolicy(
                    isExportable: newest.isExportable, cryptoperiodSeconds: newest.chosenCryptoperiodSeconds)
                let creation = try await prepare(next, policy)
                while true {
                    do throws(KeyStoreError) {
                        try await retire(old, after: creation)
                        try store.custody.markRecorded(.version(next))
                        return next.number
                    } catch .refused(operation: .evict, _, .pendingTransferExpired) {
                        // The residency expired at the very moment of its eviction; without it there is none.
                        continue
                    } catch .refused(operation: .retire, _, .debitAccountAlreadyClosed) {
                        throw wrongState(.retire, old)
                    }
                }
            }
        } catch {
            throw await recorded(error)
        }
    }

    /// Makes the first version.
    func createFirstVersion(
        _ policy: KeyPolicy, importing material: ImportedMaterial? = nil
    ) async throws(KeyStoreError) {
        let creation = try await prepare(KeyVersion(key: id, number: 1), policy, importing: material)
        try await store.record(
            linked: (material?.redemption).map { [$0] + creation.chain } ?? creation.chain,
            details: [creation.details], of: name.description)
        try store.custody.markRecorded(.version(KeyVersion(key: id, number: 1)))
    }

    /// What makes a version exist, once it is on disk.
    struct Creation {
        /// Not linked yet.
        let chain: [Transfer]
        /// Of the event that makes the version.
        let details: EventDetails
    }

    /// Material first, then accounts, then the chain that makes the version exist. A crash in between leaves material
    /// and accounts that nothing refers to.
    func prepare(
        _ version: KeyVersion, _ policy: KeyPolicy, importing imported: ImportedMaterial? = nil
    ) async throws(KeyStoreError) -> Creation {
        let hold = try policy.holdSeconds(now: store.options.clock())
        let period = try policy.periodSeconds(default: store.options.cryptoperiodSeconds, hold: hold)
        let publicKey: [UInt8] =
            if let imported {
                try store.custody.storeMaterial(imported.secret, of: version, algorithm, tenant: tenant.id)
            } else {
                try store.custody.createMaterial(of: version, algorithm, tenant: tenant.id)
            }
        try await store.create(accounts(of: version))
        // One id for both ways to come to be: a version is generated or imported, and once.
        let event = EventID(once: .generate, version)
        var chain = [
            store.transfer(
                imported == nil ? .generate : .importKey, id: event, from: AccountID.tenant(tenant.id, .custody),
                to: AccountID.version(version, algorithm, .custody), amount: 1, version: version)
        ]
        if policy.isExportable {
            chain.append(
                store.transfer(
                    .allowExport, id: EventID(once: .allowExport, version), from: AccountID.issuer(.custody),
                    to: AccountID.exportGate(version), amount: Self.exportCountMax, version: version))
        }
        chain += limits(of: version, periodSeconds: period, chosen: policy.cryptoperiodSeconds)
        if hold > 0 { chain += holds(of: version, seconds: hold) }
        var details: JSONObject = [
            "algorithm": .string(algorithm.description), "name": .string(name.description),
            "tenant": .string(tenant.name.description),
        ]
        if !publicKey.isEmpty { details["publicKey"] = .string(publicKey.hexadecimal) }
        if policy.isExportable { details["exportable"] = .bool(true) }
        if let imported { details = details.merging(imported.details) }
        return Creation(
            chain: chain,
            details: try store.seal(
                tenant.caller.details(details), of: event, at: imported?.redemption == nil ? 0 : 1, tenant: tenant.id))
    }

    /// How often an exportable version's material may leave; practically always.
    static var exportCountMax: UInt128 { 1 << 32 }

    private func accounts(of version: KeyVersion) -> [Account] {
        LedgerKind.allCases.map { ledger in
            store.account(
                AccountID.version(version, algorithm, ledger), algorithm.accountKind, on: ledger,
                flags: flags(on: ledger), subject: id.value, version: version.number)
        } + [
            // Only credit opens it, and only a version that is made exportable gets some.
            store.account(
                AccountID.exportGate(version), .exportGate, on: .custody, flags: .debitsMustNotExceedCredits,
                subject: id.value, version: version.number)
        ]
    }

    private func flags(on ledger: LedgerKind) -> Account.Flags {
        switch ledger {
        case .protect: algorithm.hasBudget ? .debitsMustNotExceedCredits : []
        case .process: []
        // One credit, given when it is made: the version can be in memory once, and only if it was made.
        case .custody: .debitsMustNotExceedCredits
        }
    }

    private func limits(of version: KeyVersion, periodSeconds: UInt32, chosen: UInt32?) -> [Transfer] {
        let account = AccountID.version(version, algorithm, .protect)
        let period = store.transfer(
            .cryptoperiod, id: EventID(once: .cryptoperiod, version), from: AccountID.issuer(.protect), to: account,
            amount: UInt128(chosen ?? 0), flags: .pending, timeoutSeconds: periodSeconds, version: version)
        guard algorithm.hasBudget else { return [period] }
        return [
            store.transfer(
                .budget, id: EventID(once: .budget, version), from: AccountID.issuer(.protect), to: account,
                amount: store.options.encryptionBudget, version: version), period,
        ]
    }

    /// Closes a new version for its use in both directions until its time comes: then the ledger opens it by itself.
    private func holds(of version: KeyVersion, seconds: UInt32) -> [Transfer] {
        [LedgerKind.protect, .process].map { ledger in
            store.transfer(
                .hold, on: ledger, id: EventID(once: .hold, version, on: ledger),
                from: AccountID.version(version, algorithm, ledger), to: AccountID.tenant(tenant.id, ledger), amount: 0,
                flags: [.pending, .closingDebit], timeoutSeconds: seconds, version: version)
        }
    }

    /// Ends a version's time of applying protection, in one chain with what begins its successor's.
    private func retire(_ version: KeyVersion, after creation: Creation) async throws(KeyStoreError) {
        // Uses that have begun come before the end; those that come meanwhile wait and meet the new version.
        let departure = try await store.live.claimDeparture(of: version)
        defer { store.live.endClaim(version, departure) }
        var chain = creation.chain
        if let departure { chain.append(try store.eviction(of: departure)) }
        if let record = store.live.read({ $0[version] }), !record.isRetired {
            if let suspension = record.suspension {
                chain.append(
                    store.void(.release, of: suspension, id: try store.newEventID(), version: version))
            }
            chain.append(try closing(.retire, version, on: .protect))
        }
        try await store.record(linked: chain, details: [creation.details], of: name.description)
    }
}
