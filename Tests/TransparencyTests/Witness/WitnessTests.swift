internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Witness (C2SP tlog-witness)")
struct WitnessTests {
    @Test func vectorsAreAnsweredAsTheSpecificationSays() throws {
        let vectors = try Vectors.load("witness_cases")
        let cases = try vectors.list("cases")
        #expect(cases.count == 22)
        let origin = try vectors.origin("origin")
        let key = try VerifierKey(parsing: try vectors.text("log_vkey"))
        let cosigner = try TestKey(try vectors.member("witness")).cosigner()
        for vector in cases {
            let name = try vector.text("name")
            let before = try head(try vector.member("state"))
            var witness = Witness(logs: [origin: [key]], heads: before.map { [origin: $0] } ?? [:])
            let response = try answer(
                try vector.text("request").bytes, &witness, cosigner, secondsSince1970: try vector.unsigned("time"))
            #expect(response.statusCode == (try vector.member("status").number?.integer()), "\(name)")
            if let body = vector["response_body"]?.string { #expect(response.body == body.bytes, "\(name)") }
            if let type = vector["content_type"]?.string { #expect(response.contentType == type, "\(name)") }
            let after = vector["state_after"] == "unchanged" ? before : try head(try vector.member("state_after"))
            #expect(witness.heads[origin] == after, "\(name)")
        }
    }

    @Test func theExchangeOfTheVectorsIsReproduced() throws {
        let vectors = try Vectors.load("witness_add_checkpoint")
        let body = try vectors.text("request").bytes
        let request = try AddCheckpointRequest(parsing: body)
        #expect(request.serialized() == body)
        let answered = try NoteSignature.lines(parsing: try vectors.text("response_body").bytes)
        var note = request.note
        for signature in answered { note = try note.signed(with: signature) }
        let witnessKey = try VerifierKey(parsing: try vectors.text("witness_vkey"))
        let policy = try CheckpointPolicy(
            origin: try #require(Origin("ledger.example/keys")),
            logKeys: [try VerifierKey(parsing: try vectors.text("log_vkey"))], witnessKeys: [witnessKey], quorum: 1)
        #expect(try policy.verify(note).cosignatures.map(\.key) == [witnessKey])
        // The statuses are data of the vectors too; each has a case of its own in the other file.
        #expect(
            try vectors.member("error_statuses").object?.members.map { $0.value.number?.text } == [
                "404", "403", "400", "409", "422",
            ])
    }

    @Test func aWitnessFollowsALogAndNeverAFork() throws {
        let origin = try #require(Origin("ledger.example/keys"))
        let logKey = try TestKey("log")
        var witness = Witness(logs: [origin: [logKey.verifierKey]])
        var log = SyntheticLog()
        var other = SyntheticLog(leafHashes: [MerkleHash.emptyRoot])
        let leafHashes = EventLog.leafHashes(count: 60)
        for start in stride(from: 0, to: 60, by: 7) {
            for hash in leafHashes[start...].prefix(7) {
                log.append(hash)
                other.append(hash)
            }
            #expect(throws: Never.self) { try witness.accept(try request(log, witness, origin, logKey)) }
            #expect(witness.heads[origin] == log.tree.head)
            let forked = try request(other, witness, origin, logKey)
            let refusal = #expect(throws: WitnessRefusal.self) { try witness.accept(forked) }
            guard case .inconsistent? = refusal else {
                Issue.record("refused as \(String(describing: refusal))")
                return
            }
            #expect(witness.heads[origin] == log.tree.head)
        }
    }

    @Test func aWitnessShowsEachLogAtItsOwnPath() throws {
        let origin = try #require(Origin("ledger.example/keys"))
        #expect(
            origin.witnessPath == "\(SHA256.hash(unsafe "ledger.example/keys".utf8.span.bytes))/checkpoint")
    }

    @Test func noDamageStopsTheWitnessOrIsCosigned() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let vectors = try Vectors.load("witness_cases")
        let origin = try vectors.origin("origin")
        let vector = try vectors.list("cases")[1]
        let key = try VerifierKey(parsing: try vectors.text("log_vkey"))
        let before = try #require(try head(try vector.member("state")))
        let after = try head(try vector.member("state_after"))
        let body = try vector.text("request").bytes
        for _ in 0..<3_000 {
            var witness = Witness(logs: [origin: [key]], heads: [origin: before])
            guard let request = try? AddCheckpointRequest(parsing: random.damage(body)) else { continue }
            let isAccepted = (try? witness.accept(request)) != nil
            #expect(witness.heads[origin] == (isAccepted ? after : before), "seed \(seed)")
        }
    }

    /// What the service around a witness does with one request, but for storing the heads.
    private func answer(
        _ body: [UInt8], _ witness: inout Witness, _ cosigner: borrowing Cosigner, secondsSince1970: UInt64
    ) throws -> WitnessResponse {
        let checkpoint: Checkpoint
        do throws(WitnessRefusal) {
            checkpoint = try witness.accept(try AddCheckpointRequest(parsing: body))
        } catch {
            return WitnessResponse(refusal: error)
        }
        return WitnessResponse(
            cosignature: try cosigner.cosignature(over: checkpoint, secondsSince1970: secondsSince1970))
    }

    private func head(_ state: JSONValue) throws -> TreeHead? {
        state.isNull ? nil : TreeHead(size: try state.size("size"), root: try state.digest("root_hex"))
    }

    /// What a log asks whose proof starts at the size the witness knows.
    private func request(
        _ log: SyntheticLog, _ witness: Witness, _ origin: Origin, _ key: TestKey
    ) throws -> AddCheckpointRequest {
        let old = witness.heads[origin]?.size ?? .zero
        let hashes = try ProofNodes(consistencyFrom: old, to: log.tree.size).hashes(log.hash)
        let checkpoint = try Checkpoint(origin: origin, head: log.tree.head)
        return AddCheckpointRequest(
            try ConsistencyProof(first: old, second: log.tree.size, hashes: hashes),
            note: try key.signer().sign(checkpoint, after: nil))
    }
}
