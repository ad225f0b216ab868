internal import CryptoPrimitives
internal import Transparency

/// What a wrapped secret is, for whom, and which: authenticated with it, so that a blob in another place does not open.
struct WrapContext {
    private(set) var members: EncryptionContext

    init(purpose: String) { members = ["purpose": purpose] }

    init(_ members: EncryptionContext) { self.members = members }

    func with(_ name: String, _ value: String) -> WrapContext {
        var copy = self
        copy.members[name] = value
        return copy
    }

    /// RFC 8785 canonical JSON.
    var bytes: [UInt8] {
        var object = JSONObject()
        for (name, value) in members { object[name] = .string(value) }
        return object.canonicalBytes
    }
}

extension SecretBytes {
    /// The same secret once more, in locked memory of its own.
    borrowing func copy() throws(CryptoError) -> SecretBytes {
        try withBytes { (bytes: RawSpan) throws(CryptoError) in try SecretBytes(copying: bytes) }
    }

    /// A key for one purpose, derived with HKDF (RFC 5869) so that no key serves two.
    borrowing func derived(_ purpose: StaticString, count: Int = 32) throws(CryptoError) -> SecretBytes {
        let info = Array(purpose.description.utf8)
        return try HKDFSHA256.derive(from: self, salt: RawSpan(), info: unsafe info.span.bytes, count: count)
    }
}

extension JSONObject {
    /// With the members of another object, which win.
    func merging(_ others: JSONObject) -> JSONObject {
        var object = self
        for member in others.members { object[member.name] = member.value }
        return object
    }

    /// RFC 8785 canonical JSON of an object built here: of strings and integers, so it has a canonical form.
    var canonicalBytes: [UInt8] {
        do throws(JSONError) {
            return try JSONValue.object(self).canonical()
        } catch {
            preconditionFailure("an object built in code has no canonical form: \(error)")
        }
    }
}
