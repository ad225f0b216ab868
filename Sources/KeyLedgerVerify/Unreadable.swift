internal import Glibc

/// Why a ledger cannot be checked at all: no verdict about its content.
public struct Unreadable: Error, Sendable, Hashable, CustomStringConvertible {
    /// What could not be read.
    public let path: String
    /// Why, and what to do.
    public let reason: String

    /// What could not be read, and why.
    public var description: String { "\(path): \(reason)" }

    init(_ path: String, _ reason: String) {
        self.path = path
        self.reason = reason
    }

    /// The system's last error.
    init(errnoOf path: String) {
        self.init(path, unsafe String(cString: strerror(errno)))
    }
}

/// A place in a file that is not as its format demands.
struct Flaw: Error, Hashable {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}
