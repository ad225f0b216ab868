import Foundation
import Testing
import Transparency

@Suite("init, status, tenant and key")
struct LedgerCommandTests {
    // MARK: init

    @Test func initMakesALedgerAndAMasterKeyThatOnlyItsOwnerReads() async throws {
        let place = try Workplace()
        let made = try await place.run("init", "--new-master-key", place.masterKey)
        #expect(made.status == 0)
        #expect(made.output.hasPrefix("Created the ledger \(place.ledger) (localhost/keyledger) under master key "))
        #expect(made.output.contains("Keep a copy elsewhere: without it every key is lost."))
        #expect(made.complaints.isEmpty)
        let attributes = try FileManager.default.attributesOfItem(atPath: place.masterKey)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        // A new ledger answers every question right away.
        for command in [["status"], ["verify"], ["replay"], ["log", "show"], ["tenant", "list"], ["key", "list"]] {
            let answer = try await place.run(command)
            #expect(answer.status == 0, "\(command): \(answer.complaints)")
            #expect(answer.complaints.isEmpty)
        }
    }

    @Test func initWithJSONNamesLedgerOriginAndMasterKey() async throws {
        let place = try Workplace()
        let made = try await place.json(
            "init", "--new-master-key", place.masterKey, "--origin", "ledger.example/keys")
        #expect(made.names == ["ledger", "origin", "masterKey"])
        #expect(made["origin"] == "ledger.example/keys")
        #expect(made["masterKey"]?.string?.count == 16)
        // A second ledger under the same key.
        let other = try await place.json("init", "--ledger", place.file("other"))
        #expect(other["masterKey"] == made["masterKey"])
    }

    @Test func initTouchesNothingThatIsThere() async throws {
        let place = try await Workplace.furnished()
        let again = try await place.run("init", "--new-master-key", place.file("second.key"))
        #expect(again.status == 3)
        #expect(
            again.complaintLines == [
                "keyledger: \(place.ledger) already exists and is not empty; nothing was changed. Choose another folder."
            ])
        // A key that no ledger was made with is not left behind.
        #expect(!FileManager.default.fileExists(atPath: place.file("second.key")))
        let key = try place.read("master.key")
        let overwriting = try await place.run(
            "init", "--ledger", place.file("other"), "--new-master-key", place.masterKey)
        #expect(overwriting.status == 4)
        #expect(try place.read("master.key") == key)
        #expect(!FileManager.default.fileExists(atPath: place.file("other")))
        #expect(try await place.run("verify").status == 0)
    }

    @Test func initTakesOneMasterKeyOrMakesOne() async throws {
        let place = try Workplace()
        let both = try await place.run("init", "--master-key", "a", "--new-master-key", "b")
        #expect(both.status == 64)
        #expect(both.complaints.contains("not both"))
    }

    // MARK: status

    @Test func statusCountsWhatTheLedgerHolds() async throws {
        let place = try await Workplace.furnished()
        _ = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x")
        _ = try await place.run("key", "rotate", "--tenant", "acme", "claims")
        _ = try await place.run("sign", "--tenant", "nobody", "--key", "claims", input: "x")
        let status = try await place.json("status")
        #expect(
            status.names == [
                "ledger", "origin", "created", "events", "tenants", "keys", "versions", "overdue", "inMemory",
                "protected",
                "processed", "refused",
            ])
        #expect(status["tenants"] == 1)
        #expect(status["keys"] == 2)
        #expect(status["versions"] == 3)
        #expect(status["overdue"] == 0)
        #expect(status["inMemory"] == 0)
        #expect(status["protected"] == 1)
        #expect(status["processed"] == 0)
        #expect(status["refused"] == 1)
        let text = try await place.run("status").output
        #expect(text.contains("keys       2 in 3 versions, 0 overdue"))
        #expect(text.contains("writer     none"))
    }

    @Test func statusNeedsNoMasterKey() async throws {
        let place = try await Workplace.furnished()
        try FileManager.default.removeItem(atPath: place.masterKey)
        #expect(try await place.run("status").status == 0)
    }

    // MARK: tenant

    @Test func tenantsAreCreatedAndListed() async throws {
        let place = try await Workplace.furnished()
        let created = try await place.jsonLines("tenant", "create", "globex", "initech")
        #expect(created.map { $0["tenant"]?.string } == ["globex", "initech"])
        #expect(created.allSatisfy { $0.names == ["tenant", "id"] && $0["id"]?.string?.count == 26 })
        _ = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x")
        let listed = try await place.jsonLines("tenant", "list")
        #expect(listed.map { $0["tenant"]?.string } == ["acme", "globex", "initech"])
        #expect(listed.allSatisfy { $0.names == ["tenant", "id", "created", "keys", "quota", "usage"] })
        #expect(listed[0]["usage"]?["sign"] == 1)
        #expect(listed[0]["keys"] == 2)
        #expect(listed[1]["id"] == created[0]["id"])
        let text = try await place.run("tenant", "list").output
        #expect(text.hasPrefix("TENANT   KEYS  SIGNED  VERIFIED  ENCRYPTED  DECRYPTED  QUOTA  CREATED"))
    }

    @Test func withoutTheMasterKeyNamesAreIDs() async throws {
        let place = try await Workplace.furnished()
        let named = try await place.jsonLines("tenant", "list")
        let sealed = try await place.run(["tenant", "list", "--json"], environment: ["KEYLEDGER_MASTER_KEY_FILE": ""])
        #expect(try JSONValue(parsing: sealed.output)["tenant"] == named[0]["id"])
        #expect(!sealed.output.contains("acme"))
    }

    @Test func aTenantThatExistsIsRefused() async throws {
        let place = try await Workplace.furnished()
        let again = try await place.run("tenant", "create", "acme")
        #expect(again.status == 3)
        #expect(again.complaintLines == ["keyledger: the tenant acme exists already."])
    }

    // MARK: key

    @Test func keysAreCreatedListedShownAndRotated() async throws {
        let place = try await Workplace.furnished()
        let created = try await place.json("key", "create", "--tenant", "acme", "--type", "aes-256", "files")
        #expect(created["algorithm"] == "AES-256-GCM")
        #expect(created["versions"]?[0]?["budget"] == 4_294_967_296)
        #expect(created["versions"]?[0]?["publicKey"] == nil)

        let listed = try await place.jsonLines("key", "list", "--tenant", "acme")
        #expect(listed.map { $0["key"]?.string } == ["claims", "pii", "files"])
        #expect(listed[2] == created)
        #expect(listed.allSatisfy { $0.names == ["tenant", "key", "keyId", "algorithm", "versions"] })
        #expect(
            listed[0]["versions"]?[0]?.names == [
                "version", "state", "activated", "origin", "exportable", "overdue", "usage", "publicKey",
            ])
        #expect(try await place.jsonLines("key", "list") == listed)

        let rotated = try await place.json("key", "rotate", "--tenant", "acme", "claims")
        #expect(rotated == ["tenant": "acme", "key": "claims", "version": 2])
        let shown = try await place.json("key", "show", "--tenant", "acme", "claims")
        #expect(shown["versions"]?.array?.map { $0["state"]?.string } == ["deactivated", "active"])
        #expect(shown["versions"]?[0]?["publicKey"] == listed[0]["versions"]?[0]?["publicKey"])
        #expect(shown["versions"]?[1]?["publicKey"] != shown["versions"]?[0]?["publicKey"])

        let text = try await place.run("key", "show", "--tenant", "acme", "claims").output
        #expect(text.contains("algorithm  Ed25519"))
        #expect(try await place.run("key", "list").output.hasPrefix("TENANT  KEY     ALGORITHM"))
    }

    @Test func aKeyOfNobodyIsSaidToBeSo() async throws {
        let place = try await Workplace.furnished()
        for (command, complaint) in [
            (
                ["key", "show", "--tenant", "acme", "none"],
                "tenant acme has no key none. List its keys with `keyledger key list --tenant acme`."
            ),
            (
                ["key", "show", "--tenant", "nobody", "claims"],
                "there is no tenant nobody. Create it with `keyledger tenant create nobody`."
            ),
            (
                ["key", "list", "--tenant", "nobody"],
                "there is no tenant nobody. Create it with `keyledger tenant create nobody`."
            ),
            (
                ["key", "create", "--tenant", "acme", "claims"],
                "tenant acme has a key claims already; a name is used once. Rotate it, or choose another name."
            ),
            (
                ["key", "show", "--tenant", "acme", "pii", "--pem"],
                "key pii has no public key: it is an AES-256-GCM key."
            ),
            (
                ["key", "show", "--tenant", "acme", "claims", "--pem", "--key-version", "7"],
                "key claims has no version 7."
            ),
        ] {
            let outcome = try await place.run(command)
            #expect(outcome.status == 3)
            #expect(outcome.output.isEmpty)
            #expect(outcome.complaintLines == ["keyledger: \(complaint)"])
        }
    }

    @Test func namesNeedTheMasterKey() async throws {
        let place = try await Workplace.furnished()
        for command in [["key", "list", "--tenant", "acme"], ["key", "show", "--tenant", "acme", "claims"]] {
            let outcome = try await place.run(command, environment: ["KEYLEDGER_MASTER_KEY_FILE": ""])
            #expect(outcome.status == 64)
            #expect(outcome.complaints.contains("Give the master key's file with --master-key"))
        }
    }

    // MARK: help

    @Test(arguments: [
        [], ["init"], ["tenant", "create"], ["tenant", "list"], ["key", "create"], ["key", "list"], ["key", "show"],
        ["key", "rotate"], ["sign"], ["verify"], ["encrypt"], ["decrypt"], ["spans", "sign"], ["spans", "verify"],
        ["log", "show"], ["replay"], ["status"],
    ])
    func helpFitsATerminalAndNamesItsExample(command: [String]) async throws {
        let place = try Workplace()
        let help = try await place.run(command + ["--help"])
        #expect(help.status == 0)
        let prose = help.output.split(separator: "\n", omittingEmptySubsequences: false).prefix {
            !$0.hasPrefix("USAGE")
        }
        #expect(prose.allSatisfy { $0.count <= 80 })
        #expect(help.output.contains("--version"))
        #expect(help.output.components(separatedBy: "\n  --version").count == 2, "one option of a name")
    }

    @Test func helpDocumentsTheExitCodes() async throws {
        let help = try await Workplace().run("--help").output
        for code in [0, 1, 2, 3, 4, 5, 64, 130] { #expect(help.contains("\n  \(code) ")) }
    }
}
