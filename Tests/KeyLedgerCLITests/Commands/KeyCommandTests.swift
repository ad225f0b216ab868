import Foundation
import Testing
import Transparency

@Suite("key and tenant quota")
struct KeyCommandTests {
    private func state(_ place: Workplace, _ key: String) async throws -> [String?] {
        let versions = try await place.json("key", "show", "--tenant", "acme", key)["versions"]?.array
        return versions?.map { $0["state"]?.string } ?? []
    }

    @Test func everyChangeOfStateSaysWhatItIsNow() async throws {
        let place = try await Workplace.furnished()
        for (command, state) in [
            ("suspend", "suspended"), ("resume", "active"), ("deactivate", "deactivated"),
            ("compromise", "compromised"), ("destroy", "compromised"), ("cancel-destroy", "compromised"),
        ] {
            let outcome = try await place.run(
                "key", command, "--tenant", "acme", "claims", "--actor", "jane", "--reason", "INC-7", "--json")
            #expect(outcome.status == 0, "\(command): \(outcome.complaints)")
            let row = try JSONValue(parsing: outcome.output)
            #expect(row == ["tenant": "acme", "key": "claims", "version": 1, "state": .string(state)], "\(command)")
        }
        let events = try await place.jsonLines("log", "show").filter { $0["details"]?["reason"] == "INC-7" }
        #expect(
            events.compactMap { $0["kind"]?.string } == [
                "suspend", "resume", "deactivate", "compromise", "schedule-destruction", "cancel-destruction",
            ])
        #expect(events.allSatisfy { $0["details"]?["actor"] == "jane" })
        // Each once more, from where it is not allowed.
        for command in ["activate", "suspend", "resume", "deactivate", "compromise", "cancel-destroy"] {
            let refused = try await place.run("key", command, "--tenant", "acme", "claims")
            #expect(refused.status == 3, "\(command)")
            #expect(
                refused.complaints.contains("key claims version 1 is compromised; the ledger refused to"), "\(command)")
        }
        let signed = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x")
        #expect(signed.status == 3)
        #expect(signed.output.isEmpty)
    }

    @Test func aKeyWithADateCanBeActivatedBeforeIt() async throws {
        let place = try await Workplace.furnished()
        let created = try await place.run(
            "key", "create", "--tenant", "acme", "--not-before", "2100-01-01", "--cryptoperiod", "30d", "next")
        #expect(created.output.contains("pre-activation until 2100-01-01T00:00:00"))
        #expect(try await place.run("sign", "--tenant", "acme", "--key", "next", input: "x").status == 3)
        #expect(try await place.run("key", "activate", "--tenant", "acme", "next").status == 0)
        #expect(try await place.run("sign", "--tenant", "acme", "--key", "next", input: "x").status == 0)
        for (option, value) in [
            ("--not-before", "2100-02-30"), ("--not-before", "tomorrow"), ("--not-before", "2100-01-01T24:00:00Z"),
            ("--not-before", "2100-01-01 00:00:00"), ("--cryptoperiod", "90"), ("--cryptoperiod", "-1d"),
            ("--cryptoperiod", "99999999d"), ("--cryptoperiod", "d"),
        ] {
            let refused = try await place.run("key", "create", "--tenant", "acme", option, value, "bad")
            #expect(refused.status == 64, "\(option) \(value)")
        }
        let past = try await place.run("key", "create", "--tenant", "acme", "--not-before", "2001-01-01", "bad")
        #expect(past.status == 3)
        #expect(past.complaints.contains("the date has passed"))
    }

    @Test func destroyingWaitsForAllVersionsUnlessItIsToBeNow() async throws {
        let place = try await Workplace.furnished()
        let envelope = try await place.run("encrypt", "--tenant", "acme", "--key", "pii", input: "secret").output
        try place.write(envelope, to: "envelope")
        #expect(try await place.run("key", "rotate", "--tenant", "acme", "pii").status == 0)
        #expect(try await place.run("key", "destroy", "--tenant", "acme", "pii", "--in", "0s").status == 64)
        let scheduled = try await place.jsonLines("key", "destroy", "--tenant", "acme", "pii", "--in", "30d")
        #expect(scheduled.map { $0["version"] } == [1, 2])
        #expect(try await place.run("decrypt", "--tenant", "acme", "--key", "pii", "envelope").status == 3)
        #expect(try await place.run("key", "cancel-destroy", "--tenant", "acme", "pii").status == 0)
        #expect(try await place.run("decrypt", "--tenant", "acme", "--key", "pii", "envelope").output == "secret")
        #expect(try await state(place, "pii") == ["deactivated", "deactivated"])
        let one = try await place.json("key", "destroy", "--tenant", "acme", "pii", "--key-version", "1", "--now")
        #expect(one["state"] == "destroyed")
        #expect(try await state(place, "pii") == ["destroyed", "deactivated"])
        #expect(try await place.run("key", "destroy", "--tenant", "acme", "pii", "--now").status == 0)
        #expect(try await place.run("key", "destroy", "--tenant", "acme", "pii", "--now").status == 3)
        #expect(try await place.run("verify").status == 0)
        #expect(try await place.run(["key", "list"], environment: ["KEYLEDGER_MASTER_KEY_FILE": ""]).status == 0)
    }

    @Test func aDestructionWhoseTimeIsOverIsDoneByTheNextCommand() async throws {
        let place = try await Workplace.furnished()
        #expect(try await place.run("key", "destroy", "--tenant", "acme", "claims", "--in", "1s").status == 0)
        try await Task.sleep(for: .seconds(2))
        #expect(try await place.run("key", "cancel-destroy", "--tenant", "acme", "claims").status == 3)
        #expect(try await state(place, "claims") == ["destroyed"])
    }

    // MARK: Import and export

    @Test func opensslWrapsAKeyThatIsImportedOnce() async throws {
        let place = try await Workplace.furnished()
        let offer = try await place.json("key", "import-parameters", "--tenant", "acme")
        try place.write(try #require(offer["publicKey"]?.string), to: "wrap.pem")
        let id = try #require(offer["offer"]?.string)
        let made = try await place.shell(
            """
            set -e
            openssl genpkey -algorithm ed25519 -outform DER -out key.der
            openssl pkey -inform DER -in key.der -pubout -out expected.pem
            openssl pkeyutl -encrypt -pubin -inkey wrap.pem -pkeyopt rsa_padding_mode:oaep \
              -pkeyopt rsa_oaep_md:sha256 -in key.der -out wrapped.bin
            keyledger key import --tenant acme --offer \(id) outside wrapped.bin
            keyledger key show --tenant acme outside --pem > imported.pem
            cmp expected.pem imported.pem
            """)
        #expect(made.status == 0, "\(made.complaints)")
        let again = try await place.run("key", "import", "--tenant", "acme", "--offer", id, "twice", "wrapped.bin")
        #expect(again.status == 3)
        #expect(again.complaints.contains("cannot be used"))
        let clear = try await place.run("key", "import", "--tenant", "acme", "clear", "key.der")
        #expect(clear.status == 64)
        #expect(
            try await place.run("key", "import", "--tenant", "acme", "--allow-cleartext", "clear", "key.der").status
                == 0)
        let row = try await place.json("key", "show", "--tenant", "acme", "clear")
        #expect(row["versions"]?.array?.first?["origin"] == "imported")
        for arguments in [["--offer", "none"], ["--offer", id, "--allow-cleartext"], ["--wrapping-key", "missing"]] {
            let refused = try await place.run(["key", "import", "--tenant", "acme"] + arguments + ["bad", "key.der"])
            #expect(refused.status == (arguments[1] == "missing" ? 5 : 64), "\(arguments)")
        }
    }

    @Test func anExportedKeyIsReadByOpensslAndByAnotherTenant() async throws {
        let place = try await Workplace.furnished()
        let outcome = try await place.shell(
            """
            set -e
            openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out recipient.key 2> /dev/null
            openssl pkey -in recipient.key -pubout -out recipient.pem
            head -c 32 /dev/urandom > shared.bin
            keyledger key create --tenant acme --exportable out
            keyledger key show --tenant acme out --pem > expected.pem
            keyledger key export --tenant acme out --recipient recipient.pem --output wrapped.bin
            openssl pkeyutl -decrypt -inkey recipient.key -pkeyopt rsa_padding_mode:oaep \
              -pkeyopt rsa_oaep_md:sha256 -in wrapped.bin -out out.der
            openssl pkey -inform DER -in out.der -pubout -out exported.pem
            cmp expected.pem exported.pem
            keyledger key export --tenant acme out --wrapping-key shared.bin | base64 -d > kwp.bin
            keyledger tenant create globex
            keyledger key import --tenant globex copy --wrapping-key shared.bin kwp.bin
            keyledger key show --tenant globex copy --pem | cmp - expected.pem
            stat -c %a wrapped.bin
            """)
        #expect(outcome.status == 0, "\(outcome.complaints)")
        #expect(outcome.output.hasSuffix("600\n"))
        let refused = try await place.run("key", "export", "--tenant", "acme", "claims", "--allow-cleartext")
        #expect(refused.status == 3)
        #expect(refused.output.isEmpty)
        #expect(refused.complaints.contains("was not created exportable"))
        #expect(try await place.run("key", "export", "--tenant", "acme", "out").status == 64)
        let bad = try await place.run("key", "export", "--tenant", "acme", "out", "--recipient", "shared.bin")
        #expect(bad.status == 3)
        #expect(bad.complaintLines.count == 1)
    }

    // MARK: Quota

    @Test func aTenantsQuotaIsSetShownAndKept() async throws {
        let place = try await Workplace.furnished()
        #expect(try await place.json("tenant", "quota", "acme") == ["tenant": "acme", "quota": .null, "used": 0])
        #expect(
            try await place.json("tenant", "quota", "acme", "--limit", "1") == [
                "tenant": "acme", "quota": 1, "used": 0,
            ])
        #expect(try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x").status == 0)
        let refused = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x")
        #expect(refused.status == 3)
        #expect(refused.complaints.contains("its tenant's quota is used up"))
        #expect(try await place.run("tenant", "quota", "acme", "--limit", "0").status == 3)
        #expect(try await place.run("tenant", "quota", "acme", "--limit", "2", "--unlimited").status == 64)
        #expect(try await place.run("tenant", "quota", "acme", "--unlimited").status == 0)
        #expect(try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x").status == 0)
        #expect(try await place.run("tenant", "quota", "nobody", "--limit", "2").status == 3)
    }
}
