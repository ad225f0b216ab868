import Foundation
import Glibc
import Testing
import Transparency

@Suite("custody and tenant shred")
struct CustodyCommandTests {
    private func secretFile(_ text: String, _ name: String, in place: Workplace) throws -> String {
        let path = try place.write(text, to: name)
        try #require(unsafe chmod(path, 0o600) == 0)
        return path
    }

    @Test func aLedgerIsOpenedWithAPassphraseFromAFileOrStandardInput() async throws {
        let place = try Workplace()
        let (right, wrong) = (
            try secretFile("correct horse\n", "right", in: place), try secretFile("wrong horse", "wrong", in: place)
        )
        let none = ["KEYLEDGER_MASTER_KEY_FILE": ""]
        let short = try secretFile("1234567", "short", in: place)
        let refused = try await place.run(["init", "--new-passphrase-file", short], environment: none)
        #expect(refused.status == 4 && refused.complaints.contains("at least 8"))
        #expect(try await place.run(["init", "--new-passphrase-file", right], environment: none).status == 0)
        let create = ["tenant", "create", "acme", "--passphrase-file"]
        #expect(try await place.run(create + [wrong], environment: none).status == 4)
        #expect(try await place.run(create + ["-"], input: "correct horse", environment: none).status == 0)
        // Nobody to ask, and nothing given.
        let unasked = try await place.run(["tenant", "create", "globex"], environment: none)
        #expect(unasked.status == 64 && unasked.complaints.contains("--passphrase-file"))
        for file in ["ledger/material/blobs", "ledger/ledger.json"] {
            let bytes = try Data(contentsOf: URL(filePath: place.file(file)))
            #expect(bytes.firstRange(of: Data("correct horse".utf8)) == nil)
        }
    }

    /// Killed at any moment, the same command finishes it.
    @Test func aKilledRewrapIsFinishedByTheSameCommand() async throws {
        let place = try await Workplace.furnished()
        let names = (0..<150).map { "tenant-\($0)" }
        #expect(try await place.run(["tenant", "create"] + names).status == 0)
        let (old, new) = (place.masterKey, place.file("new.key"))
        let rewrap = ["custody", "rewrap", "--master-key-file", old, "--new-master-key", new]
        for delay in [20, 60, 90, 120, 160] {
            let process = try place.start(rewrap)
            try await Task.sleep(for: .milliseconds(delay))
            process.send(SIGKILL)
            _ = try await process.outcome()
        }
        let last = try await place.run(rewrap)
        // The last kill may have come after the end: then the old key opens nothing any more.
        #expect(last.status == 0, "\(last.complaints)")
        let refused = try await place.run("tenant", "list", "--master-key-file", old)
        #expect(refused.status == 4 && refused.complaints.contains("does not open this ledger"))
        let list = try await place.run("tenant", "list", "--master-key-file", new)
        #expect(list.status == 0 && names.allSatisfy { list.output.contains("\n\($0) ") })
        #expect(try await place.run("verify", "--master-key-file", new).status == 0)
        let signed = try await place.run(
            ["sign", "--tenant", "acme", "--key", "claims", "--master-key-file", new], input: "hello")
        #expect(signed.status == 0)
    }

    @Test func aShreddedTenantIsGoneAndTheLedgerIsWhole() async throws {
        let place = try await Workplace.furnished()
        let unreasoned = try await place.run("tenant", "shred", "acme")
        #expect(unreasoned.status == 64 && unreasoned.complaints.contains("--reason"))
        #expect(try await place.run("tenant", "shred", "acme", "--reason", "ticket 4711").status == 0)
        #expect(try await place.run("verify").status == 0)
        for command in [["tenant", "create", "acme"], ["key", "create", "--tenant", "acme", "more"]] {
            let refused = try await place.run(command)
            #expect(refused.status == 3 && refused.complaints.contains("was shredded"))
        }
        let list = try await place.run("tenant", "list")
        #expect(list.status == 0 && list.output.contains("(shredded)") && !list.output.contains("acme"))
        #expect(try await place.run("key", "list").status == 0)
        let log = try await place.run("log", "show")
        #expect(log.status == 0 && log.output.contains("ticket 4711") && !log.output.contains("acme"))
    }

    @Test func aLogFromABackupIsRefusedUntilItIsAccepted() async throws {
        let place = try await Workplace.furnished()
        try FileManager.default.copyItem(atPath: place.ledger + "/log", toPath: place.file("backup"))
        #expect(try await place.run("key", "create", "--tenant", "acme", "later").status == 0)
        try FileManager.default.removeItem(atPath: place.ledger + "/log")
        try FileManager.default.moveItem(atPath: place.file("backup"), toPath: place.ledger + "/log")
        let refused = try await place.run("tenant", "create", "globex")
        #expect(refused.status == 4 && refused.complaints.contains("keyledger custody accept-log"))
        #expect(try await place.run("custody", "accept-log", "--reason", "disk lost").status == 0)
        #expect(try await place.run("tenant", "create", "globex").status == 0)
        #expect(try await place.run("verify").status == 0)
    }

    @Test func theProviderSaysWhatItCanDo() async throws {
        let place = try await Workplace.furnished()
        let provider = try await place.json("custody", "provider")
        #expect(provider["provider"]?.string == "local" && provider["capabilities"]?[0]?.string == "describe")
    }
}
