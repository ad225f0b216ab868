internal import CryptoPrimitives
internal import Transparency

/// Every checkpoint there is, against the tree that the log leads to: stored ones, and those that were kept elsewhere.
///
/// A key is trusted because it was given, or because a trusted one signed a checkpoint of a tree that has the event which
/// made it.
struct CheckpointCheck {
    private(set) var findings = Findings()
    private(set) var notes: [String] = []
    private let files: CheckpointFiles
    private let kept: [(path: String, note: SignedNote)]
    private let origin: String
    private let given: [VerifierKey]
    private var trusted: [VerifierKey] = []
    /// What holds: size and root of each checkpoint that has a trusted signature.
    private var signed: [UInt64: SHA256Digest] = [:]
    /// The largest checkpoint below whose size the log is as it was signed.
    private var lastHolding: UInt64 = 0

    /// Reads all checkpoints.
    ///
    /// - Throws: ``Unreadable`` for keys and files that were given and are none.
    init(_ folder: String, origin: String, _ options: Verification.Options) throws(Unreadable) {
        self.origin = origin
        files = try CheckpointFiles(folder, &findings)
        var given: [VerifierKey] = []
        for text in options.keys { given.append(try VerifierKey(given: text)) }
        self.given = given
        var kept: [(String, SignedNote)] = []
        for path in options.checkpointFiles {
            let bytes = try SmallFile.read(path, limit: 1 << 20)
            do throws(NoteError) {
                kept.append((path, try SignedNote(parsing: bytes)))
            } catch {
                throw Unreadable(path, "\(error)")
            }
        }
        self.kept = kept
    }

    /// The sizes at which the tree's root is needed, in ascending order.
    var sizes: [UInt64] {
        let notes = files.notes.compactMap(\.note) + kept.map(\.note)
        return Set(notes.compactMap { try? Checkpoint(parsing: $0.text).head.size.leafCount }).sorted()
    }

    /// Checks all of them against what the log led to.
    mutating func run(_ pass: LogPass) {
        checkKeys(pass)
        extendTrust(pass)
        for (size, note) in files.notes {
            guard let note else { continue }
            let name = "the checkpoint of size \(size)"
            guard let checkpoint = try? Checkpoint(parsing: note.text), checkpoint.head.size.leafCount == size else {
                findings.add(.checkpointMalformed, "\(name) is none, or has another size than its name")
                continue
            }
            guard checkpoint.origin.description == origin else {
                findings.add(.checkpointForged, "\(name) is one of \(checkpoint.origin)")
                continue
            }
            guard isTrusted(note, name) else { continue }
            compare(checkpoint.head, name, pass)
            checkEvent(of: checkpoint.head, name, pass)
        }
        for (path, note) in kept { check(note, path, pass) }
        checkAnnounced(pass)
    }

    /// The keys in the folder are those that the log speaks of.
    private mutating func checkKeys(_ pass: LogPass) {
        var recorded: [VerifierKey] = []
        for (index, key) in files.keys.enumerated() {
            let version = UInt32(index + 1)
            guard let event = pass.rules.checkpointKeys[version] else {
                // In a log that breaks off, it may have come later.
                if !pass.isComplete { recorded.append(key) }
                notes.append("checkpoints/keys has a version \(version) that no event speaks of")
                continue
            }
            let text = Array(key.description.utf8)
            if unsafe SHA256.hash(text.span.bytes).leadingNumber == event.subject {
                recorded.append(key)
            } else {
                findings.add(
                    .checkpointForged, event: event.sequence,
                    "version \(version) in checkpoints/keys is not the key that event \(event.sequence) speaks of")
            }
        }
        trusted = given.isEmpty ? recorded : given
        if given.isEmpty, !files.notes.isEmpty {
            notes.append(
                "the keys of the checkpoints are those of the folder itself; give one that you know with --key")
        }
    }

    /// Which keys signed a note.
    private func signers(of note: SignedNote) throws(NoteError) -> [VerifierKey] {
        let others = files.keys.filter { !given.contains($0) }
        return try note.verifiedSignatures(by: given + others).map(\.key)
    }

    /// Extends the trust to all keys that trusted ones vouch for.
    private mutating func extendTrust(_ pass: LogPass) {
        var candidates = (files.notes.compactMap(\.note) + kept.map(\.note)).compactMap { note in
            (try? signers(of: note)).flatMap { signers in
                (try? Checkpoint(parsing: note.text)).map { (signers: signers, head: $0.head) }
            }
        }
        while let index = candidates.firstIndex(where: { $0.signers.contains(where: trusted.contains) }) {
            let head = candidates.remove(at: index).head
            guard pass.roots[head.size.leafCount] == head.root else { continue }
            for (version, key) in zip(UInt32(1)..., files.keys) where !trusted.contains(key) {
                if let event = pass.rules.checkpointKeys[version], event.sequence < head.size.leafCount {
                    trusted.append(key)
                }
            }
        }
    }

    private mutating func isTrusted(_ note: SignedNote, _ name: String) -> Bool {
        do throws(NoteError) {
            let signers = try signers(of: note)
            // Cosignatures are longer: what looks like the ledger's own signature has to be one.
            let own = note.signatures.filter { $0.bytes.count == Ed25519.signatureByteCount }
            if own.count > signers.count {
                findings.add(.checkpointForged, "\(name) has a signature by a key that is not the ledger's")
            } else if signers.contains(where: trusted.contains) {
                return true
            } else {
                findings.add(.checkpointForged, "\(name) is signed by no key that is trusted")
            }
        } catch {
            findings.add(.checkpointForged, "\(name): \(error)")
        }
        return false
    }

    /// A checkpoint that was kept elsewhere.
    private mutating func check(_ note: SignedNote, _ path: String, _ pass: LogPass) {
        guard isTrusted(note, path) else { return }
        guard let checkpoint = try? Checkpoint(parsing: note.text) else {
            return findings.add(.checkpointMalformed, "\(path) is no checkpoint")
        }
        guard checkpoint.origin.description == origin else {
            return findings.add(
                .originForged, "\(path) is a checkpoint of \(checkpoint.origin), and this ledger says it is \(origin)")
        }
        compare(checkpoint.head, path, pass)
    }

    private mutating func compare(_ head: TreeHead, _ name: String, _ pass: LogPass) {
        let size = head.size.leafCount
        if let other = signed[size], other != head.root {
            findings.add(
                .historyForked, "\(name) has another root than one of the same size: two histories were signed")
        }
        signed[size] = head.root
        guard let root = pass.roots[size] else {
            if pass.isComplete {
                findings.add(
                    .historyCut, event: pass.eventCount,
                    "\(name) commits to \(size) events, and there are \(pass.eventCount)")
            }
            return
        }
        if root == head.root {
            lastHolding = max(lastHolding, size)
        } else {
            findings.add(
                .historyRewritten, event: min(lastHolding, size),
                "\(name) has the root \(head.root), and its events lead to \(root): some of events \(lastHolding) to "
                    + "\(max(size, 1) - 1) are not those that were signed")
        }
    }

    private mutating func checkEvent(of head: TreeHead, _ name: String, _ pass: LogPass) {
        guard pass.isComplete, head.size.leafCount <= pass.eventCount else { return }
        guard let event = pass.rules.checkpoints[head.size.leafCount] else {
            return findings.add(.checkpointUnrecorded, "no event announces \(name)")
        }
        if event.subject != head.root.leadingNumber {
            findings.add(
                .historyRewritten, event: event.sequence, "event \(event.sequence) announces another root for \(name)")
        }
    }

    /// What the log announces is there. The last one may have been cut off by a crash, and is signed at the next opening.
    private mutating func checkAnnounced(_ pass: LogPass) {
        let stored = Set(files.notes.map(\.size))
        let announced = pass.rules.checkpoints.sorted { $0.key < $1.key }
        for (size, event) in announced where !stored.contains(size) {
            if size == announced.last?.key {
                notes.append("the checkpoint of size \(size) is announced and not there yet")
            } else {
                findings.add(
                    .checkpointMissing, event: event.sequence,
                    "the checkpoint of size \(size), which event \(event.sequence) announces, is missing")
            }
        }
        if !announced.isEmpty, files.keys.isEmpty { findings.add(.checkpointMissing, "checkpoints/keys is missing") }
    }
}

extension SHA256Digest {
    /// The first 16 bytes as a big-endian number.
    var leadingNumber: UInt128 { bytes.prefix(16).reduce(0) { $0 << 8 | UInt128($1) } }
}
