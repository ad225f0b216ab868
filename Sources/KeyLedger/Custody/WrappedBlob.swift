internal import CryptoPrimitives
internal import LedgerStore
internal import Transparency

/// A wrapped secret as it is stored: what anyone may know of it, then the sealed box.
///
/// ```
/// 0 format (1)   1 length of the header (2, little-endian)   3 header   … box
/// ```
struct WrappedBlob {
    /// Which master key it is wrapped under, the public key for a signing key, else empty.
    let header: [UInt8]
    let box: [UInt8]

    private static let format: UInt8 = 1

    init(header: [UInt8] = [], box: [UInt8]) {
        self.header = header
        self.box = box
    }

    /// Nil for bytes that are no blob.
    init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.next(UInt8.self) == Self.format, let count = reader.next(UInt16.self),
            let header = reader.next(count: Int(count))
        else { return nil }
        self.header = Array(header)
        box = Array(bytes.dropFirst(3 + Int(count)))
    }

    var bytes: [UInt8] {
        var writer = LittleEndianBytes()
        writer.append(Self.format)
        writer.append(UInt16(header.count))
        writer.append(header)
        writer.append(box)
        return writer.bytes
    }
}

/// Which master key a blob is wrapped under, and how to come by it: its header, canonical JSON.
struct MasterKeyReference: Hashable {
    /// Its service and id: `local:0123456789abcdef`.
    let name: String
    /// How it comes out of a passphrase, for the root secret of a ledger that is opened with one.
    let derivation: PassphraseDerivation?

    init(name: String, derivation: PassphraseDerivation?) {
        self.name = name
        self.derivation = derivation
    }

    init(_ service: any KeyManagementService) {
        name = service.masterKeyName
        derivation = (service as? LocalKeyManagementService)?.masterKey.derivation
    }

    /// Nil for bytes that name none.
    init?(_ bytes: [UInt8]) {
        guard let object = (try? JSONValue(parsing: bytes))?.object, let name = object["key"]?.string else {
            return nil
        }
        self.name = name
        guard let scrypt = object["scrypt"]?.object else {
            derivation = nil
            return
        }
        guard let n = scrypt["n"]?.string.flatMap({ UInt64($0) }), let r = scrypt["r"]?.string.flatMap({ UInt32($0) }),
            let p = scrypt["p"]?.string.flatMap({ UInt32($0) }),
            let salt = scrypt["salt"]?.string.flatMap({ [UInt8](hexadecimal: $0) })
        else { return nil }
        derivation = PassphraseDerivation(parameters: Scrypt.Parameters(n: n, r: r, p: p), salt: salt)
    }

    var bytes: [UInt8] {
        var object: JSONObject = ["key": .string(name)]
        if let derivation {
            object["scrypt"] = .object([
                "n": .string(String(derivation.parameters.n)), "r": .string(String(derivation.parameters.r)),
                "p": .string(String(derivation.parameters.p)), "salt": .string(derivation.salt.hexadecimal),
            ])
        }
        return object.canonicalBytes
    }
}

extension WrappedBlob {
    /// What is wrapped under a master key.
    init(wrappedUnder reference: MasterKeyReference, box: [UInt8]) { self.init(header: reference.bytes, box: box) }

    /// The master key it is wrapped under; nil for blobs under a tenant's key.
    var masterKey: MasterKeyReference? { MasterKeyReference(header) }
}

extension MaterialStore.Name {
    /// The ledger's own secret, from which ids are derived; wrapped under the master key.
    static let root = MaterialStore.Name(owner: 0, kind: 1)
    /// Wraps a tenant's keys; wrapped under the master key.
    static func tenantKey(_ tenant: TenantID) -> Self { Self(owner: tenant.value, kind: 2) }
    /// Encrypts the details of a tenant's events; wrapped under the tenant's key. Destroying it forgets the details.
    static func detailsKey(_ tenant: TenantID) -> Self { Self(owner: tenant.value, kind: 3) }
    /// A version of a key; wrapped under its tenant's key.
    static func version(_ version: KeyVersion) -> Self {
        Self(owner: version.key.value, version: version.number, kind: 4)
    }

    /// The private half of a wrapping key that is given out for one import; wrapped under its tenant's key.
    static func importKey(_ offer: EventID) -> Self { Self(owner: offer.value, kind: 8) }

    /// The import this name is of, or nil for the other kinds.
    var importOffer: EventID? { kind == 8 ? EventID(owner) : nil }
    /// The version this name is of, or nil for the other kinds.
    var keyVersion: KeyVersion? { kind == 4 ? KeyVersion(key: KeyID(owner), number: version) : nil }
    /// The tenant this name is of, or nil for the other kinds.
    var tenant: TenantID? { kind == 2 || kind == 3 ? TenantID(owner) : nil }
}
