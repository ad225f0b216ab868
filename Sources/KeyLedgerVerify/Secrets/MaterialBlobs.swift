internal import CryptoPrimitives

/// The wrapped key material of a ledger, as it is stored in `material/blobs`. As many bytes as there are keys; history adds
/// none.
///
/// ```
///   0 magic "KLMATRL1"    8 events the log has at least (8)   16 end of what is certain (8)   24 check (8)   32 zeros
/// 512 records, each at a multiple of 64:
///     0 magic "KLM1"    4 state (4)     8 owner (16)   24 version (4)   28 kind (1), zeros   32 size (4)
///    36 in its put (4)  40 zeros (8)   48 check of the blob (8)         56 check of all but the state (8)
///    64 blob, zeros to the next multiple of 64
/// ```
struct MaterialBlobs {
    private(set) var blobs: [Name: [UInt8]] = [:]
    /// How many events the log has at least.
    private(set) var logCount: UInt64 = 0
    /// Records that say they are erased, and are not.
    private(set) var halfErasedCount = 0

    /// Which blob.
    struct Name: Hashable {
        let owner: UInt128
        let version: UInt32
        let kind: UInt8
    }

    /// What blobs there are.
    enum Kind {
        static let root: UInt8 = 1
        static let tenantKey: UInt8 = 2
        static let detailsKey: UInt8 = 3
        static let keyVersion: UInt8 = 4
        static let checkpointKey: UInt8 = 5
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

    private enum State {
        static let new: UInt32 = 0x2057_454E  // "NEW "
        static let recorded: UInt32 = 0x5450_454B  // "KEPT"
        static let setAside: UInt32 = 0x4449_5341  // "ASID"
        static let erased: UInt32 = 0x454E_4F47  // "GONE"
    }

    private static let recordsStart = 512
    private static let headerSize = 64

    /// Nothing: for material that cannot be read.
    init() {}

    /// Reads the file. What is damaged is named, and the rest is read all the same.
    init(_ folder: String, _ findings: inout Findings) throws(Unreadable) {
        let path = folder + "/material/blobs"
        let bytes = try SmallFile.read(path, limit: 1 << 32)
        func damaged(_ reason: String) { findings.add(.materialDamaged, "\(path): \(reason)") }
        guard bytes.count >= Self.recordsStart, bytes.starts(with: Array("KLMATRL1".utf8)),
            bytes.check(0..<24) == bytes.load(UInt64.self, at: 24), bytes.isZero(32..<Self.recordsStart)
        else {
            damaged("its first bytes are not those of key material")
            return
        }
        logCount = bytes.load(at: 8)
        let certainEnd = Int(clamping: bytes.load(UInt64.self, at: 16))
        guard certainEnd <= bytes.count else {
            damaged("it was cut short")
            return
        }
        var offset = Self.recordsStart
        while offset < bytes.count {
            guard let size = read(bytes, at: offset) else {
                // Behind what is certain there may be a put that a crash cut off, or that is being made.
                if offset < certainEnd { damaged("the record at byte \(offset) is damaged") }
                offset += Self.headerSize
                continue
            }
            offset += size
        }
    }

    /// Takes in a record and returns the room it takes up; nil for what is none.
    private mutating func read(_ bytes: [UInt8], at offset: Int) -> Int? {
        guard offset + Self.headerSize <= bytes.count, bytes.load(UInt32.self, at: offset) == 0x314D_4C4B else {
            return nil
        }
        let covered = Array(bytes[offset..<(offset + 4)] + bytes[(offset + 8)..<(offset + 56)])
        let blobStart = offset + Self.headerSize
        let blobEnd = blobStart + Int(bytes.load(UInt32.self, at: offset + 32))
        let end = (blobEnd + 63) & ~63
        guard covered.check(0..<covered.count) == bytes.load(UInt64.self, at: offset + 56), end <= bytes.count else {
            return nil
        }
        let name = Name(
            owner: bytes.load(at: offset + 8), version: bytes.load(at: offset + 24), kind: bytes[offset + 28])
        switch bytes.load(UInt32.self, at: offset + 4) {
        case State.erased:
            blobs[name] = nil
            // A crash may have come between saying so and doing so; the next opening does it.
            if !bytes.isZero(blobStart..<end) { halfErasedCount += 1 }
        case State.new, State.recorded, State.setAside:
            guard bytes.check(blobStart..<blobEnd) == bytes.load(UInt64.self, at: offset + 48),
                bytes.isZero(blobEnd..<end)
            else { return nil }
            blobs[name] = Array(bytes[blobStart..<blobEnd])
        default: return nil
        }
        return end - offset
    }

    func wrapped(_ name: Name) -> Wrapped? { blobs[name].flatMap(Wrapped.init) }
}

extension [UInt8] {
    /// The first 8 bytes of SHA-256.
    fileprivate func check(_ range: Range<Int>) -> UInt64 {
        unsafe SHA256.hash(span.bytes.extracting(range)).bytes.load(at: 0)
    }

    fileprivate func isZero(_ range: Range<Int>) -> Bool { self[range].allSatisfy { $0 == 0 } }
}
