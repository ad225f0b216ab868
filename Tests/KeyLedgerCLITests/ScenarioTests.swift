import Testing

/// The scenarios of `KeyLedgerTests/ScenarioTests.swift`, as somebody at a shell would go through them.
@Suite("Scenarios from a shell")
struct ScenarioTests {
    /// Runs the script in a folder with a ledger of `acme` and `globex`, each with the keys `claims` and `pii`; every
    /// command has to succeed.
    private func run(_ script: String) async throws -> Outcome {
        let place = try await Workplace.furnished()
        let outcome = try await place.shell(
            """
            set -eu
            refused() { if "$@" > out.txt 2> refusal.txt; then echo "not refused: $*"; exit 1; fi; }
            keyledger tenant create globex > out.txt
            keyledger key create --tenant globex claims > out.txt
            keyledger key create --tenant globex --type aes-256 pii > out.txt
            echo "claim 4711 was approved" > message.txt
            \(script)
            """)
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.complaints)")
        return outcome
    }

    @Test func signingLifeCycle() async throws {
        let outcome = try await run(
            """
            keyledger sign --tenant acme --key claims message.txt > signature.txt
            keyledger verify --signature "$(cat signature.txt)" --tenant acme --key claims message.txt
            echo x >> message.txt
            refused keyledger verify --signature "$(cat signature.txt)" --tenant acme --key claims message.txt
            keyledger log show | grep -c " sign "
            """)
        #expect(outcome.output.hasPrefix("The signature is valid.\n"))
    }

    @Test func encryptionLifeCycle() async throws {
        let outcome = try await run(
            """
            keyledger encrypt --tenant acme --key pii --context purpose=export message.txt > envelope.txt
            keyledger key rotate --tenant acme pii > out.txt
            keyledger decrypt --tenant acme --key pii --context purpose=export envelope.txt
            refused keyledger decrypt --tenant acme --key pii --context purpose=import envelope.txt
            """)
        #expect(outcome.output == "claim 4711 was approved\n")
    }

    @Test func spanSigning() async throws {
        let outcome = try await run(
            """
            keyledger spans sign "\(SpanFiles.sample)" --output signed.jsonl --create-missing --default-tenant platform
            keyledger spans verify signed.jsonl
            """)
        #expect(outcome.output == "2,380 spans carry a valid signature, 0 do not.\n")
    }

    @Test func invalidationOnRotation() async throws {
        let outcome = try await run(
            """
            keyledger sign --tenant acme --key claims message.txt > old.txt
            keyledger key rotate --tenant acme claims > out.txt
            keyledger sign --tenant acme --key claims --json message.txt | grep -o '"version":[0-9]*'
            keyledger verify --signature "$(cat old.txt)" --tenant acme --key claims --key-version 1 message.txt
            keyledger log show | grep -c "retire"
            """)
        #expect(outcome.output == "\"version\":2\nThe signature is valid.\n1\n")
    }

    @Test func publicKeyForOutsideVerification() async throws {
        let outcome = try await run(
            """
            keyledger sign --tenant acme --key claims message.txt > signature.txt
            key=$(keyledger key list --tenant acme --json | grep -o '"publicKey":"[^"]*"' | cut -d '"' -f 4 | head -1)
            rm -rf ledger master.key
            keyledger verify --signature "$(cat signature.txt)" --public-key "$key" message.txt
            """)
        #expect(outcome.output == "The signature is valid.\n")
    }

    @Test func tenantIsolation() async throws {
        let outcome = try await run(
            """
            keyledger encrypt --tenant acme --key pii message.txt > envelope.txt
            keyledger sign --tenant acme --key claims message.txt > signature.txt
            refused keyledger decrypt --tenant globex --key pii envelope.txt
            cat refusal.txt
            refused keyledger verify --signature "$(cat signature.txt)" --tenant globex --key claims message.txt
            keyledger log show --json | grep -c foreign-envelope
            keyledger decrypt --tenant acme --key pii envelope.txt
            """)
        #expect(
            outcome.output == """
                keyledger: decryption failed: the ciphertext was changed, or it belongs to another tenant, key or context. \
                The attempt is recorded.
                1
                claim 4711 was approved

                """)
    }
}
