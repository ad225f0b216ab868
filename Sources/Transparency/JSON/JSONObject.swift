/// The members of a JSON object in the order in which they were written. Names are unique (RFC 7493, section 2.3).
///
/// Looking up a name walks the members: objects in evidence are small, and an index would have to be kept in step.
public struct JSONObject: Hashable, Sendable {
    /// A name and its value.
    public struct Member: Sendable {
        /// The name, unique in its object.
        public let name: String
        /// The value.
        public var value: JSONValue
    }

    /// The members in order.
    public private(set) var members: [Member]

    /// An object without members.
    public init() { members = [] }

    /// For the parser, which has already seen to it that names are unique.
    init(uniqueMembers: [Member]) { members = uniqueMembers }

    /// The value with this name. Setting keeps the place of a member that exists and appends one that does not;
    /// setting nil removes it.
    public subscript(name: String) -> JSONValue? {
        get { index(of: name).map { members[$0].value } }
        set {
            switch (index(of: name), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// Adds a member at the end. Does nothing and returns false if the name is taken.
    @discardableResult
    public mutating func append(_ name: String, _ value: JSONValue) -> Bool {
        guard index(of: name) == nil else { return false }
        members.append(Member(name: name, value: value))
        return true
    }

    /// Removes the member with this name and returns its value, or nil if there is none.
    @discardableResult
    public mutating func remove(_ name: String) -> JSONValue? {
        index(of: name).map { members.remove(at: $0).value }
    }

    private func index(of name: String) -> Int? {
        members.firstIndex { $0.name.hasSameScalars(as: name) }
    }
}

extension JSONObject.Member: Hashable {
    /// Whether name and value would be written alike.
    public static func == (a: Self, b: Self) -> Bool { a.name.hasSameScalars(as: b.name) && a.value == b.value }

    /// Feeds what ``==(_:_:)`` compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(value)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// The members in the order written; a program that repeats a name stops.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init()
        for (name, value) in elements {
            precondition(append(name, value), "an object literal repeats a name")
        }
    }
}
