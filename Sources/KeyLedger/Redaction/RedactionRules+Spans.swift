internal import Transparency

extension RedactionRules {
    /// Redacts a span but for the values to be encrypted: its attributes, those of its events and links, however deeply
    /// nested, its status message, and every other text in it.
    ///
    /// - Parameters:
    ///   - span: the span.
    ///   - tenant: the tenant it belongs to.
    ///   - key: the tenant's redaction key, for the keyed strategies.
    /// - Returns: the pending redaction with the values to be encrypted.
    public func collect(_ span: TelemetrySpan, tenant: String, key: RedactionKey) -> PendingRedaction {
        PendingRedaction(span: span, collect(span.object, tenant: tenant, key: key))
    }

    /// Redacts a span that belongs to no tenant. There is no key then: whatever one would be needed for becomes
    /// `[REDACTED]`.
    public func redact(withoutTenant span: TelemetrySpan) -> TelemetrySpan {
        PendingRedaction(span: span, collect(span.object, tenant: "", key: nil)).apply([])
    }

    /// Redacts texts that belong to no tenant, as if they were the values of attributes with this name.
    public func redact(withoutTenant texts: [String], ofAttribute name: String) -> [String] {
        collect(texts, ofAttribute: name, tenant: "", key: nil).apply([])
    }

    /// Redacts texts as if they were the values of attributes with this name.
    func collect(_ texts: [String], ofAttribute name: String, tenant: String, key: RedactionKey?) -> PendingTexts {
        let entries = texts.map { OTLPAttribute.string(name, $0) }
        return PendingTexts(texts: texts, collect(["attributes": .array(entries)], tenant: tenant, key: key))
    }

    private func collect(_ object: JSONObject, tenant: String, key: RedactionKey?) -> PendingObject {
        var walk = SpanWalk(rules: self, tenant: tenant, key: key)
        let redacted = walk.redacted(span: object)
        return PendingObject(plaintexts: walk.plaintexts, counts: walk.counts, object: redacted, slots: walk.slots)
    }
}

/// Rewrites one span from the outside in. Each function returns nil if there is nothing to change: most of a span is
/// not copied.
private struct SpanWalk {
    typealias Treatment = RedactionRules.Treatment

    let rules: RedactionRules
    let tenant: String
    let key: RedactionKey?
    var plaintexts: [String] = []
    var slots: [PendingObject.Slot] = []
    var counts: [RedactionStrategy: Int] = [:]
    /// Where in the span the walk is.
    private var path: [PendingObject.Step] = []

    init(rules: RedactionRules, tenant: String, key: RedactionKey?) {
        self.rules = rules
        self.tenant = tenant
        self.key = key
    }

    // MARK: - Spans, events, links

    /// Members that hold ids, times and numbers.
    private static let technicalMembers: Set<String> = [
        "traceId", "spanId", "parentSpanId", "kind", "flags", "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano",
        "droppedAttributesCount", "droppedEventsCount", "droppedLinksCount",
    ]

    /// A span, an event or a link.
    mutating func redacted(span: JSONObject) -> JSONObject? {
        var result: JSONObject?
        for member in span.members where !Self.technicalMembers.contains(member.name) {
            path.append(.member(member.name))
            let replaced: JSONValue?
            switch (member.name, member.value) {
            case ("attributes", .array(let entries)):
                replaced = redacted(entries: entries, of: nil).map { .array($0) }
            case ("events", .array(let elements)), ("links", .array(let elements)):
                let list = redacted(elements: elements) { walk, element in
                    element.object.flatMap { walk.redacted(span: $0) }.map { .object($0) }
                }
                replaced = list.map { .array($0) }
            default: replaced = searched(member.value)
            }
            if let replaced {
                result = result ?? span
                result?[member.name] = replaced
            }
            path.removeLast()
        }
        return result
    }

    private mutating func redacted(
        elements: [JSONValue], _ redact: (inout SpanWalk, JSONValue) -> JSONValue?
    ) -> [JSONValue]? {
        var result: [JSONValue]?
        for (index, element) in elements.enumerated() {
            path.append(.element(index))
            if let replaced = redact(&self, element) {
                result = result ?? elements
                result?[index] = replaced
            }
            path.removeLast()
        }
        return result
    }

    // MARK: - Attributes

    /// Key and value pairs: attributes, or those inside the value of the attribute `parent`.
    private mutating func redacted(
        entries: [JSONValue], of parent: (name: String, treatment: Treatment)?
    ) -> [JSONValue]? {
        redacted(elements: entries) { walk, entry in
            guard let object = entry.object else { return walk.searched(entry) }
            return walk.redacted(entry: object, of: parent).map { .object($0) }
        }
    }

    private mutating func redacted(
        entry: JSONObject, of parent: (name: String, treatment: Treatment)?
    ) -> JSONObject? {
        let own = entry["key"]?.string ?? ""
        let name = parent.map { "\($0.name).\(own)" } ?? own
        var treatment = rules.treatment(of: name)
        // What is decided about a value holds for all that is in it, unless something is said about that in particular.
        if let parent, treatment == .search { treatment = parent.treatment }
        guard treatment != .keep else { return nil }
        var result: JSONObject?
        for member in entry.members where member.name != "value" {
            path.append(.member(member.name))
            if let replaced = searched(member.value) {
                result = result ?? entry
                result?[member.name] = replaced
            }
            path.removeLast()
        }
        path.append(.member("value"))
        if let replaced = redacted(value: entry["value"] ?? .null, of: (name, treatment)) {
            result = result ?? entry
            result?["value"] = replaced
        }
        path.removeLast()
        return result
    }

    /// A value in the notation of OTLP/JSON: an object that says of which type it is.
    private mutating func redacted(
        value: JSONValue, of attribute: (name: String, treatment: Treatment)
    ) -> JSONValue? {
        guard case .replace(let strategy) = attribute.treatment else {
            return searched(value: value, of: attribute)
        }
        if let nested = nested(in: value) {
            return redacted(nested: nested, in: value, of: attribute)
        }
        path.append(.member("stringValue"))
        defer { path.removeLast() }
        return replaced(text: Self.plainText(of: value), by: strategy).map { ["stringValue": $0] }
    }

    private mutating func searched(
        value: JSONValue, of attribute: (name: String, treatment: Treatment)
    ) -> JSONValue? {
        if let nested = nested(in: value) { return redacted(nested: nested, in: value, of: attribute) }
        guard let integer = value["intValue"] else { return searched(value) }
        // Of all integers only a card's can be recognised; it becomes a text.
        let digits = integer.string ?? integer.number?.text ?? ""
        guard let strategy = rules.texts[.creditCard], (13...16).contains(digits.utf8.count),
            digits.utf8.allSatisfy(\.isASCIIDigit), TextScanner.isIssued(Array(digits.utf8)),
            PersonalData.hasLuhnCheckDigit(digits.utf8)
        else { return nil }
        path.append(.member("stringValue"))
        defer { path.removeLast() }
        return replaced(text: digits, by: strategy).map { ["stringValue": $0] }
    }

    // MARK: - Nested values

    private enum Nested {
        case entries([JSONValue])
        case elements([JSONValue])

        var member: String {
            switch self {
            case .entries: "kvlistValue"
            case .elements: "arrayValue"
            }
        }
    }

    /// The values in a list that is nothing else: what has other members is treated as a whole.
    private func nested(in value: JSONValue) -> Nested? {
        guard let members = value.object?.members, members.count == 1, let list = members[0].value.object,
            list.members.count == 1, let values = list["values"]?.array
        else { return nil }
        return switch members[0].name {
        case "kvlistValue": .entries(values)
        case "arrayValue": .elements(values)
        default: nil
        }
    }

    private mutating func redacted(
        nested: Nested, in value: JSONValue, of attribute: (name: String, treatment: Treatment)
    ) -> JSONValue? {
        path += [.member(nested.member), .member("values")]
        defer { path.removeLast(2) }
        let replaced: [JSONValue]?
        switch nested {
        case .entries(let entries): replaced = redacted(entries: entries, of: attribute)
        case .elements(let elements):
            replaced = redacted(elements: elements) { walk, element in
                walk.redacted(value: element, of: attribute)
            }
        }
        guard let replaced, var object = value.object, var list = object[nested.member]?.object else { return nil }
        list["values"] = .array(replaced)
        object[nested.member] = .object(list)
        return .object(object)
    }

    /// The text of a value that is not nested; empty for none.
    private static func plainText(of value: JSONValue) -> String {
        switch value {
        case .null: ""
        case .bool(let bool): bool ? "true" : "false"
        case .number(let number): number.text
        case .string(let text): text
        case .array: value.description
        case .object(let object):
            if object.members.count == 1, let only = object.members.first, only.value.object == nil {
                plainText(of: only.value)
            } else {
                object.members.isEmpty ? "" : value.description
            }
        }
    }

    // MARK: - Texts

    /// The value with all personal data in its texts replaced, whatever its structure.
    private mutating func searched(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .null, .bool, .number: return nil
        case .string(let text): return searched(text: text)
        case .array(let elements):
            return redacted(elements: elements) { walk, element in walk.searched(element) }.map { .array($0) }
        case .object(var object):
            var isChanged = false
            for member in object.members {
                path.append(.member(member.name))
                if let replaced = searched(member.value) {
                    object[member.name] = replaced
                    isChanged = true
                }
                path.removeLast()
            }
            return isChanged ? .object(object) : nil
        }
    }

    private mutating func searched(text: String) -> JSONValue? {
        guard !RedactionStrategy.isReplacement(text) else { return nil }
        let bytes = Array(text.utf8)
        let findings = PersonalData.findings(in: bytes)
        guard !findings.isEmpty else { return nil }
        var pieces: [PendingObject.Piece] = []
        var copied = 0
        for finding in findings {
            guard let strategy = rules.texts[finding.kind] else { continue }
            let value = String(decoding: bytes[finding.utf8Range], as: UTF8.self)
            guard !RedactionStrategy.isReplacement(value) else { continue }
            pieces.append(.literal(String(decoding: bytes[copied..<finding.utf8Range.lowerBound], as: UTF8.self)))
            pieces.append(piece(for: value, by: strategy))
            copied = finding.utf8Range.upperBound
        }
        guard copied > 0 else { return nil }
        pieces.append(.literal(String(decoding: bytes[copied...], as: UTF8.self)))
        return finish(pieces)
    }

    private mutating func replaced(
        text: String, by strategy: RedactionStrategy
    ) -> JSONValue? {
        guard !RedactionStrategy.isReplacement(text) else { return nil }
        return finish([piece(for: text, by: strategy)])
    }

    private mutating func piece(
        for value: String, by strategy: RedactionStrategy
    ) -> PendingObject.Piece {
        counts[strategy, default: 0] += 1
        if let text = strategy.replacement(for: value, tenant: tenant, key: key) { return .literal(text) }
        plaintexts.append(value)
        return .plaintext(plaintexts.count - 1)
    }

    /// The text of these pieces as it stands until ciphertexts are there, and a note of the place if there will be any.
    private mutating func finish(_ pieces: [PendingObject.Piece]) -> JSONValue {
        var hasPlaintext = false
        var text = ""
        for piece in pieces {
            switch piece {
            case .literal(let literal): text += literal
            case .plaintext:
                text += RedactionStrategy.redacted
                hasPlaintext = true
            }
        }
        if hasPlaintext { slots.append(PendingObject.Slot(path: path, pieces: pieces)) }
        return .string(text)
    }
}
