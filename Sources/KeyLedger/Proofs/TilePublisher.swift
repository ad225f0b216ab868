internal import CryptoPrimitives
internal import Glibc
internal import LedgerStore
public import Transparency

/// Writes the tree of a ledger as static files (C2SP tlog-tiles) that anyone can serve, mirror and verify.
///
/// May be stopped anywhere and started again: files appear whole, tiles before the checkpoint that needs them.
/// Everything is verified against the checkpoint on its way: a published hash is one that was signed.
public struct TilePublisher: Sendable {
    /// What became of it.
    public struct Result: Sendable, Hashable {
        /// The checkpoint that is published now.
        public let size: TreeSize
        /// How much was published before.
        public let previousSize: TreeSize
        /// Files written.
        public let writtenCount: Int
    }

    private let folder: String
    private let prover: Prover

    /// A publisher of a ledger into a folder that may have been published into before.
    public init(_ prover: Prover, folder: String) {
        self.prover = prover
        self.folder = folder
    }

    /// Brings the folder to a checkpoint, the last one by default.
    ///
    /// - Parameter progress: Called with how many files are done and how many there are.
    /// - Throws: ``ProofError``; ``ProofError/fork(place:size:)`` if the folder has another history.
    public func publish(
        _ size: TreeSize? = nil, progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(ProofError) -> Result {
        let checkpoint = try prover.checkpoint(of: size)
        let head = checkpoint.head
        let old = try publishedSize(upTo: head)
        try requireSound(head)
        let tiles = Tile.tiles(from: old, to: head.size)
        var writtenCount = 0
        for (index, tile) in tiles.enumerated() {
            let bytes = try content(of: tile, head.size)
            if try write(bytes, to: tile.path) { writtenCount += 1 }
            progress(UInt64(index + 1), UInt64(tiles.count))
        }
        try makeDurable()
        let note = checkpoint.note.serialized()
        try ProofError.store { () throws(StoreError) in
            try DurableFile.replace(folder + "/checkpoint", with: note, mode: Self.fileMode)
        }
        removePartialTiles(of: old, replacedBy: head.size)
        return Result(size: head.size, previousSize: old, writtenCount: writtenCount)
    }

    private static let fileMode: UInt32 = 0o644
    private static let folderMode: UInt32 = 0o755

    // MARK: What is there

    /// The size of the checkpoint in the folder, whose tree must be one of this log.
    private func publishedSize(upTo head: TreeHead) throws(ProofError) -> TreeSize {
        let path = folder + "/checkpoint"
        guard let bytes = try ProofError.store({ () throws(StoreError) in try DurableFile.read(path) }) else {
            return .zero
        }
        let published: Checkpoint
        do {
            published = try Checkpoint(parsing: try SignedNote(parsing: bytes).text)
        } catch {
            throw .damaged(path: path, reason: "\(error)")
        }
        guard published.origin == prover.origin else {
            throw .checkpoint(.otherOrigin(expected: prover.origin, found: published.origin))
        }
        let size = published.head.size
        guard size <= head.size else { throw .logBehindCheckpoint(eventCount: head.size.leafCount, size: size) }
        guard try prover.head(at: size) == published.head else { throw .fork(place: folder, size: size) }
        return size
    }

    /// The tree as it is leads to what was signed.
    private func requireSound(_ head: TreeHead) throws(ProofError) {
        if try prover.head(at: head.size) == head { return }
        try prover.rebuild()
        guard try prover.head(at: head.size) == head else { throw .historyChanged(size: head.size) }
    }

    // MARK: Tiles

    private func content(of tile: Tile, _ size: TreeSize) throws(ProofError) -> [UInt8] {
        switch tile.content {
        case .hashes: return try hashes(of: tile, size).flatMap(\.bytes)
        case .entries: return try bundle(tile, size)
        }
    }

    /// The hashes of a tile. A full one is compared with its root, which is in the level above: the right edge of every
    /// level was compared with the checkpoint, so from there all is.
    private func hashes(of tile: Tile, _ size: TreeSize) throws(ProofError) -> [SHA256Digest] {
        let hashes = try prover.content(of: tile, in: size)
        guard case .hashes(let level) = tile.content, !tile.isPartial else { return hashes }
        let slot = Int(tile.index % UInt64(Tile.fullWidth))
        guard
            let above = Tile(
                .hashes(level: level + 1), index: tile.index / UInt64(Tile.fullWidth), width: slot + 1),
            try prover.content(of: above, in: size)[slot] == TileLevel.root(of: hashes)
        else { throw .damaged(path: tile.path, reason: "the hashes decayed; delete state/tree and publish again") }
        return hashes
    }

    /// The entries of a bundle, compared with their leaves.
    private func bundle(_ tile: Tile, _ size: TreeSize) throws(ProofError) -> [UInt8] {
        guard let leaves = Tile(.hashes(level: 0), index: tile.index, width: tile.width) else {
            preconditionFailure("bundles and tiles of leaves are numbered alike")
        }
        let expected = try prover.content(of: leaves, in: size)
        var entries: [[UInt8]] = []
        try ProofError.store { () throws(StoreError) in
            try prover.log.forEachBlock(
                from: tile.leaves.lowerBound, to: tile.leaves.upperBound, mapping: { $0 }
            ) { (block) throws(StoreError) in
                var sequence = block.firstSequence
                block.forEachEntry { entry in
                    if tile.leaves.contains(sequence) { entries.append(entry.array) }
                    sequence += 1
                }
                return true
            }
        }
        for (offset, entry) in entries.enumerated()
        where offset >= expected.count || MerkleHash.leaf(unsafe entry.span.bytes) != expected[offset] {
            throw .historyChanged(size: size)
        }
        do throws(TileError) {
            return try EntryBundle(entries: entries).serialized()
        } catch {
            preconditionFailure("events are no longer than a bundle takes: \(error)")
        }
    }

    // MARK: Files

    /// Writes a file unless it is there as it should be. It is durable after ``makeDurable()`` only.
    private func write(_ bytes: [UInt8], to name: String) throws(ProofError) -> Bool {
        let path = "\(folder)/\(name)"
        return try ProofError.store { () throws(StoreError) in
            if try DurableFile.read(path) == bytes { return false }
            try DurableFile.createFolder(DurableFile.folder(of: path), mode: Self.folderMode, isDurable: false)
            try DurableFile.replace(path, with: bytes, mode: Self.fileMode, isDurable: false)
            return true
        }
    }

    /// One call for tens of thousands of files.
    private func makeDurable() throws(ProofError) {
        try ProofError.store { () throws(StoreError) in
            try DurableFile.createFolder(folder, mode: Self.folderMode)
            try DurableFile.makeFileSystemDurable(at: folder)
        }
    }

    /// Readers take the full tile where a partial one is gone.
    private func removePartialTiles(of old: TreeSize, replacedBy new: TreeSize) {
        guard old < new else { return }
        let kept = Set(Tile.rightEdge(of: new))
        for tile in Tile.rightEdge(of: old) where !kept.contains(tile) {
            let path = "\(folder)/\(tile.path)"
            unsafe unlink(path)
            unsafe rmdir(DurableFile.folder(of: path))
        }
    }
}
