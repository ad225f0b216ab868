internal import Transparency

/// An encrypted value as it stands in an attribute: who may decrypt it, with which version of the key, and the box.
///
/// ```
/// enc:v2:base64(tenant):key version:base64(12-byte IV ‖ ciphertext ‖ 16-byte tag)
/// enc:base64(tenant):base64(12-byte IV ‖ ciphertext ‖ 16-byte tag)                    FLUO's, without a version
/// ```
///
/// This type reads and writes the text; sealing and opening is AES-256-GCM's. The tenant in the text says where to
/// look for the key. That it is the right one is proven by ``associatedData(tenant:keyID:keyVersion:purpose:)``.
public struct EncryptedValue: Hashable, Sendable {
    /// Which of the two forms it has.
    public enum Form: Hashable, Sendable {
        /// `enc:v2:`, with the version of the key.
        case versioned(keyVersion: UInt32)
        /// FLUO's `enc:`: every version of the tenant's key may be the one.
        case unversioned
    }

    /// The tenant it claims to belong to.
    public let tenant: String
    /// Which of the two forms it has.
    public let form: Form
    /// Initialisation vector, ciphertext and tag.
    public let box: [UInt8]

    private static let boxByteCountMin = 12 + 16

    /// A value sealed under this version of the tenant's key; the box has an IV and a tag.
    public init(tenant: String, keyVersion: UInt32, box: [UInt8]) {
        precondition(!tenant.isEmpty, "a value belongs to a tenant")
        precondition(box.count >= Self.boxByteCountMin, "a sealed box has 12 bytes of IV and 16 of tag")
        self.tenant = tenant
        form = .versioned(keyVersion: keyVersion)
        self.box = box
    }

    /// The text that stands in the attribute.
    public var text: String {
        let tenant = StrictBase64.encode(Array(tenant.utf8))
        let box = StrictBase64.encode(box)
        return switch form {
        case .versioned(let version): "enc:v2:\(tenant):\(version):\(box)"
        case .unversioned: "enc:\(tenant):\(box)"
        }
    }

    /// What redaction calls itself in contexts and details.
    public static let purpose = "pii_redaction"

    /// The bytes that encryption authenticates beside the value: `keyledger/redaction/v2`, a line feed, and the
    /// RFC 8785 canonical JSON of the tenant, the key and the purpose. A box moved to another tenant, or opened with
    /// another key or for another purpose, does not open.
    public static func associatedData(
        tenant: String, keyID: String, keyVersion: UInt32, purpose: String = EncryptedValue.purpose
    ) -> [UInt8] {
        let object: JSONValue = [
            "keyId": .string(keyID),
            "keyVersion": .number(JSONNumber(integerLiteral: Int64(keyVersion))),
            "purpose": .string(purpose),
            "tenant": .string(tenant),
        ]
        guard let canonical = try? object.canonical() else {
            preconditionFailure("an object of strings is not nested too deeply")
        }
        return Array("keyledger/redaction/v2\n".utf8) + canonical
    }
}

// MARK: - Parsing

/// Why a text is not an ``EncryptedValue``. No case carries any of the text.
public enum EncryptedValueError: Error, Hashable, Sendable {
    /// The text does not begin with `enc:`.
    case notEncrypted
    /// The text has too few or too many parts for either form.
    case wrongNumberOfParts(Int)
    /// The tenant is not the base64 of a name in UTF-8.
    case unreadableTenant
    /// The version of the key is not a 32-bit number as one writes it.
    case unreadableKeyVersion
    /// The box is not base64.
    case unreadableBox
    /// The box has no room for its IV and tag.
    case boxTooShort(byteCount: Int)
}

extension EncryptedValueError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .notEncrypted: "the text does not begin with enc:"
        case .wrongNumberOfParts(let count): "an encrypted value has 3 parts, or 5 if it is versioned, not \(count)"
        case .unreadableTenant: "the tenant of the encrypted value is not base64 of UTF-8"
        case .unreadableKeyVersion: "the key version of the encrypted value is not a number"
        case .unreadableBox: "the ciphertext of the encrypted value is not base64"
        case .boxTooShort(let count): "the ciphertext has \(count) bytes; IV and tag alone have 28"
        }
    }
}

extension EncryptedValue {
    /// Reads either form. Whatever is read is written back the same by ``text``.
    ///
    /// - Throws: ``EncryptedValueError``.
    public init(parsing text: String) throws(EncryptedValueError) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map(Substring.init)
        guard parts[0].utf8.elementsEqual("enc".utf8), parts.count > 1 else { throw .notEncrypted }
        // "v2" is no base64, so the versioned form cannot be mistaken for the other.
        if parts[1].utf8.elementsEqual("v2".utf8) {
            guard parts.count == 5 else { throw .wrongNumberOfParts(parts.count) }
            form = .versioned(keyVersion: try Self.version(parts[3]))
            tenant = try Self.tenant(parts[2])
            box = try Self.box(parts[4])
        } else {
            guard parts.count == 3 else { throw .wrongNumberOfParts(parts.count) }
            form = .unversioned
            tenant = try Self.tenant(parts[1])
            box = try Self.box(parts[2])
        }
    }

    private static func tenant(_ text: Substring) throws(EncryptedValueError) -> String {
        guard let bytes = StrictBase64.decode(text), !bytes.isEmpty, let name = String(validating: bytes, as: UTF8.self)
        else { throw .unreadableTenant }
        return name
    }

    private static func version(_ text: Substring) throws(EncryptedValueError) -> UInt32 {
        guard let version = UInt32(text), String(version).utf8.elementsEqual(text.utf8) else {
            throw .unreadableKeyVersion
        }
        return version
    }

    private static func box(_ text: Substring) throws(EncryptedValueError) -> [UInt8] {
        guard let box = StrictBase64.decode(text) else { throw .unreadableBox }
        guard box.count >= boxByteCountMin else { throw .boxTooShort(byteCount: box.count) }
        return box
    }
}
