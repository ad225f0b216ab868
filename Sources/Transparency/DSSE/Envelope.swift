public import CryptoPrimitives

/// A payload with its type and signatures over both (DSSE, Dead Simple Signing Envelope, version 1).
///
/// Nothing of an envelope may be believed, and its payload must not be parsed, before ``verifiedPayload(type:keys:threshold:)``
/// has returned it.
public struct Envelope: Sendable {
    /// One signature.
    public struct Signature: Hashable, Sendable {
        /// Which key to try first. Nothing authenticates it.
        public let keyID: String?
        /// The signature.
        public let bytes: [UInt8]
    }

    /// How the payload is to be read, `application/vnd.in-toto+json` for instance.
    public let payloadType: String
    /// What is signed, together with its type.
    public let payload: [UInt8]
    /// The signatures.
    public private(set) var signatures: [Signature]

    /// More signatures than any evidence needs: each is tried with every key.
    public static let signatureCountLimit = 100

    /// An envelope nobody has signed yet.
    public init(payloadType: String, payload: [UInt8]) {
        self.init(payloadType: payloadType, payload: payload, signatures: [])
    }

    init(payloadType: String, payload: [UInt8], signatures: [Signature]) {
        self.payloadType = payloadType
        self.payload = payload
        self.signatures = signatures
    }

    /// What is signed: `DSSEv1 length(type) type length(payload) payload`, lengths in bytes. It cannot be mistaken for
    /// anything else a key signs, nor one type for another.
    public static func preAuthenticationEncoding(payloadType: String, payload: [UInt8]) -> [UInt8] {
        Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
    }

    /// Adds a signature.
    public mutating func sign(with key: borrowing Ed25519.PrivateKey, keyID: String? = nil) throws(CryptoError) {
        let message = Self.preAuthenticationEncoding(payloadType: payloadType, payload: payload)
        signatures.append(Signature(keyID: keyID, bytes: try key.signature(for: unsafe message.span.bytes)))
    }

    /// The payload, if it has the expected type and at least `threshold` of the keys signed it. Signatures that do not
    /// hold count for nothing, and a key counts once.
    ///
    /// - Throws: ``EnvelopeError/otherPayloadType(expected:found:)``,
    ///   ``EnvelopeError/notEnoughSignatures(needed:found:)``.
    public func verifiedPayload(
        type: String, keys: [Ed25519.PublicKey], threshold: Int = 1
    ) throws(EnvelopeError) -> [UInt8] {
        precondition(threshold >= 1, "a payload without any signature is not verified")
        guard payloadType.hasSameScalars(as: type) else {
            throw .otherPayloadType(expected: type, found: payloadType)
        }
        let message = Self.preAuthenticationEncoding(payloadType: payloadType, payload: payload)
        let signers = Set(keys).filter { key in signatures.contains { key.isValid($0.bytes, for: message) } }
        guard signers.count >= threshold else { throw .notEnoughSignatures(needed: threshold, found: signers.count) }
        return payload
    }
}

/// Why bytes are not an envelope, or not one to rely on.
public enum EnvelopeError: Error, Hashable, Sendable {
    /// Not JSON.
    case json(JSONError)
    /// A member is missing, or not of the kind it must be.
    case malformedMember(String)
    /// More signatures than ``Envelope/signatureCountLimit``.
    case tooManySignatures(count: Int)
    /// The payload is something else than was asked for.
    case otherPayloadType(expected: String, found: String)
    /// Too few of the trusted keys signed.
    case notEnoughSignatures(needed: Int, found: Int)
}

extension EnvelopeError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .json(let error): "\(error)"
        case .malformedMember(let name): "the member \"\(name)\" of the envelope is missing or malformed"
        case .tooManySignatures(let count):
            "the envelope has \(count) signatures; at most \(Envelope.signatureCountLimit) are tried"
        case .otherPayloadType(let expected, let found): "the payload is \(found), not \(expected)"
        case .notEnoughSignatures(let needed, let found):
            "\(found) of at least \(needed) trusted keys signed the payload"
        }
    }
}
