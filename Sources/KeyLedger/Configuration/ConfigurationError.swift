/// Where a value was given.
public enum ConfigurationOrigin: Hashable, Sendable, CustomStringConvertible {
    case builtIn
    case file(path: String, line: Int)
    case environment(name: String)
    case flag(name: String)

    /// As an error or a listing names it.
    public var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .environment(let name): "environment variable \(name)"
        case .flag(let name): "flag \(name)"
        }
    }
}

/// Why a configuration cannot be used: where, which setting, what is wrong.
public enum ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file cannot be read, or is no text.
    case unreadable(path: String, reason: String)
    /// A line is no property.
    case malformed(path: String, line: Int, reason: String)
    /// Nothing has this name.
    case unknownSetting(String, at: ConfigurationOrigin, meant: String?)
    /// One setting twice in one place, perhaps under both of its names.
    case givenTwice(String, at: ConfigurationOrigin, before: ConfigurationOrigin)
    /// The value is not one.
    case invalidValue(String, of: String, at: ConfigurationOrigin, reason: String)
    /// A provider that exists, and that this program was built without.
    case providerNotBuiltIn(String, at: ConfigurationOrigin)

    /// One line for a person.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)."
        case .malformed(let path, let line, let reason): "\(path):\(line): \(reason)."
        case .unknownSetting(let name, let origin, let meant):
            "\(origin): there is no setting \(name)." + (meant.map { " Did you mean \($0)?" } ?? "")
        case .givenTwice(let name, let origin, let before):
            "\(origin): \(name) is given here and at \(before). Keep one of them."
        case .invalidValue(let value, let name, let origin, let reason):
            "\(origin): \(name) cannot be \"\(value)\": \(reason)."
        case .providerNotBuiltIn(let provider, let origin):
            "\(origin): \(Setting.provider.name) \(provider) is not built in. Use local."
        }
    }
}
