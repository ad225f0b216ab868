import ArgumentParser
import CryptoPrimitives
import KeyLedger
import LedgerStore
import Transparency

struct Prove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prove that an event is in the log, or that the log only grew.",
        discussion: """
            Needs no master key. Proofs are checked offline, with the log's public key alone.

              keyledger prove 1234 --output event.tlog-proof
              keyledger prove --from 1000 --output growth.txt
              keyledger prove check event.tlog-proof --key VKEY
            """,
        subcommands: [Make.self, Check.self], defaultSubcommand: Make.self)

    struct Make: Command {
        static let configuration = CommandConfiguration(
            commandName: "make", abstract: "Make a proof.",
            discussion: """
                Of an event: a tlog-proof (C2SP), whose line `extra` is the event itself. Of growth: what witnesses are \
                asked with (C2SP tlog-witness): the old size, the proof, the checkpoint.
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var checkpoint: CheckpointOption
        @OptionGroup var output: OutputOption
        @Argument(help: "The event: its number, or its id.") var event: String?
        @Option(
            name: .long,
            help: .init("Prove growth from this checkpoint: its size, or a file with it.", valueName: "checkpoint"))
        var from: String?

        func validate() throws {
            if (event == nil) == (from == nil) { throw ValidationError("Either an event or --from.") }
        }

        func perform() async throws {
            let prover = try Prover(LedgerReader(LedgerFolder(path: ledger.path)))
            let size = try checkpoint.value()
            let bytes: [UInt8]
            if let event {
                bytes = try prover.inclusion(of: try number(of: event, prover), in: size).serialized()
            } else {
                bytes = try prover.consistency(from: try head(prover), to: size).serialized()
            }
            try prover.close()
            if ledger.json {
                try Terminal.print(line(["proof": .string(String(decoding: bytes, as: UTF8.self))]))
            } else {
                try output.write(bytes)
            }
        }

        private func number(of event: String, _ prover: Prover) throws -> UInt64 {
            if let number = UInt64(event) { return number }
            guard let id = EventID(event) else {
                throw ValidationError("\(event) is neither the number of an event nor its id (26 letters and digits).")
            }
            return try prover.number(of: id)
        }

        private func head(_ prover: Prover) throws -> TreeHead {
            guard let from else { throw ValidationError("Either an event or --from.") }
            if let size = UInt64(from) {
                guard let size = TreeSize(size) else { throw ValidationError("A size is below 2^63.") }
                return try prover.checkpoint(of: size).head
            }
            let checkpoint: Checkpoint
            do {
                checkpoint = try Checkpoint(parsing: try SignedNote(parsing: try readInput(from)).text)
            } catch let error as Failure {
                throw error
            } catch {
                throw Failure("\(from) is no checkpoint: \(error).", .refused)
            }
            guard checkpoint.origin == prover.origin else {
                throw ProofError.checkpoint(.otherOrigin(expected: prover.origin, found: checkpoint.origin))
            }
            return checkpoint.head
        }
    }

    struct Check: Command {
        static let configuration = CommandConfiguration(
            abstract: "Check a proof, offline.",
            discussion: """
                Takes neither ledger nor master key. Of an event: that it is in the log. Of growth: that the log has \
                everything the old checkpoint commits to.

                With --json: valid, origin, size, and of an event: event, time (RFC 3339), kind, outcome.
                """)

        @Argument(help: "The proof; - is standard input.") var file: String
        @OptionGroup var trust: TrustOptions
        @Option(name: .long, help: .init("For growth: the old checkpoint, which you trust.", valueName: "file"))
        var from: String?
        @Flag(name: .long, help: "Print JSON, for programs.") var json = false

        func perform() async throws {
            let bytes = try readInput(file)
            let result = from == nil ? try checkEvent(bytes) : try checkGrowth(bytes)
            try Terminal.print(json ? line(result.json) : result.text)
        }

        private typealias Result = (json: JSONObject, text: String)

        private func checkEvent(_ bytes: [UInt8]) throws -> Result {
            do {
                let proof = try TlogProof(parsing: bytes)
                guard let entry = proof.extra.flatMap(EventEntry.init) else {
                    throw Failure("the proof does not carry its event in the line `extra`.", .checkFailed)
                }
                let policy = try trust.checkpointPolicy(for: try claimedOrigin(of: proof.note))
                let checkpoint = try proof.verify(leafHash: entry.leafHash, policy: policy)
                let time = Time(nanoseconds: entry.timestamp).description
                let kind =
                    entry.operation == EventEntry.createTransfersOperation
                    ? EventKind(rawValue: entry.userData32)?.description ?? "transfer" : "operation \(entry.operation)"
                let outcome = entry.status == EventEntry.createdStatus ? "accepted" : "refused (status \(entry.status))"
                return (
                    [
                        "valid": true, "origin": .string(policy.origin.description),
                        "size": KeyLedgerCLI.json(checkpoint.head.size.leafCount),
                        "event": KeyLedgerCLI.json(proof.index.position), "time": .string(time), "kind": .string(kind),
                        "outcome": .string(outcome),
                    ],
                    "Event \(proof.index), \(kind), \(outcome), at \(time), is in the log \(policy.origin) as of size "
                        + "\(checkpoint.head.size)."
                )
            } catch let error as TlogProofError {
                throw Failure("the proof does not hold: \(error).", .checkFailed)
            }
        }

        private func checkGrowth(_ bytes: [UInt8]) throws -> Result {
            guard let from else { throw ValidationError("Give the old checkpoint with --from.") }
            do {
                let request = try AddCheckpointRequest(parsing: bytes)
                let policy = try trust.checkpointPolicy(for: try claimedOrigin(of: request.note))
                let (old, new) = (try policy.verify(try readInput(from)), try policy.verify(request.note))
                try ConsistencyProof(first: old.head.size, second: new.head.size, hashes: request.proof)
                    .verify(firstRoot: old.head.root, secondRoot: new.head.root)
                return (
                    [
                        "valid": true, "origin": .string(policy.origin.description),
                        "size": KeyLedgerCLI.json(new.head.size.leafCount),
                    ],
                    "The log \(policy.origin) of size \(new.head.size) has everything it had at size \(old.head.size)."
                )
            } catch let error as WitnessRefusal {
                throw Failure("the proof does not hold: \(error).", .checkFailed)
            } catch let error as CheckpointError {
                throw Failure("the proof does not hold: \(error).", .checkFailed)
            } catch let error as ProofRefusal {
                throw Failure("the proof does not hold: \(error).", .checkFailed)
            }
        }
    }
}
