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
    /// The line of the file, from 1: that of the entry, or of what should contain it.
    public let line: Int
}

extension RedactionRulesError: CustomStringConvertible {
    /// What is wrong and where, for a person.
    public var description: String {
        let place = "line \(line): " + (entry.isEmpty ? "the rule file" : entry)
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
            let line = Self.line(of: error.byteOffset, in: bytes)
            throw RedactionRulesError(reason: .notJSON(error.description), entry: "", line: line)
        }
        do throws(Fault) {
            try self.init(Entry(path: [], value: document))
        } catch {
            throw RedactionRulesError(
                reason: error.reason, entry: Self.text(of: error.path), line: Self.line(of: error.path, in: bytes))
        }
    }

    private init(_ document: Entry) throws(Fault) {
        let file = try document.object(allowing: ["rules", "fields", "texts", "defaults"])
        var usesDefaults = true
        if file["defaults"] != nil {
            let defaults = document.member("defaults")
            guard let bool = defaults.value?.bool else { throw Fault(reason: .notABool, path: defaults.path) }
            usesDefaults = bool
        }
        self = usesDefaults ? .standard : RedactionRules(rules: [], fields: [:], texts: [:])
        if file["rules"] != nil { try rules.insert(contentsOf: Self.rules(in: document.member("rules")), at: 0) }
        if file["fields"] != nil { try Self.change(&fields, by: document.member("fields")) }
        if file["texts"] != nil { try Self.change(&texts, by: document.member("texts")) }
    }

    private static func rules(in list: Entry) throws(Fault) -> [Rule] {
        guard let elements = list.value?.array else { throw Fault(reason: .notAnArray, path: list.path) }
        var rules: [Rule] = []
        for (index, element) in elements.enumerated() {
            let entry = Entry(path: list.path + [.element(index)], value: element)
            _ = try entry.object(allowing: ["attribute", "strategy"])
            let attribute = entry.member("attribute")
            guard let pattern = AttributePattern(try attribute.string()) else {
                throw Fault(reason: .emptyPattern, path: attribute.path)
            }
            let strategy = entry.member("strategy")
            let name = try strategy.string()
            guard let action = Action(named: name) else {
                throw Fault(reason: .unknownStrategy(name), path: strategy.path)
            }
            rules.append(Rule(pattern, action))
        }
        return rules
    }

    private static func change(
        _ strategies: inout [PersonalData.Kind: RedactionStrategy], by entry: Entry
    ) throws(Fault) {
        for member in try entry.object(allowing: nil).members {
            let entry = entry.member(member.name)
            guard let kind = PersonalData.Kind(rawValue: member.name) else {
                throw Fault(reason: .unknownKind, path: entry.path)
            }
            let name = try entry.string()
            switch Action(named: name) {
            case .apply(let strategy): strategies[kind] = strategy
            case .keep: strategies[kind] = nil
            case .detect, nil: throw Fault(reason: .unknownStrategy(name), path: entry.path)
            }
        }
    }

    // MARK: Where

    private static func text(of path: [JSONCursor.Step]) -> String {
        path.reduce(into: "") { text, step in
            switch step {
            case .member(let name): text += text.isEmpty ? name : ".\(name)"
            case .element(let index): text += "[\(index)]"
            }
        }
    }

    /// The line of an entry, or of the nearest one around it that is there.
    private static func line(of path: [JSONCursor.Step], in bytes: [UInt8]) -> Int {
        for count in (0...path.count).reversed() {
            var cursor = JSONCursor(bytes)
            if let offset = cursor.find(Array(path.prefix(count))) { return line(of: offset, in: bytes) }
        }
        return 1
    }

    private static func line(of offset: Int, in bytes: [UInt8]) -> Int {
        1 + bytes.prefix(offset).count { $0 == UInt8(ascii: "\n") }
    }
}

/// What is wrong with an entry.
private struct Fault: Error {
    let reason: RedactionRulesError.Reason
    let path: [JSONCursor.Step]
}

/// A part of a rule file, and how it is reached; nil for a member that is missing.
private struct Entry {
    let path: [JSONCursor.Step]
    let value: JSONValue?

    func member(_ name: String) -> Entry { Entry(path: path + [.member(name)], value: value?[name]) }

    func object(allowing names: [String]?) throws(Fault) -> JSONObject {
        guard let object = value?.object else { throw Fault(reason: .notAnObject, path: path) }
        if let names, let stranger = object.members.first(where: { !names.contains($0.name) }) {
            throw Fault(reason: .unknownMember, path: path + [.member(stranger.name)])
        }
        return object
    }

    func string() throws(Fault) -> String {
        guard let value else { throw Fault(reason: .missing, path: path) }
        guard let text = value.string else { throw Fault(reason: .notAString, path: path) }
        return text
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
