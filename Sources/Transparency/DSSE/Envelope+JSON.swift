extension Envelope {
    /// Reads the JSON form. Members that are not known are ignored; both alphabets of base64 are read.
    ///
    /// - Throws: ``EnvelopeError``.
    public init(parsing bytes: [UInt8]) throws(EnvelopeError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw .json(error)
        }
        guard let payloadType = document["payloadType"]?.string else { throw .malformedMember("payloadType") }
        guard let payload = document["payload"]?.base64 else { throw .malformedMember("payload") }
        guard let list = document["signatures"]?.array else { throw .malformedMember("signatures") }
        guard list.count <= Self.signatureCountLimit else { throw .tooManySignatures(count: list.count) }
        var signatures: [Signature] = []
        for element in list {
            guard let signature = element["sig"]?.base64 else { throw .malformedMember("sig") }
            signatures.append(Signature(keyID: try Self.keyID(of: element), bytes: signature))
        }
        self.init(payloadType: payloadType, payload: payload, signatures: signatures)
    }

    private static func keyID(of signature: JSONValue) throws(EnvelopeError) -> String? {
        guard let value = signature["keyid"], !value.isNull else { return nil }
        guard let keyID = value.string else { throw .malformedMember("keyid") }
        return keyID
    }

    /// The JSON form, in standard base64.
    public func serialized() -> [UInt8] {
        let list = signatures.map { signature in
            var object = JSONObject()
            object["keyid"] = signature.keyID.map(JSONValue.string)
            object["sig"] = .base64(signature.bytes)
            return JSONValue.object(object)
        }
        let document: JSONValue = [
            "payloadType": .string(payloadType), "payload": .base64(payload), "signatures": .array(list),
        ]
        return document.serialized()
    }
}

extension JSONValue {
    /// The bytes this string stands for.
    fileprivate var base64: [UInt8]? {
        string.flatMap { Base64.decode($0.utf8) ?? Base64.decode($0.utf8, .urlSafe) }
    }

    fileprivate static func base64(_ bytes: [UInt8]) -> JSONValue {
        .string(String(decoding: Base64.encode(bytes), as: UTF8.self))
    }
}
