import Foundation
import Testing
import Transparency

@Suite("spans sign and spans verify")
struct SpansCommandTests {
    @Test func allSpansOfTheSampleAreSignedAndVerifiedAndOneChangedByteIsRefused() async throws {
        let place = try await Workplace.furnished()
        let signed = try await place.json(
            "spans", "sign", SpanFiles.sample, "--output", place.file("signed.jsonl"), "--create-missing",
            "--default-tenant", "platform")
        #expect(signed["spans"] == 2380)
        #expect(signed["signed"] == 2380)
        #expect(signed["skipped"] == 0)
        #expect(signed["lines"] == 38)

        // With the ledger's keys, then with a file of public keys and nothing else.
        #expect(try await place.json("spans", "verify", place.file("signed.jsonl")) == ["valid": 2380, "notValid": 0])
        let keys = try await place.run("key", "list", "--json").output
        let elsewhere = try Workplace()
        try elsewhere.write(keys, to: "keys.jsonl")
        let alone = try await elsewhere.run(
            ["spans", "verify", "--public-keys", "keys.jsonl", place.file("signed.jsonl"), "--json"],
            environment: ["KEYLEDGER_PATH": "/nowhere", "KEYLEDGER_MASTER_KEY_FILE": ""])
        #expect(alone.output == #"{"valid":2380,"notValid":0}"# + "\n")

        // Each signature names an event that is in the log, accepted, once.
        let text = try place.read("signed.jsonl")
        let named = SpanFiles.signatureEvents(in: text)
        let recorded = try await place.jsonLines("log", "show").filter {
            $0["kind"] == "sign" && $0["outcome"] == "created"
        }
        #expect(named.count == 2380)
        #expect(Set(named) == Set(recorded.compactMap { $0["id"]?.string }))

        let changed = text.replacing("eu-west-1", with: "eu-west-2", maxReplacements: 1)
        try #require(changed != text)
        try place.write(changed, to: "changed.jsonl")
        let refused = try await place.run("spans", "verify", place.file("changed.jsonl"), "--json")
        #expect(refused.status == 1)
        #expect(refused.output == #"{"valid":2379,"notValid":1}"# + "\n")
        #expect(refused.complaintLines.count == 1)
        #expect(refused.complaints.contains("line 1 span 1 "))
    }

    @Test func signaturesOfOldVersionsStayValidAfterARotation() async throws {
        let place = try await Workplace.furnished()
        let input = try place.write(SpanFiles.generated(lineCount: 3, spanCount: 4), to: "spans.jsonl")
        for number in 1...3 {
            #expect(
                try await place.run("spans", "sign", input, "-o", place.file("\(number).jsonl"), "--create-missing")
                    .status
                    == 0)
            for tenant in 0..<4 { _ = try await place.run("key", "rotate", "--tenant", "tenant-\(tenant)", "spans") }
        }
        for number in 1...3 {
            #expect(try await place.json("spans", "verify", place.file("\(number).jsonl"))["valid"] == 12)
        }
        #expect(try place.read("3.jsonl").contains(#""compliance.signature.key_version","value":{"intValue":"3"}"#))
    }

    @Test func linesGoFromStandardInputToStandardOutput() async throws {
        let place = try await Workplace.furnished()
        let signed = try await place.run(
            "spans", "sign", "--create-missing", input: SpanFiles.generated(lineCount: 2, spanCount: 2))
        #expect(signed.status == 0)
        #expect(signed.output.split(separator: "\n").count == 2)
        #expect(signed.complaints.contains("4 spans"))
        let verified = try await place.run("spans", "verify", input: signed.output)
        #expect(verified.status == 0)
        #expect(verified.output == "4 spans carry a valid signature, 0 do not.\n")
    }

    // MARK: Bad input

    @Test func aLineThatCannotBeReadIsNamedAndTheRestGoesOn() async throws {
        let place = try await Workplace.furnished()
        let good = SpanFiles.line(7, spanCount: 2)
        let truncated = String(good.prefix(good.count / 2)) + "\n"
        let input =
            good + truncated + "not json\n" + "\n" + SpanFiles.line(8, spanCount: 2) + "{}\n" + "[1]\n"
            + SpanFiles.line(9, spanCount: 1).dropLast()
        let signed = try await place.run("spans", "sign", "--create-missing", input: String(input))
        #expect(signed.status == 2)
        let output = signed.output.split(separator: "\n")
        for number in [2, 3, 7] {
            #expect(signed.complaintLines.contains { $0.hasPrefix("keyledger: - line \(number) ") }, "line \(number)")
        }
        for number in [1, 4, 5, 8] { #expect(!signed.complaints.contains("line \(number) ")) }
        #expect(output.count == signed.output.split(separator: "\n", omittingEmptySubsequences: true).count)
        #expect(SpanFiles.signatureEvents(in: signed.output).count == 5)
        let verified = try await place.run("spans", "verify", "--json", input: signed.output)
        #expect(try JSONValue(parsing: verified.output)["valid"] == 5)
        #expect(try await place.run("verify").status == 0)
    }

    @Test func aSpanWhoseTenantIsBadOrUnknownIsLeftUnsignedAndTheRestGoesOn() async throws {
        let place = try await Workplace.furnished()
        let tenKilobytes = String(repeating: "x", count: 10_240)
        for bad in ["../etc", "a/b", "..", tenKilobytes, "", "ünïcode", #"a\u0000b"#, "unknown"] {
            let input =
                SpanFiles.line(1, spanCount: 1, tenant: bad) + SpanFiles.line(2, spanCount: 1, tenant: "tenant-1")
            _ = try await place.run("tenant", "create", "tenant-1")
            _ = try await place.run("key", "create", "--tenant", "tenant-1", "spans")
            let signed = try await place.run("spans", "sign", input: input)
            #expect(signed.status == 2, "\(bad.prefix(20))")
            #expect(SpanFiles.signatureEvents(in: signed.output).count == 1)
            #expect(signed.complaints.contains("line 1"))
            #expect(signed.complaints.utf8.count < 1000)
        }
        #expect(try await place.jsonLines("tenant", "list").count == 2)
        #expect(try await place.run("verify").status == 0)
    }

    @Test func anEmptyFileIsSigned() async throws {
        let place = try await Workplace.furnished()
        let signed = try await place.run("spans", "sign", input: "")
        #expect(signed.status == 0)
        #expect(signed.output.isEmpty)
        #expect(try await place.run("spans", "verify", input: "").status == 0)
    }

    @Test func whatIsNotSignedIsNotValid() async throws {
        let place = try await Workplace.furnished()
        let verified = try await place.run("spans", "verify", "--json", input: SpanFiles.line(1, spanCount: 3))
        #expect(verified.status == 1)
        #expect(verified.output == #"{"valid":0,"notValid":3}"# + "\n")
    }

    @Test func aFileOfPublicKeysThatIsNoneIsRefused() async throws {
        let place = try await Workplace.furnished()
        try place.write("{}\n", to: "keys.jsonl")
        let outcome = try await place.run("spans", "verify", "--public-keys", place.file("keys.jsonl"), input: "")
        #expect(outcome.status == 5)
        #expect(outcome.complaintLines.count == 1)
        #expect(outcome.complaints.contains("line 1 is not a key as `keyledger key list --json` writes it."))
    }

    // MARK: Output

    @Test func anOlderOutputStandsUntilTheNewOneIsComplete() async throws {
        let place = try await Workplace.furnished()
        try place.write("older\n", to: "signed.jsonl")
        let running = try await signing(place)
        #expect(try place.read("signed.jsonl") == "older\n")
        running.send(SIGKILL)
        _ = try await running.outcome()
        #expect(try place.read("signed.jsonl") == "older\n")
        let input = try place.write(SpanFiles.generated(lineCount: 2, spanCount: 2), to: "few.jsonl")
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: place.file("signed.jsonl"))
        let outcome = try await place.run("spans", "sign", input, "-o", place.file("signed.jsonl"), "--create-missing")
        #expect(outcome.status == 0)
        #expect(try place.read("signed.jsonl").split(separator: "\n").count == 2)
        #expect(!FileManager.default.fileExists(atPath: place.file("signed.jsonl.partial")))
        let attributes = try FileManager.default.attributesOfItem(atPath: place.file("signed.jsonl"))
        #expect(attributes[.posixPermissions] as? Int == 0o640)
    }

    @Test func anOutputThatAnotherCommandWritesIsLeftAlone() async throws {
        let place = try await Workplace.furnished()
        let other = try await Workplace.furnished()
        let running = try await signing(place)
        let outcome = try await other.run(
            "spans", "sign", "-o", place.file("signed.jsonl"), "--create-missing",
            input: SpanFiles.line(1, spanCount: 1))
        running.send(SIGKILL)
        _ = try await running.outcome()
        #expect(outcome.status == 3)
        #expect(outcome.complaints.contains("is being written by another command."))
    }

    @Test func aLinkIsFollowedAndAStreamIsNotReplaced() async throws {
        let place = try await Workplace.furnished()
        try place.write("older\n", to: "file.jsonl")
        let line = SpanFiles.line(1, spanCount: 1)
        try place.write(line, to: "spans.jsonl")
        let outcome = try await place.shell(
            """
            set -eu; ln -s file.jsonl link.jsonl; mkfifo pipe
            keyledger spans sign spans.jsonl --create-missing -o link.jsonl
            keyledger spans sign spans.jsonl -o /dev/null
            cat pipe > through.jsonl & keyledger spans sign spans.jsonl -o pipe; wait
            test -L link.jsonl; test -p pipe; test -c /dev/null
            """)
        #expect(outcome.status == 0, "\(outcome.complaints)")
        for name in ["file.jsonl", "through.jsonl"] {
            #expect(SpanFiles.signatureEvents(in: try place.read(name)).count == 1)
        }
    }

    // MARK: Interruptions

    /// A file that takes a while, being signed; returns once some of it is written.
    private func signing(_ place: Workplace, lineCount: Int = 2000) async throws -> RunningProcess {
        let input = try place.write(SpanFiles.generated(lineCount: lineCount, spanCount: 2), to: "spans.jsonl")
        let running = try place.start(["spans", "sign", input, "-o", place.file("signed.jsonl"), "--create-missing"])
        #expect(await eventually { place.size(of: "signed.jsonl.partial") > 4096 || !running.isRunning })
        return running
    }

    @Test func anInterruptionStopsBetweenTwoLinesAndLosesNothing() async throws {
        let place = try await Workplace.furnished()
        let running = try await signing(place)
        running.send(SIGINT)
        let outcome = try await running.outcome()
        #expect(outcome.status == 130)
        #expect(outcome.complaintLines.count == 1)
        #expect(outcome.complaints.contains("interrupted after"))
        #expect(outcome.complaints.contains("signed.jsonl.partial holds the "))
        #expect(place.size(of: "signed.jsonl") == 0)
        let text = try place.read("signed.jsonl.partial")
        let lines = text.split(separator: "\n")
        #expect(text.hasSuffix("\n"))
        #expect(lines.count < 2000)
        for line in lines { _ = try JSONValue(parsing: String(line)) }
        try await expectEverySignatureIsRecorded(text, place)
        // Every line that was written is whole and good.
        #expect(try await place.json("spans", "verify", place.file("signed.jsonl.partial"))["notValid"] == 0)
        #expect(try await place.json("status")["inMemory"] == 0)
    }

    @Test func aReaderThatStopsEarlyLosesNothing() async throws {
        let place = try await Workplace.furnished()
        try place.write(SpanFiles.generated(lineCount: 500, spanCount: 2), to: "spans.jsonl")
        let outcome = try await place.shell("keyledger spans sign spans.jsonl --create-missing | head -1")
        #expect(outcome.status == 0)
        #expect(outcome.output.split(separator: "\n").count == 1)
        try await expectEverySignatureIsRecorded(outcome.output, place)
    }

    @Test func killedAtAnyMomentTheLedgerOpensVerifiesAndHasTheEventOfEverySignature() async throws {
        let place = try await Workplace.furnished()
        let seed = UInt64.random(in: 0 ... .max)
        print("kills: seed \(seed)")
        var random = SplitMix(state: seed)
        let input = try place.write(SpanFiles.generated(lineCount: 150, spanCount: 2), to: "spans.jsonl")
        func start(_ number: Int) throws -> RunningProcess {
            try place.start(["spans", "sign", input, "-o", place.file("signed-\(number).jsonl"), "--create-missing"])
        }
        #expect(try await start(0).outcome().status == 0)
        let whole = place.size(of: "signed-0.jsonl")
        var killed = 0
        for number in 1...20 {
            let running = try start(number)
            // A quarter of them while it reads and opens, the others when so much is written.
            let written = number % 4 == 0 ? 0 : Int.random(in: 1...whole, using: &random)
            if written == 0 { try await Task.sleep(for: .milliseconds(Int.random(in: 0...100, using: &random))) }
            _ = await eventually { place.size(of: "signed-\(number).jsonl.partial") >= written || !running.isRunning }
            running.send(SIGKILL)
            guard try await running.outcome().status == 128 + SIGKILL else { continue }
            killed += 1
            // The complete file or none: there was none before.
            let size = place.size(of: "signed-\(number).jsonl")
            #expect(size == 0 || size == whole)
        }
        #expect(killed >= 15)
        // It opens: the keys of processes that are gone are recorded as evicted.
        #expect(try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x").status == 0)
        #expect(try await place.json("status")["inMemory"] == 0)
        #expect(try await place.json("replay")["agreesWithState"] == true)
        let text = (0...20).map { number in
            (try? place.read("signed-\(number).jsonl")) ?? (try? place.read("signed-\(number).jsonl.partial")) ?? ""
        }.joined()
        #expect(SpanFiles.signatureEvents(in: text).count > 300)
        try await expectEverySignatureIsRecorded(text, place)
    }

    private func expectEverySignatureIsRecorded(_ text: String, _ place: Workplace) async throws {
        let verified = try await place.run("verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.complaints)")
        let recorded = try await place.jsonLines("log", "show").filter {
            $0["kind"] == "sign" && $0["outcome"] == "created"
        }
        let missing = Set(SpanFiles.signatureEvents(in: text)).subtracting(recorded.compactMap { $0["id"]?.string })
        #expect(missing.isEmpty)
    }
}

/// SplitMix64: a random source that a printed seed replays.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
