internal import CryptoPrimitives

/// The name of a log as its checkpoints carry it: not empty, one line. Compared byte for byte, never interpreted.
public struct Origin: Hashable, Sendable {
    /// The name in UTF-8.
    public let utf8: [UInt8]

    /// The name, or nil if a checkpoint cannot carry it.
    public init?(_ text: String) {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 }) else { return nil }
        utf8 = Array(text.utf8)
    }

    /// For a line of a note, whose characters have been checked.
    fileprivate init?(line: ArraySlice<UInt8>) {
        guard !line.isEmpty else { return nil }
        utf8 = Array(line)
    }
}

extension Origin: CustomStringConvertible {
    /// The name as text.
    public var description: String { String(decoding: utf8, as: UTF8.self) }
}

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

extension UInt64 {
    /// The number written without sign, leading zeros or anything else around it; nil for other text and from 2^64.
    init?(canonicalDecimal digits: some Collection<UInt8>) {
        guard let first = digits.first, first != UInt8(ascii: "0") || digits.count == 1 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (shifted, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isStillTooLarge) = shifted.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !isTooLarge, !isStillTooLarge else { return nil }
            value = sum
        }
        self = value
    }
}
