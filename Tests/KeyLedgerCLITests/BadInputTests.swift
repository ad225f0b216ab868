import Foundation
import Glibc
import Testing
import Transparency

@Suite("Bad input")
struct BadInputTests {
    /// Everything that takes a ledger, in a form that would succeed.
    private static let reading = [
        ["status"], ["verify"], ["replay"], ["log", "show"], ["tenant", "list"], ["key", "list"],
        ["key", "show", "--tenant", "acme", "claims"],
    ]
    private static let writing = [
        ["tenant", "create", "globex"], ["key", "create", "--tenant", "acme", "more"],
        ["key", "rotate", "--tenant", "acme", "claims"], ["sign", "--tenant", "acme", "--key", "claims"],
        ["encrypt", "--tenant", "acme", "--key", "pii"], ["spans", "sign", "--create-missing"],
    ]

    /// Runs commands that must all fail alike: one line on standard error, nothing on standard output.
    private func expect(
        _ commands: [[String]], _ place: Workplace, status: Int32, _ complaint: String,
        environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for command in commands {
            let outcome = try await place.run(command, input: "x", environment: environment)
            #expect(outcome.status == status, "\(command): \(outcome.complaints)", sourceLocation: sourceLocation)
            #expect(outcome.output.isEmpty, "\(command)", sourceLocation: sourceLocation)
            #expect(outcome.complaintLines.count == 1, "\(command)", sourceLocation: sourceLocation)
            #expect(
                outcome.complaints.contains(complaint), "\(command): \(outcome.complaints)",
                sourceLocation: sourceLocation)
        }
    }

    // MARK: The ledger

    @Test func aFolderThatIsMissing() async throws {
        let place = try await Workplace.furnished()
        let missing = place.file("missing")
        try await expect(
            Self.reading + Self.writing, place, status: 4, "\(missing) is not a ledger",
            environment: ["KEYLEDGER_PATH": missing])
        #expect(!FileManager.default.fileExists(atPath: missing))
    }

    @Test func aFolderWithSomethingElse() async throws {
        let place = try await Workplace.furnished()
        for manifest in [nil, "", "{}", "[]", "{\"format\":\"1\"}", "{\"format\":1}"] {
            let folder = place.file("other")
            try? FileManager.default.removeItem(atPath: folder)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            if let manifest { try place.write(manifest, to: "other/ledger.json") }
            try await expect(
                [["status"], ["verify"], ["sign", "--tenant", "acme", "--key", "claims"]], place, status: 4,
                "\(folder) is not a ledger", environment: ["KEYLEDGER_PATH": folder])
        }
    }

    @Test func aLedgerOfAnotherFormat() async throws {
        let place = try await Workplace.furnished()
        let manifest = try place.read("ledger/ledger.json")
        try place.write(manifest.replacing("\"format\" : 1", with: "\"format\" : 99"), to: "ledger/ledger.json")
        try await expect(
            Self.reading + Self.writing, place, status: 4,
            "\(place.ledger) has format 99; this version reads format 1. Use the version that wrote it.")
    }

    @Test func aLedgerWhoseLogIsGone() async throws {
        let place = try await Workplace.furnished()
        try FileManager.default.removeItem(atPath: place.ledger + "/log")
        try await expect(Self.reading + Self.writing, place, status: 4, "is not a ledger")
    }

    // MARK: The master key

    @Test func anotherMasterKey() async throws {
        let place = try await Workplace.furnished()
        let other = try Workplace()
        _ = try await other.run("init", "--new-master-key", other.masterKey)
        let commands = (Self.reading + Self.writing).filter { $0 != ["status"] }
        try await expect(
            commands, place, status: 4, "does not open this ledger; it was made with",
            environment: ["KEYLEDGER_MASTER_KEY_FILE": other.masterKey])
        #expect(try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x").status == 0)
    }

    @Test func aMasterKeyFileThatOthersMayRead() async throws {
        let place = try await Workplace.furnished()
        try #require(unsafe chmod(place.masterKey, 0o644) == 0)
        let commands = (Self.reading + Self.writing).filter { $0 != ["status"] }
        try await expect(
            commands, place, status: 4, "others may read it (mode 644); run `chmod 600 \(place.masterKey)`.")
    }

    @Test func aMasterKeyFileThatIsNone() async throws {
        let place = try await Workplace.furnished()
        let sign = [["sign", "--tenant", "acme", "--key", "claims"]]
        func refuse(_ path: String, _ complaint: String) async throws {
            try await expect(sign, place, status: 4, complaint, environment: ["KEYLEDGER_MASTER_KEY_FILE": path])
        }
        try await refuse(place.file("missing"), "there is no such file.")
        try await refuse(place.path, "it is not a file.")
        for content in ["", "secret-passphrase", "keyledger-master-key-1 00", String(repeating: "x", count: 100_000)] {
            let path = try place.write(content, to: "bad.key")
            try #require(unsafe chmod(path, 0o600) == 0)
            try await refuse(path, "it is not one line of")
            let outcome = try await place.run(sign[0], input: "x", environment: ["KEYLEDGER_MASTER_KEY_FILE": path])
            if !content.isEmpty { #expect(!outcome.complaints.contains(content)) }
        }
    }

    @Test func noMasterKeyAtAll() async throws {
        let place = try await Workplace.furnished()
        for command in Self.writing {
            let outcome = try await place.run(command, input: "x", environment: ["KEYLEDGER_MASTER_KEY_FILE": ""])
            #expect(outcome.status == 64)
            #expect(outcome.complaints.hasPrefix("Error: Give the master key's file with --master-key"))
        }
    }

    // MARK: Another process

    @Test func aLedgerThatAnotherProcessWrites() async throws {
        let place = try await Workplace.furnished()
        let input = try place.write(SpanFiles.generated(lineCount: 500, spanCount: 2), to: "spans.jsonl")
        let writer = try place.start(["spans", "sign", input, "-o", place.file("signed.jsonl"), "--create-missing"])
        defer { writer.send(SIGKILL) }
        #expect(await eventually { place.size(of: "signed.jsonl.partial") > 0 })
        writer.send(SIGSTOP)
        let holder = "process \(writer.pid) (keyledger)"
        try await expect(
            Self.writing, place, status: 4,
            "is being written by \(holder). Wait for it to finish; reading commands work meanwhile.")
        // Which is true.
        for command in Self.reading { #expect(try await place.run(command).status == 0, "\(command)") }
        #expect(try await place.json("status")["writer"]?.string == holder)
        writer.send(SIGCONT)
        let outcome = try await writer.outcome()
        #expect(outcome.status == 0)
        #expect(try await place.json("spans", "verify", place.file("signed.jsonl")) == ["valid": 1000, "notValid": 0])
        #expect(try await place.json("status")["writer"] == nil)
    }

    // MARK: Names

    @Test(
        arguments: [
            "", "/", "../../etc/passwd", "..", ".", "a/b", " ", "a b", "-x", "аcme", "acme\u{202E}", "acme\u{7}", "👍",
            "a\nb",
            String(repeating: "x", count: 129), String(repeating: "x", count: 10_240),
        ].map(Name.init))
    func badNames(name: Name) async throws {
        let place = try await Workplace.furnished()
        let events = try await place.json("status")["events"]
        let positional = [
            ["tenant", "create", "--", name.text], ["key", "create", "--tenant", "acme", "--", name.text],
            ["key", "rotate", "--tenant", "acme", "--", name.text],
        ]
        let optional = [
            ["sign", "--tenant=" + name.text, "--key", "claims"], ["sign", "--tenant", "acme", "--key=" + name.text],
            ["encrypt", "--tenant=" + name.text, "--key", "pii"],
        ]
        // An option without a value is wrong usage before it is a bad name.
        for command in positional + (name.text.isEmpty ? [] : optional) {
            let outcome = try await place.run(command, input: "x")
            #expect(outcome.status == 3, "\(command): \(outcome.complaints)")
            #expect(outcome.complaintLines.count == 1)
            #expect(outcome.complaints.contains("is not a valid name: "))
            #expect(outcome.complaints.utf8.count < 500)
        }
        // Nothing was written, also no refusal: such a name is nobody's.
        #expect(try await place.json("status")["events"] == events)
        #expect(try await place.jsonLines("tenant", "list").count == 1)
    }

    /// A name that test output shows in a line.
    struct Name: Sendable, CustomTestStringConvertible {
        let text: String
        var testDescription: String { "\(text.prefix(30).debugDescription) (\(text.utf8.count) bytes)" }
    }

    // MARK: Files

    @Test func anInputFileThatIsMissingOrAFolder() async throws {
        let place = try await Workplace.furnished()
        for (path, reason) in [
            (place.file("missing"), "No such file or directory"), (place.path, "Is a directory"),
            ("/proc/self/mem", "Input/output error"),
        ] {
            try await expect(
                [
                    ["sign", "--tenant", "acme", "--key", "claims", path],
                    ["encrypt", "--tenant", "acme", "--key", "pii", path],
                    ["decrypt", "--tenant", "acme", "--key", "pii", path], ["spans", "sign", path],
                    ["spans", "verify", path], ["spans", "verify", "--public-keys", path, place.masterKey],
                    ["verify", "--tenant", "acme", "--key", "claims", "--signature", "AAAA", path],
                ], place, status: 5, "\(path) cannot be read: \(reason).")
        }
    }

    @Test func anOutputFileInAFolderThatIsMissing() async throws {
        let place = try await Workplace.furnished()
        let events = try await place.json("status")["events"]
        let path = place.file("missing/signed.jsonl")
        let input = try place.write(SpanFiles.line(1, spanCount: 1), to: "spans.jsonl")
        try await expect(
            [["spans", "sign", input, "--output", path, "--create-missing"]], place, status: 5,
            "\(path) cannot be written: No such file or directory.")
        #expect(try await place.json("status")["events"] == events)
    }

    @Test func standardOutputThatIsFull() async throws {
        let place = try await Workplace.furnished()
        let outcome = try await place.shell("keyledger log show > /dev/full")
        #expect(outcome.status == 5)
        #expect(
            outcome.complaintLines == ["keyledger: standard output cannot be written: No space left on device."])
        // What was signed is recorded, also if nobody could be told.
        let signing = try await place.shell("echo x | keyledger sign --tenant acme --key claims > /dev/full")
        #expect(signing.status == 5)
        #expect(try await place.json("status")["protected"] == 1)
        #expect(try await place.run("verify").status == 0)
    }
}
