public import Ledger
public import LedgerStore

/// What the events say: tenants, keys and their versions, what is in memory, what was used and refused.
///
/// A fold over the log: live state and replay run this code, so they cannot disagree about the same events. Reads no
/// clock; residencies and cryptoperiods end when the log says that they expired.
public struct LedgerProjection: Sendable, Hashable {
    /// Every tenant there ever was.
    public internal(set) var tenants: [TenantID: TenantRecord] = [:]
    /// Every key there ever was.
    public internal(set) var keys: [KeyID: KeyRecord] = [:]
    /// Plaintext keys in memory, by the pending transfer that says so.
    public internal(set) var residencies: [EventID: Residency] = [:]
    /// The running cryptoperiods, by their pending transfer.
    public internal(set) var cryptoperiods: [EventID: Cryptoperiod] = [:]
    /// Scheduled rotations.
    public internal(set) var rotation = RotationRecord()
    /// Operations that were refused, by the ledger or before it was asked.
    public internal(set) var refusalCount: UInt64 = 0
    /// The number of events folded so far.
    public internal(set) var eventCount: UInt64 = 0
    /// When the last event was decided, in nanoseconds since 1970; 0 before the first.
    public internal(set) var lastTimestamp: UInt64 = 0

    /// Which tenant has which account on the custody ledger.
    var tenantsByAccount: [UInt128: TenantID] = [:]

    /// A tenant.
    public struct TenantRecord: Sendable, Hashable {
        /// Nanoseconds since 1970.
        public internal(set) var createdAt: UInt64
        /// The event that created it; its details carry the name.
        public internal(set) var createdBy: UInt64
        /// Over all of its keys.
        public internal(set) var usage = Usage()
    }

    /// A key over all of its versions.
    public struct KeyRecord: Sendable, Hashable {
        /// Whose key it is.
        public let tenant: TenantID
        /// What it is for.
        public let algorithm: KeyAlgorithm
        /// The event that generated version 1; its details carry the name.
        public let createdBy: UInt64
        /// Version *n* at index *n* − 1.
        public internal(set) var versions: [VersionRecord] = []

        /// The version that applies protection now.
        public var activeVersion: UInt32? {
            versions.lastIndex { $0.state == .active }.map { UInt32($0 + 1) }
        }
    }

    /// A version of a key.
    public struct VersionRecord: Sendable, Hashable {
        /// Nanoseconds since 1970.
        public internal(set) var activatedAt: UInt64
        /// The event that generated it; its details carry the public key.
        public internal(set) var createdBy: UInt64
        /// What it may still do.
        public internal(set) var state = KeyState.active
        /// How often it may apply protection; nil means without limit.
        public internal(set) var budget: UInt128?
        /// Its cryptoperiod has run out and no newer version replaced it.
        public internal(set) var isOverdue = false
        /// What it did.
        public internal(set) var usage = Usage()
    }

    /// SP 800-57 part 1 rev. 5, section 7.
    public enum KeyState: UInt8, Sendable, Hashable, CustomStringConvertible {
        case active = 1
        /// Processes what it protected before, protects nothing new.
        case deactivated = 2

        /// The state's name.
        public var description: String {
            switch self {
            case .active: "active"
            case .deactivated: "deactivated"
            }
        }
    }

    /// How often something was done.
    public struct Usage: Sendable, Hashable {
        /// Messages signed.
        public internal(set) var sign: UInt64 = 0
        /// Signatures verified as events.
        public internal(set) var verify: UInt64 = 0
        /// Messages encrypted.
        public internal(set) var encrypt: UInt64 = 0
        /// Messages decrypted, or attempted to.
        public internal(set) var decrypt: UInt64 = 0
    }

    /// A plaintext key in memory.
    public struct Residency: Sendable, Hashable {
        /// What is in memory.
        public let version: KeyVersion
        /// Nanoseconds since 1970.
        public let admittedAt: UInt64
        /// When it has to be gone at the latest, in nanoseconds since 1970.
        public let expiresAt: UInt64
    }

    /// The time in which a version is to apply protection.
    public struct Cryptoperiod: Sendable, Hashable {
        /// Whose time it is.
        public let version: KeyVersion
        /// When a newer version is due, in nanoseconds since 1970.
        public let expiresAt: UInt64
    }

    /// Before the first event.
    public init() {}

    /// The tenant that has an account on the custody ledger.
    public func tenant(ofAccount id: UInt128) -> TenantID? { tenantsByAccount[id] }

    /// Whose transfer it is: under whose key its details are sealed. Nil for the ledger's own.
    public func tenant(of transfer: Transfer) -> TenantID? {
        switch EventKind(rawValue: transfer.userData32) {
        case .createTenant: TenantID(transfer.userData128)
        // A refusal may be about another tenant's key, a key's first event comes before it is known.
        case .deny, .generate: tenantsByAccount[transfer.debitAccountID]
        case .cacheCapacity, .rotationRun, nil: nil
        default: keys[KeyID(transfer.userData128)]?.tenant
        }
    }

    /// The version a residency or use is about.
    public subscript(version: KeyVersion) -> VersionRecord? {
        guard let key = keys[version.key], version.number > 0, Int(version.number) <= key.versions.count else {
            return nil
        }
        return key.versions[Int(version.number) - 1]
    }
}

// MARK: - Folding

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
        let key = KeyID(transfer.userData128)
        let version = KeyVersion(key: key, number: UInt32(truncatingIfNeeded: transfer.userData64))
        let amount = UInt64(clamping: transfer.amount)
        switch kind {
        case .createTenant:
            let tenant = TenantID(transfer.userData128)
            tenants[tenant] = TenantRecord(createdAt: transfer.timestamp, createdBy: sequence)
            tenantsByAccount[transfer.creditAccountID] = tenant
        case .generate: generate(version, transfer, sequence)
        case .budget: update(version) { $0.budget = transfer.amount }
        case .cryptoperiod:
            cryptoperiods[EventID(transfer.id)] = Cryptoperiod(version: version, expiresAt: transfer.expiresAt ?? .max)
        case .retire:
            update(version) {
                $0.state = .deactivated
                $0.isOverdue = false
            }
        case .admit:
            residencies[EventID(transfer.id)] = Residency(
                version: version, admittedAt: transfer.timestamp, expiresAt: transfer.expiresAt ?? .max)
        case .evict: residencies[EventID(transfer.pendingID)] = nil
        case .sign: count(version, \.sign, amount)
        case .verify: count(version, \.verify, amount)
        case .encrypt: count(version, \.encrypt, amount)
        case .decrypt: count(version, \.decrypt, amount)
        case .deny: refusalCount += 1
        case .rotationFailed: rotation.failures[key] = transfer.timestamp
        case .rotationRun: rotation.lastRunAt = transfer.userData64
        case .cacheCapacity: break
        }
    }

    private mutating func generate(_ version: KeyVersion, _ transfer: Transfer, _ sequence: UInt64) {
        if keys[version.key] == nil {
            guard let tenant = tenantsByAccount[transfer.debitAccountID],
                let algorithm = KeyAlgorithm.allCases.first(where: {
                    AccountID.version(version, $0, .custody) == transfer.creditAccountID
                })
            else { return }
            keys[version.key] = KeyRecord(tenant: tenant, algorithm: algorithm, createdBy: sequence)
        }
        keys[version.key]?.versions.append(
            VersionRecord(activatedAt: transfer.timestamp, createdBy: sequence))
        rotation.failures[version.key] = nil
    }

    private mutating func expire(at timestamp: UInt64) {
        residencies = residencies.filter { $0.value.expiresAt > timestamp }
        for (id, cryptoperiod) in cryptoperiods where cryptoperiod.expiresAt <= timestamp {
            cryptoperiods[id] = nil
            update(cryptoperiod.version) { $0.isOverdue = $0.state == .active }
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

extension Array {
    /// Changes an element in place, also behind an optional chain.
    fileprivate mutating func withElement(at index: Int, _ body: (inout Element) -> Void) { body(&self[index]) }
}
