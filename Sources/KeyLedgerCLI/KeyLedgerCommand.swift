import ArgumentParser

@main
struct KeyLedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keyledger",
        abstract: "An audited key store: every use of a key is an event on disk before its outcome leaves.",
        discussion: """
            A ledger is a folder; its keys are wrapped under a master key that lives in a \
            file elsewhere.

              keyledger init --ledger ./ledger --new-master-key ~/master.key
              export KEYLEDGER_PATH=./ledger KEYLEDGER_MASTER_KEY_FILE=~/master.key
              keyledger tenant create acme
              keyledger key create --tenant acme claims
              echo hello | keyledger sign --tenant acme --key claims
              keyledger log show

            With --json, results are JSON: one object, or one a line for lists. Each command's \
            help says what is in it. Messages for people go to standard error.

            Exit codes:
              0    done
              1    something that was checked is not as it should be
              2    done, but part of the input was skipped
              3    refused
              4    the ledger cannot be opened
              5    reading or writing failed
              64   wrong usage
              130  interrupted
            """,
        version: "0.1.0",
        subcommands: [
            Init.self, TenantCommand.self, KeyCommand.self, Sign.self, Verify.self, Encrypt.self, Decrypt.self,
            Spans.self, Redact.self, RedactionCommand.self, RotationCommand.self, CacheCommand.self, ConfigCommand.self,
            CustodyCommand.self, Log.self, ReplayCommand.self, Status.self, CheckpointCommand.self, Prove.self,
            Publish.self, WitnessCommand.self, EvidenceCommand.self, Demo.self, Conformance.self,
        ])
}
