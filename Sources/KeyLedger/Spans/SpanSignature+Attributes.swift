internal import CryptoPrimitives
internal import Transparency

extension SpanSignature {
    /// The attributes a signature is written in.
    public enum Attribute: String, CaseIterable, Sendable {
        /// The signature, in base64.
        case signature = "compliance.signature"
        /// The algorithm, `Ed25519`.
        case algorithm = "compliance.signature.alg"
        /// The key.
        case keyID = "compliance.signature.key_id"
        /// The version of the key.
        case keyVersion = "compliance.signature.key_version"
        /// The tenant whose key signed.
        case tenant = "compliance.signature.tenant"
        /// The event of the ledger that authorises the signature.
        case event = "compliance.signature.event"

        private static let prefix = Array("compliance.signature".utf8)

        /// What this attribute of a span is for; nil if it is not one of a signature. Attributes that only begin alike
        /// are content, and signed.
        init?(of attribute: JSONValue) {
            guard let key = attribute["key"]?.string, key.utf8.starts(with: Self.prefix),
                let found = Self.allCases.first(where: { $0.rawValue.isExactly(key) })
            else { return nil }
            self = found
        }
    }

    /// Why the attributes of a signature are none.
    public enum Malformation: Hashable, Sendable {
        /// One of the attributes is not there.
        case missing(Attribute)
        /// One of the attributes is there twice: readers could differ on which of them counts.
        case repeated(Attribute)
        /// One of the attributes is not written the way signatures are: its value, or something beside it that the
        /// signature would not cover.
        case unreadable(Attribute)
        /// Another algorithm than Ed25519.
        case unsupportedAlgorithm(String)
        /// A span that is never signed like this.
        case unacceptable(SpanSigningRefusal)
    }

    /// What a span says about its signature, before anything is verified.
    public enum Reading: Hashable, Sendable {
        /// It carries none of the attributes.
        case unsigned
        /// It carries attributes that are no signature.
        case malformed(Malformation)
        /// It carries a signature, which may be anybody's.
        case signed(SpanSignature)
    }

    /// Reads the attributes of a signature.
    public static func read(from span: TelemetrySpan) -> Reading {
        var found: [Attribute: JSONValue] = [:]
        for element in span.attributes {
            guard let attribute = Attribute(of: element) else { continue }
            guard found.updateValue(element, forKey: attribute) == nil else { return .malformed(.repeated(attribute)) }
        }
        guard !found.isEmpty else { return .unsigned }
        do throws(Malformation) {
            return .signed(try SpanSignature(reading: found))
        } catch {
            return .malformed(error)
        }
    }

    private init(reading attributes: [Attribute: JSONValue]) throws(Malformation) {
        let algorithm = try Self.text(.algorithm, in: attributes)
        guard algorithm.isExactly(Self.algorithm) else { throw .unsupportedAlgorithm(algorithm) }
        let bytes = StrictBase64.decode(try Self.text(.signature, in: attributes))
        guard let bytes, bytes.count == Ed25519.signatureByteCount else { throw .unreadable(.signature) }
        self.bytes = bytes
        signer = Signer(
            tenant: try Self.text(.tenant, in: attributes), keyID: try Self.text(.keyID, in: attributes),
            keyVersion: try Self.version(in: attributes), event: try Self.text(.event, in: attributes))
    }

    private static func text(_ attribute: Attribute, in found: [Attribute: JSONValue]) throws(Malformation) -> String {
        guard let text = try value(of: attribute, named: "stringValue", in: found).string, !text.isEmpty else {
            throw .unreadable(attribute)
        }
        return text
    }

    private static func version(in found: [Attribute: JSONValue]) throws(Malformation) -> UInt32 {
        let value = try value(of: .keyVersion, named: "intValue", in: found)
        // Some exporters write the integer as a number. Either way it has one text.
        guard let text = value.string ?? value.number?.text, let version = UInt32(text),
            String(version).isExactly(text)
        else { throw .unreadable(.keyVersion) }
        return version
    }

    /// The value of an attribute that consists of nothing but key and value: the attribute itself is not signed, so
    /// nothing may hide in it.
    private static func value(
        of attribute: Attribute, named name: String, in found: [Attribute: JSONValue]
    ) throws(Malformation) -> JSONValue {
        guard let element = found[attribute]?.object else { throw .missing(attribute) }
        guard element.members.count == 2, let value = element["value"]?.object, value.members.count == 1,
            let text = value[name]
        else { throw .unreadable(attribute) }
        return text
    }

    /// The attributes to write.
    var attributes: [JSONValue] {
        [
            OTLPAttribute.string(Attribute.signature.rawValue, StrictBase64.encode(bytes)),
            OTLPAttribute.string(Attribute.algorithm.rawValue, Self.algorithm),
            OTLPAttribute.string(Attribute.keyID.rawValue, signer.keyID),
            OTLPAttribute.integer(Attribute.keyVersion.rawValue, Int64(signer.keyVersion)),
            OTLPAttribute.string(Attribute.tenant.rawValue, signer.tenant),
            OTLPAttribute.string(Attribute.event.rawValue, signer.event),
        ]
    }
}

extension SpanSignature.Malformation: Error, CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .missing(let attribute): "the attribute \(attribute.rawValue) is missing"
        case .repeated(let attribute): "the attribute \(attribute.rawValue) is there more than once"
        case .unreadable(let attribute): "the attribute \(attribute.rawValue) is not written as a signature is"
        case .unsupportedAlgorithm(let name): "the algorithm is \"\(name)\", not \(SpanSignature.algorithm)"
        case .unacceptable(let refusal): refusal.description
        }
    }
}
