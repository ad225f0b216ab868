internal import CryptoPrimitives
public import LedgerStore
public import Transparency

/// The files that say what a ledger has signed of its tree: `checkpoints/` in the ledger's folder, or a second place with
/// copies. `Specs/STORAGE.md` describes them.
public struct CheckpointFolder: Sendable, Hashable {
    /// The folder.
    public let path: String

    /// A folder that may or may not exist.
    public init(path: String) { self.path = path }

    /// That of a ledger.
    public init(_ folder: LedgerFolder) { self.init(path: folder.checkpointsPath) }

    // MARK: Checkpoints

    /// The sizes of all checkpoints, in ascending order.
    public func sizes() throws(ProofError) -> [TreeSize] {
        try ProofError.store { () throws(StoreError) in try DurableFile.names(in: path) }.compactMap(Self.size(of:))
    }

    /// The checkpoint of a size, as its file has it; nil if there is none. Nothing is verified.
    public func note(of size: TreeSize) throws(ProofError) -> SignedNote? {
        let path = notePath(of: size)
        guard let bytes = try ProofError.store({ () throws(StoreError) in try DurableFile.read(path) }) else {
            return nil
        }
        let note: SignedNote
        let checkpoint: Checkpoint
        do {
            note = try SignedNote(parsing: bytes)
            checkpoint = try Checkpoint(parsing: note.text)
        } catch {
            throw .damaged(path: path, reason: "\(error)")
        }
        guard checkpoint.head.size == size else {
            throw .damaged(path: path, reason: "the checkpoint has another size than its file's name")
        }
        return note
    }

    /// Where the checkpoint of a size is.
    public func notePath(of size: TreeSize) -> String { "\(path)/\(Self.name(of: size))" }

    /// Stores a checkpoint; when it returns it is on disk. In place of one of the same size only if that is the same
    /// text with fewer signatures.
    func store(_ note: SignedNote, of size: TreeSize) throws(ProofError) {
        let path = path
        try ProofError.store { () throws(StoreError) in
            try DurableFile.createFolder(path)
            try DurableFile.replace(notePath(of: size), with: note.serialized())
        }
    }

    static func name(of size: TreeSize) -> String {
        let digits = size.description
        return String(repeating: "0", count: 19 - digits.count) + digits
    }

    private static func size(of name: String) -> TreeSize? {
        guard name.utf8.count == 19, name.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else {
            return nil
        }
        return UInt64(name).flatMap(TreeSize.init)
    }

    // MARK: Keys

    private var keysPath: String { path + "/keys" }

    /// The keys that verify the ledger's checkpoints: version *n* at index *n* − 1.
    public func verifierKeys() throws(ProofError) -> [VerifierKey] {
        guard let bytes = try ProofError.store({ () throws(StoreError) in try DurableFile.read(keysPath) }) else {
            return []
        }
        var keys: [VerifierKey] = []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            do throws(VerifierKeyError) {
                keys.append(try VerifierKey(parsing: String(line)))
            } catch {
                throw .damaged(path: keysPath, reason: "line \(keys.count + 1): \(error)")
            }
        }
        return keys
    }

    /// Writes the list of keys; when it returns it is on disk.
    func store(_ keys: [VerifierKey]) throws(ProofError) {
        let path = path
        let bytes = keys.flatMap { Array("\($0)\n".utf8) }
        try ProofError.store { () throws(StoreError) in
            try DurableFile.createFolder(path)
            try DurableFile.replace(keysPath, with: bytes)
        }
    }

    // MARK: Timestamps

    /// The RFC 3161 replies over a checkpoint, in ascending order of their digests' names.
    public func timestamps(of size: TreeSize) throws(ProofError) -> [[UInt8]] {
        let prefix = Self.name(of: size) + "."
        return try ProofError.store { () throws(StoreError) in
            var replies: [[UInt8]] = []
            for name in try DurableFile.names(in: path) where name.hasPrefix(prefix) && name.hasSuffix(".tsr") {
                if let reply = try DurableFile.read("\(path)/\(name)") { replies.append(reply) }
            }
            return replies
        }
    }

    /// Stores a reply; when it returns it is on disk.
    func store(timestamp reply: [UInt8], of size: TreeSize) throws(ProofError) {
        let id = Array(SHA256.hash(unsafe reply.span.bytes).bytes[..<4]).hexadecimal
        let path = "\(notePath(of: size)).\(id).tsr"
        try ProofError.store { () throws(StoreError) in try DurableFile.replace(path, with: reply) }
    }
}
