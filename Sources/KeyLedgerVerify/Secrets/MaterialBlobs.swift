/// The wrapped key material of a ledger, as it is stored. As many bytes as there are keys; history adds none.
struct MaterialBlobs {
    private(set) var blobs: [Name: [UInt8]] = [:]

    /// Which blob.
    struct Name: Hashable {
        let owner: UInt128
        let version: UInt32
        let kind: Kind
    }

    enum Kind: UInt8 {
        case root = 1
        case tenantKey = 2
        case detailsKey = 3
        case keyVersion = 4
        case checkpointKey = 5
    }

    /// A blob's parts.
    struct Wrapped {
        /// The master key's id, or a public key, or nothing.
        let header: [UInt8]
        let box: [UInt8]

        init?(_ bytes: [UInt8]) {
            guard bytes.count >= 3, bytes[0] == 1 else { return nil }
            let end = 3 + Int(bytes.load(UInt16.self, at: 1))
            guard end <= bytes.count else { return nil }
            header = Array(bytes[3..<end])
            box = Array(bytes[end...])
        }
    }

    init(_ file: PageFile) throws(Flaw) {
        var walk = try TableWalk(file, named: "blobs")
        while try walk.advance() {
            let key = walk.key
            guard key.count == 24, key.bigEndian(UInt64.self, at: 16) < 1 << 40,
                let kind = Kind(rawValue: key[23])
            else { throw Flaw("a blob has a name that is none") }
            let name = Name(
                owner: key.bigEndian(at: 0), version: UInt32(key.bigEndian(UInt64.self, at: 16) >> 8), kind: kind)
            blobs[name] = try walk.bytes()
        }
    }

    func wrapped(_ name: Name) -> Wrapped? { blobs[name].flatMap(Wrapped.init) }
}
