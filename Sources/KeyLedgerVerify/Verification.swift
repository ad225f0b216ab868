public import CryptoPrimitives
internal import Glibc
internal import Ledger
internal import Transparency

/// A check of a whole ledger from the bytes in its folder, by code that has nothing in common with what wrote them but the
/// state machine, the tree and the cryptography.
///
/// Reads only; works while the writer runs. What grows with history is the state machine's memory of transfer ids; the
/// rest is a window of some megabytes, and as much as there are keys.
public struct Verification: Sendable {
    /// What a ledger is checked against.
    public struct Options: Sendable {
        /// The file with the master key, which opens details and key material; nil leaves them sealed.
        public var masterKeyFile: String?
        /// Checks the file names of checkpoints that were kept elsewhere.
        public var checkpointFiles: [String] = []
        /// The keys that checkpoints may be signed with, as verifier keys (C2SP signed-note).
        public var keys: [String] = []

        /// Nothing but the folder.
        public init() {}
    }

    /// The name in `ledger.json`.
    public internal(set) var origin = ""
    /// The events that are there without a break.
    public internal(set) var eventCount: UInt64 = 0
    /// The events before the first that is not as it was committed.
    public internal(set) var trustworthyEventCount: UInt64 = 0
    /// The blocks that were read.
    public internal(set) var blockCount: UInt64 = 0
    /// The bytes of these blocks.
    public internal(set) var byteCount: UInt64 = 0
    /// The Merkle tree's root over `eventCount` events.
    public internal(set) var rootHash = MerkleHash.emptyRoot
    /// Whether details and key material were opened.
    public internal(set) var openedDetails = false
    /// What is wrong, as it came up: of each kind the first hundred.
    public internal(set) var findings: [Finding] = []
    /// How many findings there are of each kind.
    public internal(set) var findingCounts: [Finding.Kind: Int] = [:]
    /// What is worth knowing and nothing wrong.
    public internal(set) var notes: [String] = []

    /// Checks the ledger in a folder.
    ///
    /// - Throws: ``Unreadable`` if there is nothing to check, or it cannot be read at all.
    public init(of folder: String, _ options: Options = Options()) async throws(Unreadable) {
        let manifest = try Manifest(folder)
        origin = manifest.origin
        var findings = Findings()
        // What the material says of the log before the log, and the material itself after it: whatever events speak of was
        // durable before them, and what the log has to have was there already.
        var unneeded = Findings()
        let logCount = try MaterialBlobs(folder, &unneeded).logCount
        let log = try PageFile(folder: folder + "/log")
        let material = try MaterialBlobs(folder, &findings)
        var unsealer: Unsealer?
        if let path = options.masterKeyFile {
            let secret = try MasterKeyFile.read(path)
            unsealer = try Unsealer.open(material, master: secret, origin: origin, path: path, &findings)
        }
        openedDetails = unsealer != nil

        var checkpoints = try CheckpointCheck(folder, origin: origin, options)

        var pass = LogPass()
        await pass.run(log, rootsAt: checkpoints.sizes, unsealer: unsealer)
        findings.add(pass.findings)
        checkpoints.run(pass)
        findings.add(checkpoints.findings)
        notes += checkpoints.notes
        if pass.eventCount < logCount, pass.isComplete {
            findings.add(
                .historyCut, event: pass.eventCount,
                "the key material belongs to a log of at least \(logCount) events, and there are \(pass.eventCount)")
        }
        let check = MaterialCheck(material, pass, unsealer, origin: origin)
        findings.add(check.findings)
        notes += check.notes

        eventCount = pass.eventCount
        trustworthyEventCount = min(pass.eventCount, findings.trustEnd ?? .max)
        rootHash = pass.root
        blockCount = pass.blockCount
        byteCount = pass.byteCount
        self.findings = findings.kept
        findingCounts = findings.counts
    }
}

/// What `ledger.json` says.
struct Manifest {
    let origin: String

    init(_ folder: String) throws(Unreadable) {
        let path = folder + "/ledger.json"
        let bytes = try SmallFile.read(path, limit: 1 << 16) {
            errno == ENOENT ? "\(folder) is not a ledger: it has no ledger.json" : nil
        }
        guard let value = try? JSONValue(parsing: bytes), let format = value["format"]?.number?.integer(as: Int.self),
            let origin = value["origin"]?.string, !origin.isEmpty
        else { throw Unreadable(path, "it is malformed") }
        guard format == 1 else {
            throw Unreadable(path, "the ledger has format \(format); this version checks format 1")
        }
        self.origin = origin
    }
}

/// Files that are read whole.
enum SmallFile {
    static func read(_ path: String, limit: Int, _ reason: () -> String? = { nil }) throws(Unreadable) -> [UInt8] {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if let reason = reason() { throw Unreadable(path, reason) }
            throw Unreadable(errnoOf: path)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= limit {
            let count = unsafe Glibc.read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw Unreadable(errnoOf: path) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        throw Unreadable(path, "it is larger than \(limit) bytes")
    }
}
