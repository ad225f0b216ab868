public import CryptoPrimitives
internal import LedgerStore

extension LedgerProjection {
    private static let magic: UInt32 = 0x33_53_4C_4B  // "KLS3"

    /// Everything in it, as bytes that depend on the folded events only: records in ascending order of their ids.
    var snapshot: [UInt8] {
        var writer = LittleEndianBytes()
        writer.append(Self.magic)
        writer.append(eventCount)
        writer.append(lastTimestamp)
        writer.append(refusalCount)
        writer.append(rewrapCount)
        writer.append(rewrap)
        writer.append(tenants) { $0.append($1) }
        writer.append(keys) { $0.append($1) }
        writer.append(residencies) { writer, residency in
            writer.append(residency.version)
            writer.append(residency.admittedAt)
            writer.append(residency.expiresAt)
        }
        writer.append(cryptoperiods) { writer, cryptoperiod in
            writer.append(cryptoperiod.version)
            writer.append(cryptoperiod.expiresAt)
        }
        writer.append(activations) { $0.append($1) }
        writer.append(destructions) { $0.append($1) }
        writer.append(importOffers) { writer, offer in
            writer.append(offer.tenant.value)
            writer.append(offer.expiresAt)
        }
        writer.append(rotation.lastRunAt ?? 0)
        writer.append(rotation.failures) { $0.append($1) }
        return writer.bytes
    }

    /// Nil for bytes that are no snapshot.
    init?(snapshot bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.next(UInt32.self) == Self.magic, let eventCount: UInt64 = reader.next(),
            let lastTimestamp: UInt64 = reader.next(), let refusalCount: UInt64 = reader.next(),
            let rewrapCount: UInt32 = reader.next(), let rewrap = reader.nextRewrap(),
            let tenants: [TenantID: TenantRecord] = reader.table({ $0.nextTenant() }),
            let keys: [KeyID: KeyRecord] = reader.table({ $0.nextKey() }),
            let residencies: [EventID: Residency] = reader.table({ $0.nextResidency() }),
            let cryptoperiods: [EventID: Cryptoperiod] = reader.table({ $0.nextCryptoperiod() }),
            let activations: [EventID: Deadline] = reader.table({ $0.nextDeadline() }),
            let destructions: [EventID: Deadline] = reader.table({ $0.nextDeadline() }),
            let importOffers: [EventID: ImportOffer] = reader.table({ $0.nextImportOffer() }),
            let rotation = reader.nextRotation()
        else { return nil }
        self.eventCount = eventCount
        self.lastTimestamp = lastTimestamp
        self.refusalCount = refusalCount
        self.rewrapCount = rewrapCount
        self.rewrap = rewrap
        self.tenants = tenants
        self.keys = keys
        self.residencies = residencies
        self.cryptoperiods = cryptoperiods
        self.activations = activations
        self.destructions = destructions
        self.importOffers = importOffers
        self.rotation = rotation
        for tenant in tenants.keys { tenantsByAccount[AccountID.tenant(tenant, .custody)] = tenant }
        // One projection has one snapshot: rows out of order, or twice, are damage.
        guard reader.isAtEnd, snapshot == bytes else { return nil }
    }

    /// SHA-256 over the snapshot: two projections with the same digest are the same.
    public var digest: SHA256Digest {
        let bytes = snapshot
        return SHA256.hash(unsafe bytes.span.bytes)
    }

    /// SHA-256 over what is in memory, for comparing caches alone.
    public var residencyDigest: SHA256Digest {
        var only = LedgerProjection()
        only.residencies = residencies
        return only.digest
    }
}

// MARK: - Writing

extension LittleEndianBytes {
    /// A count and as many rows, each after its id.
    fileprivate mutating func append<ID: TextIdentifier & Hashable & Comparable, Row>(
        _ table: [ID: Row], _ row: (inout LittleEndianBytes, Row) -> Void
    ) {
        append(UInt64(table.count))
        for (id, value) in table.sorted(by: { $0.key < $1.key }) {
            append(id.value)
            row(&self, value)
        }
    }

    fileprivate mutating func append(_ tenant: LedgerProjection.TenantRecord) {
        append(tenant.createdAt)
        append(tenant.createdBy)
        append(tenant.usage)
        append(tenant.quota)
        append(tenant.quotaSetBy.value)
        append(tenant.hasQuotaWarning)
        append(tenant.shred?.begunBy ?? .max)
        append(tenant.shred?.doneBy ?? .max)
    }

    fileprivate mutating func append(_ rewrap: LedgerProjection.Rewrap?) {
        append(rewrap != nil)
        guard let rewrap else { return }
        append(rewrap.number)
        append(rewrap.begunBy)
        append(rewrap.from)
        append(rewrap.to)
        append(rewrap.pending)
    }

    fileprivate mutating func append(_ key: LedgerProjection.KeyRecord) {
        append(key.tenant.value)
        append(key.algorithm.rawValue)
        append(key.createdBy)
        append(UInt64(key.versions.count))
        for version in key.versions { append(version) }
    }

    fileprivate mutating func append(_ version: LedgerProjection.VersionRecord) {
        append(version.activatedAt)
        append(version.createdBy)
        append(version.state.rawValue)
        append(version.isImported)
        append(version.isExportable)
        append(version.chosenCryptoperiodSeconds ?? 0)
        append(version.budget ?? .max)
        append(version.hasBudgetWarning)
        append(version.isOverdue)
        append(version.suspension?.value ?? 0)
        append(version.destruction != nil)
        if let destruction = version.destruction {
            append(destruction.dueAt)
            append(destruction.isDue)
            append(destruction.processing.value)
            append(destruction.export?.value ?? 0)
            append(destruction.waiting.value)
        }
        append(version.isErased)
        append(version.usage)
    }

    fileprivate mutating func append(_ usage: LedgerProjection.Usage) {
        append(usage.sign)
        append(usage.verify)
        append(usage.encrypt)
        append(usage.decrypt)
    }

    fileprivate mutating func append(_ deadline: LedgerProjection.Deadline) {
        append(deadline.version)
        append(deadline.at)
    }

    fileprivate mutating func append(_ version: KeyVersion) {
        append(version.key.value)
        append(version.number)
    }

    fileprivate mutating func append(_ flag: Bool) { append(UInt8(flag ? 1 : 0)) }
}

// MARK: - Reading

extension ByteReader {
    /// A count and as many rows, each after its id; nil when a row is not one.
    fileprivate mutating func table<ID: TextIdentifier & Hashable, Row>(
        _ row: (inout ByteReader) -> Row?
    ) -> [ID: Row]? {
        guard let count: UInt64 = next() else { return nil }
        var table: [ID: Row] = [:]
        for _ in 0..<count {
            guard let id: UInt128 = next(), let value = row(&self) else { return nil }
            table[ID(id)] = value
        }
        return table
    }

    fileprivate mutating func nextFlag() -> Bool? { next(UInt8.self).map { $0 == 1 } }

    /// An id, or nil in the inner value for the 0 that stands for none.
    fileprivate mutating func nextOptionalID() -> EventID?? {
        next(UInt128.self).map { $0 == 0 ? nil : EventID($0) }
    }

    fileprivate mutating func nextUsage() -> LedgerProjection.Usage? {
        guard let sign: UInt64 = next(), let verify: UInt64 = next(), let encrypt: UInt64 = next(),
            let decrypt: UInt64 = next()
        else { return nil }
        return LedgerProjection.Usage(sign: sign, verify: verify, encrypt: encrypt, decrypt: decrypt)
    }

    fileprivate mutating func nextKeyVersion() -> KeyVersion? {
        guard let key: UInt128 = next(), let number: UInt32 = next() else { return nil }
        return KeyVersion(key: KeyID(key), number: number)
    }

    fileprivate mutating func nextTenant() -> LedgerProjection.TenantRecord? {
        guard let createdAt: UInt64 = next(), let createdBy: UInt64 = next(), let usage = nextUsage(),
            let quota: UInt128 = next(), let quotaSetBy: UInt128 = next(), let hasQuotaWarning = nextFlag(),
            let begunBy: UInt64 = next(), let doneBy: UInt64 = next()
        else { return nil }
        let shred = LedgerProjection.Shred(begunBy: begunBy, doneBy: doneBy == .max ? nil : doneBy)
        return LedgerProjection.TenantRecord(
            createdAt: createdAt, createdBy: createdBy, usage: usage, quota: quota, quotaSetBy: EventID(quotaSetBy),
            hasQuotaWarning: hasQuotaWarning, shred: begunBy == .max ? nil : shred)
    }

    /// The change of the master key, or nil in the inner value if none is under way.
    fileprivate mutating func nextRewrap() -> LedgerProjection.Rewrap?? {
        guard let isUnderWay = nextFlag() else { return nil }
        guard isUnderWay else { return .some(nil) }
        guard let number: UInt32 = next(), let begunBy: UInt64 = next(), let from: UInt128 = next(),
            let to: UInt128 = next(), let pending: UInt128 = next()
        else { return nil }
        return LedgerProjection.Rewrap(number: number, begunBy: begunBy, from: from, to: to, pending: pending)
    }

    fileprivate mutating func nextKey() -> LedgerProjection.KeyRecord? {
        guard let tenant: UInt128 = next(), let algorithm = next(UInt8.self).flatMap(KeyAlgorithm.init),
            let createdBy: UInt64 = next(), let count: UInt64 = next()
        else { return nil }
        var key = LedgerProjection.KeyRecord(tenant: TenantID(tenant), algorithm: algorithm, createdBy: createdBy)
        for _ in 0..<count {
            guard let version = nextVersion() else { return nil }
            key.versions.append(version)
        }
        return key
    }

    fileprivate mutating func nextVersion() -> LedgerProjection.VersionRecord? {
        guard let activatedAt: UInt64 = next(), let createdBy: UInt64 = next(),
            let state = next(UInt8.self).flatMap(KeyState.init), let isImported = nextFlag(),
            let isExportable = nextFlag(), let cryptoperiod: UInt32 = next(), let budget: UInt128 = next(),
            let hasBudgetWarning = nextFlag(),
            let isOverdue = nextFlag(), let suspension = nextOptionalID(), let hasDestruction = nextFlag()
        else { return nil }
        var destruction: LedgerProjection.Destruction?
        if hasDestruction {
            guard let next = nextDestruction() else { return nil }
            destruction = next
        }
        guard let isErased = nextFlag(), let usage = nextUsage() else { return nil }
        return LedgerProjection.VersionRecord(
            activatedAt: activatedAt, createdBy: createdBy, state: state, isImported: isImported,
            isExportable: isExportable, chosenCryptoperiodSeconds: cryptoperiod == 0 ? nil : cryptoperiod,
            budget: budget == .max ? nil : budget,
            hasBudgetWarning: hasBudgetWarning, isOverdue: isOverdue, suspension: suspension, destruction: destruction,
            isErased: isErased, usage: usage)
    }

    fileprivate mutating func nextDestruction() -> LedgerProjection.Destruction? {
        guard let dueAt: UInt64 = next(), let isDue = nextFlag(), let processing: UInt128 = next(),
            let export = nextOptionalID(), let waiting: UInt128 = next()
        else { return nil }
        return LedgerProjection.Destruction(
            dueAt: dueAt, isDue: isDue, processing: EventID(processing), export: export, waiting: EventID(waiting))
    }

    fileprivate mutating func nextResidency() -> LedgerProjection.Residency? {
        guard let version = nextKeyVersion(), let admittedAt: UInt64 = next(), let expiresAt: UInt64 = next()
        else { return nil }
        return LedgerProjection.Residency(version: version, admittedAt: admittedAt, expiresAt: expiresAt)
    }

    fileprivate mutating func nextCryptoperiod() -> LedgerProjection.Cryptoperiod? {
        guard let version = nextKeyVersion(), let expiresAt: UInt64 = next() else { return nil }
        return LedgerProjection.Cryptoperiod(version: version, expiresAt: expiresAt)
    }

    fileprivate mutating func nextDeadline() -> LedgerProjection.Deadline? {
        guard let version = nextKeyVersion(), let at: UInt64 = next() else { return nil }
        return LedgerProjection.Deadline(version: version, at: at)
    }

    fileprivate mutating func nextImportOffer() -> LedgerProjection.ImportOffer? {
        guard let tenant: UInt128 = next(), let expiresAt: UInt64 = next() else { return nil }
        return LedgerProjection.ImportOffer(tenant: TenantID(tenant), expiresAt: expiresAt)
    }

    fileprivate mutating func nextRotation() -> RotationRecord? {
        guard let lastRunAt: UInt64 = next(), let failures: [KeyID: UInt64] = table({ $0.next() }) else { return nil }
        return RotationRecord(lastRunAt: lastRunAt == 0 ? nil : lastRunAt, failures: failures)
    }
}
