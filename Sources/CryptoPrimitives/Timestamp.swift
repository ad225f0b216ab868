/// Why an RFC 3161 timestamp is worth nothing.
public enum TimestampError: Error, Hashable, Sendable {
    /// Not a request or reply in DER, or more bytes than any has.
    case malformed
    /// The authority did not grant the timestamp.
    case notGranted(reason: String)
    /// The certificates to trust are not PEM, or none.
    case invalidCertificates
    /// The timestamp is over other bytes, or made with another digest.
    case otherBytes
    /// The timestamp answers another request.
    case otherRequest
    /// The signature does not hold, or not under a trusted authority's certificate for timestamps.
    case notTrusted(reason: String)
    /// The time lies before what was stamped.
    case tooEarly(genTime: UInt64, newest: UInt64)
    case crypto(CryptoError)
}

extension TimestampError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .malformed: "these are not the bytes of an RFC 3161 message"
        case .notGranted(let reason): "the authority did not grant it (\(reason))"
        case .invalidCertificates: "the file with the authority's certificates has no certificate in PEM"
        case .otherBytes: "it is over other bytes"
        case .otherRequest: "it answers another request (the nonce differs)"
        case .notTrusted(let reason): "it is not signed by a trusted authority (\(reason))"
        case .tooEarly(let genTime, let newest):
            "its time (\(genTime)) lies before the newest event it is to cover (\(newest), in seconds since 1970)"
        case .crypto(let error): "\(error)"
        }
    }
}

/// What is asked of a timestamp authority (RFC 3161, section 2.4.1): SHA-256 of the bytes, a random nonce, and the
/// certificate in the reply, without which it could not be verified later.
public struct TimestampRequest: Hashable, Sendable {
    /// The request in DER, media type `application/timestamp-query`.
    public let bytes: [UInt8]

    /// A request for a timestamp over `content`.
    public init(over content: [UInt8]) throws(TimestampError) {
        do throws(CryptoError) {
            let nonce = try SecureRandom.bytes(count: 8)
            bytes = try timestampQuery(digest: SHA256.hash(unsafe content.span.bytes), nonce: nonce)
        } catch {
            throw .crypto(error)
        }
    }

    /// A request that was made before. Read only when a reply is verified.
    public init(bytes: [UInt8]) { self.bytes = bytes }
}

/// A reply of a timestamp authority (RFC 3161, section 2.4.2), whose claims were verified.
public struct VerifiedTimestamp: Hashable, Sendable {
    /// When the authority says the bytes existed, in seconds since 1970.
    public let genTime: UInt64
    /// The policy it followed, an object identifier in dotted form.
    public let policy: String
    /// The authority's number for it, in hexadecimal.
    public let serialNumber: String

    /// Verifies a reply over `content`: status, version, digest, signature, chain, and that the signer's certificate is for
    /// timestamps only. Validity is judged at the time of the timestamp, so it can be verified when the certificate
    /// has run out.
    ///
    /// - Parameters:
    ///   - reply: The reply in DER, media type `application/timestamp-reply`.
    ///   - request: The request it answers; its nonce is compared. Nil when it is no longer at hand.
    ///   - authority: Certificates to trust, in PEM.
    public init(
        _ reply: [UInt8], over content: [UInt8], request: TimestampRequest? = nil, authority: [UInt8]
    ) throws(TimestampError) {
        // The largest chains fit many times; a parser need not see more.
        guard reply.count <= 1 << 20, request?.bytes.count ?? 0 <= 1 << 16 else { throw .malformed }
        self = try verifyTimestamp(
            reply, digest: SHA256.hash(unsafe content.span.bytes), query: request?.bytes, authority: authority)
    }

    init(genTime: UInt64, policy: String, serialNumber: String) {
        self.genTime = genTime
        self.policy = policy
        self.serialNumber = serialNumber
    }
}
