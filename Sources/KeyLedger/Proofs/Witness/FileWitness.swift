internal import CryptoPrimitives
internal import Glibc
internal import LedgerStore
public import Transparency

/// A witness in a folder of its own, best on a machine and under an account of its own: it remembers the last tree of each
/// log it watches, and cosigns only what extends it.
///
/// | file | content |
/// |---|---|
/// | `key` | a key file like a ledger's master key; mode 0600 |
/// | `seed` | the signing key, wrapped under it, behind the witness's name |
/// | `logs` | a verifier key a line: the logs to watch, each under its origin |
/// | `heads` | a log a line: size, root in hexadecimal, origin |
/// | `lock` | held while a request is decided |
public struct FileWitness: ~Copyable, Sendable {
    private let folder: String
    private let cosigner: Cosigner

    /// What others verify its cosignatures with.
    public var verifierKey: VerifierKey { cosigner.verifierKey }

    /// Makes a witness in a folder that has none.
    public static func create(_ folder: String, name: KeyName, logs: [VerifierKey]) throws(ProofError) {
        try ProofError.store { () throws(StoreError) in
            guard try DurableFile.read(folder + "/seed") == nil else { throw .alreadyExists(path: folder) }
            try DurableFile.createFolder(folder)
        }
        let key = try ProofError.keyStore { () throws(KeyStoreError) in
            try MasterKey.create(file: folder + "/key")
            return try MasterKey(readingFile: folder + "/key")
        }
        let context = context(of: name)
        let box = try ProofError.crypto { () throws(CryptoError) in
            let seed = try SecretBytes(randomCount: Ed25519.seedByteCount)
            return try seed.withBytes { (seed: RawSpan) throws(CryptoError) in
                try key.seal(seed, authenticating: unsafe context.span.bytes)
            }
        }
        try ProofError.store { () throws(StoreError) in
            try DurableFile.replace(folder + "/logs", with: logs.flatMap { Array("\($0)\n".utf8) })
            try DurableFile.replace(folder + "/seed", with: WrappedBlob(header: name.utf8, box: box).bytes)
        }
    }

    /// Opens a witness.
    public static func open(_ folder: String) throws(ProofError) -> FileWitness {
        let path = folder + "/seed"
        guard let bytes = try ProofError.store({ () throws(StoreError) in try DurableFile.read(path) }) else {
            throw .damaged(path: path, reason: "there is no witness here")
        }
        guard let blob = WrappedBlob(bytes), let name = KeyName(String(decoding: blob.header, as: UTF8.self)) else {
            throw .damaged(path: path, reason: "it is malformed")
        }
        let key = try ProofError.keyStore { () throws(KeyStoreError) in try MasterKey(readingFile: folder + "/key") }
        let context = context(of: name)
        do throws(CryptoError) {
            let seed = try key.open(unsafe blob.box.span.bytes, authenticating: unsafe context.span.bytes)
            return FileWitness(
                folder: folder, cosigner: Cosigner(name: name, privateKey: try Ed25519.PrivateKey(seed: seed)))
        } catch {
            throw .damaged(path: path, reason: "\(error)")
        }
    }

    private init(folder: String, cosigner: consuming Cosigner) {
        self.folder = folder
        self.cosigner = cosigner
    }

    private static func context(of name: KeyName) -> [UInt8] { Array("keyledger witness v1\n".utf8) + name.utf8 }

    /// Decides about a request (C2SP tlog-witness, `add-checkpoint`), remembers its tree, and answers. What was remembered
    /// is durable before the cosignature is made.
    public borrowing func answer(
        _ request: [UInt8], secondsSince1970: UInt64
    ) throws(ProofError) -> WitnessResponse {
        let lock = try WitnessLock(folder + "/lock")
        defer { lock.release() }
        var witness = Witness(logs: try logs(), heads: try heads())
        let checkpoint: Checkpoint
        do throws(WitnessRefusal) {
            checkpoint = try witness.accept(try AddCheckpointRequest(parsing: request))
        } catch {
            return WitnessResponse(refusal: error)
        }
        try store(witness.heads)
        let cosignature = try ProofError.crypto { () throws(CryptoError) in
            try cosigner.cosignature(over: checkpoint, secondsSince1970: secondsSince1970)
        }
        return WitnessResponse(cosignature: cosignature)
    }

    // MARK: Files

    private borrowing func logs() throws(ProofError) -> [Origin: [VerifierKey]] {
        var logs: [Origin: [VerifierKey]] = [:]
        for (number, line) in try lines(of: "logs").enumerated() {
            do throws(VerifierKeyError) {
                let key = try VerifierKey(parsing: line)
                guard let origin = Origin(key.name.description) else { throw VerifierKeyError.invalidName }
                logs[origin, default: []].append(key)
            } catch {
                throw .damaged(path: folder + "/logs", reason: "line \(number + 1): \(error)")
            }
        }
        return logs
    }

    private borrowing func heads() throws(ProofError) -> [Origin: TreeHead] {
        var heads: [Origin: TreeHead] = [:]
        for (number, line) in try lines(of: "heads").enumerated() {
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count == 3, let size = UInt64(words[0]).flatMap(TreeSize.init),
                let bytes = [UInt8](hexadecimal: String(words[1])), let root = SHA256Digest(unsafe bytes.span.bytes),
                let origin = Origin(String(words[2]))
            else {
                // Never guessed: a witness that forgets what it cosigned may cosign a fork.
                throw .damaged(path: folder + "/heads", reason: "line \(number + 1) is malformed")
            }
            heads[origin] = TreeHead(size: size, root: root)
        }
        return heads
    }

    private borrowing func store(_ heads: [Origin: TreeHead]) throws(ProofError) {
        let lines = heads.map { "\($0.value.size) \($0.value.root) \($0.key)\n" }.sorted()
        let path = folder + "/heads"
        try ProofError.store { () throws(StoreError) in
            try DurableFile.replace(path, with: Array(lines.joined().utf8))
        }
    }

    private borrowing func lines(of name: String) throws(ProofError) -> [String] {
        let path = "\(folder)/\(name)"
        let bytes = try ProofError.store { () throws(StoreError) in try DurableFile.read(path) } ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

/// Reading, deciding and remembering are one step.
private struct WitnessLock {
    private let file: Int32

    init(_ path: String) throws(ProofError) {
        file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .store(LedgerFolder.systemError("opening", path)) }
        while flock(file, LOCK_EX) != 0 {
            if errno == EINTR { continue }
            let error = LedgerFolder.systemError("locking", path)
            close(file)
            throw .store(error)
        }
    }

    func release() { close(file) }
}
