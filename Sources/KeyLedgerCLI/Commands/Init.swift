import ArgumentParser
import Glibc
import KeyLedger
import LedgerStore
import Transparency

struct Init: Command {
    static let configuration = CommandConfiguration(
        abstract: "Create an empty ledger.",
        discussion: """
            The master key is kept apart from the ledger: whoever has both has every key.

              keyledger init --ledger ./ledger --new-master-key ~/master.key
              keyledger init --master-key ~/existing.key --origin ledger.example/keys

            With --json: ledger, origin, masterKey (its id).
            """)

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var masterKey: MasterKeyOption

    @Option(
        name: .long,
        help: .init("Make a new master key and write it to this file, which must not exist.", valueName: "file"))
    var newMasterKey: String?

    @Option(name: .long, help: .init("The ledger's name in proofs: a URL without a scheme.", valueName: "url"))
    var origin = "localhost/keyledger"

    func validate() throws {
        if newMasterKey != nil, masterKey.masterKey != nil {
            throw ValidationError(
                "Give --master-key for a key that exists or --new-master-key for a new one, not both.")
        }
    }

    func perform() async throws {
        if let newMasterKey { try MasterKey.create(file: newMasterKey) }
        let id: String
        do {
            let key = if let newMasterKey { try MasterKey(readingFile: newMasterKey) } else { try masterKey.read() }
            id = key.id
            try KeyStore.create(
                ledger.path, origin: origin, created: Time(nanoseconds: LedgerWriter.systemClock()).description,
                masterKey: key)
        } catch {
            // A key that no ledger was made with would only be in the way of the next attempt.
            if let newMasterKey { unsafe unlink(newMasterKey) }
            throw error
        }
        if ledger.json {
            try Terminal.print(
                line(["ledger": .string(ledger.path), "origin": .string(origin), "masterKey": .string(id)]))
        } else {
            try Terminal.print("Created the ledger \(ledger.path) (\(origin)) under master key \(id).")
            if let newMasterKey {
                try Terminal.print(
                    "The master key is in \(newMasterKey). Keep a copy elsewhere: without it every key is lost.")
            }
            try Terminal.print("Next: keyledger tenant create NAME")
        }
    }
}
