internal import CryptoPrimitives
internal import Glibc
internal import LedgerStore
internal import Transparency

/// The hashes of one level of tiles, left to right: in a file as far as they were written, the rest in memory. The tile
/// at the right edge is always in memory.
struct TileLevel {
    private let file: HashFile?
    /// How many hashes there are.
    private(set) var count: Int
    private var writtenCount: Int
    /// From the last border between tiles before `writtenCount` on.
    private var tail: [SHA256Digest]
    private var tailStart: Int

    /// The first `count` hashes of a file.
    ///
    /// - Throws: If it has fewer.
    init(_ file: HashFile?, count: Int) throws(StoreError) {
        self.file = file
        self.count = count
        writtenCount = count
        tailStart = count / Tile.fullWidth * Tile.fullWidth
        guard let file else {
            guard count == 0 else {
                throw .damaged(path: "state/tree", sequence: nil, reason: "the hashes of a level are missing")
            }
            tail = []
            return
        }
        tail = try file.hashes(tailStart..<count)
    }

    /// Adds a hash, and returns the root of the tile that it completes.
    mutating func append(_ hash: SHA256Digest) -> SHA256Digest? {
        tail.append(hash)
        count += 1
        return count % Tile.fullWidth == 0 ? Self.root(of: tail.suffix(Tile.fullWidth)) : nil
    }

    /// The hashes in a range of places below ``count``.
    func hashes(_ range: Range<Int>) throws(StoreError) -> [SHA256Digest] {
        precondition(range.upperBound <= count, "the level has these hashes")
        if range.lowerBound >= tailStart {
            return Array(tail[(range.lowerBound - tailStart)..<(range.upperBound - tailStart)])
        }
        guard let file, range.upperBound <= writtenCount else {
            preconditionFailure("what is not in memory was written, and no tile is divided between the two")
        }
        return try file.hashes(range)
    }

    /// Writes what is in memory only, and lets go of full tiles.
    mutating func write() throws(StoreError) {
        guard let file, writtenCount < count else { return }
        try file.write(tail[(writtenCount - tailStart)...], at: writtenCount)
        writtenCount = count
        let start = count / Tile.fullWidth * Tile.fullWidth
        tail.removeFirst(start - tailStart)
        tailStart = start
    }

    func makeDurable() throws(StoreError) { try file?.makeDurable() }

    /// The root over a power of two of hashes.
    static func root(of hashes: some Collection<SHA256Digest>) -> SHA256Digest {
        var level = Array(hashes)
        var count = level.count
        precondition(count.nonzeroBitCount == 1, "a complete subtree")
        while count > 1 {
            count /= 2
            for place in 0..<count { level[place] = MerkleHash.node(level[2 * place], level[2 * place + 1]) }
        }
        return level[0]
    }
}

/// A file of hashes, 32 bytes each. Closed with the last one who holds it.
final class HashFile: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Opens a file; a missing one is created for a writer, and nil for a reader.
    static func open(_ path: String, isReadOnly: Bool) throws(StoreError) -> HashFile? {
        let flags = isReadOnly ? O_RDONLY : O_RDWR | O_CREAT
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, 0o600)
        if descriptor < 0, isReadOnly, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw LedgerFolder.systemError("opening", path) }
        return HashFile(descriptor, path)
    }

    private init(_ descriptor: Int32, _ path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    func hashes(_ range: Range<Int>) throws(StoreError) -> [SHA256Digest] {
        let width = SHA256Digest.byteCount
        var bytes = [UInt8](repeating: 0, count: range.count * width)
        let count = unsafe pread(descriptor, &bytes, bytes.count, range.lowerBound * width)
        guard count >= 0 else { throw LedgerFolder.systemError("reading", path) }
        guard count == bytes.count else {
            throw .damaged(path: path, sequence: nil, reason: "the file is shorter than the tree")
        }
        var hashes: [SHA256Digest] = []
        hashes.reserveCapacity(range.count)
        let span = unsafe bytes.span.bytes
        for start in stride(from: 0, to: bytes.count, by: width) {
            if let hash = SHA256Digest(span.extracting(start..<(start + width))) { hashes.append(hash) }
        }
        return hashes
    }

    func write(_ hashes: ArraySlice<SHA256Digest>, at place: Int) throws(StoreError) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(hashes.count * SHA256Digest.byteCount)
        for hash in hashes {
            hash.withBytes { span in unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
        }
        try writeAll(unsafe bytes.span.bytes, to: descriptor, path, at: place * SHA256Digest.byteCount)
    }

    func makeDurable() throws(StoreError) {
        guard fdatasync(descriptor) == 0 else { throw LedgerFolder.systemError("syncing", path) }
    }
}
