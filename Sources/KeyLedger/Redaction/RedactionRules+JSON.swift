internal import Transparency

/// Why a rule file is refused, naming the entry.
public struct RedactionRulesError: Error, Hashable, Sendable {
    /// What is wrong.
    public enum Reason: Hashable, Sendable {
        /// The file is not JSON; the text says where.
        case notJSON(String)
        /// Something else where an object must be.
        case notAnObject
        /// Something else where an array must be.
        case notAnArray
        /// Something else where a string must be.
        case notAString
        /// Something else where `true` or `false` must be.
        case notABool
        /// A member without which the entry means nothing.
        case missing
        /// A member nobody reads, most likely misspelt.
        case unknownMember
        /// No strategy has this name.
        case unknownStrategy(String)
        /// No kind of personal data has this name.
        case unknownKind
        /// A pattern without a character.
        case emptyPattern
    }

    /// What is wrong.
    public let reason: Reason
    /// Where: `rules[3].strategy`, `texts.email`. Empty for the file itself.
    public let entry: String
}

extension RedactionRulesError: CustomStringConvertible {
    /// What is wrong and where, for a person.
    public var description: String {
        let place = entry.isEmpty ? "the rule file" : entry
        let strategies = RedactionStrategy.allCases.map(\.rawValue).joined(separator: ", ")
        let kinds = PersonalData.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        return switch reason {
        case .notJSON(let error): "\(place) is \(error)"
        case .notAnObject: "\(place) is not an object"
        case .notAnArray: "\(place) is not an array"
        case .notAString: "\(place) is not a string"
        case .notABool: "\(place) is neither true nor false"
        case .missing: "\(place) is missing"
        case .unknownMember: "\(place) is not known here"
        case .unknownStrategy(let name): "\(place) is \"\(name)\"; there are \(strategies), KEEP and DETECT"
        case .unknownKind: "\(place) is not a kind of personal data; there are \(kinds)"
        case .emptyPattern: "\(place) is an empty pattern"
        }
    }
}

extension RedactionRules {
    /// Reads a rule file:
    ///
    /// ```json
    /// {
    ///   "rules": [
    ///     { "attribute": "claim.reference", "strategy": "KEEP" },
    ///     { "attribute": "claim.*", "strategy": "ENCRYPT" }
    ///   ],
    ///   "fields": { "email": "HASH" },
    ///   "texts": { "phone": "KEEP" },
    ///   "defaults": true
    /// }
    /// ```
    ///
    /// Every member may be missing. The rules come before those of ``standard``, and `fields` and `texts` change single
    /// entries of it; with `"defaults": false` there is only what the file says. `KEEP` leaves values alone, `DETECT`
    /// exempts from a rule below.
    ///
    /// - Throws: ``RedactionRulesError``.
    public init(parsing bytes: [UInt8]) throws(RedactionRulesError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw RedactionRulesError(reason: .notJSON(error.description), entry: "")
        }
        let file = try document.object(at: "", allowing: ["rules", "fields", "texts", "defaults"])
        var usesDefaults = true
        if let value = file["defaults"] {
            guard let bool = value.bool else { throw RedactionRulesError(reason: .notABool, entry: "defaults") }
            usesDefaults = bool
        }
        self = usesDefaults ? .standard : RedactionRules(rules: [], fields: [:], texts: [:])
        try rules.insert(contentsOf: Self.rules(in: file["rules"]), at: 0)
        try Self.change(&fields, by: file["fields"], at: "fields")
        try Self.change(&texts, by: file["texts"], at: "texts")
    }

    private static func rules(in list: JSONValue?) throws(RedactionRulesError) -> [Rule] {
        guard let list else { return [] }
        guard let entries = list.array else { throw RedactionRulesError(reason: .notAnArray, entry: "rules") }
        var rules: [Rule] = []
        for (index, entry) in entries.enumerated() {
            let place = "rules[\(index)]"
            let object = try entry.object(at: place, allowing: ["attribute", "strategy"])
            let text = try object["attribute"].string(at: "\(place).attribute")
            guard let pattern = AttributePattern(text) else {
                throw RedactionRulesError(reason: .emptyPattern, entry: "\(place).attribute")
            }
            let name = try object["strategy"].string(at: "\(place).strategy")
            guard let action = Action(named: name) else {
                throw RedactionRulesError(reason: .unknownStrategy(name), entry: "\(place).strategy")
            }
            rules.append(Rule(pattern, action))
        }
        return rules
    }

    private static func change(
        _ strategies: inout [PersonalData.Kind: RedactionStrategy], by value: JSONValue?, at place: String
    ) throws(RedactionRulesError) {
        guard let value else { return }
        for member in try value.object(at: place, allowing: nil).members {
            let entry = "\(place).\(member.name)"
            guard let kind = PersonalData.Kind(rawValue: member.name) else {
                throw RedactionRulesError(reason: .unknownKind, entry: entry)
            }
            let name = try Optional(member.value).string(at: entry)
            switch Action(named: name) {
            case .apply(let strategy): strategies[kind] = strategy
            case .keep: strategies[kind] = nil
            case .detect, nil: throw RedactionRulesError(reason: .unknownStrategy(name), entry: entry)
            }
        }
    }
}

extension RedactionRules.Action {
    fileprivate init?(named name: String) {
        if name.isEqualIgnoringASCIICase(to: "KEEP") {
            self = .keep
        } else if name.isEqualIgnoringASCIICase(to: "DETECT") {
            self = .detect
        } else if let strategy = RedactionStrategy(named: name) {
            self = .apply(strategy)
        } else {
            return nil
        }
    }
}

extension JSONValue {
    fileprivate func object(at entry: String, allowing names: [String]?) throws(RedactionRulesError) -> JSONObject {
        guard let object else { throw RedactionRulesError(reason: .notAnObject, entry: entry) }
        if let names, let stranger = object.members.first(where: { !names.contains($0.name) }) {
            let place = entry.isEmpty ? stranger.name : "\(entry).\(stranger.name)"
            throw RedactionRulesError(reason: .unknownMember, entry: place)
        }
        return object
    }
}

extension JSONValue? {
    fileprivate func string(at entry: String) throws(RedactionRulesError) -> String {
        guard let self else { throw RedactionRulesError(reason: .missing, entry: entry) }
        guard let text = self.string else { throw RedactionRulesError(reason: .notAString, entry: entry) }
        return text
    }
}
