/// Whom to believe, as a text file (C2SP tlog-policy):
///
/// ```
/// log ledger.example/keys+12345678+AV…
/// witness one witness.example/w1+…
/// witness two witness.example/w2+…
/// group both all one two
/// quorum both
/// ```
public struct TrustPolicy: Hashable, Sendable {
    /// The keys of all logs to believe.
    public let logKeys: [VerifierKey]
    /// Which witnesses must have cosigned.
    public let quorum: WitnessQuorum

    /// More bytes than any policy needs.
    public static let byteCountLimit = 1 << 20

    /// Reads a policy.
    ///
    /// - Throws: ``TrustPolicyError`` for everything the specification forbids.
    public init(parsing bytes: [UInt8]) throws(TrustPolicyError) {
        guard bytes.count <= Self.byteCountLimit else { throw .tooLarge(byteCount: bytes.count) }
        if let byte = bytes.first(where: { $0 < 0x20 && $0 != newline && $0 != Self.tab || $0 == 0x7F }) {
            throw .controlCharacter(byte)
        }
        var parser = Parser()
        for (index, line) in bytes.split(separator: newline, omittingEmptySubsequences: false).enumerated() {
            let words = line.split { $0 == UInt8(ascii: " ") || $0 == Self.tab }.map(Array.init)
            guard let first = words.first, first.first != UInt8(ascii: "#") else { continue }
            do throws(TrustPolicyError.Reason) {
                try parser.read(words)
            } catch {
                throw .line(index + 1, error)
            }
        }
        guard let quorum = parser.quorum else { throw .noQuorum }
        logKeys = parser.logKeys
        self.quorum = quorum
    }

    private static let tab = UInt8(ascii: "\t")

    /// What the policy says about checkpoints of one log: its keys are those whose name is the origin.
    ///
    /// - Throws: ``PolicyError/noLogKey`` if the policy does not list the log.
    public func checkpointPolicy(for origin: Origin) throws(PolicyError) -> CheckpointPolicy {
        try CheckpointPolicy(
            origin: origin, logKeys: logKeys.filter { $0.name.utf8 == origin.utf8 }, quorum: quorum)
    }

    /// What the lines so far have defined. Names are octets, not text.
    private struct Parser {
        var logKeys: [VerifierKey] = []
        var quorum: WitnessQuorum?
        private var witnessKeys: [VerifierKey] = []
        private var definitions: [[UInt8]: WitnessQuorum] = [:]
        private var members: Set<[UInt8]> = []

        mutating func read(_ words: [[UInt8]]) throws(TrustPolicyError.Reason) {
            switch (String(decoding: words[0], as: UTF8.self), words.count) {
            case ("log", 2...3):
                let key = try Self.key(words[1], .ed25519)
                if logKeys.contains(where: { $0.publicKey == key.publicKey }) { throw .duplicateKey }
                logKeys.append(key)
            case ("witness", 3...4):
                let key = try Self.key(words[2], .cosignature)
                if witnessKeys.contains(where: { $0.publicKey == key.publicKey }) { throw .duplicateKey }
                witnessKeys.append(key)
                try define(words[1], .witness(key))
            case ("group", 4...): try define(words[1], try group(words[2], Array(words[3...])))
            case ("quorum", 2):
                if quorum != nil { throw .secondQuorum }
                quorum = words[1] == Array("none".utf8) ? WitnessQuorum.none : try definition(of: words[1])
            default: throw .unknownLine
            }
        }

        private static func key(
            _ word: [UInt8], _ algorithm: NoteAlgorithm
        ) throws(TrustPolicyError.Reason) -> VerifierKey {
            do throws(VerifierKeyError) {
                let key = try VerifierKey(parsing: String(decoding: word, as: UTF8.self))
                guard key.algorithm == algorithm else {
                    throw VerifierKeyError.unknownAlgorithm(key.algorithm.rawValue)
                }
                return key
            } catch {
                throw .key(error)
            }
        }

        private mutating func define(_ name: [UInt8], _ rule: WitnessQuorum) throws(TrustPolicyError.Reason) {
            guard name != Array("none".utf8), definitions.updateValue(rule, forKey: name) == nil else {
                throw .nameTaken
            }
        }

        private func definition(of name: [UInt8]) throws(TrustPolicyError.Reason) -> WitnessQuorum {
            guard let rule = definitions[name] else { throw .unknownName }
            return rule
        }

        private mutating func group(
            _ threshold: [UInt8], _ names: [[UInt8]]
        ) throws(TrustPolicyError.Reason) -> WitnessQuorum {
            var rules: [WitnessQuorum] = []
            for name in names {
                rules.append(try definition(of: name))
                guard members.insert(name).inserted else { throw .memberTwice }
            }
            let count: Int
            switch String(decoding: threshold, as: UTF8.self) {
            case "any": count = 1
            case "all": count = rules.count
            default:
                guard let number = UInt64(canonicalDecimal: threshold), (1...UInt64(rules.count)).contains(number)
                else {
                    throw .threshold
                }
                count = Int(number)
            }
            return .group(threshold: count, members: rules)
        }
    }
}

/// Why a text is no policy.
public enum TrustPolicyError: Error, Hashable, Sendable {
    /// What is wrong with a line.
    public enum Reason: Error, Hashable, Sendable {
        /// Not one of the four lines, or with too few or too many words.
        case unknownLine
        /// The verifier key.
        case key(VerifierKeyError)
        /// A public key was listed before, perhaps under another name.
        case duplicateKey
        /// The name was defined before, or is `none`.
        case nameTaken
        /// No line before defines the name.
        case unknownName
        /// A name is a member of a group once.
        case memberTwice
        /// Neither `any`, `all` nor a number of members.
        case threshold
        /// A policy has one quorum.
        case secondQuorum
    }

    /// More bytes than ``TrustPolicy/byteCountLimit``.
    case tooLarge(byteCount: Int)
    /// Other than newline and tab.
    case controlCharacter(UInt8)
    /// The line with this number, counted from 1.
    case line(Int, Reason)
    /// The line `quorum` is missing.
    case noQuorum
}

extension TrustPolicyError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .tooLarge(let count): "the policy has \(count) bytes; at most \(TrustPolicy.byteCountLimit) are read"
        case .controlCharacter(let byte): "the policy has a control character (\(byte))"
        case .line(let number, let reason): "line \(number) of the policy: \(reason)"
        case .noQuorum: "the policy has no line \"quorum\"; \"quorum none\" asks for no witness"
        }
    }
}

extension TrustPolicyError.Reason: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .unknownLine: "expected log, witness, group or quorum with its words"
        case .key(let error): "\(error)"
        case .duplicateKey: "the public key is listed already"
        case .nameTaken: "the name is taken"
        case .unknownName: "a name that no line before defines"
        case .memberTwice: "the name is a member of a group already"
        case .threshold: "expected any, all or a number of members"
        case .secondQuorum: "a second quorum"
        }
    }
}
