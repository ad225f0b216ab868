internal import CryptoPrimitives

/// The header of a stored blob, in front of its bytes. Records begin at multiples of 64 bytes, so that a header lies in
/// one sector of a disk and is written whole or not at all.
///
/// ```
///  0 magic "KLM1"     24 version (4)              32 bytes of the blob (4)          40 zero (8)
///  4 state (4)        28 kind (1), zero (3)       36 its index in its put (2)       48 check of the blob (8)
///  8 owner (16)                                   38 number of blobs in it (2)      56 check of all but the state (8)
/// ```
/// Little-endian. The checks are the first 8 bytes of SHA-256 and tell decay and torn writes; against changes with intent
/// blobs are authenticated by those who seal them. The state is the only field that ever changes.
struct MaterialRecord: Hashable {
    let name: MaterialStore.Name
    let byteCount: Int
    let index: UInt16
    let count: UInt16
    let blobCheck: UInt64
    var state: State

    static let headerSize = 64
    static let stateOffset = 4
    private static let magic: UInt32 = 0x314D_4C4B  // "KLM1"

    /// What is known of a blob. Four letters each, so that no single flipped bit makes one out of another.
    enum State: UInt32 {
        /// Stored; whether an event speaks of it is not known yet.
        case new = 0x2057_454E  // "NEW "
        /// An event that is on disk speaks of it.
        case recorded = 0x5450_454B  // "KEPT"
        /// No event of the log speaks of it, and somebody decided to go on with that log: it belongs to a longer one.
        case setAside = 0x4449_5341  // "ASID"
        /// Erased: zeros stand where the blob was.
        case erased = 0x454E_4F47  // "GONE"
    }

    init(_ name: MaterialStore.Name, _ blob: [UInt8], index: Int, count: Int) {
        self.name = name
        byteCount = blob.count
        self.index = UInt16(truncatingIfNeeded: index)
        self.count = UInt16(truncatingIfNeeded: count)
        blobCheck = Self.check(unsafe blob.span.bytes)
        state = .new
    }

    /// Nil for 64 bytes that are no header.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount == Self.headerSize, bytes.load(UInt32.self, at: 0) == Self.magic,
            bytes.load(UInt64.self, at: 56) == Self.headerCheck(bytes),
            let state = State(rawValue: bytes.load(at: Self.stateOffset))
        else { return nil }
        self.state = state
        name = MaterialStore.Name(
            owner: bytes.load(at: 8), version: bytes.load(at: 24), kind: bytes.load(UInt8.self, at: 28))
        byteCount = Int(bytes.load(UInt32.self, at: 32))
        index = bytes.load(at: 36)
        count = bytes.load(at: 38)
        blobCheck = bytes.load(at: 48)
    }

    var header: [UInt8] {
        var bytes = LittleEndianBytes(capacity: Self.headerSize)
        bytes.append(Self.magic)
        bytes.append(state.rawValue)
        bytes.append(name.owner)
        bytes.append(name.version)
        bytes.append(UInt32(name.kind))
        bytes.append(UInt32(truncatingIfNeeded: byteCount))
        bytes.append(index)
        bytes.append(count)
        bytes.append(UInt64(0))
        bytes.append(blobCheck)
        bytes.append(Self.headerCheck(unsafe bytes.bytes.span.bytes))
        return bytes.bytes
    }

    /// The room the record takes up, a multiple of 64.
    var slotSize: Int { (Self.headerSize + byteCount + 63) & ~63 }

    func isItsOwn(_ blob: RawSpan) -> Bool { blob.byteCount == byteCount && Self.check(blob) == blobCheck }

    private static func headerCheck(_ header: RawSpan) -> UInt64 {
        var hash = SHA256()
        hash.update(header.extracting(0..<stateOffset))
        hash.update(header.extracting(8..<56))
        return hash.finalize().leadingWord
    }

    static func check(_ bytes: RawSpan) -> UInt64 { SHA256.hash(bytes).leadingWord }
}

extension SHA256Digest {
    fileprivate var leadingWord: UInt64 { withBytes { $0.load(at: 0) } }
}
