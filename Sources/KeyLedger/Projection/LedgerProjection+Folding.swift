internal import Ledger
public import LedgerStore

extension LedgerProjection {
    /// Folds a committed block, or those of its events that come before `end`.
    public mutating func apply(_ block: Block, to end: UInt64 = .max) {
        block.forEachEvent { event in
            guard event.sequence < end else { return }
            apply(event)
            lastTimestamp = event.timestamp
            eventCount = event.sequence + 1
        }
    }

    private mutating func apply(_ event: Block.Event) {
        switch event.record {
        case .account: break
        case .expiry: expire(at: event.timestamp)
        case .transfer(let transfer, .created): apply(transfer, sequence: event.sequence)
        case .transfer(_, .exists), .transfer(_, .linkedEventFailed): break
        // What was to be evicted is gone: nobody was refused anything.
        case .transfer(let transfer, .pendingTransferExpired)
        where transfer.userData32 == EventKind.evict.rawValue:
            break
        case .transfer: refusalCount += 1
        }
    }

    private mutating func apply(_ transfer: Transfer, sequence: UInt64) {
        guard let kind = EventKind(rawValue: transfer.userData32) else { return }
        let version = KeyVersion(
            key: KeyID(transfer.userData128), number: UInt32(truncatingIfNeeded: transfer.userData64))
        let amount = UInt64(clamping: transfer.amount)
        switch kind {
        case .sign: count(version, \.sign, amount)
        case .verify: count(version, \.verify, amount)
        case .encrypt: count(version, \.encrypt, amount)
        case .decrypt: count(version, \.decrypt, amount)
        case .admit:
            residencies[EventID(transfer.id)] = Residency(
                version: version, admittedAt: transfer.timestamp, expiresAt: transfer.expiresAt ?? .max)
        case .evict: residencies[EventID(transfer.pendingID)] = nil
        case .deny: refusalCount += 1
        case .rotationFailed: rotation.failures[version.key] = transfer.timestamp
        case .rotationRun: rotation.lastRunAt = transfer.userData64
        case .cacheCapacity, .export, .reveal, .rewrapTenant, .acceptLog, .checkpoint, .checkpointKey,
            .cosigned, .anchored, .evidence:
            break
        case .rewrap, .finishRewrap, .abandonRewrap: applyToRewrap(kind, transfer, sequence)
        case .shred, .shredded: applyToShred(kind, transfer, sequence)
        case .createTenant, .quota, .quotaWarning, .offerImport, .redeem: applyToTenant(kind, transfer, sequence)
        case .generate, .importKey, .budget, .cryptoperiod, .hold, .allowExport, .budgetWarning:
            applyToNewVersion(kind, version, transfer, sequence)
        case .activate, .retire, .deactivate, .suspend, .resume, .release, .compromise, .scheduleDestruction,
            .cancelDestruction, .destroy, .erase:
            applyToState(kind, version, transfer)
        }
    }

    // MARK: Tenants

    private mutating func applyToTenant(_ kind: EventKind, _ transfer: Transfer, _ sequence: UInt64) {
        let tenant = TenantID(transfer.userData128)
        switch kind {
        case .createTenant:
            tenants[tenant] = TenantRecord(createdAt: transfer.timestamp, createdBy: sequence)
            tenantsByAccount[transfer.creditAccountID] = tenant
        case .quota:
            // The tenant's debits are what it may do; a credit from the issuer takes some of that back.
            let isRaised = transfer.debitAccountID == AccountID.tenant(tenant, .protect)
            if isRaised { tenants[tenant]?.quota += transfer.amount } else { tenants[tenant]?.quota -= transfer.amount }
            tenants[tenant]?.quotaSetBy = EventID(transfer.id)
            tenants[tenant]?.hasQuotaWarning = false
        case .quotaWarning: tenants[tenant]?.hasQuotaWarning = true
        case .offerImport:
            importOffers[EventID(transfer.id)] = ImportOffer(tenant: tenant, expiresAt: transfer.expiresAt ?? .max)
        default: importOffers[EventID(transfer.pendingID)] = nil
        }
    }

    /// Nothing of a shredded tenant is due any more.
    private mutating func applyToShred(_ kind: EventKind, _ transfer: Transfer, _ sequence: UInt64) {
        let tenant = TenantID(transfer.userData128)
        if kind == .shredded { tenants[tenant]?.shred?.doneBy = sequence }
        guard kind == .shred, transfer.ledger == LedgerKind.custody.rawValue else { return }
        tenants[tenant]?.shred = Shred(begunBy: sequence)
        tenants[tenant]?.hasQuotaWarning = true
        let ended = Set(keys.filter { $0.value.tenant == tenant }.keys)
        cryptoperiods = cryptoperiods.filter { !ended.contains($0.value.version.key) }
        activations = activations.filter { !ended.contains($0.value.version.key) }
        destructions = destructions.filter { !ended.contains($0.value.version.key) }
        importOffers = importOffers.filter { $0.value.tenant != tenant }
        for id in ended {
            for index in keys[id]?.versions.indices ?? 0..<0 {
                keys[id]?.versions.withElement(at: index) { version in
                    version.isOverdue = false
                    version.hasBudgetWarning = true
                    version.destruction = nil
                    version.isErased = true
                    version.state = .destroyed
                }
            }
        }
    }

    private mutating func applyToRewrap(_ kind: EventKind, _ transfer: Transfer, _ sequence: UInt64) {
        rewrap = nil
        guard kind == .rewrap else { return }
        rewrapCount += 1
        rewrap = Rewrap(
            number: rewrapCount, begunBy: sequence, from: transfer.debitAccountID, to: transfer.creditAccountID,
            pending: transfer.id)
    }

    // MARK: Versions

    private mutating func applyToNewVersion(
        _ kind: EventKind, _ version: KeyVersion, _ transfer: Transfer, _ sequence: UInt64
    ) {
        switch kind {
        case .budget: update(version) { $0.budget = transfer.amount }
        case .budgetWarning: update(version) { $0.hasBudgetWarning = true }
        case .allowExport: update(version) { $0.isExportable = true }
        case .cryptoperiod:
            cryptoperiods[EventID(transfer.id)] = Cryptoperiod(version: version, expiresAt: transfer.expiresAt ?? .max)
            // The amount says what was asked for; the timeout also has the time until the activation.
            update(version) {
                $0.chosenCryptoperiodSeconds = transfer.amount > 0 ? UInt32(clamping: transfer.amount) : nil
            }
        case .hold:
            guard transfer.ledger == LedgerKind.protect.rawValue else { return }
            let date = transfer.expiresAt ?? .max
            activations[EventID(transfer.id)] = Deadline(version: version, at: date)
            update(version) {
                $0.state = .preActivation
                $0.activatedAt = date
            }
        default: create(version, transfer, sequence, isImported: kind == .importKey)
        }
    }

    private mutating func create(_ version: KeyVersion, _ transfer: Transfer, _ sequence: UInt64, isImported: Bool) {
        if keys[version.key] == nil {
            guard let tenant = tenantsByAccount[transfer.debitAccountID],
                let algorithm = KeyAlgorithm.allCases.first(where: {
                    AccountID.version(version, $0, .custody) == transfer.creditAccountID
                })
            else { return }
            keys[version.key] = KeyRecord(tenant: tenant, algorithm: algorithm, createdBy: sequence)
        }
        keys[version.key]?.versions.append(
            VersionRecord(activatedAt: transfer.timestamp, createdBy: sequence, isImported: isImported))
        rotation.failures[version.key] = nil
    }

    // MARK: States

    private mutating func applyToState(_ kind: EventKind, _ version: KeyVersion, _ transfer: Transfer) {
        // A hold has one transfer for each direction; that on `protect` stands for both.
        if kind == .activate || kind == .release { activations[EventID(transfer.pendingID)] = nil }
        update(version) { record in
            switch kind {
            case .activate:
                record.state = .active
                record.activatedAt = transfer.timestamp
            case .retire, .deactivate: record.state = .deactivated
            case .suspend:
                record.state = .suspended
                record.suspension = EventID(transfer.id)
            case .resume:
                record.state = .active
                record.suspension = nil
            // The final event that follows in the same chain says what becomes of it.
            case .release: record.suspension = nil
            case .compromise: record.state = .compromised
            case .scheduleDestruction: record.schedule(transfer)
            case .cancelDestruction: record.destruction = nil
            case .destroy:
                record.state = .destroyed
                record.destruction = nil
            default: record.isErased = true
            }
            if record.isRetired { record.isOverdue = false }
        }
        switch kind {
        case .scheduleDestruction where transfer.timeoutSeconds > 0:
            destructions[EventID(transfer.id)] = Deadline(version: version, at: transfer.expiresAt ?? .max)
        case .cancelDestruction: destructions[EventID(transfer.pendingID)] = nil
        default: break
        }
    }

    private mutating func expire(at timestamp: UInt64) {
        residencies = residencies.filter { $0.value.expiresAt > timestamp }
        importOffers = importOffers.filter { $0.value.expiresAt > timestamp }
        for (id, cryptoperiod) in cryptoperiods where cryptoperiod.expiresAt <= timestamp {
            cryptoperiods[id] = nil
            update(cryptoperiod.version) { $0.isOverdue = !$0.isRetired }
        }
        for (id, activation) in activations where activation.at <= timestamp {
            activations[id] = nil
            update(activation.version) { $0.state = .active }
        }
        for (id, destruction) in destructions where destruction.at <= timestamp {
            destructions[id] = nil
            update(destruction.version) { $0.destruction?.isDue = true }
        }
    }

    private mutating func update(_ version: KeyVersion, _ body: (inout VersionRecord) -> Void) {
        if self[version] != nil { keys[version.key]?.versions.withElement(at: Int(version.number) - 1, body) }
    }

    private mutating func count(_ version: KeyVersion, _ counter: WritableKeyPath<Usage, UInt64>, _ amount: UInt64) {
        update(version) { $0.usage[keyPath: counter] += amount }
        if let tenant = keys[version.key]?.tenant { tenants[tenant]?.usage[keyPath: counter] += amount }
    }
}

extension LedgerProjection.VersionRecord {
    /// Takes in one of the pending transfers that make up a scheduled destruction.
    fileprivate mutating func schedule(_ transfer: Transfer) {
        let id = EventID(transfer.id)
        if transfer.ledger == LedgerKind.process.rawValue {
            destruction = .init(dueAt: .max, processing: id, waiting: id)
        } else if transfer.timeoutSeconds > 0 {
            destruction?.waiting = id
            destruction?.dueAt = transfer.expiresAt ?? .max
        } else {
            destruction?.export = id
        }
    }
}

extension Array {
    /// Changes an element in place, also behind an optional chain.
    fileprivate mutating func withElement(at index: Int, _ body: (inout Element) -> Void) { body(&self[index]) }
}
