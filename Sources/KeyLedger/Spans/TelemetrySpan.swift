public import Transparency

/// One OpenTelemetry span as OTLP/JSON writes it: an object whose ids are well formed and whose lists are lists.
///
/// The object is kept as it was written. Members this product does not know survive, and are signed like all others.
public struct TelemetrySpan: Hashable, Sendable {
    /// The trace this span belongs to.
    public let traceID: TraceID
    /// The name of this span in its trace.
    public let spanID: SpanID
    /// The span that caused this one; nil at the root.
    public let parentSpanID: SpanID?
    /// The whole span.
    public private(set) var object: JSONObject

    /// Reads a span.
    ///
    /// Members that may be missing may also be `null`, as the JSON mapping of Protocol Buffers has it.
    ///
    /// - Throws: ``ExportLineError`` with a path that starts at the span.
    public init(_ object: JSONObject) throws(ExportLineError) {
        guard let traceID = try object.text("traceId").flatMap(TraceID.init(hexadecimal:)) else {
            throw ExportLineError(.notAnIdentifier(byteCount: 16), at: "traceId")
        }
        guard let spanID = try object.text("spanId").flatMap(SpanID.init(hexadecimal:)) else {
            throw ExportLineError(.notAnIdentifier(byteCount: 8), at: "spanId")
        }
        self.traceID = traceID
        self.spanID = spanID
        parentSpanID = try Self.parent(in: object)
        self.object = object
        try Self.checkAttributes(of: object)
        for list in ["events", "links"] {
            for (index, element) in try object.list(list).enumerated() {
                guard let element = element.object else {
                    throw ExportLineError(.notAnObject, at: "\(list)[\(index)]")
                }
                do throws(ExportLineError) {
                    try Self.checkAttributes(of: element)
                } catch {
                    throw error.within("\(list)[\(index)]")
                }
            }
        }
        if let status = object["status"], !status.isNull, status.object == nil {
            throw ExportLineError(.notAnObject, at: "status")
        }
    }

    /// Exporters write a root's parent as nothing, as an empty string, or as zeros.
    private static func parent(in object: JSONObject) throws(ExportLineError) -> SpanID? {
        guard let text = try object.text("parentSpanId"), !text.isEmpty, text != "0000000000000000" else { return nil }
        guard let parent = SpanID(hexadecimal: text) else {
            throw ExportLineError(.notAnIdentifier(byteCount: 8), at: "parentSpanId")
        }
        return parent
    }

    private static func checkAttributes(of object: JSONObject) throws(ExportLineError) {
        for (index, attribute) in try object.list("attributes").enumerated() {
            guard let attribute = attribute.object else {
                throw ExportLineError(.notAnObject, at: "attributes[\(index)]")
            }
            guard let key = attribute["key"] else { throw ExportLineError(.missing, at: "attributes[\(index)].key") }
            guard key.string != nil else { throw ExportLineError(.notAString, at: "attributes[\(index)].key") }
            if let value = attribute["value"], !value.isNull, value.object == nil {
                throw ExportLineError(.notAnObject, at: "attributes[\(index)].value")
            }
        }
    }
}

// MARK: - Attributes

extension TelemetrySpan {
    /// The attributes in order, each an object with `key` and `value`.
    public var attributes: [JSONValue] { object["attributes"]?.array ?? [] }

    /// What ``tenantDeclaration`` found.
    public enum TenantDeclaration: Hashable, Sendable {
        /// No attribute `tenant.id`, or an empty one.
        case none
        /// The tenant this span names.
        case tenant(String)
        /// `tenant.id` stands there more than once with different values, or is not a string.
        case contradictory
    }

    /// The tenant in the attribute `tenant.id` of this span itself.
    public var tenantDeclaration: TenantDeclaration {
        var declared: String?
        for attribute in attributes where attribute["key"]?.string?.isExactly("tenant.id") == true {
            guard let tenant = attribute["value"]?["stringValue"]?.string else { return .contradictory }
            if let declared, !declared.isExactly(tenant) { return .contradictory }
            declared = tenant
        }
        guard let declared, !declared.isEmpty else { return .none }
        return .tenant(declared)
    }

    /// The same span with other attributes; without any, the member is left out.
    func replacingAttributes(_ attributes: [JSONValue]) -> TelemetrySpan {
        var copy = self
        copy.object["attributes"] = attributes.isEmpty ? nil : .array(attributes)
        return copy
    }

    /// The same span after `change`, which must leave ids and structure alone.
    func changing(_ change: (inout JSONObject) -> Void) -> TelemetrySpan {
        var copy = self
        change(&copy.object)
        return copy
    }
}

/// Attributes as OTLP/JSON writes them.
enum OTLPAttribute {
    static func string(_ key: String, _ value: String) -> JSONValue {
        ["key": .string(key), "value": ["stringValue": .string(value)]]
    }

    /// 64-bit integers are strings in OTLP/JSON.
    static func integer(_ key: String, _ value: Int64) -> JSONValue {
        ["key": .string(key), "value": ["intValue": .string(String(value))]]
    }
}

// MARK: - Reading members

extension JSONObject {
    /// The text of a member, or nil if it is missing or null.
    fileprivate func text(_ name: String) throws(ExportLineError) -> String? {
        guard let value = self[name], !value.isNull else { return nil }
        guard let text = value.string else { throw ExportLineError(.notAString, at: name) }
        return text
    }

    /// The elements of a member; none if it is missing or null.
    fileprivate func list(_ name: String) throws(ExportLineError) -> [JSONValue] {
        guard let value = self[name], !value.isNull else { return [] }
        guard let elements = value.array else { throw ExportLineError(.notAnArray, at: name) }
        return elements
    }
}

extension String {
    /// Equality of the bytes. `==` calls Unicode-equivalent texts the same; two tenants or two attribute names that
    /// are written differently are different.
    func isExactly(_ other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
