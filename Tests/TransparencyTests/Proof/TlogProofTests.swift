internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Proof files (C2SP tlog-proof)")
struct TlogProofTests {
    /// The log of the vectors; their last valid case has no cosignatures, so that none is required.
    private func policy(quorum: Int = 0) throws -> CheckpointPolicy {
        let vectors = try Vectors.load("tlog_proofs")
        return try CheckpointPolicy(
            origin: try vectors.origin("origin"), logKeys: [try VerifierKey(parsing: try vectors.text("log_vkey"))],
            witnessKeys: try vectors.verifierKeys("witness_vkeys"), quorum: quorum)
    }

    private func verify(_ vector: JSONValue, _ policy: CheckpointPolicy) throws -> VerifiedCheckpoint {
        let entry = try vector.bytes("leaf_hex")
        let proof = try TlogProof(parsing: try vector.text("proof").bytes)
        return try proof.verify(leafHash: MerkleHash.leaf(unsafe entry.span.bytes), policy: policy)
    }

    @Test func vectorsProveOrAreRefused() throws {
        let cases = try Vectors.load("tlog_proofs").list("cases")
        #expect(cases.count == 9)
        for vector in cases {
            let name = try vector.text("name")
            if vector["valid"] == true {
                let bytes = try vector.text("proof").bytes
                #expect(try verify(vector, try policy()).head.size > 0, "\(name)")
                #expect(try TlogProof(parsing: bytes).serialized() == bytes, "\(name)")
            } else {
                let refusal = #expect(throws: TlogProofError.self, "\(name)") { try verify(vector, try policy()) }
                let expected: [String: TlogProofError] = [
                    "index with leading zero": .malformedIndex, "wrong magic": .unknownVersion,
                    "index out of range": .inclusion(.indexOutsideTree(1777, 1000)),
                    "checkpoint signature missing": .checkpoint(.noLogSignature),
                    "one hash line removed": .inclusion(.wrongLength(expected: 10, found: 9)),
                ]
                if let expected = expected[name] { #expect(refusal == expected) }
            }
        }
    }

    @Test func theWitnessQuorumIsThePolicys() throws {
        let cases = try Vectors.load("tlog_proofs").list("cases")
        #expect(try verify(cases[0], try policy(quorum: 2)).cosignatures.count == 2)
        #expect(throws: TlogProofError.checkpoint(.quorumNotReached(needed: 1, found: 0))) {
            try verify(cases[2], try policy(quorum: 1))
        }
    }

    @Test func aLogProvesItsOwnEntries() throws {
        let leafHashes = EventLog.leafHashes(count: 100)
        let log = SyntheticLog(leafHashes: leafHashes)
        let checkpoint = try Checkpoint(origin: try policy().origin, head: log.tree.head)
        let note = try TestKey("log").signer().sign(checkpoint, after: nil)
        for position in [UInt64(0), 63, 64, 99] {
            let index = LeafIndex(position)
            let hashes = try ProofNodes(inclusionOf: index, in: log.tree.size).hashes(log.hash)
            let inclusion = try InclusionProof(index: index, size: log.tree.size, hashes: hashes)
            let file = TlogProof(inclusion, note: note, extra: [1, 2]).serialized()
            let read = try TlogProof(parsing: file)
            #expect(read.extra == [1, 2])
            #expect(throws: Never.self) {
                try read.verify(leafHash: leafHashes[Int(position)], policy: try policy())
            }
        }
    }

    @Test(
        "malformed files",
        arguments: [
            ("", .noCheckpoint), ("c2sp.org/tlog-proof@v1\nindex 0\n", .noCheckpoint), ("\n\n", .unknownVersion),
            ("c2sp.org/tlog-proof@v1\n\n", .malformedIndex),
            ("c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\n", .malformedExtra),
            ("c2sp.org/tlog-proof@v1\nindex 18446744073709551616\n\n", .malformedIndex),
            ("c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n", .hashes(.malformed(number: 1))),
            (
                "c2sp.org/tlog-proof@v1\nindex 0\n" + String(repeating: "x\n", count: 64) + "\n",
                .hashes(.tooMany(count: 64))
            ),
            ("c2sp.org/tlog-proof@v1\nindex 0\n\n", .checkpoint(.note(.notTerminated))),
        ] as [(String, TlogProofError)])
    func malformedFile(text: String, expected: TlogProofError) {
        #expect(throws: expected) { try TlogProof(parsing: text.bytes) }
    }

    @Test func noDamageStopsTheParserOrPassesForAProof() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let vector = try Vectors.load("tlog_proofs").list("cases")[1]
        let bytes = try vector.text("proof").bytes
        let entry = try vector.bytes("leaf_hex")
        let leafHash = MerkleHash.leaf(unsafe entry.span.bytes)
        let (policy, original) = (try policy(quorum: 2), try TlogProof(parsing: bytes))
        for _ in 0..<3_000 {
            guard let proof = try? TlogProof(parsing: random.damage(bytes)),
                (try? proof.verify(leafHash: leafHash, policy: policy)) != nil
            else { continue }
            // What nothing authenticates may differ, the rest may not.
            #expect(proof.hashes == original.hashes && proof.index == original.index, "seed \(seed)")
            #expect(proof.note.text == original.note.text, "seed \(seed)")
        }
    }
}
