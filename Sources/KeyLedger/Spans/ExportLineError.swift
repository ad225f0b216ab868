public import Transparency

/// Why a line is not an `ExportTraceServiceRequest` in OTLP/JSON. Which line it was, the reader of the file knows.
public struct ExportLineError: Error, Hashable, Sendable {
    /// What is wrong.
    public enum Reason: Hashable, Sendable {
        /// The line is not JSON.
        case notJSON(JSONError)
        /// A member without which the line means nothing.
        case missing
        /// Something else where an array must be.
        case notAnArray
        /// Something else where an object must be.
        case notAnObject
        /// Something else where a string must be.
        case notAString
        /// An id that is not this many bytes in hexadecimal digits, or is zero.
        case notAnIdentifier(byteCount: Int)
    }

    /// What is wrong.
    public let reason: Reason
    /// Where, as a reader of the line would walk there: `resourceSpans[0].scopeSpans[1].spans[7].traceId`. Empty for
    /// the line itself.
    public let path: String

    init(_ reason: Reason, at path: String) {
        self.reason = reason
        self.path = path
    }

    /// The same error seen from outside the element with this path.
    func within(_ outer: String) -> ExportLineError {
        ExportLineError(reason, at: path.isEmpty ? outer : "\(outer).\(path)")
    }
}

extension ExportLineError: CustomStringConvertible {
    /// What is wrong and where, for a person.
    public var description: String {
        let place = path.isEmpty ? "the line" : path
        return switch reason {
        case .notJSON(let error): "\(place) is \(error)"
        case .missing: "\(place) is missing: this is not a line of trace data in OTLP/JSON"
        case .notAnArray: "\(place) is not an array"
        case .notAnObject: "\(place) is not an object"
        case .notAString: "\(place) is not a string"
        case .notAnIdentifier(let count): "\(place) is not \(count) bytes in hexadecimal digits, or they are all zero"
        }
    }
}
