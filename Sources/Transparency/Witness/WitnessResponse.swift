/// A witness's answer as HTTP carries it (C2SP tlog-witness).
public struct WitnessResponse: Hashable, Sendable {
    /// The status code.
    public let statusCode: Int
    /// The media type of the body.
    public let contentType: String
    /// Signature lines, the size the log should have named, or the reason for a person.
    public let body: [UInt8]

    private static let plainText = "text/plain; charset=utf-8"

    /// The checkpoint was cosigned.
    public init(cosignature: NoteSignature) {
        statusCode = 200
        contentType = Self.plainText
        body = cosignature.line + [newline]
    }

    /// The checkpoint was refused. For requests that cannot be read the specification names no status; it is 400 here.
    public init(refusal: WitnessRefusal) {
        switch refusal {
        case .malformed, .oldBeyondCheckpoint: statusCode = 400
        case .notSignedByLog: statusCode = 403
        case .unknownOrigin: statusCode = 404
        case .otherOldSize: statusCode = 409
        case .inconsistent: statusCode = 422
        }
        if case .otherOldSize(let known) = refusal {
            contentType = "text/x.tlog.size"
            body = Array("\(known)\n".utf8)
        } else {
            contentType = Self.plainText
            body = Array("\(refusal)\n".utf8)
        }
    }
}
