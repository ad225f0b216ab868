import Foundation
import Testing
import Transparency

@Suite("log, replay and verify")
struct AuditCommandTests {
    /// A ledger with some uses, a rotation and a refusal.
    private func used() async throws -> Workplace {
        let place = try await Workplace.furnished()
        _ = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "one")
        _ = try await place.run("key", "rotate", "--tenant", "acme", "claims")
        _ = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "two")
        _ = try await place.run("sign", "--tenant", "acme", "--key", "none", input: "three")
        return place
    }

    // MARK: log show

    @Test func theLogShowsEveryEventOnALine() async throws {
        let place = try await used()
        let count = try #require(try await place.json("status")["events"]?.integer)
        let events = try await place.jsonLines("log", "show")
        #expect(events.map { $0["event"]?.integer } == Array(0..<count))
        for event in events {
            #expect(event.names.isSuperset(of: ["event", "time", "timestamp", "kind", "outcome"]))
        }
        let times = events.compactMap { $0["timestamp"]?.string.flatMap { UInt64($0) } }
        #expect(times.count == count)
        #expect(times == times.sorted())
        let kinds = events.compactMap { $0["kind"]?.string }
        for kind in [
            "account", "cache-capacity", "create-tenant", "generate", "budget", "cryptoperiod", "admit", "sign",
        ]
            + ["evict", "retire", "deny"]
        {
            #expect(kinds.contains(kind))
        }
        let budget = try #require(events.first { $0["kind"] == "budget" })
        #expect(budget["amount"] == 4_294_967_296)
        #expect(budget["version"] == 1)
        #expect(events.first { $0["kind"] == "admit" }?["expiresAfterSeconds"] == 3600)
        let text = try await place.run("log", "show").output.split(separator: "\n")
        #expect(text.count == count + 1)
        #expect(text[0].hasPrefix("EVENT     TIME"))
    }

    @Test func aPartOfTheLogIsChosenByNumber() async throws {
        let place = try await used()
        let all = try await place.jsonLines("log", "show")
        #expect(try await place.jsonLines("log", "show", "--last", "3") == all.suffix(3))
        #expect(try await place.jsonLines("log", "show", "--from", "5", "--to", "8") == Array(all[5..<8]))
        #expect(try await place.jsonLines("log", "show", "--from", "\(all.count - 1)") == all.suffix(1))
        #expect(try await place.jsonLines("log", "show", "--last", "100000") == all)
        #expect(try await place.jsonLines("log", "show", "--from", "100000") == [])
        #expect(try await place.jsonLines("log", "show", "--from", "8", "--to", "5") == [])
        #expect(try await place.jsonLines("log") == all)
    }

    @Test func withoutTheMasterKeyEverythingButNamesAndDetailsIsShown() async throws {
        let place = try await used()
        let open = try await place.jsonLines("log", "show")
        let sealed = try await place.run(["log", "show", "--json"], environment: ["KEYLEDGER_MASTER_KEY_FILE": ""])
        #expect(sealed.status == 0)
        let events = try sealed.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(events.map { $0["kind"] } == open.map { $0["kind"] })
        #expect(events.allSatisfy { $0["details"] == nil })
        #expect(!sealed.output.contains("acme"))
    }

    @Test func aReaderThatStopsEarlyStopsTheProgram() async throws {
        let place = try await used()
        let outcome = try await place.shell("keyledger log show --json | head -1; keyledger verify")
        #expect(outcome.status == 0)
        #expect(outcome.output.hasPrefix("{\"event\":0,"))
        #expect(outcome.complaints.isEmpty)
    }

    // MARK: replay

    @Test func replayComparesWithTheState() async throws {
        let place = try await used()
        let replay = try await place.json("replay")
        #expect(
            replay.names == [
                "events", "projectionDigest", "balanceDigest", "residencyDigest", "agreesWithState", "keys", "inMemory",
            ])
        #expect(replay["agreesWithState"] == true)
        #expect(replay["keys"]?.array?.count == 2)
        #expect(replay["inMemory"] == [])
        let text = try await place.run("replay").output
        #expect(text.contains("state/      identical"))
        #expect(text.contains("No plaintext key was in memory."))
    }

    @Test func replayShowsAnEarlierMoment() async throws {
        let place = try await used()
        let events = try await place.jsonLines("log", "show")
        let sign = try #require(events.first { $0["kind"] == "sign" }?["event"]?.integer)
        let before = try await place.json("replay", "--at", "\(sign)")
        let after = try await place.json("replay", "--at", "\(sign + 1)")
        #expect(before["events"]?.integer == sign)
        func claims(_ replay: JSONValue) -> JSONValue? { replay["keys"]?.array?.first { $0["key"] == "claims" } }
        #expect(claims(before)?["versions"]?[0]?["usage"]?["sign"] == 0)
        #expect(claims(after)?["versions"]?[0]?["usage"]?["sign"] == 1)
        #expect(after["inMemory"]?[0]?.names == ["key", "version", "since", "until"])
        #expect(after["inMemory"]?[0]?["key"] == "claims")
        #expect(try await place.run("replay", "--at", "\(sign + 1)").output.contains("IN MEMORY"))
        #expect(try await place.json("replay", "--at", "0")["events"] == 0)
        // Beyond the end is the end.
        #expect(try await place.json("replay", "--at", "1000000") == place.json("replay"))
    }

    @Test func removingTheStateChangesNoAnswer() async throws {
        let place = try await used()
        let questions = [["status"], ["replay"], ["key", "list"], ["tenant", "list"], ["log", "show"], ["verify"]]
        func answers() async throws -> [String] {
            var answers: [String] = []
            for question in questions {
                let answer = try await place.run(question + ["--json"])
                try #require(answer.status == 0, "\(question): \(answer.complaints)")
                // Whether there is a state to compare with is the one thing that may differ.
                answers.append(answer.output.replacing(#","agreesWithState":true"#, with: ""))
            }
            return answers
        }
        let before = try await answers()
        try FileManager.default.removeItem(atPath: place.ledger + "/state")
        #expect(try await answers() == before)
        // The next writer brings it back, and it is what the log leads to.
        #expect(try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x").status == 0)
        #expect(try await place.json("replay")["agreesWithState"] == true)
    }

    @Test func aStateThatIsNotWhatTheLogLeadsToIsNoticed() async throws {
        let (one, other) = (try await used(), try await used())
        try FileManager.default.removeItem(atPath: one.ledger + "/state")
        try FileManager.default.copyItem(atPath: other.ledger + "/state", toPath: one.ledger + "/state")
        let replay = try await one.run("replay")
        #expect(replay.status == 1)
        #expect(replay.output.contains("state/      DIFFERENT"))
        #expect(
            replay.complaintLines == [
                "keyledger: state/ is not what the log leads to. Delete it: the next opening rebuilds it."
            ])
        // A writer does not believe it either.
        #expect(try await one.run("sign", "--tenant", "acme", "--key", "claims", input: "x").status == 0)
        #expect(try await one.run("replay").status == 0)
    }

    // MARK: verify

    @Test func verifyFindsNothingInAnHonestLedger() async throws {
        let place = try await used()
        let verified = try await place.json("verify")
        #expect(verified.names == ["intact", "events", "blocks", "rootHash", "findings"])
        #expect(verified["intact"] == true)
        #expect(verified["findings"] == [])
        #expect(verified["rootHash"]?.string?.count == 64)
        let sealed = try await place.run(["verify", "--json"], environment: ["KEYLEDGER_MASTER_KEY_FILE": ""])
        #expect(try JSONValue(parsing: sealed.output) == verified)
        let text = try await place.run("verify").output
        #expect(text.contains("All details and all key material open and belong where they are."))
    }

    @Test func verifyNamesMaterialThatIsMissing() async throws {
        let place = try await Workplace.furnished()
        let backup = place.file("backup")
        try FileManager.default.copyItem(atPath: place.ledger + "/material", toPath: backup)
        let key = try await place.json("key", "show", "--tenant", "acme", "pii")
        _ = try await place.run("key", "rotate", "--tenant", "acme", "pii")
        // Restored from before the rotation.
        try FileManager.default.removeItem(atPath: place.ledger + "/material")
        try FileManager.default.moveItem(atPath: backup, toPath: place.ledger + "/material")
        let verified = try await place.run("verify")
        #expect(verified.status == 1)
        let id = try #require(key["keyId"]?.string)
        #expect(verified.output.hasSuffix(": the material of key \(id) version 2: it is missing\n"))
        #expect(verified.complaintLines.count == 1)
        #expect(verified.complaints.hasPrefix("keyledger: the ledger is not as it was committed"))
        // Everything else goes on.
        #expect(try await place.run("key", "list").status == 0)
        #expect(try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x").status == 0)
        let refused = try await place.run("encrypt", "--tenant", "acme", "--key", "pii", input: "x")
        #expect(refused.status == 1)
        #expect(refused.complaints.contains("the material of key \(id) version 2 cannot be used: it is missing."))
        // The log alone is intact.
        let sealed = try await place.run(["verify"], environment: ["KEYLEDGER_MASTER_KEY_FILE": ""])
        #expect(sealed.status == 0)
        #expect(sealed.output.contains("Details and key material were not opened: that takes the master key."))
    }

    @Test func aPublicKeyThatWasExchangedIsNotShown() async throws {
        let place = try await used()
        let key = try await place.json("key", "show", "--tenant", "acme", "claims")
        let publicKey = try #require(key["versions"]?[1]?["publicKey"]?.string.flatMap { Data(base64Encoded: $0) })
        let file = URL(filePath: place.ledger + "/material/blobs")
        var bytes = try Data(contentsOf: file)
        while let range = bytes.firstRange(of: publicKey) { bytes[range.lowerBound + 3] ^= 1 }
        try bytes.write(to: file)
        let list = try await place.run("key", "list", "--json")
        #expect(list.status == 1)
        #expect(list.complaints.contains("its bytes are not those that were stored"))
        let rows = try list.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(rows.count == 2)
        #expect(rows[0]["versions"]?[0]?["publicKey"] == key["versions"]?[0]?["publicKey"])
        #expect(rows[0]["versions"]?[1]?["publicKey"] == nil)
    }
}
