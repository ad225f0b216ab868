import Foundation
import Testing
import Transparency

@Suite("sign, verify, encrypt and decrypt")
struct CryptographyCommandTests {
    private func signature(_ place: Workplace, of message: String) async throws -> JSONValue {
        try await place.json("sign", "--tenant", "acme", "--key", "claims", input: message)
    }

    // MARK: sign and verify

    @Test func aSignatureIsVerifiedByTheLedgerAndWithThePublicKeyAlone() async throws {
        let place = try await Workplace.furnished()
        let message = try place.write("contract", to: "contract.txt")
        let signed = try await place.run("sign", "--tenant", "acme", "--key", "claims", message)
        #expect(signed.status == 0)
        #expect(signed.complaints.hasPrefix("Signed by acme/claims version 1, event "))
        let signature = signed.output.trimmingCharacters(in: .newlines)
        #expect(Data(base64Encoded: signature)?.count == 64)

        let asEvent = try await place.run(
            "verify", "--tenant", "acme", "--key", "claims", "--signature", signature, message)
        #expect(asEvent.status == 0)
        #expect(asEvent.output == "The signature is valid.\n")

        let key = try await place.json("key", "show", "--tenant", "acme", "claims")
        let publicKey = try #require(key["versions"]?[0]?["publicKey"]?.string)
        // Neither ledger nor master key.
        let alone = try await Workplace().run(
            ["verify", "--public-key", publicKey, "--signature", signature, message],
            environment: ["KEYLEDGER_PATH": "/nowhere", "KEYLEDGER_MASTER_KEY_FILE": ""])
        #expect(alone.status == 0)
    }

    @Test func opensslAcceptsTheSignature() async throws {
        let place = try await Workplace.furnished()
        try place.write("contract", to: "contract.txt")
        let check = "openssl pkeyutl -verify -pubin -inkey claims.pem -rawin -in contract.txt -sigfile contract.sig"
        let first = try await place.shell(
            """
            keyledger sign --tenant acme --key claims contract.txt | base64 -d > contract.sig &&
            keyledger key show --tenant acme claims --pem > claims.pem && \(check)
            """)
        #expect(first.status == 0, "\(first.complaints)")
        #expect(first.output == "Signature Verified Successfully\n")
        // After a rotation the old version's key is still to be had.
        let rotated = try await place.shell(
            """
            keyledger key rotate --tenant acme claims >&2 &&
            keyledger key show --tenant acme claims --pem > new.pem &&
            keyledger key show --tenant acme claims --pem --key-version 1 > claims.pem &&
            ! cmp -s new.pem claims.pem && \(check)
            """)
        #expect(rotated.status == 0, "\(rotated.complaints)")
        let forged = try await place.shell("echo forged >> contract.txt; \(check)")
        #expect(forged.status != 0)
    }

    @Test func jsonSaysWhoSignedWithWhichVersionAndWhichEventAllowedIt() async throws {
        let place = try await Workplace.furnished()
        let signed = try await signature(place, of: "x")
        #expect(
            signed.names == ["signature", "algorithm", "tenant", "key", "version", "event", "sequence"])
        #expect(signed["version"] == 1)
        let events = try await place.jsonLines("log", "show")
        let event = try #require(events.first { $0["id"] == signed["event"] })
        #expect(event["event"] == signed["sequence"])
        #expect(event["kind"] == "sign")
        #expect(event["outcome"] == "created")
        // sha256 of "x".
        #expect(
            event["details"]?["messageDigest"]
                == "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
    }

    @Test func actorAndReasonAreRecorded() async throws {
        let place = try await Workplace.furnished()
        _ = try await place.run(
            "sign", "--tenant", "acme", "--key", "claims", "--actor", "jane", "--reason", "ticket 12", input: "x")
        let event = try #require(try await place.jsonLines("log", "show").last { $0["kind"] == "sign" })
        #expect(event["details"]?["actor"] == "jane")
        #expect(event["details"]?["reason"] == "ticket 12")
        _ = try await place.run("sign", "--tenant", "acme", "--key", "claims", input: "x")
        let other = try #require(try await place.jsonLines("log", "show").last { $0["kind"] == "sign" })
        #expect(other["details"]?["actor"]?.string?.hasPrefix("os:") == true)
    }

    @Test func aSignatureOfSomethingElseIsNotValid() async throws {
        let place = try await Workplace.furnished()
        let signature = try #require(try await signature(place, of: "x")["signature"]?.string)
        let other = try await place.run(
            "verify", "--tenant", "acme", "--key", "claims", "--signature", signature, input: "y")
        #expect(other.status == 1)
        #expect(other.output.isEmpty)
        #expect(
            other.complaintLines == [
                "keyledger: the signature is not valid: it belongs to another message, key or version."
            ])
        let json = try await place.run(
            "verify", "--tenant", "acme", "--key", "claims", "--signature", signature, "--json", input: "y")
        #expect(json.status == 1)
        #expect(json.output == "{\"valid\":false}\n")
    }

    @Test func anOldSignatureIsVerifiedWithoutSayingItsVersion() async throws {
        let place = try await Workplace.furnished()
        let signature = try #require(try await signature(place, of: "x")["signature"]?.string)
        for _ in 0..<2 { _ = try await place.run("key", "rotate", "--tenant", "acme", "claims") }
        func verify(_ more: String...) async throws -> Int32 {
            try await place.run(
                ["verify", "--tenant", "acme", "--key", "claims", "--signature", signature] + more, input: "x"
            ).status
        }
        #expect(try await verify() == 0)
        #expect(try await verify("--key-version", "1") == 0)
        #expect(try await verify("--key-version", "2") == 1)
        #expect(try await verify("--key-version", "9") == 3)
    }

    @Test(arguments: [
        (["--signature", "not base64!"], 3 as Int32, "the signature is not base64."),
        (["--signature", "AAAA", "--public-key", "?"], 3, "the public key is not base64."),
        (
            ["--signature", "AAAA", "--public-key", "AAAA"], 3,
            "the key is not acceptable: an Ed25519 public key has 32 bytes, not 3"
        ),
    ])
    func whatIsNoSignatureOrKeyIsRefused(arguments: [String], status: Int32, complaint: String) async throws {
        let place = try await Workplace.furnished()
        let outcome = try await place.run(
            ["verify", "--tenant", "acme", "--key", "claims"] + arguments, input: "x")
        #expect(outcome.status == status)
        #expect(outcome.complaintLines.count == 1)
        #expect(outcome.complaints.contains(complaint), "\(outcome.complaints)")
    }

    @Test(arguments: [
        ["verify", "--tenant", "acme"], ["verify", "file"], ["verify", "--signature", "AAAA"],
        ["verify", "--signature", "AAAA", "--tenant", "acme"], ["sign"], ["sign", "--tenant", "acme"], ["nonsense"],
        ["sign", "--tenant", "acme", "--key", "claims", "--nonsense"],
        ["key", "create", "--tenant", "acme", "--type", "rsa", "x"],
        ["encrypt", "--tenant", "acme", "--key", "pii", "--context", "novalue"],
        ["encrypt", "--tenant", "acme", "--key", "pii", "--context", "=value"],
        ["encrypt", "--tenant", "acme", "--key", "pii", "--context", "a=1", "--context", "a=2"],
        ["log", "show", "--last", "3", "--from", "2"], ["log", "show", "--last", "-1"],
        ["key", "show", "--tenant", "acme", "claims", "--key-version", "1"],
    ])
    func wrongUsageIsExplained(command: [String]) async throws {
        let place = try await Workplace.furnished()
        let outcome = try await place.run(command, input: "x")
        #expect(outcome.status == 64)
        #expect(outcome.output.isEmpty)
        #expect(outcome.complaints.contains("Error: ") && outcome.complaints.contains("Usage: "))
    }

    // MARK: encrypt and decrypt

    @Test func whatWasEncryptedIsDecryptedByteForByte() async throws {
        let place = try await Workplace.furnished()
        let bytes = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        try bytes.write(to: URL(filePath: place.file("photo.jpg")))
        let outcome = try await place.shell(
            """
            keyledger encrypt --tenant acme --key pii --context purpose=export photo.jpg > photo.enc &&
            keyledger decrypt --tenant acme --key pii --context purpose=export photo.enc > photo.out &&
            cmp photo.jpg photo.out
            """)
        #expect(outcome.status == 0, "\(outcome.complaints)")
    }

    @Test func jsonCarriesEnvelopeAndPlaintext() async throws {
        let place = try await Workplace.furnished()
        let sealed = try await place.json("encrypt", "--tenant", "acme", "--key", "pii", input: "secret")
        #expect(sealed.names == ["envelope", "tenant", "key"])
        let envelope = try #require(sealed["envelope"]?.string)
        let opened = try await place.json("decrypt", "--tenant", "acme", "--key", "pii", input: envelope)
        #expect(opened == ["plaintext": "c2VjcmV0"])
    }

    @Test func anotherContextOrAChangedEnvelopeIsRefusedAndRecorded() async throws {
        let place = try await Workplace.furnished()
        let envelope = try await place.run(
            "encrypt", "--tenant", "acme", "--key", "pii", "--context", "purpose=export", input: "secret"
        ).output
        for (arguments, input) in [
            (["--context", "purpose=import"], envelope), ([], envelope),
            (["--context", "purpose=export"], String(envelope.dropLast(7)) + "AAAAA=\n"),
        ] {
            let outcome = try await place.run(
                ["decrypt", "--tenant", "acme", "--key", "pii"] + arguments, input: input)
            #expect(outcome.status == 3)
            #expect(outcome.output.isEmpty)
            #expect(outcome.complaintLines.count == 1)
            #expect(outcome.complaints.contains("The attempt is recorded."))
        }
        let denials = try await place.jsonLines("log", "show").filter { $0["kind"] == "deny" }
        #expect(denials.map { $0["details"]?["denied"] } == ["not-authentic", "not-authentic", "not-authentic"])
    }

    @Test(arguments: ["", "!", "AAAA", "S0xFMQ=="])
    func whatIsNoEnvelopeIsRefused(input: String) async throws {
        let place = try await Workplace.furnished()
        let outcome = try await place.run("decrypt", "--tenant", "acme", "--key", "pii", input: input)
        #expect(outcome.status == 3)
        #expect(outcome.complaintLines.count == 1)
        #expect(outcome.complaints.contains("this is not something KeyLedger encrypted"))
    }

    @Test func anEnvelopeOfAnotherTenantIsRefusedAndShownInTheLogAsTheIntrudersAttempt() async throws {
        let place = try await Workplace.furnished()
        _ = try await place.run("tenant", "create", "globex")
        _ = try await place.run("key", "create", "--tenant", "globex", "--type", "aes-256", "pii")
        let envelope = try await place.run("encrypt", "--tenant", "acme", "--key", "pii", input: "secret").output
        let outcome = try await place.run("decrypt", "--tenant", "globex", "--key", "pii", input: envelope)
        #expect(outcome.status == 3)
        let denial = try #require(try await place.jsonLines("log", "show").last { $0["kind"] == "deny" })
        #expect(denial["tenant"] == "globex")
        #expect(denial["details"]?["denied"] == "foreign-envelope")
    }

    @Test func aKeyDoesOnlyWhatItIsFor() async throws {
        let place = try await Workplace.furnished()
        for (command, key, needed) in [("sign", "pii", "Ed25519"), ("encrypt", "claims", "AES-256-GCM")] {
            let outcome = try await place.run(command, "--tenant", "acme", "--key", key, input: "x")
            #expect(outcome.status == 3)
            #expect(outcome.complaints.contains("this operation needs \(needed)."))
        }
    }
}
