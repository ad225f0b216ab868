/// Which keys a rotation run would rotate, by what the ledger says. Making one writes nothing.
///
/// A version is due when its cryptoperiod has run out, or when it is older than the policy now allows; whichever comes
/// first. Tenants come in this order: those that no failed attempt has been made for since they are due, by the age of their
/// oldest due version; then the others, whose last attempt is longest ago first. So a tenant whose keys cannot be rotated is
/// tried again and again, and keeps nobody waiting.
public struct RotationPlan: Sendable, Hashable {
    /// A key whose active version is due.
    public struct DueKey: Sendable, Hashable {
        /// What is due.
        public let version: KeyVersion
        /// Nanoseconds since 1970.
        public let activatedAt: UInt64
        /// When the last attempt failed, in nanoseconds since 1970; nil if none was made or it was not needed.
        public let failedAt: UInt64?
    }

    /// A tenant with keys that are due.
    public struct DueTenant: Sendable, Hashable {
        /// Whose keys they are.
        public let tenant: TenantID
        /// The oldest first.
        public let keys: [DueKey]
    }

    /// The tenants of this run.
    public let tenants: [DueTenant]
    /// Those that are left for the next runs.
    public let rest: [DueTenant]

    /// The tenants of a run.
    ///
    /// - Parameter now: Nanoseconds since 1970.
    public init(_ projection: LedgerProjection, policy: RotationPolicy, at now: UInt64) {
        var ends: [KeyVersion: UInt64] = [:]
        for cryptoperiod in projection.cryptoperiods.values { ends[cryptoperiod.version] = cryptoperiod.expiresAt }
        let age = UInt64(policy.ageSeconds) * 1_000_000_000

        var due: [TenantID: [DueKey]] = [:]
        for (id, key) in projection.keys {
            // One that waits for its activation or destruction is not replaced.
            guard let record = key.versions.last, record.state == .active, record.destruction == nil else { continue }
            let version = KeyVersion(key: id, number: UInt32(key.versions.count))
            let hasEnded = record.isOverdue || ends[version].map { $0 <= now } ?? false
            // A cryptoperiod that was chosen for this key is not the policy's to shorten.
            let isTooOld =
                record.chosenCryptoperiodSeconds == nil && record.activatedAt <= now && now - record.activatedAt >= age
            guard hasEnded || isTooOld else { continue }
            due[key.tenant, default: []].append(
                DueKey(
                    version: version, activatedAt: record.activatedAt, failedAt: projection.rotation.failures[id]))
        }
        let tenants = due.map { tenant, keys in
            DueTenant(
                tenant: tenant, keys: keys.sorted { ($0.activatedAt, $0.version) < ($1.activatedAt, $1.version) })
        }.sorted { $0.rank < $1.rank }
        self.tenants = Array(tenants.prefix(policy.batchSize))
        rest = Array(tenants.dropFirst(policy.batchSize))
    }
}

extension RotationPlan.DueTenant {
    fileprivate var rank: (UInt64, UInt64, TenantID) {
        (keys.compactMap(\.failedAt).max() ?? 0, keys.map(\.activatedAt).min() ?? 0, tenant)
    }
}
