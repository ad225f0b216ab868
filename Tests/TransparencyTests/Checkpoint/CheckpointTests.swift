internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Checkpoints (C2SP tlog-checkpoint)")
struct CheckpointTests {
    @Test func validVectorsAreAccepted() throws {
        let cases = try Vectors.load("checkpoints").list("valid")
        #expect(cases.count == 8)
        for vector in cases {
            let bytes = try vector.text("note").bytes
            let verified = try CheckpointPolicy(vector).verify(bytes)
            #expect(verified.head.size == (try vector.size("size")))
            #expect(verified.head.root == (try vector.digest("root_hex")))
            #expect(verified.note.serialized() == bytes)
            #expect(verified.checkpoint.text == verified.note.text)
            let times = try vector["cosignature_times"]?.object?.members.map {
                "\($0.name) \(try #require($0.value.number).text)"
            }
            #expect(
                verified.cosignatures.compactMap { signature in
                    signature.secondsSince1970.map { "\(signature.key.name) \($0)" }
                } == times ?? [])
        }
    }

    @Test func vectorsToRejectAreRefusedAtTheirStage() throws {
        let cases = try Vectors.load("checkpoints").list("must_reject")
        #expect(cases.count == 40)
        for vector in cases {
            let name = try vector.text("name")
            let refusal = #expect(throws: CheckpointError.self, "\(name)") {
                try CheckpointPolicy(vector).verify(try vector.text("note").bytes)
            }
            #expect(refusal?.stage == (try vector.text("stage")), "\(name)")
        }
    }

    @Test func whereImplementationsDifferTheStricterReadingIsChosen() throws {
        let cases = try Vectors.load("checkpoints").list("implementation_defined")
        #expect(cases.count == 2)
        #expect(throws: CheckpointError.note(.malformedSignature(number: 1))) {
            try CheckpointPolicy(cases[0]).verify(try cases[0].text("note").bytes)
        }
        let note = try SignedNote(parsing: try cases[1].text("note").bytes)
        #expect(note.signatures.count == 2)
        #expect(try note.verifiedSignatures(by: try cases[1].verifierKeys("trusted_vkeys")).count == 1)
    }

    @Test func extensionLinesAreKept() throws {
        let vector = try Vectors.load("checkpoints").list("valid")[2]
        let verified = try CheckpointPolicy(vector).verify(try vector.text("note").bytes)
        #expect(verified.checkpoint.extensionLines.count == 1)
        #expect(verified.checkpoint.extensionLines[0].hasPrefix("prev-anchor sha256:abab"))
    }

    @Test func aTreesCheckpointIsItsHead() throws {
        var tree = MerkleTree()
        for hash in EventLog.leafHashes(count: 20) { tree.append(hash) }
        let origin = try #require(Origin("ledger.example/keys"))
        let checkpoint = try Checkpoint(origin: origin, head: tree.head)
        let note = try TestKey("log").signer().sign(checkpoint, after: nil)
        #expect(note.serialized() == (try Vectors.load("checkpoints").list("valid")[0].text("note").bytes))
        #expect(throws: CheckpointError.notTheEmptyRoot) {
            try Checkpoint(origin: origin, head: TreeHead(size: 0, root: tree.root))
        }
        #expect(throws: Never.self) { try Checkpoint(origin: origin, head: .empty) }
    }

    @Test func originsAreOneLine() {
        #expect(Origin("") == nil)
        #expect(Origin("a\nb") == nil)
        #expect(Origin("a b+c")?.description == "a b+c")
        #expect(Origin("\u{e9}") != Origin("e\u{301}"))
    }

    @Test(
        "sizes up to the limit",
        arguments: [
            ("9223372036854775807", true), ("9223372036854775808", false), ("18446744073709551615", false),
            ("0", false), ("00", false), ("", false),
        ])
    func sizeLimit(size: String, isAccepted: Bool) throws {
        let text = try NoteText("log\n\(size)\nu2TCF3W2QVZxItmMUSgVhnro3LWBdWzPI1r1ipV8qh4=\n".bytes)
        let checkpoint = try? Checkpoint(parsing: text)
        #expect((checkpoint != nil) == isAccepted)
    }
}

@Suite("Consistency of signed checkpoints")
struct CheckpointConsistencyTests {
    @Test func vectorsAreConsistentOrEvidenceAgainstTheLog() throws {
        let vectors = try Vectors.load("checkpoint_consistency")
        let policy = try CheckpointPolicy(
            origin: try vectors.origin("origin"), logKeys: [try VerifierKey(parsing: try vectors.text("vkey"))])
        let cases = try vectors.list("cases")
        #expect(cases.count == 7)
        for vector in cases {
            let first = try policy.verify(try vector.text("first").bytes).head
            let second = try policy.verify(try vector.text("second").bytes).head
            let hashes = try vector.list("proof_b64").map {
                try #require($0.string.flatMap(SHA256Digest.init(base64:)))
            }
            let proof = try ConsistencyProof(first: first.size, second: second.size, hashes: hashes)
            if vector["valid"] == true {
                #expect(throws: Never.self) { try proof.verify(firstRoot: first.root, secondRoot: second.root) }
            } else {
                let refusal = #expect(throws: ProofRefusal.self) {
                    try proof.verify(firstRoot: first.root, secondRoot: second.root)
                }
                if first.size == second.size { #expect(refusal == .fork(first.size)) }
            }
        }
    }
}

extension CheckpointPolicy {
    /// The policy of a vector: its keys in their roles, no witness required.
    fileprivate init(_ vector: JSONValue) throws {
        let keys = try vector.verifierKeys("trusted_vkeys")
        try self.init(
            origin: try vector.origin("expected_origin"), logKeys: keys.filter { $0.algorithm == .ed25519 },
            witnessKeys: keys.filter { $0.algorithm == .cosignature })
    }
}

extension CheckpointError {
    /// The vectors' name for where a refusal belongs.
    fileprivate var stage: String {
        switch self {
        case .note(.invalidSignature(let name, _)):
            name.description.hasPrefix("witness") ? "cosignature" : "signature"
        case .note(.noTrustedSignature): "signature"
        case .note: "note-syntax"
        case .otherOrigin, .noLogSignature, .quorumNotReached: "policy"
        default: "checkpoint-syntax"
        }
    }
}

extension SHA256Digest {
    /// The digest in this base64 text, by way of a checkpoint that carries it.
    init?(base64: String) {
        guard let text = try? NoteText("log\n1\n\(base64)\n".bytes), let checkpoint = try? Checkpoint(parsing: text)
        else { return nil }
        self = checkpoint.head.root
    }
}
