internal import LedgerStore

/// A wrapped secret as it is stored: what anyone may know of it, then the sealed box.
///
/// ```
/// 0 format (1)   1 length of the header (2, little-endian)   3 header   … box
/// ```
struct WrappedBlob {
    /// The master key's id for what is wrapped under it, the public key for a signing key, else empty.
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
