import Foundation
import Testing
import Transparency

@Suite("checkpoint, prove, publish, witness and evidence")
struct ProofCommandTests {
    /// A ledger with two checkpoints, and the key that verifies them.
    private func checkpointed() async throws -> (Workplace, key: String, sizes: [Int]) {
        let place = try await Workplace.furnished()
        for message in ["one", "two"] {
            for index in 0..<3 {
                _ = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "\(message) \(index)")
            }
            _ = try await place.json("checkpoint")
        }
        let sizes = try await place.jsonLines("checkpoint", "list").compactMap { $0["size"]?.integer }
        try #require(sizes.count == 2)
        let key = try #require(try await place.json("checkpoint", "key", "show")["keys"]?[0]?.string)
        return (place, key, sizes)
    }

    // MARK: checkpoint

    @Test func aCheckpointIsShownAndListed() async throws {
        let (place, key, sizes) = try await checkpointed()
        let shown = try await place.json("checkpoint", "show")
        #expect(shown.names == ["size", "rootHash", "checkpoint"])
        #expect(shown["size"]?.integer == sizes[1])
        let text = try await place.run("checkpoint", "show", "--size", String(sizes[0]))
        #expect(text.output.hasPrefix("localhost/keyledger\n\(sizes[0])\n"))
        let policy = try CheckpointPolicy(
            origin: try #require(Origin("localhost/keyledger")), logKeys: [try VerifierKey(parsing: key)])
        #expect(throws: Never.self) { try policy.verify(Array(text.output.utf8)) }
        let lines = try await place.jsonLines("checkpoint", "list")
        #expect(lines[0].names == ["size", "rootHash", "signatures", "timestamps"])
        let unknown = try await place.run("checkpoint", "show", "--size", "3")
        #expect(unknown.status == 3)
        #expect(unknown.complaintLines.count == 1)
    }

    @Test func copiesGoToASecondPlaceAsTheyAreMade() async throws {
        let (place, _, sizes) = try await checkpointed()
        let made = try await place.run(
            "checkpoint", "--to", place.file("second"), "--command", "/bin/sh", "-c", "cat >> received")
        #expect(made.status == 0, "\(made.complaints)")
        let names = try FileManager.default.contentsOfDirectory(atPath: place.file("second")).sorted()
        #expect(names == sizes.map { String(format: "%019d", $0) } + ["keys"])
        #expect(try place.read("received").split(separator: "\n").count { $0.hasPrefix("— ") } == 2)
        // Where it cannot be delivered, it is made all the same, and said.
        _ = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x")
        let failed = try await place.run("checkpoint", "--to", "/proc/nowhere")
        #expect(failed.status == 5)
        #expect(failed.output.hasPrefix("localhost/keyledger\n"))
        #expect(try await place.jsonLines("checkpoint", "list").count == 3)
    }

    @Test func theEnvironmentSaysWhenTheyAreMade() async throws {
        let place = try await Workplace.furnished()
        let used = try await place.run(
            ["sign", "--tenant", "acme", "--key", "claims"], input: "x",
            environment: ["KEYLEDGER_CHECKPOINT_EVENTS": "5", "KEYLEDGER_CHECKPOINT_TO": place.file("second")])
        #expect(used.status == 0, "\(used.complaints)")
        #expect(try await place.jsonLines("checkpoint", "list").count == 1)
        #expect(FileManager.default.fileExists(atPath: place.file("second/keys")))
        let wrong = try await place.run(
            ["sign", "--tenant", "acme", "--key", "claims"], input: "x",
            environment: ["KEYLEDGER_CHECKPOINT_SECONDS": "soon"])
        #expect(wrong.status == 64)
    }

    @Test func theKeyIsRotated() async throws {
        let (place, key, _) = try await checkpointed()
        let new = try #require(try await place.json("checkpoint", "key", "rotate")["key"]?.string)
        #expect(try await place.json("checkpoint", "key", "show")["keys"] == [.string(key), .string(new)])
        let proof = place.file("event.tlog-proof")
        _ = try await place.run("prove", "3", "--output", proof)
        for believed in [key, new] {
            #expect(try await place.run("prove", "check", proof, "--key", believed).status == 0)
        }
    }

    // MARK: prove

    @Test func anEventIsProvedAndCheckedOffline() async throws {
        let (place, key, sizes) = try await checkpointed()
        let proof = place.file("event.tlog-proof")
        #expect(try await place.run("prove", "7", "--output", proof).status == 0)
        let elsewhere = try Workplace()
        let result = try await elsewhere.run("prove", "check", proof, "--key", key, "--json")
        #expect(result.status == 0, "\(result.complaints)")
        let checked = try JSONValue(parsing: result.output)
        #expect(checked["event"] == 7)
        #expect(checked["valid"] == true)
        #expect(checked["size"]?.integer == sizes[1])
        // An event by its id, against an older checkpoint.
        let events = try await place.jsonLines("log", "show")
        let sign = try #require(events.first { $0["kind"] == "sign" })
        let id = try #require(sign["id"]?.string)
        #expect(try await place.run("prove", id, "--size", String(sizes[0]), "--output", proof).status == 0)
        let again = try JSONValue(
            parsing: try await elsewhere.run("prove", "check", proof, "--key", key, "--json").output)
        #expect(again["event"] == sign["event"])
        #expect(again["kind"] == "sign")
        #expect(again["time"] == sign["time"])
        #expect(again["outcome"] == "accepted")
    }

    @Test func aProofThatDoesNotHoldIsSaidToBeNone() async throws {
        let (place, key, _) = try await checkpointed()
        let proof = place.file("event.tlog-proof")
        _ = try await place.run("prove", "7", "--output", proof)
        let text = try place.read("event.tlog-proof")
        for (name, changed) in [
            ("cut", String(text.dropLast(20))), ("moved", text.replacing("\nindex 7\n", with: "\nindex 8\n")),
            ("nothing", ""), ("nonsense", "nonsense\n"), ("extra", text.replacing("\nextra ", with: "\nextra AAAA")),
        ] {
            let file = try place.write(changed, to: name)
            let result = try await place.run("prove", "check", file, "--key", key)
            #expect(result.status == 1, "\(name): \(result.output)")
            #expect(result.complaintLines.count == 1)
        }
        let other = "other.example/x+00000000+AAAA"
        #expect(try await place.run("prove", "check", proof, "--key", other).status == 3)
        #expect(try await place.run("prove", "check", proof).status == 64)
    }

    @Test func whatCannotBeProvedIsRefused() async throws {
        let (place, _, sizes) = try await checkpointed()
        for (arguments, status) in [
            (["prove", "999999"], 3), (["prove", String(sizes[1])], 3), (["prove", "3", "--size", "4"], 3),
            (["prove", "no event"], 64), (["prove"], 64), (["prove", "3", "--from", "4"], 64),
            (["prove", "--from", "4"], 3), (["prove", "--from", "/nowhere"], 5),
            (["prove", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], 3),
        ] as [([String], Int32)] {
            let result = try await place.run(arguments)
            #expect(result.status == status, "\(arguments): \(result.complaints)")
        }
        let empty = try await Workplace.furnished()
        #expect(try await empty.run("prove", "3").status == 3)
    }

    @Test func growthIsProvedAndCheckedOffline() async throws {
        let (place, key, sizes) = try await checkpointed()
        let old = place.file("old")
        try Data(try await place.run("checkpoint", "show", "--size", String(sizes[0])).output.utf8)
            .write(to: URL(filePath: old))
        for from in [old, String(sizes[0])] {
            let proof = place.file("growth")
            #expect(try await place.run("prove", "--from", from, "--output", proof).status == 0)
            let checked = try await place.run("prove", "check", proof, "--from", old, "--key", key)
            #expect(checked.status == 0, "\(checked.complaints)")
            // The other direction, and with the wrong beginning.
            let new = try place.write(try await place.run("checkpoint", "show").output, to: "new")
            #expect(try await place.run("prove", "check", proof, "--from", new, "--key", key).status == 1)
        }
        // The checkpoint of another ledger.
        let (other, _, _) = try await checkpointed()
        let foreign = try place.write(try await other.run("checkpoint", "show").output, to: "foreign")
        #expect(try await place.run("prove", "--from", foreign).status == 1)
    }

    // MARK: publish

    /// A reader that shares nothing with this program but the specification.
    private static let reader =
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Support/tlog_reader.py").path()

    @Test func anIndependentReaderVerifiesWhatIsPublished() async throws {
        let (place, key, sizes) = try await checkpointed()
        let result = try await place.json("publish", place.file("public"))
        #expect(result.names == ["size", "previousSize", "filesWritten"])
        let root = try #require(try await place.json("checkpoint", "show")["rootHash"]?.string)
        let read = try await place.shell("python3 '\(Self.reader)' public '\(key)'")
        #expect(read.output == "\(sizes[1]) \(root)\n", "\(read.complaints)")
        // More than a tile, and on from a partial one.
        let more = try await place.shell(
            "for i in $(seq 90); do keyledger verify --tenant acme --key claims --signature AAAA /dev/null; done; "
                + "keyledger checkpoint >/dev/null && keyledger publish public --json")
        #expect(more.status == 0, "\(more.complaints.suffix(300))")
        let again = try await place.shell("python3 '\(Self.reader)' public '\(key)'")
        #expect(again.status == 0, "\(again.complaints)")
        #expect(Int(again.output.split(separator: " ")[0]) ?? 0 > sizes[1])
        // And it does find a change.
        let entries = try #require(
            try FileManager.default.subpathsOfDirectory(atPath: place.file("public")).first {
                $0.hasPrefix("tile/entries/") && $0.contains("/000")
                    && !FileManager.default.fileExists(atPath: place.file("public/" + $0 + "/."))
            })
        var bytes = try Data(contentsOf: URL(filePath: place.file("public/" + entries)))
        bytes[40] ^= 1
        try bytes.write(to: URL(filePath: place.file("public/" + entries)))
        #expect(try await place.shell("python3 '\(Self.reader)' public '\(key)'").status != 0)
    }

    // MARK: witness

    @Test func aWitnessCosignsOverFiles() async throws {
        let (place, key, sizes) = try await checkpointed()
        let witness = try JSONValue(
            parsing: try await place.run(
                "witness", "init", "--folder", place.file("w"), "--name", "w.example/1", "--log", key, "--json"
            ).output)
        let witnessKey = try #require(witness["key"]?.string)
        for size in sizes {
            let exchange = try await place.shell(
                "keyledger witness request --witness '\(witnessKey)' --size \(size) > request && "
                    + "keyledger witness answer --folder w request > answer && "
                    + "keyledger witness add --witness '\(witnessKey)' --size \(size) answer")
            #expect(exchange.status == 0, "\(exchange.complaints)")
            #expect(exchange.output.contains("— w.example/1 "))
        }
        try place.write(
            "log \(key)\nwitness w \(witnessKey)\nquorum w\n", to: "policy")
        try place.write("log \(key)\nwitness w \(witnessKey)\n", to: "malformed")
        _ = try await place.run("prove", "3", "--output", place.file("proof"))
        let checked = try await place.run("prove", "check", place.file("proof"), "--policy", place.file("policy"))
        #expect(checked.status == 0, "\(checked.complaints)")
        #expect(
            try await place.run("prove", "check", place.file("proof"), "--policy", place.file("malformed")).status == 3)
        // The same request again is one from an old size.
        let again = try await place.run("witness", "answer", "--folder", place.file("w"), place.file("request"))
        #expect(again.status == 3)
        #expect(again.output == "\(sizes[1])\n")
        // A checkpoint nobody cosigned yet does not satisfy the policy.
        _ = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x")
        _ = try await place.run("checkpoint")
        _ = try await place.run("prove", "3", "--output", place.file("proof"))
        let alone = try await place.run("prove", "check", place.file("proof"), "--policy", place.file("policy"))
        #expect(alone.status == 1)
    }

    // MARK: checkpoint anchor

    /// A timestamp authority made for the occasion.
    private static let authority = """
        openssl req -x509 -newkey ed25519 -nodes -keyout ca.key -out ca.pem -days 3 -config tsa.cnf -extensions v3_ca \
        && openssl req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -config tsa.cnf \
        && openssl x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out tsa.pem \
        -extfile tsa.cnf -extensions v3_tsa && echo 01 > tsa-serial
        """

    private static let configuration = """
        [ tsa ]
        default_tsa = tsa_config
        [ tsa_config ]
        serial = tsa-serial
        signer_digest = sha256
        default_policy = 1.3.6.1.4.1.99999.1
        other_policies = 1.3.6.1.4.1.99999.2
        digests = sha256
        ess_cert_id_alg = sha256
        [ req ]
        distinguished_name = dn
        prompt = no
        [ dn ]
        CN = a timestamp authority for a test
        [ v3_ca ]
        basicConstraints = critical,CA:TRUE
        keyUsage = critical,keyCertSign
        [ v3_tsa ]
        basicConstraints = critical,CA:FALSE
        keyUsage = critical,digitalSignature
        extendedKeyUsage = critical,timeStamping
        """

    @Test func aCheckpointIsTimestamped() async throws {
        let (place, key, sizes) = try await checkpointed()
        try place.write(Self.configuration, to: "tsa.cnf")
        let setUp = try await place.shell(Self.authority)
        try #require(setUp.status == 0, "\(setUp.complaints)")
        #expect(try await place.run("checkpoint", "anchor", "--request", place.file("c.tsq")).status == 0)
        let replied = try await place.shell(
            "openssl ts -reply -config tsa.cnf -section tsa_config -queryfile c.tsq -signer tsa.pem -inkey tsa.key "
                + "-out c.tsr")
        try #require(replied.status == 0, "\(replied.complaints)")
        let anchored = try await place.json(
            "checkpoint", "anchor", "--reply", place.file("c.tsr"), "--query", place.file("c.tsq"), "--authority",
            place.file("ca.pem"))
        #expect(anchored.names == ["size", "genTime", "policy", "serialNumber"])
        #expect(anchored["size"]?.integer == sizes[1])
        #expect(anchored["policy"] == "1.3.6.1.4.1.99999.1")
        let list = try await place.jsonLines("checkpoint", "list")
        #expect(list.last?["timestamps"] == 1)
        let event = try #require(try await place.jsonLines("log", "show").last { $0["kind"] == "anchored" })
        #expect(event["size"]?.integer == sizes[1])
        // OpenSSL agrees, on the checkpoint as its file has it.
        let agreed = try await place.shell(
            "openssl ts -verify -in ledger/checkpoints/*.tsr -data ledger/checkpoints/\(String(format: "%019d", sizes[1])) "
                + "-CAfile ca.pem")
        #expect(agreed.status == 0, "\(agreed.complaints)")
        // Not over another checkpoint, and not by another authority.
        let other = try await place.run(
            "checkpoint", "anchor", "--size", String(sizes[0]), "--reply", place.file("c.tsr"), "--authority",
            place.file("ca.pem"))
        #expect(other.status == 1)
        let stranger = try await place.run(
            "checkpoint", "anchor", "--reply", place.file("c.tsr"), "--authority", place.file("tsa.csr"))
        #expect(stranger.status == 1)
        // It is part of the evidence.
        _ = try await place.run(
            "evidence", "export", "--tenant", "acme", "--to", String(sizes[1]), "--output", place.file("e"))
        let policy = try CheckpointPolicy(
            origin: try #require(Origin("localhost/keyledger")), logKeys: [try VerifierKey(parsing: key)])
        let file = [UInt8](try Data(contentsOf: URL(filePath: place.file("e"))))
        let reply = [UInt8](try Data(contentsOf: URL(filePath: place.file("c.tsr"))))
        #expect(try EvidenceBundle.verify(file, policy: policy).bundle.timestamps == [reply])
    }

    // MARK: evidence

    @Test func evidenceIsExportedAndCheckedOffline() async throws {
        let (place, key, sizes) = try await checkpointed()
        let bundle = place.file("acme.evidence")
        let exported = try await place.run("evidence", "export", "--tenant", "acme", "--output", bundle)
        #expect(exported.status == 0, "\(exported.complaints)")
        let elsewhere = try Workplace()
        let result = try await elsewhere.run("evidence", "check", bundle, "--key", key, "--json")
        #expect(result.status == 0, "\(result.complaints)")
        let checked = try JSONValue(parsing: result.output)
        #expect(
            checked.names == [
                "valid", "origin", "tenant", "from", "to", "size", "events", "details", "withheld",
            ])
        #expect(checked["tenant"] == "acme")
        #expect(checked["size"]?.integer == sizes[1])
        // The same bytes again.
        let range = ["--tenant", "acme", "--from", "5", "--to", "15"]
        for name in ["a", "b"] {
            let again = try await place.run(["evidence", "export"] + range + ["--output", place.file(name)])
            #expect(again.status == 0, "\(again.complaints)")
        }
        #expect(try place.read("a") == place.read("b"))
        // One changed byte.
        let text = try place.read("acme.evidence")
        let middle = text.index(text.startIndex, offsetBy: text.count / 2)
        let changed = text.replacingCharacters(in: middle...middle, with: text[middle] == "A" ? "B" : "A")
        let file = try place.write(changed, to: "changed")
        #expect(try await place.run("evidence", "check", file, "--key", key).status == 1)
        for arguments in [
            ["--tenant", "nobody"], ["--tenant", "acme", "--from", "9", "--to", "8"],
            ["--tenant", "acme", "--to", "999999"],
        ] {
            let refused = try await place.run(["evidence", "export"] + arguments)
            #expect(refused.status == 3, "\(arguments): \(refused.complaints)")
        }
    }
}
