import ArgumentParser
import CryptoPrimitives
import KeyLedger
import LedgerStore
import Transparency

struct CheckpointCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint", abstract: "Sign the history so far, and show what was signed.",
        discussion: """
            A checkpoint commits to every event so far. Copies of it elsewhere are what shows later that nothing was \
            changed, also to people who trust nobody here.

              keyledger checkpoint --to /mnt/auditor/checkpoints
              keyledger checkpoint key show

            Every command that opens the ledger for writing also makes the checkpoints that are due, and sends them:
              KEYLEDGER_CHECKPOINT_SECONDS  at the latest so many seconds after the last one
              KEYLEDGER_CHECKPOINT_EVENTS   at the latest so many events after the last one
              KEYLEDGER_CHECKPOINT_TO       a second folder for them
            """,
        subcommands: [Make.self, List.self, Show.self, Key.self, Anchor.self], defaultSubcommand: Make.self)

    struct Make: Command {
        static let configuration = CommandConfiguration(
            abstract: "Sign the history so far.",
            discussion: """
                Where nothing happened since the last checkpoint, that one is shown again. Copies that could not be \
                delivered are sent with the next one.

                With --json: size, rootHash, checkpoint (the signed note).
                """)

        @OptionGroup var options: StoreOptions
        @Option(
            name: .long, help: .init("A folder for copies of all checkpoints; may be repeated.", valueName: "folder"))
        var to: [String] = []
        @Option(
            name: .long, parsing: .remaining,
            help: .init(
                "A program, with its arguments, that gets each checkpoint once on standard input.", valueName: "program"
            ))
        var command: [String] = []

        func perform() async throws {
            let places = to.map(CheckpointPlace.folder) + (command.isEmpty ? [] : [.command(command)])
            try await options.withStore({ $0.checkpointPlaces += places }) { store in
                let failure: (any Error)?
                do {
                    try await store.checkpoint()
                    failure = nil
                } catch let error as ProofError {
                    // The checkpoint that could not be delivered is worth showing.
                    guard case .delivery = error else { throw error }
                    failure = error
                }
                try Prover(store).checkpoint().print(asJSON: options.ledger.json)
                if let failure { throw failure }
            }
        }
    }

    struct List: Command {
        static let configuration = CommandConfiguration(
            abstract: "List all checkpoints.",
            discussion: """
                Needs no master key.

                With --json, a line for each: size, rootHash, signatures (how many), timestamps (how many).
                """)

        @OptionGroup var ledger: LedgerOption

        func perform() async throws {
            let checkpoints = CheckpointFolder(LedgerFolder(path: ledger.path))
            _ = try LedgerFolder(path: ledger.path).manifest()
            var rows: [[String]] = []
            for size in try checkpoints.sizes() {
                guard let note = try checkpoints.note(of: size) else { continue }
                let root = try Checkpoint(parsing: note.text).head.root.description
                let timestampCount = try checkpoints.timestamps(of: size).count
                if ledger.json {
                    try Terminal.print(
                        line([
                            "size": json(size.leafCount), "rootHash": .string(root),
                            "signatures": json(note.signatures.count), "timestamps": json(timestampCount),
                        ]))
                }
                rows.append([size.description, String(note.signatures.count), String(timestampCount), root])
            }
            if !ledger.json {
                try Terminal.print(
                    rows.isEmpty
                        ? "No checkpoints yet." : Terminal.table(["SIZE", "SIGNATURES", "TIMESTAMPS", "ROOT"], rows))
            }
        }
    }

    struct Show: Command {
        static let configuration = CommandConfiguration(
            abstract: "Show a checkpoint, as the signed note it is.",
            discussion: """
                Needs no master key. The signature of the ledger's key is verified.

                With --json: size, rootHash, checkpoint.
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var checkpoint: CheckpointOption

        func perform() async throws {
            let prover = try Prover(LedgerReader(LedgerFolder(path: ledger.path)), isReadOnly: true)
            let shown = try prover.checkpoint(of: try checkpoint.value())
            try shown.print(asJSON: ledger.json)
        }
    }

    struct Key: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The key that signs checkpoints.", subcommands: [ShowKey.self, Rotate.self],
            defaultSubcommand: ShowKey.self)

        struct ShowKey: Command {
            static let configuration = CommandConfiguration(
                commandName: "show", abstract: "Print the keys that verify checkpoints, oldest first.",
                discussion: """
                    Give them to those who are to verify, on another way than the checkpoints. The first call makes the key.

                    With --json: keys.
                    """)

            @OptionGroup var options: StoreOptions

            func perform() async throws {
                let folder = LedgerFolder(path: options.ledger.path)
                _ = try folder.manifest()
                var keys = try CheckpointFolder(folder).verifierKeys()
                if keys.isEmpty { keys = try await options.withStore { try await $0.checkpointKeys() } }
                if options.ledger.json {
                    try Terminal.print(line(["keys": .array(keys.map { .string($0.description) })]))
                } else {
                    for key in keys { try Terminal.print(key.description) }
                }
            }
        }

        struct Rotate: Command {
            static let configuration = CommandConfiguration(
                abstract: "Make a new key, and a checkpoint that both sign.",
                discussion: """
                    Whoever knows the old key can believe the new one.

                    With --json: key.
                    """)

            @OptionGroup var options: StoreOptions

            func perform() async throws {
                let key = try await options.withStore { try await $0.rotateCheckpointKey() }
                try Terminal.print(
                    options.ledger.json ? line(["key": .string(key.description)]) : key.description)
            }
        }
    }

    struct Anchor: Command {
        static let configuration = CommandConfiguration(
            abstract: "Have a checkpoint timestamped (RFC 3161).",
            discussion: """
                In two steps, so that no network is needed here:

                  keyledger checkpoint anchor --request checkpoint.tsq
                  curl -H 'Content-Type: application/timestamp-query' \\
                    --data-binary @checkpoint.tsq https://tsa.example/ -o checkpoint.tsr
                  keyledger checkpoint anchor --reply checkpoint.tsr \\
                    --query checkpoint.tsq --authority tsa-ca.pem

                With --json: of a reply: size, genTime, policy, serialNumber.
                """)

        @OptionGroup var options: StoreOptions
        @OptionGroup var checkpoint: CheckpointOption
        @Option(name: .long, help: .init("Write a request to this file.", valueName: "file")) var request: String?
        @Option(name: .long, help: .init("The authority's reply, to be verified and kept.", valueName: "file"))
        var reply: String?
        @Option(name: .long, help: .init("The request that was answered.", valueName: "file")) var query: String?
        @Option(name: .long, help: .init("The authority's certificates, PEM.", valueName: "file"))
        var authority: String?

        func validate() throws {
            if (request == nil) == (reply == nil) { throw ValidationError("Either --request or --reply.") }
            if reply != nil, authority == nil {
                throw ValidationError("Whom to believe? Give the authority's certificates with --authority.")
            }
        }

        func perform() async throws {
            let size = try checkpoint.value()
            if let request {
                let prover = try Prover(LedgerReader(LedgerFolder(path: options.ledger.path)), isReadOnly: true)
                return try DurableFile.replace(request, with: try prover.timestampRequest(of: size).bytes, mode: 0o644)
            }
            guard let reply, let authority else { return }
            let (bytes, certificates) = (try readInput(reply), try readInput(authority))
            let asked = try query.map { TimestampRequest(bytes: try readInput($0)) }
            let (timestamp, anchored) = try await options.withStore { store in
                (
                    try await store.addTimestamp(bytes, request: asked, authority: certificates, size: size),
                    try Prover(store).checkpoint(of: size).head.size
                )
            }
            let time = Time(nanoseconds: timestamp.genTime * 1_000_000_000).description
            try Terminal.print(
                options.ledger.json
                    ? line([
                        "size": json(anchored.leafCount), "genTime": .string(time), "policy": .string(timestamp.policy),
                        "serialNumber": .string(timestamp.serialNumber),
                    ]) : "The checkpoint of size \(anchored) existed at \(time).")
        }
    }
}

extension VerifiedCheckpoint {
    var json: JSONObject {
        [
            "size": KeyLedgerCLI.json(head.size.leafCount), "rootHash": .string(head.root.description),
            "checkpoint": .string(String(decoding: note.serialized(), as: UTF8.self)),
        ]
    }

    /// The signed note as it is, or one object.
    func print(asJSON: Bool) throws {
        if asJSON { try Terminal.print(line(json)) } else { try Terminal.write(note.serialized()) }
    }
}
