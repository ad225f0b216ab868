public import CryptoPrimitives
internal import Transparency

/// A signature over one span, together with who made it and which event of the ledger allowed it.
///
/// What is signed is `keyledger/span/v1`, a line feed, and the RFC 8785 canonical JSON of
///
/// ```
/// { "algorithm": "Ed25519", "event": …, "keyId": …, "keyVersion": …, "tenant": …,
///   "requestSha256": …, "resourceSha256": …, "scopeSha256": …,       the surroundings, in hexadecimal digits
///   "span": … }                                                     without the attributes of the signature
/// ```
///
/// so a signature made for another purpose never verifies here, and a change to anything the line says about the span
/// is noticed. A number that canonical JSON would round is covered digit by digit: its JSON Pointer and text follow
/// on a second line (see `exactCanonical`). The signature says nothing about the other spans of the line: that none is
/// missing is for the ledger to prove, which has one event for each.
public struct SpanSignature: Hashable, Sendable {
    /// Who signed, and on whose authority.
    public struct Signer: Hashable, Sendable {
        /// The tenant whose key signs.
        public let tenant: String
        /// The key.
        public let keyID: String
        /// The version of the key.
        public let keyVersion: UInt32
        /// The event of the ledger that authorises this one signature.
        public let event: String

        /// A signer with these names.
        public init(tenant: String, keyID: String, keyVersion: UInt32, event: String) {
            self.tenant = tenant
            self.keyID = keyID
            self.keyVersion = keyVersion
            self.event = event
        }
    }

    /// The only algorithm there is.
    public static let algorithm = "Ed25519"

    /// Who signed, and on whose authority.
    public let signer: Signer
    /// The 64 bytes of the signature (RFC 8032).
    public let bytes: [UInt8]

    /// A signature; the bytes must be 64.
    public init(signer: Signer, bytes: [UInt8]) {
        precondition(bytes.count == Ed25519.signatureByteCount, "an Ed25519 signature has 64 bytes")
        self.signer = signer
        self.bytes = bytes
    }
}

/// Why a span is not signed.
public enum SpanSigningRefusal: Error, Hashable, Sendable {
    /// The span names another tenant than the signer's, or contradicts itself about its tenant.
    case tenantContradicted
    /// The span is nested too deeply to be read back.
    case nestedTooDeeply
}

extension SpanSigningRefusal: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .tenantContradicted:
            "the span's attribute tenant.id does not name the tenant whose key would sign; sign with that tenant's key"
        case .nestedTooDeeply: "the span is nested deeper than \(JSONValue.depthLimit) arrays and objects"
        }
    }
}

// MARK: - Signing

extension SpanSignature {
    private static let domain = "keyledger/span/v1\n"

    /// The bytes to sign. A signature the span already carries is not among them: it will be replaced.
    ///
    /// - Throws: ``SpanSigningRefusal``.
    public static func message(
        for span: TelemetrySpan, in surroundings: SpanSurroundings, by signer: Signer
    ) throws(SpanSigningRefusal) -> [UInt8] {
        switch span.tenantDeclaration {
        case .none: break
        case .tenant(let tenant) where tenant.isExactly(signer.tenant): break
        case .tenant, .contradictory: throw .tenantContradicted
        }
        let unsigned = span.replacingAttributes(span.attributes.filter { Attribute(of: $0) == nil })
        let message: JSONValue = [
            "algorithm": .string(algorithm),
            "event": .string(signer.event),
            "keyId": .string(signer.keyID),
            "keyVersion": .number(JSONNumber(integerLiteral: Int64(signer.keyVersion))),
            "requestSha256": .string(surroundings.request.description),
            "resourceSha256": .string(surroundings.resource.description),
            "scopeSha256": .string(surroundings.scope.description),
            "span": .object(unsigned.object),
            "tenant": .string(signer.tenant),
        ]
        do throws(JSONError) {
            return Array(domain.utf8) + (try message.exactCanonical())
        } catch {
            throw .nestedTooDeeply
        }
    }
}

extension TelemetrySpan {
    /// This span with the attributes of `signature`, which replace those of any signature before it.
    public func signed(with signature: SpanSignature) -> TelemetrySpan {
        let others = attributes.filter { SpanSignature.Attribute(of: $0) == nil }
        return replacingAttributes(others + signature.attributes)
    }
}

// MARK: - Verification

/// What a verifier with nothing but public keys finds.
public enum SpanVerdict: Hashable, Sendable {
    /// The key named in the signature made it for exactly this span in these surroundings.
    case valid(SpanSignature)
    /// The span carries no signature.
    case unsigned
    /// There is no public key of this name and version.
    case unknownKey(SpanSignature)
    /// There are attributes of a signature, but they are none.
    case malformed(SpanSignature.Malformation)
    /// The signature does not belong to this span, these surroundings or this key.
    case invalid(SpanSignature)
}

extension TelemetrySpan {
    /// Checks the signature of this span against its surroundings. `publicKey` finds the public key of a tenant by the
    /// key's id and version.
    public func verify(
        in surroundings: SpanSurroundings,
        publicKey: (_ tenant: String, _ keyID: String, _ version: UInt32) -> Ed25519.PublicKey?
    ) -> SpanVerdict {
        let signature: SpanSignature
        switch SpanSignature.read(from: self) {
        case .unsigned: return .unsigned
        case .malformed(let malformation): return .malformed(malformation)
        case .signed(let found): signature = found
        }
        let message: [UInt8]
        do throws(SpanSigningRefusal) {
            message = try SpanSignature.message(for: self, in: surroundings, by: signature.signer)
        } catch {
            return .malformed(.unacceptable(error))
        }
        let signer = signature.signer
        guard let key = publicKey(signer.tenant, signer.keyID, signer.keyVersion) else { return .unknownKey(signature) }
        let bytes = signature.bytes
        let isValid = key.isValidSignature(unsafe bytes.span.bytes, for: unsafe message.span.bytes)
        return isValid ? .valid(signature) : .invalid(signature)
    }
}

extension ExportLine {
    /// The bytes to sign for a span of this line.
    ///
    /// - Throws: ``SpanSigningRefusal``.
    public func messageToSign(
        forSpanAt index: Int, by signer: SpanSignature.Signer
    ) throws(SpanSigningRefusal) -> [UInt8] {
        try SpanSignature.message(for: self[index], in: surroundings(ofSpanAt: index), by: signer)
    }

    /// Checks the signature of a span of this line. `publicKey` finds the public key of a tenant by the key's id and
    /// version.
    public func verify(
        spanAt index: Int, publicKey: (_ tenant: String, _ keyID: String, _ version: UInt32) -> Ed25519.PublicKey?
    ) -> SpanVerdict {
        self[index].verify(in: surroundings(ofSpanAt: index), publicKey: publicKey)
    }
}
