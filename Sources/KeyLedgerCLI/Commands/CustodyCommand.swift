import ArgumentParser
import Glibc
import KeyLedger
import LedgerStore
import Transparency

struct CustodyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "custody", abstract: "See to the master key and to what rests under it.",
        subcommands: [Provider.self, Rewrap.self, AcceptLog.self])

    struct Provider: Command {
        static let configuration = CommandConfiguration(
            abstract: "Show what holds the master key, and what it can do.",
            discussion: """
                Asks the provider whether it can be reached and lets us use the key.

                With --json: provider, masterKey (its id), capabilities, healthy.
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var masterKey: MasterKeyOption

        func perform() async throws {
            let service: any KeyManagementService = LocalKeyManagementService(try masterKey.read(for: ledger))
            let needed = try KeyStore.masterKeyNeeded(ledger.path)
            guard service.masterKeyName == needed.name else {
                throw KeyStoreError.wrongMasterKey(given: service.masterKeyName, needed: needed.name)
            }
            try await service.healthCheck()
            let able = KeyManagementCapability.allCases.filter { service.capabilities.contains($0) }.map(\.rawValue)
            if ledger.json {
                try Terminal.print(
                    line([
                        "provider": .string(service.providerName), "masterKey": .string(service.masterKeyID),
                        "capabilities": .array(able.map { .string($0) }), "healthy": true,
                    ]))
            } else {
                try Terminal.print(
                    """
                    provider      \(service.providerName), works
                    master key    \(service.masterKeyID)\(needed.derivation == nil ? "" : ", from a passphrase")
                    can           wrap, unwrap, make data keys\(able.map { ", \($0)" }.joined())
                    """)
            }
        }
    }

    struct Rewrap: Command {
        static let configuration = CommandConfiguration(
            abstract: "Put everything under a new master key.",
            discussion: """
                The old master key opens nothing in this folder afterwards; it still opens copies that were made before. \
                Interrupt it as you like: until it is finished both keys are needed, and the same command goes on \
                where it stopped. A key file that exists already is taken as it is.

                  keyledger custody rewrap --master-key-file old.key --new-master-key new.key
                  keyledger custody rewrap --master-key-file old.key --new-passphrase
                  keyledger custody rewrap --passphrase-file old.txt --new-passphrase-file new.txt

                With --json: masterKey (the new one's id), tenants.
                """)

        @OptionGroup var options: StoreOptions
        @OptionGroup var new: NewMasterKeyOption

        func perform() async throws {
            let needed = try KeyStore.masterKeyNeeded(options.ledger.path)
            // What an interrupted attempt made of the passphrase; what the last step left opens the ledger itself.
            guard let key = try new.make(derivation: needed.next?.derivation, takesExisting: true) else {
                throw ValidationError("Give the new key: --new-master-key, --new-passphrase-file or --new-passphrase.")
            }
            let next = LocalKeyManagementService(key)
            let old = LocalKeyManagementService(try options.masterKey.read(for: options.ledger))
            let bar = ProgressBar("rewrapping", unit: "tenants")
            defer { bar.finish() }
            var count: UInt64 = 0
            try await KeyStore.rewrap(
                options.ledger.path, from: old, to: next, options: KeyStore.Options(caller: options.caller)
            ) { done, total in
                count = total
                bar.update(done, of: total)
            }
            bar.finish()
            try Terminal.print(
                options.ledger.json
                    ? line(["masterKey": .string(next.masterKeyID), "tenants": json(count)])
                    : "Everything is under master key \(next.masterKeyID) now; the old one opens nothing here any more."
            )
        }
    }

    struct AcceptLog: Command {
        static let configuration = CommandConfiguration(
            commandName: "accept-log", abstract: "Go on with a log that is older than the material beside it.",
            discussion: """
                Only after a log was restored from a backup and the newer one is lost: what happened since is forgotten \
                by the ledger, though not by those who hold its signatures and checkpoints. Keys that this log does not \
                know stay where they are, unused. The decision is recorded.

                  keyledger custody accept-log --reason "disk lost on 3 May, backup of 2 May"

                With --json: events.
                """)

        @OptionGroup var options: StoreOptions

        func perform() async throws {
            guard options.reason != nil else { throw ValidationError("Give the reason with --reason; it is recorded.") }
            var storeOptions = KeyStore.Options(caller: options.caller)
            storeOptions.acceptsShorterLog = true
            let store = try await KeyStore.open(
                options.ledger.path, masterKey: try options.masterKey.read(for: options.ledger), options: storeOptions)
            let count = store.projection.eventCount
            try await store.close()
            try Terminal.print(
                options.ledger.json
                    ? line(["events": json(count)])
                    : "The log and the material belong together again; the log has \(count.grouped) events.")
        }
    }
}
