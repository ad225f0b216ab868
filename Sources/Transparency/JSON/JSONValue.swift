/// One JSON value (RFC 8259) within the bounds of I-JSON (RFC 7493), kept as it was written.
///
/// Member order and the text of numbers survive parsing and writing, so evidence that passes through this type comes
/// out as the same document without its white space. For a form that does not depend on who wrote it, use
/// ``canonical()``.
///
/// Two values are equal when they would be written alike: members in the same order, numbers with the same text,
/// strings with the same scalars. Unicode equivalence, which `String` applies, does not count: a signature does
/// not hold for an equivalent text.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// How deep arrays and objects may be nested in a document: enough for any format used here, and far below what
    /// a thread's stack holds.
    public static let depthLimit = 128
}

// MARK: - Reading

extension JSONValue {
    /// Whether this is `null`.
    public var isNull: Bool { if case .null = self { true } else { false } }

    /// The truth value, or nil if this is something else.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// The number, or nil if this is something else.
    public var number: JSONNumber? { if case .number(let value) = self { value } else { nil } }

    /// The string, or nil if this is something else.
    public var string: String? { if case .string(let value) = self { value } else { nil } }

    /// The elements, or nil if this is something else.
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

    /// The members, or nil if this is something else.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// The member with this name, or nil if there is none or this is not an object.
    public subscript(name: String) -> JSONValue? { object?[name] }

    /// The element at this place, or nil if there is none or this is not an array.
    public subscript(index: Int) -> JSONValue? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }
}

// MARK: - Equality

extension JSONValue: Hashable {
    /// Whether both would be written alike.
    public static func == (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a.hasSameScalars(as: b)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }

    /// Feeds what ``==(_:_:)`` compares.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .number(let value): hasher.combine(value)
        case .string(let value): hasher.combine(value)
        case .array(let value): hasher.combine(value)
        case .object(let value): hasher.combine(value)
        }
    }
}

extension String {
    /// Equality of the text as bytes. `==` would call "é" and "e\u{301}" the same.
    func hasSameScalars(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

// MARK: - Literals

// No nil literal: beside `object[name] = nil`, which removes the member, it would read as the same thing.
extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `true` or `false`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }

    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }

    /// An integer between −(2^53 − 1) and 2^53 − 1; a program with another literal stops.
    public init(integerLiteral value: Int64) { self = .number(JSONNumber(integerLiteral: value)) }

    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// An object; a program that repeats a name in a literal stops.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (name, value) in elements {
            precondition(object.append(name, value), "an object literal repeats a name")
        }
        self = .object(object)
    }
}

extension JSONValue: CustomStringConvertible {
    /// The text of ``serialized()``.
    public var description: String { String(decoding: serialized(), as: UTF8.self) }
}
