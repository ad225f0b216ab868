/// The three ledgers: what a key may still do is accounted separately for each direction (SP 800-57 part 1 rev. 5,
/// section 5.3.4), and so is where its material is.
public enum LedgerKind: UInt32, Sendable, CaseIterable {
    /// Applying protection: sign, encrypt (originator usage).
    case protect = 1
    /// Processing what is protected: verify, decrypt (recipient usage).
    case process = 2
    /// Where key material is, and since when.
    case custody = 3
}

/// What an account stands for; the account's `user_data_32`.
public enum AccountKind: UInt32, Sendable, CaseIterable {
    /// Where budgets and material come from; one a ledger.
    case issuer = 1
    /// Where refused operations go; on `custody`.
    case denials = 2
    /// Plaintext private keys in memory; on `custody`.
    case privateKeyCache = 3
    /// A tenant; one a ledger. `user_data_128` is its id.
    case tenant = 4
    /// What was committed to in checkpoints; on `custody`.
    case checkpoints = 5
    /// A master key, by the digest of its name; on `custody`.
    case masterKey = 6
    /// Where material goes that was erased; on `custody`.
    case erased = 7
    /// Plaintext encryption keys in memory; on `custody`.
    case encryptionKeyCache = 8
    /// Where runs of scheduled rotation are counted; on `custody`.
    case scheduler = 9
    /// A version of a signing key; one a ledger. `user_data_128` is the key, `user_data_64` the version.
    case signingKeyVersion = 16
    /// A version of an encryption key; as above.
    case encryptionKeyVersion = 17
    /// Through which a version's material leaves, if it may; on `custody`. As above.
    case exportGate = 18
}

extension AccountKind: CustomStringConvertible {
    /// The name in reports, in lower case with hyphens.
    public var description: String {
        switch self {
        case .issuer: "issuer"
        case .denials: "denials"
        case .privateKeyCache: "private-key-cache"
        case .encryptionKeyCache: "encryption-key-cache"
        case .scheduler: "scheduler"
        case .checkpoints: "checkpoints"
        case .tenant: "tenant"
        case .masterKey: "master-key"
        case .erased: "erased"
        case .signingKeyVersion: "signing-key-version"
        case .encryptionKeyVersion: "encryption-key-version"
        case .exportGate: "export-gate"
        }
    }
}

/// What a transfer records; the transfer's `user_data_32`. `Specs/EVENTS.md` has the whole catalogue.
public enum EventKind: UInt32, Sendable, CaseIterable {
    case sign = 0x101
    case encrypt = 0x102
    case budget = 0x110
    case cryptoperiod = 0x111
    case hold = 0x112
    case activate = 0x113
    case budgetWarning = 0x114
    case quota = 0x115
    case quotaWarning = 0x116
    case retire = 0x120
    case deactivate = 0x121
    case suspend = 0x122
    case resume = 0x123
    case release = 0x124
    case verify = 0x201
    case decrypt = 0x202
    case generate = 0x301
    case admit = 0x302
    case evict = 0x303
    case export = 0x304
    case allowExport = 0x305
    case importKey = 0x306
    case offerImport = 0x307
    case redeem = 0x308
    case deny = 0x310
    case compromise = 0x311
    case scheduleDestruction = 0x312
    case cancelDestruction = 0x313
    case destroy = 0x314
    case erase = 0x315
    case createTenant = 0x320
    case cacheCapacity = 0x321
    case rewrap = 0x330
    case rewrapTenant = 0x331
    case finishRewrap = 0x332
    case abandonRewrap = 0x333
    case shred = 0x334
    case shredded = 0x335
    case acceptLog = 0x336
    case rotationFailed = 0x340
    case rotationRun = 0x341
    case reveal = 0x350
    case checkpoint = 0x360
    case checkpointKey = 0x361
    case cosigned = 0x362
    case anchored = 0x363
    case evidence = 0x364

    /// The ledger its transfers are on, for those of one ledger. Life cycle events close accounts on several.
    public var ledger: LedgerKind { LedgerKind(rawValue: rawValue >> 8) ?? .custody }

    /// Whether `user_data_128` is a tenant, not a key.
    public var isAboutTenant: Bool {
        switch self {
        case .createTenant, .quota, .quotaWarning, .offerImport, .redeem, .rewrapTenant, .shred, .shredded: true
        default: false
        }
    }

    /// Whether it closes for good: no operation voids such a transfer, and a check of the log reports a void of one.
    public var isFinal: Bool {
        switch self {
        case .retire, .deactivate, .compromise, .destroy, .erase, .shred: true
        default: false
        }
    }
}

extension EventKind: CustomStringConvertible {
    /// The name in reports, in lower case with hyphens.
    public var description: String {
        switch self {
        case .sign: "sign"
        case .encrypt: "encrypt"
        case .budget: "budget"
        case .cryptoperiod: "cryptoperiod"
        case .hold: "hold"
        case .activate: "activate"
        case .budgetWarning: "budget-warning"
        case .quota: "quota"
        case .quotaWarning: "quota-warning"
        case .retire: "retire"
        case .deactivate: "deactivate"
        case .suspend: "suspend"
        case .resume: "resume"
        case .release: "release"
        case .verify: "verify"
        case .decrypt: "decrypt"
        case .generate: "generate"
        case .admit: "admit"
        case .evict: "evict"
        case .export: "export"
        case .allowExport: "allow-export"
        case .importKey: "import"
        case .offerImport: "offer-import"
        case .redeem: "redeem"
        case .deny: "deny"
        case .compromise: "compromise"
        case .scheduleDestruction: "schedule-destruction"
        case .cancelDestruction: "cancel-destruction"
        case .destroy: "destroy"
        case .erase: "erase"
        case .createTenant: "create-tenant"
        case .cacheCapacity: "cache-capacity"
        case .rewrap: "rewrap"
        case .rewrapTenant: "rewrap-tenant"
        case .finishRewrap: "finish-rewrap"
        case .abandonRewrap: "abandon-rewrap"
        case .shred: "shred"
        case .shredded: "shredded"
        case .acceptLog: "accept-log"
        case .rotationFailed: "rotation-failed"
        case .rotationRun: "rotation-run"
        case .reveal: "reveal"
        case .checkpoint: "checkpoint"
        case .checkpointKey: "checkpoint-key"
        case .cosigned: "cosigned"
        case .anchored: "anchored"
        case .evidence: "evidence"
        }
    }
}

/// What a key is for, and with which algorithm.
public enum KeyAlgorithm: UInt8, Sendable, Hashable, CaseIterable {
    case ed25519 = 1
    case aes256GCM = 2

    var accountKind: AccountKind {
        switch self {
        case .ed25519: .signingKeyVersion
        case .aes256GCM: .encryptionKeyVersion
        }
    }

    /// Where its plaintext keys are while they are in memory.
    var cacheKind: AccountKind {
        switch self {
        case .ed25519: .privateKeyCache
        case .aes256GCM: .encryptionKeyCache
        }
    }

    init?(_ kind: AccountKind) {
        switch kind {
        case .signingKeyVersion: self = .ed25519
        case .encryptionKeyVersion: self = .aes256GCM
        default: return nil
        }
    }

    /// Whether a version may apply protection only so often; the limit itself is ``KeyStore/Options``'s.
    var hasBudget: Bool {
        switch self {
        case .ed25519: false
        case .aes256GCM: true
        }
    }
}

extension KeyAlgorithm: CustomStringConvertible {
    /// `Ed25519` or `AES-256-GCM`.
    public var description: String {
        switch self {
        case .ed25519: "Ed25519"
        case .aes256GCM: "AES-256-GCM"
        }
    }
}
