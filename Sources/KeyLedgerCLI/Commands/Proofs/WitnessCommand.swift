import ArgumentParser
import CryptoPrimitives
import KeyLedger
import LedgerStore
import Transparency

struct WitnessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness", abstract: "Have checkpoints cosigned, and cosign those of others.",
        discussion: """
            A witness's cosignature says that it saw no other history. Requests and answers are those of C2SP \
            tlog-witness; carry them as you like, for instance with curl.

            On the witness's machine:
              keyledger witness init --folder ./witness --name w.example/one --log VKEY
              keyledger witness answer --folder ./witness request > answer
            On the ledger's:
              keyledger witness request --witness WITNESS-VKEY > request
              keyledger witness add --witness WITNESS-VKEY answer
            """,
        subcommands: [Request.self, Add.self, Initialise.self, Answer.self])

    struct Request: Command {
        static let configuration = CommandConfiguration(
            abstract: "Ask a witness to cosign a checkpoint.",
            discussion: """
                Needs no master key. The consistency proof starts from the last checkpoint the witness cosigned, as far \
                as this ledger has its cosignatures; a witness that answers with another size (409) is asked again with \
                --old.
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var checkpoint: CheckpointOption
        @OptionGroup var output: OutputOption
        @Option(name: .long, help: .init("The witness's key.", valueName: "vkey")) var witness: String
        @Option(name: .long, help: .init("The size the witness knows.", valueName: "size")) var old: UInt64?

        func perform() async throws {
            let key = try parseKey(witness)
            let prover = try Prover(LedgerReader(LedgerFolder(path: ledger.path)))
            let size = try prover.checkpoint(of: try checkpoint.value()).head.size
            let request = try prover.consistency(from: try known(to: key, prover, before: size), to: size)
            try prover.close()
            try output.write(request.serialized())
        }

        /// The head that the witness remembers.
        private func known(to witness: VerifierKey, _ prover: Prover, before size: TreeSize) throws -> TreeHead {
            if let old {
                guard let old = TreeSize(old) else { throw ValidationError("A size is below 2^63.") }
                return old.isEmpty ? .empty : try prover.checkpoint(of: old).head
            }
            for known in try prover.checkpoints.sizes().reversed() where known <= size {
                let checkpoint = try prover.checkpoint(of: known)
                if (try? checkpoint.note.verifiedSignatures(by: [witness])) != nil { return checkpoint.head }
            }
            return .empty
        }
    }

    struct Add: Command {
        static let configuration = CommandConfiguration(
            abstract: "Verify a witness's answer and add it to its checkpoint.",
            discussion: "With --json: size, rootHash, checkpoint.")

        @OptionGroup var options: StoreOptions
        @OptionGroup var checkpoint: CheckpointOption
        @Option(name: .long, help: .init("The witness's key.", valueName: "vkey")) var witness: String
        @Argument(help: "The answer; - is standard input.") var file = "-"

        func perform() async throws {
            let key = try parseKey(witness)
            let answer = try readInput(file)
            let size = try checkpoint.value()
            let cosigned = try await options.withStore { store in
                _ = try await store.addCosignature(answer, of: key, size: size)
                return try Prover(store).checkpoint(of: size)
            }
            try cosigned.print(asJSON: options.ledger.json)
        }
    }

    struct Initialise: Command {
        static let configuration = CommandConfiguration(
            commandName: "init", abstract: "Make a witness.",
            discussion: """
                Prints the witness's key, for the policies of those who verify.

                With --json: key.
                """)

        @Option(name: .long, help: .init("Where the witness lives.", valueName: "folder")) var folder: String
        @Option(name: .long, help: .init("Its name: a URL without a scheme.", valueName: "name")) var name: String
        @Option(name: .long, help: .init("A log to watch; may be repeated.", valueName: "vkey")) var log: [String] = []
        @Flag(name: .long, help: "Print JSON, for programs.") var json = false

        func perform() async throws {
            guard let name = KeyName(name) else {
                throw Failure(
                    "\(name) cannot be the name of a key: white space and plus signs are not allowed.", .refused)
            }
            try FileWitness.create(folder, name: name, logs: try log.map(parseKey))
            let key = try FileWitness.open(folder).verifierKey.description
            try Terminal.print(json ? line(["key": .string(key)]) : key)
        }
    }

    struct Answer: Command {
        static let configuration = CommandConfiguration(
            abstract: "Answer a request: cosign a checkpoint that extends the last one.",
            discussion: """
                Prints the body of the answer: the cosignature, or for a request with another old size the size that is \
                known. Refusals end with code 3.

                With --json: status (as in HTTP), body.
                """)

        @Option(name: .long, help: .init("Where the witness lives.", valueName: "folder")) var folder: String
        @Flag(name: .long, help: "Print JSON, for programs.") var json = false
        @Argument(help: "The request; - is standard input.") var file = "-"

        func perform() async throws {
            let request = try readInput(file)
            let seconds = LedgerWriter.systemClock() / 1_000_000_000
            let answer = try FileWitness.open(folder).answer(request, secondsSince1970: seconds)
            let body = String(decoding: answer.body, as: UTF8.self)
            if json {
                try Terminal.print(line(["status": KeyLedgerCLI.json(answer.statusCode), "body": .string(body)]))
            } else if answer.statusCode == 200 || answer.statusCode == 409 {
                try Terminal.write(answer.body)
            }
            guard answer.statusCode == 200 else {
                throw Failure(
                    "not cosigned (\(answer.statusCode)): \(body.split(separator: "\n").first ?? "").", .refused)
            }
        }
    }
}
