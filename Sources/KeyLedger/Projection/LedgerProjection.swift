public import Ledger

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
    /// The versions that wait for their activation date, by the pending transfer that holds them.
    public internal(set) var activations: [EventID: Deadline] = [:]
    /// The versions that wait for their destruction, by the pending transfer that gives them time.
    public internal(set) var destructions: [EventID: Deadline] = [:]
    /// The imports that are prepared for, by the pending transfer that allows them.
    public internal(set) var importOffers: [EventID: ImportOffer] = [:]
    /// The change of the master key that is under way.
    public internal(set) var rewrap: Rewrap?
    /// How many such changes were begun.
    public internal(set) var rewrapCount: UInt32 = 0
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
        /// How often its keys may apply protection, over all time: ``LedgerProjection/unlimitedQuota`` unless it was set.
        public internal(set) var quota: UInt128 = 0
        /// The event that set the quota.
        public internal(set) var quotaSetBy = EventID(0)
        /// Whether the warning about this quota was given.
        public internal(set) var hasQuotaWarning = false
        /// Its end, from the intent on; nil while it lives.
        public internal(set) var shred: Shred?

        /// Whether 80 % of the quota are used and nobody was told.
        var isQuotaWarningDue: Bool {
            !hasQuotaWarning && LedgerProjection.isNearlyUsed(usage.protections, of: quota)
        }
    }

    /// The end of a tenant.
    public struct Shred: Sendable, Hashable {
        /// The event that began it: nothing of the tenant is used from there on.
        public let begunBy: UInt64
        /// The event that says that its keys are erased; nil between the two.
        public internal(set) var doneBy: UInt64?
    }

    /// The change of the master key.
    public struct Rewrap: Sendable, Hashable {
        /// Counted from 1.
        public let number: UInt32
        /// The event that began it.
        public let begunBy: UInt64
        /// The accounts of the master keys.
        let from: UInt128, to: UInt128
        /// The pending transfer that is posted when everything is under the new one.
        let pending: UInt128
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

        /// The version that applies protection now; nil while none does.
        public var activeVersion: UInt32? {
            versions.lastIndex { $0.state == .active }.map { UInt32($0 + 1) }
        }

        /// The version that applies protection now, or else the newest: what is meant when no version is named.
        public var currentVersion: UInt32 { activeVersion ?? UInt32(versions.count) }
    }

    /// A version of a key.
    public struct VersionRecord: Sendable, Hashable {
        /// When it became active, or is to, in nanoseconds since 1970.
        public internal(set) var activatedAt: UInt64
        /// The event that generated or imported it; its details carry the public key.
        public internal(set) var createdBy: UInt64
        /// What it may still do.
        public internal(set) var state = KeyState.active
        /// Whether its material came from outside.
        public internal(set) var isImported = false
        /// Whether its material may leave; fixed when it was made.
        public internal(set) var isExportable = false
        /// The cryptoperiod that was chosen for this key, which the next version has too; nil for the ledger's default.
        public internal(set) var chosenCryptoperiodSeconds: UInt32?
        /// How often it may apply protection; nil means without limit.
        public internal(set) var budget: UInt128?
        /// Whether the warning about its budget was given.
        public internal(set) var hasBudgetWarning = false
        /// Its cryptoperiod has run out and no newer version replaced it.
        public internal(set) var isOverdue = false
        /// The pending transfer that suspends it.
        public internal(set) var suspension: EventID?
        /// Its destruction, while that is scheduled.
        public internal(set) var destruction: Destruction?
        /// Whether its material is gone.
        public internal(set) var isErased = false
        /// What it did.
        public internal(set) var usage = Usage()

        /// Whether it will never protect anything again.
        public var isRetired: Bool {
            switch state {
            case .preActivation, .active, .suspended: false
            case .deactivated, .compromised, .destroyed: true
            }
        }

        /// How far its destruction is.
        public var destructionStatus: KeyState.Destruction {
            destruction.map { $0.isDue ? .due : .waiting } ?? .notScheduled
        }

        /// Whether 80 % of the budget are used and nobody was told.
        var isBudgetWarningDue: Bool {
            !hasBudgetWarning && (budget.map { LedgerProjection.isNearlyUsed(usage.protections, of: $0) } ?? false)
        }
    }

    /// A scheduled destruction: what keeps a version closed meanwhile.
    public struct Destruction: Sendable, Hashable {
        /// When the waiting time is over, in nanoseconds since 1970.
        public internal(set) var dueAt: UInt64
        /// Whether the ledger said so.
        public internal(set) var isDue = false
        /// The pending transfers that close processing, and export unless the version is compromised.
        var processing = EventID(0)
        var export: EventID?
        /// The pending transfer whose expiry is the due time.
        var waiting: EventID
    }

    /// Something that happens to a version by itself when its time comes.
    public struct Deadline: Sendable, Hashable {
        /// Which version.
        public let version: KeyVersion
        /// Nanoseconds since 1970.
        public let at: UInt64
    }

    /// A wrapping key that waits for one import.
    public struct ImportOffer: Sendable, Hashable {
        /// Who may import.
        public let tenant: TenantID
        /// Until when, in nanoseconds since 1970.
        public let expiresAt: UInt64
    }

    /// The quota of a tenant that has no limit.
    public static let unlimitedQuota: UInt128 = 1 << 64

    /// Whether at least 80 % of a limit are used.
    static func isNearlyUsed(_ used: UInt64, of limit: UInt128) -> Bool {
        limit > 0 && UInt128(used) * 5 >= limit * 4
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

        /// What budgets and quotas count.
        public var protections: UInt64 { sign + encrypt }
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
        // Must be readable when the tenant's own are not.
        case .rewrapTenant, .shred, .shredded: nil
        case let kind? where kind.isAboutTenant: TenantID(transfer.userData128)
        // A refusal may be about another tenant's key, a key's first event comes before it is known.
        case .deny, .generate, .importKey, .reveal: tenantsByAccount[transfer.debitAccountID]
        case .cacheCapacity, .rotationRun, .rewrap, .finishRewrap, .abandonRewrap, .acceptLog, .checkpoint,
            .checkpointKey, .cosigned, .anchored, .evidence, nil:
            nil
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
