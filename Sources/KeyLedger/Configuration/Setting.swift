/// What can be configured. The same names are used in a file, in the environment and as flags.
public enum Setting: String, Sendable, Hashable, CaseIterable {
    case ledgerPath = "path"
    case masterKeyFile = "master-key-file"
    case passphraseFile = "passphrase-file"
    case provider = "kms.provider"
    case privateKeyTimeToLive = "kms.cache.private-key-ttl"
    case encryptionKeyTimeToLive = "kms.cache.encryption-key-ttl"
    case publicKeyTimeToLive = "kms.cache.public-key-ttl"
    case cacheEntryCountMax = "kms.cache.max-entries"
    case rotationIsEnabled = "kms.rotation.enabled"
    case rotationAgeDays = "kms.rotation.age-days"
    case rotationBatchSize = "kms.rotation.batch-size"
    case rotationCron = "kms.rotation.cron"
    case checkpointSeconds = "checkpoint.seconds"
    case checkpointEvents = "checkpoint.events"
    case checkpointFolder = "checkpoint.to"

    /// The prefixes a name may have: the product's own, and FLUO's.
    static let prefixes = ["keyledger.", "fluo."]

    /// The name in files and flags.
    public var name: String { Self.prefixes[0] + rawValue }

    /// Every name under either prefix.
    static var allNames: [String] { prefixes.flatMap { prefix in allCases.map { prefix + $0.rawValue } } }

    /// The setting with a name under either prefix.
    init?(name: String) {
        guard let prefix = Self.prefixes.first(where: name.hasPrefix),
            let setting = Setting(rawValue: String(name.dropFirst(prefix.count)))
        else { return nil }
        self = setting
    }

    /// The names in the environment, the product's own first.
    public var environmentNames: [String] { Self.prefixes.map { Self.environmentForm($0 + rawValue) } }

    /// Upper case, with `_` for `.` and `-`.
    static func environmentForm(_ name: String) -> String {
        String(name.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 })
    }

    /// What holds when nobody says otherwise.
    public var defaultText: String {
        switch self {
        case .ledgerPath: "ledger"
        case .masterKeyFile, .passphraseFile, .checkpointSeconds, .checkpointEvents, .checkpointFolder: ""
        case .provider: "local"
        case .privateKeyTimeToLive, .encryptionKeyTimeToLive: "60m"
        case .publicKeyTimeToLive: "24h"
        case .cacheEntryCountMax: "1000"
        case .rotationIsEnabled: "true"
        case .rotationAgeDays: "90"
        case .rotationBatchSize: "100"
        case .rotationCron: CronExpression.daily.description
        }
    }

    /// What it decides, for help texts.
    public var meaning: String {
        switch self {
        case .ledgerPath: "the ledger's folder"
        case .masterKeyFile: "the file with the master key"
        case .passphraseFile: "the file with the passphrase, instead"
        case .provider: "who holds the master key"
        case .privateKeyTimeToLive: "how long a private key stays in memory in plaintext"
        case .encryptionKeyTimeToLive: "how long an encryption key stays in memory in plaintext"
        case .publicKeyTimeToLive: "how long a public key is believed before it is read and checked again"
        case .cacheEntryCountMax: "how many keys of each of these kinds are in memory at most"
        case .rotationIsEnabled: "whether scheduled runs rotate anything"
        case .rotationAgeDays: "the cryptoperiod of new versions; a version this old is due"
        case .rotationBatchSize: "how many tenants a run rotates at most"
        case .rotationCron: "when runs are due: Quartz, UTC"
        case .checkpointSeconds: "how long after the last checkpoint the next is made unasked"
        case .checkpointEvents: "how many events after the last checkpoint the next is made unasked"
        case .checkpointFolder: "a folder elsewhere that checkpoints are copied to"
        }
    }
}
