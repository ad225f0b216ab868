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
              keyledger init --new-passphrase
              keyledger init --master-key-file ~/existing.key --origin ledger.example/keys

            With --json: ledger, origin, masterKey (its id).
            """)

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var masterKey: MasterKeyOption
    @OptionGroup var new: NewMasterKeyOption

    @Option(name: .long, help: .init("The ledger's name in proofs: a URL without a scheme.", valueName: "url"))
    var origin = "localhost/keyledger"

    func validate() throws {
        if new.isGiven, masterKey.masterKey != nil {
            throw ValidationError(
                "Give --master-key-file for a key that exists or --new-master-key for a new one, not both.")
        }
    }

    func perform() async throws {
        let newMasterKey = new.newMasterKey
        let key = if let made = try new.make() { made } else { try masterKey.readKeyFile() }
        let id = key.id
        do {
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
            if newMasterKey == nil, new.isGiven {
                try Terminal.print("Remember the passphrase: without it every key is lost.")
            } else if let newMasterKey {
                try Terminal.print(
                    "The master key is in \(newMasterKey). Keep a copy elsewhere: without it every key is lost.")
            }
            try Terminal.print("Next: keyledger tenant create NAME")
        }
    }
}
