import ArgumentParser
import KeyLedger
import LedgerStore
import Transparency

struct Init: Command {
    static let configuration = CommandConfiguration(
        abstract: "Create an empty ledger.",
        discussion: """
            The master key is kept apart from the ledger: whoever has both has every key.

              keyledger init --ledger ./ledger --new-master-key ~/master.key
              keyledger init --ledger ./ledger --master-key ~/existing.key --origin ledger.example/keys
            """)

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var masterKey: MasterKeyOption

    @Option(name: .long, help: "Make a new master key and write it to this file, which must not exist.")
    var newMasterKey: String?

    @Option(name: .long, help: "The ledger's name in proofs: a URL without a scheme.")
    var origin = "localhost/keyledger"

    func perform() async throws {
        if let newMasterKey { try MasterKey.create(file: newMasterKey) }
        let key = if let newMasterKey { try MasterKey(readingFile: newMasterKey) } else { try masterKey.read() }
        let id = key.id
        try KeyStore.create(
            ledger.path, origin: origin, created: Time(nanoseconds: LedgerWriter.systemClock()).description,
            masterKey: key)
        if ledger.json {
            try Terminal.print(
                line(["ledger": .string(ledger.path), "origin": .string(origin), "masterKey": .string(id)]))
        } else {
            try Terminal.print("Created the ledger \(ledger.path) (\(origin)) under master key \(id).")
            if let newMasterKey {
                try Terminal.print(
                    "The master key is in \(newMasterKey). Keep a copy elsewhere: without it every key is lost.")
            }
        }
    }
}
