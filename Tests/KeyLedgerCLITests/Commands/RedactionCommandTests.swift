import Foundation
import Testing
import Transparency

@Suite("redact and redaction reveal")
struct RedactionCommandTests {
    @Test func plainValuesAreRedactedLineByLine() async throws {
        let place = try await Workplace.furnished()
        let masked = try await place.run(
            "redact", "--values", "--strategy", "mask", "--without-keys", input: "user@example.com\n\n1234\n")
        #expect(masked.output == "u***@e***.com\n****\n")
        let found = try await place.run(
            "redact", "--values", "--tenant", "acme", input: "call +1 212 555 0123 now\nnothing here\n")
        #expect(found.status == 0)
        #expect(found.output.hasSuffix("\nnothing here\n") && !found.output.contains("555"))
    }

    @Test func withoutKeysNoLedgerIsNeededAndNothingKeyedIsWritten() async throws {
        let elsewhere = try Workplace()
        let outcome = try await elsewhere.run(
            "redact", "--values", "--attribute", "customer.email", "--without-keys", input: "a@example.com\n")
        #expect(outcome.status == 0)
        #expect(outcome.output == "[REDACTED]\n")
    }

    @Test func encryptedValuesAreRevealedForAReasonAndRefusedWithoutOne() async throws {
        let place = try await Workplace.furnished()
        let encrypted = try await place.run(
            "redact", "--values", "--strategy", "ENCRYPT", "--tenant", "acme", input: "ann@example.com\nZoë\n")
        #expect(encrypted.output.split(separator: "\n").allSatisfy { $0.hasPrefix("enc:v2:YWNtZQ==:1:") })
        let refused = try await place.run("redaction", "reveal", "--tenant", "acme", input: encrypted.output)
        #expect(refused.status == 3)
        #expect(refused.output.isEmpty)
        #expect(refused.complaints.contains("give one with --reason"))
        let revealed = try await place.run(
            "redaction", "reveal", "--tenant", "acme", "--actor", "auditor", "--reason", "ticket 4711",
            input: encrypted.output + "enc:nonsense\n")
        #expect(revealed.status == 2)
        #expect(revealed.output == "ann@example.com\nZoë\n[REDACTED]\n")
        #expect(revealed.complaints.contains("line 3 is not revealed: "))
        let events = try await place.jsonLines("log", "show").filter {
            ["reveal", "deny"].contains($0["kind"]?.string)
        }
        #expect(events.compactMap { $0["details"]?["denied"]?.string } == ["reason-missing", "malformed-envelope"])
        let reveal = try #require(events.first { $0["kind"] == "reveal" })
        #expect(reveal["details"]?["actor"] == "auditor" && reveal["details"]?["reason"] == "ticket 4711")
    }

    @Test func spansAreRedactedAndNotSigned() async throws {
        let place = try await Workplace.furnished()
        let span = SpanFiles.line(1, spanCount: 1, tenant: "acme").replacing(
            "GET /claims/1", with: "to ann@example.com")
        try place.write(span + "{}\n", to: "spans.jsonl")
        let outcome = try await place.run(
            "redact", place.file("spans.jsonl"), "--output", place.file("redacted.jsonl"))
        #expect(outcome.status == 2)
        #expect(outcome.complaints.contains("line 2 is left out: "))
        let text = try place.read("redacted.jsonl")
        #expect(text == span.replacing("ann@example.com", with: "a***@e***.com"))
    }

    @Test func whatCannotBeEncryptedIsRedactedSaidAndRecorded() async throws {
        let place = try await Workplace.furnished()
        let outcome = try await place.run(
            "redact", "--values", "--strategy", "ENCRYPT", "--tenant", "acme", "--encryption-key", "none",
            input: "a\nb\n")
        #expect(outcome.status == 2)
        #expect(outcome.output == "[REDACTED]\n[REDACTED]\n")
        #expect(outcome.complaints.contains("2 values could not be encrypted"))
        let denials = try await place.jsonLines("log", "show").compactMap { $0["details"]?["denied"]?.string }
        #expect(denials == ["unknown-key"])
    }

    @Test func aBadRuleFileIsRefusedWithItsLine() async throws {
        let place = try await Workplace.furnished()
        try place.write(
            "{\n  \"rules\": [\n    {\"attribute\": \"a\", \"strategy\": \"MASKED\"}\n  ]\n}\n", to: "rules.json")
        for command in [["redact", "--values", "--without-keys"], ["spans", "sign"]] {
            let outcome = try await place.run(command + ["--rules", place.file("rules.json")], input: "x")
            #expect(outcome.status == 3)
            #expect(outcome.complaintLines.count == 1)
            #expect(outcome.complaints.contains("rules.json line 3: rules[0].strategy is \"MASKED\"; there are "))
        }
    }

    @Test(arguments: [
        ["redact", "--values"], ["redact", "--strategy", "MASK"],
        ["redact", "--values", "--without-keys", "--strategy", "NONE"],
    ])
    func wrongUsageIsSaid(arguments: [String]) async throws {
        let place = try Workplace()
        #expect(try await place.run(arguments, input: "x").status == 64)
    }
}
