internal import CryptoPrimitives
internal import Glibc
internal import LedgerStore
internal import Transparency

/// Where the hashes of a ledger's tree are kept: `state/tree/`.
///
/// Everything here follows from the log. What does not fit is thrown away, and built again from the log.
struct TreeFolder: Sendable {
    private let path: String
    private let lock: TreeLock?

    /// Whether this process may change the files; otherwise another one does, or nobody may.
    var isWritable: Bool { lock != nil }

    /// - Parameter isReadOnly: Changes nothing even if it could.
    init(_ folder: LedgerFolder, isReadOnly: Bool) {
        path = folder.treePath
        lock = isReadOnly ? nil : TreeLock(path)
    }

    private static let magic: UInt32 = 0x3154_4C4B  // "KLT1"
    private var headPath: String { path + "/head" }

    /// The tree as far as it is durable; an empty one if there is none, or none of this log.
    func open(_ reader: LedgerReader) throws(StoreError) -> TileTree {
        do throws(StoreError) {
            if let (head, checksum) = try head(), try checksum == Self.checksum(at: head.size, reader),
                let tree = try? TileTree(size: head.size, files: try files()), try tree.head(at: head.size) == head
            {
                return tree
            }
        } catch .damaged {
            // Of the tree, which is built again; what is damaged in the log will be found by building it.
        }
        return try emptied()
    }

    /// A tree without leaves, whose old hashes will be overwritten.
    func emptied() throws(StoreError) -> TileTree {
        guard isWritable else { return try TileTree() }
        try DurableFile.replace(headPath, with: Self.bytes(of: .empty, .zero))
        return try TileTree(files: try files())
    }

    /// Says that the tree's files are durable as far as it goes.
    func makeDurable(_ tree: TileTree, _ reader: LedgerReader) throws(StoreError) {
        guard isWritable, let checksum = try Self.checksum(at: tree.size, reader) else { return }
        try tree.makeDurable()
        try DurableFile.replace(headPath, with: Self.bytes(of: try tree.head(at: tree.size), checksum))
    }

    private func files() throws(StoreError) -> [HashFile?] {
        var files: [HashFile?] = []
        for level in 0..<TileTree.levelCount {
            files.append(try HashFile.open("\(path)/\(level)", isReadOnly: !isWritable))
        }
        return files
    }

    private func head() throws(StoreError) -> (TreeHead, Checksum)? {
        guard let bytes = try DurableFile.read(headPath), bytes.count == 64 else { return nil }
        var reader = ByteReader(bytes)
        guard reader.next(UInt32.self) == Self.magic, reader.next(UInt32.self) == 0,
            let size = reader.next(UInt64.self).flatMap(TreeSize.init)
        else { return nil }
        let span = unsafe bytes.span.bytes
        guard let root = SHA256Digest(span.extracting(16..<48)), let checksum = Checksum(span.extracting(48..<64))
        else { return nil }
        return (TreeHead(size: size, root: root), checksum)
    }

    private static func bytes(of head: TreeHead, _ checksum: Checksum) -> [UInt8] {
        var bytes = LittleEndianBytes()
        bytes.append(magic)
        bytes.append(UInt32(0))
        bytes.append(head.size.leafCount)
        bytes.append(head.root.bytes)
        bytes.append(checksum.bytes)
        return bytes.bytes
    }

    /// The checksum of the block with the last event of a tree, which stands for all before it; zero for an empty tree,
    /// nil if the log is shorter.
    private static func checksum(at size: TreeSize, _ reader: LedgerReader) throws(StoreError) -> Checksum? {
        size > 0 ? try reader.block(containing: size.leafCount - 1)?.checksum : .zero
    }
}

/// The right to write the tree's files: one process at a time has it. Given back with the last holder of this object.
private final class TreeLock: Sendable {
    private let file: Int32

    /// Nil if another process has it, or this one may not write there.
    init?(_ folder: String) {
        guard (try? DurableFile.createFolder(folder)) != nil else { return nil }
        file = unsafe open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if file < 0 { return nil }
        if flock(file, LOCK_EX | LOCK_NB) != 0 {
            close(file)
            return nil
        }
    }

    deinit { close(file) }
}
