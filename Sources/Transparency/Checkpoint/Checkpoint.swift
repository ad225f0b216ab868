internal import CryptoPrimitives

/// A log's commitment to its first `size` leaves (C2SP tlog-checkpoint):
///
/// ```
/// ledger.example/keys
/// 1000
/// base64 of the root
/// ```
///
/// and any number of extension lines, which are read and kept but not made: monitors cannot audit them.
public struct Checkpoint: Hashable, Sendable {
    /// The log.
    public let origin: Origin
    /// How many leaves, and their root.
    public let head: TreeHead
    private let extensions: [ArraySlice<UInt8>]

    /// - Throws: ``CheckpointError/notTheEmptyRoot`` for size 0 with another root.
    public init(origin: Origin, head: TreeHead) throws(CheckpointError) {
        self.origin = origin
        self.head = head
        extensions = []
        try requireEmptyRootOfEmptyTree()
    }

    /// Reads the text of a note.
    ///
    /// - Throws: ``CheckpointError`` for everything the specification forbids.
    public init(parsing text: NoteText) throws(CheckpointError) {
        try self.init(syntaxOf: text)
        try requireEmptyRootOfEmptyTree()
    }

    /// Reads the text of a note but for the rule about empty trees: a witness has to tell that apart.
    init(syntaxOf text: NoteText) throws(CheckpointError) {
        let lines = text.lines
        guard lines.count >= 3 else { throw .missingLines }
        guard let origin = Origin(line: lines[0]) else { throw .emptyOrigin }
        guard let size = UInt64(canonicalDecimal: lines[1]).flatMap(TreeSize.init) else { throw .invalidSize }
        guard let root = Base64.decode(lines[2]).flatMap(SHA256Digest.init) else { throw .invalidRoot }
        guard lines.allSatisfy({ !$0.isEmpty }) else { throw .emptyExtensionLine }
        self.origin = origin
        head = TreeHead(size: size, root: root)
        extensions = Array(lines[3...])
    }

    func requireEmptyRootOfEmptyTree() throws(CheckpointError) {
        guard !head.size.isEmpty || head.root == MerkleHash.emptyRoot else { throw .notTheEmptyRoot }
    }

    /// What the log signs.
    public var text: NoteText {
        let fields = [origin.utf8, Array(head.size.description.utf8), Base64.encode(head.root.bytes)]
        return NoteText(checked: (fields + extensions.map(Array.init)).flatMap { $0 + [newline] })
    }

    /// The lines after the root.
    public var extensionLines: [String] { extensions.map { String(decoding: $0, as: UTF8.self) } }
}
