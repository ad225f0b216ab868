internal import LedgerStore
public import CryptoPrimitives

extension LedgerProjection {
    private static let magic: UInt32 = 0x33_53_4C_4B  // "KLS3"

    /// Everything in it, as bytes that depend on the folded events only: records in ascending order of their ids.
    var snapshot: [UInt8] {
        var writer = LittleEndianBytes()
        writer.append(Self.magic)
        writer.append(eventCount)
        writer.append(lastTimestamp)
        writer.append(refusalCount)
        writer.append(UInt64(tenants.count))
        for (id, tenant) in tenants.sorted(by: { $0.key < $1.key }) {
            writer.append(id.value)
            writer.append(tenant.createdAt)
            writer.append(tenant.createdBy)
            writer.append(tenant.usage)
        }
        writer.append(UInt64(keys.count))
        for (id, key) in keys.sorted(by: { $0.key < $1.key }) {
            writer.append(id.value)
            writer.append(key.tenant.value)
            writer.append(key.algorithm.rawValue)
            writer.append(key.createdBy)
            writer.append(UInt64(key.versions.count))
            for version in key.versions {
                writer.append(version.activatedAt)
                writer.append(version.createdBy)
                writer.append(version.state.rawValue)
                writer.append(version.budget ?? .max)
                writer.append(UInt8(version.isOverdue ? 1 : 0))
                writer.append(version.usage)
            }
        }
        writer.append(UInt64(residencies.count))
        for (id, residency) in residencies.sorted(by: { $0.key < $1.key }) {
            writer.append(id.value)
            writer.append(residency.version)
            writer.append(residency.admittedAt)
            writer.append(residency.expiresAt)
        }
        writer.append(UInt64(cryptoperiods.count))
        for (id, cryptoperiod) in cryptoperiods.sorted(by: { $0.key < $1.key }) {
            writer.append(id.value)
            writer.append(cryptoperiod.version)
            writer.append(cryptoperiod.expiresAt)
        }
        writer.append(rotation.lastRunAt ?? 0)
        writer.append(UInt64(rotation.failures.count))
        for (key, failedAt) in rotation.failures.sorted(by: { $0.key < $1.key }) {
            writer.append(key.value)
            writer.append(failedAt)
        }
        return writer.bytes
    }

    /// Nil for bytes that are no snapshot.
    init?(snapshot bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.next(UInt32.self) == Self.magic, let eventCount: UInt64 = reader.next(),
            let lastTimestamp: UInt64 = reader.next(), let refusalCount: UInt64 = reader.next()
        else { return nil }
        self.eventCount = eventCount
        self.lastTimestamp = lastTimestamp
        self.refusalCount = refusalCount
        let isComplete =
            reader.forEach { reader in
                guard let id: UInt128 = reader.next(), let createdAt: UInt64 = reader.next(),
                    let createdBy: UInt64 = reader.next(), let usage = reader.nextUsage()
                else { return false }
                let tenant = TenantID(id)
                tenants[tenant] = TenantRecord(createdAt: createdAt, createdBy: createdBy, usage: usage)
                tenantsByAccount[AccountID.tenant(tenant, .custody)] = tenant
                return true
            }
            && reader.forEach { reader in
                guard let id: UInt128 = reader.next(), let key = reader.nextKey() else { return false }
                keys[KeyID(id)] = key
                return true
            }
            && reader.forEach { reader in
                guard let id: UInt128 = reader.next(), let version = reader.nextKeyVersion(),
                    let admittedAt: UInt64 = reader.next(), let expiresAt: UInt64 = reader.next()
                else { return false }
                residencies[EventID(id)] = Residency(version: version, admittedAt: admittedAt, expiresAt: expiresAt)
                return true
            }
            && reader.forEach { reader in
                guard let id: UInt128 = reader.next(), let version = reader.nextKeyVersion(),
                    let expiresAt: UInt64 = reader.next()
                else { return false }
                cryptoperiods[EventID(id)] = Cryptoperiod(version: version, expiresAt: expiresAt)
                return true
            }
            && reader.readRotation(&rotation)
        // One projection has one snapshot: rows out of order, or twice, are damage.
        guard isComplete, reader.isAtEnd, snapshot == bytes else { return nil }
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

extension LittleEndianBytes {
    fileprivate mutating func append(_ usage: LedgerProjection.Usage) {
        append(usage.sign)
        append(usage.verify)
        append(usage.encrypt)
        append(usage.decrypt)
    }

    fileprivate mutating func append(_ version: KeyVersion) {
        append(version.key.value)
        append(version.number)
    }
}

extension ByteReader {
    /// Reads a count and then as many rows; false when a row is not one.
    fileprivate mutating func forEach(_ row: (inout ByteReader) -> Bool) -> Bool {
        guard let count: UInt64 = next() else { return false }
        for _ in 0..<count where !row(&self) { return false }
        return true
    }

    fileprivate mutating func readRotation(_ rotation: inout RotationRecord) -> Bool {
        guard let lastRunAt: UInt64 = next() else { return false }
        rotation.lastRunAt = lastRunAt == 0 ? nil : lastRunAt
        return forEach { reader in
            guard let key: UInt128 = reader.next(), let failedAt: UInt64 = reader.next() else { return false }
            rotation.failures[KeyID(key)] = failedAt
            return true
        }
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

    fileprivate mutating func nextKey() -> LedgerProjection.KeyRecord? {
        guard let tenant: UInt128 = next(), let algorithm = next(UInt8.self).flatMap(KeyAlgorithm.init),
            let createdBy: UInt64 = next()
        else { return nil }
        var key = LedgerProjection.KeyRecord(tenant: TenantID(tenant), algorithm: algorithm, createdBy: createdBy)
        let isComplete = forEach { reader in
            guard let activatedAt: UInt64 = reader.next(), let createdBy: UInt64 = reader.next(),
                let state = reader.next(UInt8.self).flatMap(LedgerProjection.KeyState.init),
                let budget: UInt128 = reader.next(), let isOverdue = reader.next(UInt8.self),
                let usage = reader.nextUsage()
            else { return false }
            key.versions.append(
                LedgerProjection.VersionRecord(
                    activatedAt: activatedAt, createdBy: createdBy, state: state, budget: budget == .max ? nil : budget,
                    isOverdue: isOverdue == 1, usage: usage))
            return true
        }
        return isComplete ? key : nil
    }
}
