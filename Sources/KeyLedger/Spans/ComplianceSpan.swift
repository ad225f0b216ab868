public import CryptoPrimitives
public import Transparency

/// A compliance span: the evidence that one operation gives for one control of a framework.
public struct ComplianceSpan: Hashable, Sendable {
    /// The framework, such as `soc2` or `hipaa`.
    public var framework: String
    /// The control in the framework, such as `CC6.1` or `164.312(b)`.
    public var control: String
    /// The kind of evidence, such as `audit_trail`.
    public var evidenceType: String
    /// The tenant the evidence is about.
    public var tenantID: String
    /// The trace of the operation, as its source writes it.
    public var traceID: String
    /// The span of the operation, as its source writes it.
    public var spanID: String
    /// The span that caused it.
    public var parentSpanID: String?
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    public var timestampMilliseconds: Int64
    /// How it ended, such as `success`.
    public var result: String
    /// How long it took.
    public var durationMilliseconds: Int64?
    /// What went wrong.
    public var error: String?
    /// Whatever else is evidence.
    public var attributes: [String: String]
    /// The signature in base64; ``verify(publicKey:keyID:keyVersion:)`` and ``verifyFluoHMACv1(key:)`` read it.
    public var signature: String?

    /// Evidence, not yet signed.
    public init(
        framework: String, control: String, evidenceType: String, tenantID: String, traceID: String, spanID: String,
        parentSpanID: String? = nil, timestampMilliseconds: Int64, result: String, durationMilliseconds: Int64? = nil,
        error: String? = nil, attributes: [String: String] = [:], signature: String? = nil
    ) {
        self.framework = framework
        self.control = control
        self.evidenceType = evidenceType
        self.tenantID = tenantID
        self.traceID = traceID
        self.spanID = spanID
        self.parentSpanID = parentSpanID
        self.timestampMilliseconds = timestampMilliseconds
        self.result = result
        self.durationMilliseconds = durationMilliseconds
        self.error = error
        self.attributes = attributes
        self.signature = signature
    }
}

// MARK: - Ed25519 over canonical JSON

extension ComplianceSpan {
    /// The canonical form of all fields but the signature (RFC 8785), with the key that signs. Fields without a value
    /// are left out; integers of 64 bits are strings, as in OTLP/JSON.
    public func canonical(keyID: String, keyVersion: UInt32) -> [UInt8] {
        var object: JSONObject = [
            "algorithm": "Ed25519",
            "attributes": .object(attributesObject),
            "control": .string(control),
            "evidenceType": .string(evidenceType),
            "framework": .string(framework),
            "keyId": .string(keyID),
            "keyVersion": .number(JSONNumber(integerLiteral: Int64(keyVersion))),
            "result": .string(result),
            "spanId": .string(spanID),
            "tenantId": .string(tenantID),
            "timestamp": .string(String(timestampMilliseconds)),
            "traceId": .string(traceID),
        ]
        object["parentSpanId"] = parentSpanID.map(JSONValue.string)
        object["duration"] = durationMilliseconds.map { .string(String($0)) }
        object["error"] = error.map(JSONValue.string)
        guard let bytes = try? JSONValue.object(object).canonical() else {
            preconditionFailure("an object of strings and one object of strings is not nested too deeply")
        }
        return bytes
    }

    private var attributesObject: JSONObject {
        var object = JSONObject()
        for (name, value) in attributes { object.append(name, .string(value)) }
        return object
    }

    /// The bytes to sign: `keyledger/compliance-span/v1`, a line feed, and the canonical form.
    public func messageToSign(keyID: String, keyVersion: UInt32) -> [UInt8] {
        Array("keyledger/compliance-span/v1\n".utf8) + canonical(keyID: keyID, keyVersion: keyVersion)
    }

    /// Whether ``signature`` is the Ed25519 signature of these fields, made with this version of this key.
    public func verify(publicKey: Ed25519.PublicKey, keyID: String, keyVersion: UInt32) -> Bool {
        guard let bytes = signature.flatMap({ StrictBase64.decode($0) }) else { return false }
        let message = messageToSign(keyID: keyID, keyVersion: keyVersion)
        return publicKey.isValidSignature(unsafe bytes.span.bytes, for: unsafe message.span.bytes)
    }

    /// This evidence with a signature.
    public func signed(with signature: [UInt8]) -> ComplianceSpan {
        var copy = self
        copy.signature = StrictBase64.encode(signature)
        return copy
    }
}

// MARK: - fluo-hmac-v1

extension ComplianceSpan {
    /// The name of the signature FLUO made, which is verified but no longer made.
    public static let fluoHMACv1 = "fluo-hmac-v1"

    /// What FLUO signed: the fields joined by `|`, then `key=value;` in the order of the keys' UTF-16 code units.
    ///
    /// A `|`, `=` or `;` in a value moves the border between two fields, and the tenant is not in it: two different
    /// spans can have one such form.
    public var fluoHMACv1Message: [UInt8] {
        let fields = [
            framework, control, evidenceType, traceID, spanID, parentSpanID ?? "", String(timestampMilliseconds),
            result,
            durationMilliseconds.map { String($0) } ?? "", error ?? "",
        ]
        let sorted = attributes.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
        return Array((fields.joined(separator: "|") + "|" + sorted.map { "\($0.key)=\($0.value);" }.joined()).utf8)
    }

    /// Whether ``signature`` is FLUO's HMAC-SHA256 of these fields under the tenant's key. Proves less than
    /// ``verify(publicKey:keyID:keyVersion:)``: see ``fluoHMACv1Message``.
    public func verifyFluoHMACv1(key: borrowing SecretBytes) -> Bool {
        guard let code = signature.flatMap({ StrictBase64.decode($0) }) else { return false }
        let message = fluoHMACv1Message
        return key.withBytes { key in
            HMACSHA256.isValid(unsafe code.span.bytes, for: unsafe message.span.bytes, key: key)
        }
    }
}

// MARK: - OpenTelemetry

extension ComplianceSpan {
    /// The attributes of an OpenTelemetry span with this evidence, ready to be put into an export (each an object with
    /// `key` and `value`). Ids and timestamp have their own members there; the signature is that of the span,
    /// ``SpanSignature``.
    public var openTelemetryAttributes: [JSONValue] {
        var list = [
            OTLPAttribute.string("compliance.framework", framework),
            OTLPAttribute.string("compliance.control", control),
            OTLPAttribute.string("compliance.evidenceType", evidenceType),
            OTLPAttribute.string("tenant.id", tenantID),
            OTLPAttribute.string("compliance.result", result),
        ]
        if let durationMilliseconds {
            list.append(OTLPAttribute.integer("compliance.duration_ms", durationMilliseconds))
        }
        if let error { list.append(OTLPAttribute.string("compliance.error", error)) }
        let others = attributes.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
        return list + others.map { OTLPAttribute.string($0.key, $0.value) }
    }
}
