/// How a key store is to work, and who said so: flags before the environment before a file before what is built in.
public struct Configuration: Sendable {
    /// A value as it was given, and where.
    public struct Value: Hashable, Sendable {
        /// As it was written.
        public let text: String
        /// Where it was written.
        public let origin: ConfigurationOrigin
    }

    /// What holds for each setting.
    public let values: [Setting: Value]
    /// The ledger's folder.
    public let ledgerPath: String
    /// The file with the master key; nil if none is named.
    public let masterKeyFile: String?
    /// The file with the passphrase; nil if none is named.
    public let passphraseFile: String?
    /// What plaintext and public keys may be in memory.
    public let cache: KeyCacheLimits
    /// When versions are due, and how many are rotated at once.
    public let rotation: RotationPolicy
    /// When checkpoints are made unasked.
    public let checkpointSchedule: CheckpointSchedule
    /// Where checkpoints are copied to.
    public let checkpointPlaces: [CheckpointPlace]

    /// What holds when nobody says anything.
    public static let builtIn: Configuration = {
        do throws(ConfigurationError) {
            return try Configuration()
        } catch {
            preconditionFailure("what is built in is valid: \(error)")
        }
    }()

    /// Reads a configuration.
    ///
    /// - Parameters:
    ///   - file: A file in the format of `java.util.Properties`, with the path that errors are to name.
    ///   - environment: Variables by name. Those of the product that speak of no setting here are somebody else's, but
    ///     for `KEYLEDGER_KMS_…` and `FLUO_KMS_…`.
    ///   - flags: Names and values, with or without a prefix.
    public init(
        file: (path: String, text: String)? = nil, environment: [String: String] = [:],
        flags: [(name: String, value: String)] = []
    ) throws(ConfigurationError) {
        var reader = ConfigurationReader()
        if let file { try reader.read(try PropertiesFile(parsing: file.text, path: file.path)) }
        try reader.read(environment: environment)
        try reader.read(flags: flags)
        let values = reader.values

        ledgerPath = values.text(of: .ledgerPath)
        masterKeyFile = values.textIfGiven(of: .masterKeyFile)
        passphraseFile = values.textIfGiven(of: .passphraseFile)
        try values.checkProvider()
        var cache = KeyCacheLimits()
        cache.privateKeySeconds = try values.seconds(of: .privateKeyTimeToLive)
        cache.encryptionKeySeconds = try values.seconds(of: .encryptionKeyTimeToLive)
        cache.publicKeySeconds = try values.seconds(of: .publicKeyTimeToLive)
        cache.entryCountMax = try values.number(of: .cacheEntryCountMax, in: 1...1_000_000)
        self.cache = cache
        var rotation = RotationPolicy()
        rotation.isEnabled = try values.flag(of: .rotationIsEnabled)
        // The longest time a ledger can be asked to wait is 2^32 − 1 seconds.
        rotation.ageDays = UInt32(try values.number(of: .rotationAgeDays, in: 1...49_710))
        rotation.batchSize = try values.number(of: .rotationBatchSize, in: 1...1_000_000)
        rotation.schedule = try values.cron(of: .rotationCron)
        self.rotation = rotation
        checkpointSchedule = CheckpointSchedule(
            seconds: try values.numberIfGiven(of: .checkpointSeconds, in: 1...Int(UInt32.max)).map { UInt32($0) },
            eventCount: try values.numberIfGiven(of: .checkpointEvents, in: 1...Int.max).map { UInt64($0) })
        checkpointPlaces = values.textIfGiven(of: .checkpointFolder).map { [.folder($0)] } ?? []
        self.values = values
    }
}

extension KeyStore.Options {
    /// What a configuration says, for operations in the name of `caller`.
    public init(caller: Caller, configuration: Configuration) {
        self.init(caller: caller)
        cache = configuration.cache
        cryptoperiodSeconds = configuration.rotation.ageSeconds
        checkpointSchedule = configuration.checkpointSchedule
        checkpointPlaces = configuration.checkpointPlaces
    }
}

/// Collects values; what is read later wins.
private struct ConfigurationReader {
    var values: [Setting: Configuration.Value] = Dictionary(
        uniqueKeysWithValues: Setting.allCases.map { ($0, .init(text: $0.defaultText, origin: .builtIn)) })

    mutating func read(_ file: PropertiesFile) throws(ConfigurationError) {
        try read(file.properties.map { ($0.name, $0.value, .file(path: file.path, line: $0.line)) })
    }

    mutating func read(flags: [(name: String, value: String)]) throws(ConfigurationError) {
        try read(
            flags.map { flag in
                let isFull = Setting.prefixes.contains { flag.name.hasPrefix($0) }
                return (isFull ? flag.name : Setting.prefixes[0] + flag.name, flag.value, .flag(name: flag.name))
            })
    }

    mutating func read(environment: [String: String]) throws(ConfigurationError) {
        var given: [(String, String, ConfigurationOrigin)] = []
        let known = Dictionary(
            Setting.allCases.flatMap { setting in setting.environmentNames.map { ($0, setting) } },
            uniquingKeysWith: { first, _ in first })
        for (variable, text) in environment.sorted(by: { $0.key < $1.key }) where !text.isEmpty {
            let origin = ConfigurationOrigin.environment(name: variable)
            if let setting = known[variable] {
                given.append((setting.name, text, origin))
            } else if Setting.prefixes.contains(where: { variable.hasPrefix(Setting.environmentForm($0 + "kms.")) }) {
                throw .unknownSetting(variable, at: origin, meant: nearest(to: variable, of: Array(known.keys)))
            }
        }
        try read(given)
    }

    private mutating func read(
        _ given: [(name: String, text: String, origin: ConfigurationOrigin)]
    ) throws(ConfigurationError) {
        var origins: [Setting: ConfigurationOrigin] = [:]
        for (name, text, origin) in given {
            guard let setting = Setting(name: name) else {
                throw .unknownSetting(name, at: origin, meant: nearest(to: name, of: Setting.allNames))
            }
            if let before = origins[setting] { throw .givenTwice(name, at: origin, before: before) }
            origins[setting] = origin
            values[setting] = .init(text: text, origin: origin)
        }
    }

    /// The name that was probably meant: at most three letters away.
    private func nearest(to name: String, of names: [String]) -> String? {
        let distances = names.sorted().map { ($0, editDistance(Array(name), Array($0))) }
        return distances.min { $0.1 < $1.1 }.flatMap { $0.1 <= 3 ? $0.0 : nil }
    }
}

/// How many letters have to be put in, left out or replaced.
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var row = Array(0...b.count)
    for (i, letter) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in b.enumerated() {
            (diagonal, row[j + 1]) = (row[j + 1], min(row[j], row[j + 1], diagonal - (letter == other ? 1 : 0)) + 1)
        }
    }
    return row[b.count]
}
