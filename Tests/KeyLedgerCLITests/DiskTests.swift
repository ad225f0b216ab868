import Foundation
import Testing
import Transparency

@Suite("Disks", .enabled(if: SmallDisk.isPermitted, SmallDisk.refusal))
struct DiskTests {
    @Test func aFullDiskIsSaidToBeFullAndNothingIsLost() async throws {
        let disk = try SmallDisk(megabytes: 4)
        let place = try await Workplace.furnished(in: disk.path)
        let first = try await place.json("sign", "--tenant", "acme", "--key", "claims", input: "x")
        try disk.fill()
        var refusals: [Outcome] = []
        // How many commits still fit into pages that LMDB can use again is its affair.
        for _ in 0..<200 where refusals.count < 3 {
            let outcome = try await place.shell("keyledger sign --tenant acme --key claims < ledger/ledger.json")
            if outcome.status != 0 { refusals.append(outcome) }
        }
        #expect(refusals.count == 3)
        for refusal in refusals {
            #expect(refusal.status == 5)
            #expect(refusal.output.isEmpty)
            #expect(refusal.complaintLines.count == 1, "\(refusal.complaints)")
            #expect(refusal.complaints.contains("the disk is full"))
        }
        // Also while it is full, what was written can be read.
        #expect(try await place.shell("keyledger verify > /dev/null").status == 0)
        try disk.relieve()
        let second = try await place.json("sign", "--tenant", "acme", "--key", "claims", input: "x")
        #expect(second["signature"] == first["signature"])
        #expect(try await place.run("verify").status == 0)
        #expect(try await place.json("replay")["agreesWithState"] == true)
    }

    @Test func aDiskThatFillsUpWhileSpansAreSignedLosesNoSignature() async throws {
        let disk = try SmallDisk(megabytes: 2)
        let place = try await Workplace.furnished(in: disk.path)
        let elsewhere = try Workplace()
        let input = try elsewhere.write(SpanFiles.generated(lineCount: 2500, spanCount: 2), to: "spans.jsonl")
        let outcome = try await place.run(
            "spans", "sign", input, "--output", elsewhere.file("signed.jsonl"), "--create-missing")
        #expect(outcome.status == 5)
        #expect(outcome.complaints.contains("the disk is full"))
        let text = try elsewhere.read("signed.jsonl.partial")
        let signed = SpanFiles.signatureEvents(in: text)
        #expect(signed.count > 100)
        let log = try await place.shell("keyledger log show --json > \(elsewhere.file("log.jsonl"))")
        #expect(log.status == 0, "\(log.complaints)")
        let recorded = try elsewhere.read("log.jsonl").split(separator: "\n").compactMap { line -> String? in
            let event = try JSONValue(parsing: String(line))
            return event["kind"] == "sign" && event["outcome"] == "created" ? event["id"]?.string : nil
        }
        #expect(Set(signed).isSubset(of: recorded))
        #expect(try await place.shell("keyledger verify > /dev/null").status == 0)
    }

    @Test func aReadOnlyFolderIsReadAndNotWritten() async throws {
        let disk = try SmallDisk(megabytes: 4)
        let place = try await Workplace.furnished(in: disk.path)
        let elsewhere = try Workplace()
        try disk.makeReadOnly()
        func run(_ arguments: String...) async throws -> Outcome {
            try await elsewhere.run(
                arguments, input: "x",
                environment: ["KEYLEDGER_PATH": place.ledger, "KEYLEDGER_MASTER_KEY_FILE": place.masterKey])
        }
        for command in ["status", "verify", "replay", "log"] {
            #expect(try await run(command).status == 0, "\(command)")
        }
        let listed = try await run("key", "list")
        #expect(listed.status == 0)
        for refused in [
            try await run("sign", "--tenant", "acme", "--key", "claims"), try await run("tenant", "create", "globex"),
            try await run("init", "--ledger", place.file("other")),
        ] {
            #expect(refused.status == 5)
            #expect(refused.complaintLines.count == 1)
            #expect(refused.complaints.contains("cannot be written: permission denied or read-only file system."))
        }
        let key = try await run(
            "init", "--ledger", elsewhere.file("other"), "--new-master-key", place.file("other.key"))
        #expect(key.status == 4)
        #expect(key.complaints.contains("Read-only file system"))
        try disk.makeWritable()
        #expect(try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x").status == 0)
    }

    @Test func aMasterKeyThatDoesNotFitIsNotLeftHalfWritten() async throws {
        let disk = try SmallDisk(megabytes: 1)
        try disk.fill()
        let elsewhere = try Workplace()
        let path = disk.path + "/master.key"
        let refused = try await elsewhere.run("init", "--new-master-key", path)
        #expect(refused.status != 0)
        #expect(refused.complaintLines.count == 1)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(!FileManager.default.fileExists(atPath: elsewhere.ledger))
        try disk.relieve()
        #expect(try await elsewhere.run("init", "--new-master-key", path).status == 0)
    }
}
