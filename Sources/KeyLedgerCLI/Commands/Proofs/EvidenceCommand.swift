import ArgumentParser
import CryptoPrimitives
import KeyLedger
import LedgerStore
import Transparency

struct EvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence", abstract: "One tenant's events in a file that can be checked offline.",
        discussion: """
            A bundle has the events, their details, the proof that they are in a signed checkpoint, and the public keys. \
            Specs/EVIDENCE.md says what it shows and what not.

              keyledger evidence export --tenant acme --from 0 --output acme.evidence
              keyledger evidence check acme.evidence --key VKEY
            """,
        subcommands: [Export.self, Check.self])

    struct Export: Command {
        static let configuration = CommandConfiguration(
            abstract: "Write a bundle.",
            discussion: """
                The export is an event. The same range gives the same bytes, as long as the checkpoint key is not \
                rotated.
                """)

        @OptionGroup var options: StoreOptions
        @OptionGroup var output: OutputOption
        @Option(name: .long, help: "Whose events.") var tenant: String
        @Option(name: .long, help: .init("The number of the first event.", valueName: "event")) var from: UInt64 = 0
        @Option(
            name: .long,
            help: .init(
                "The number of the first event not to be in it. Default: all in a checkpoint.", valueName: "event"))
        var to: UInt64?
        @Flag(name: .long, help: "Leave out all details.") var withoutDetails = false

        func perform() async throws {
            let file = try await options.withStore { store in
                let last = try CheckpointFolder(store.folder).sizes().last
                guard let end = to ?? last?.leafCount else { throw ProofError.noCheckpoint }
                guard from <= end else { throw ProofError.invalidRange(from: from, to: end) }
                return try await store.exportEvidence(
                    of: try await store.tenant(tenant), in: from..<end, includesDetails: !withoutDetails)
            }
            try output.write(file)
        }
    }

    struct Check: Command {
        static let configuration = CommandConfiguration(
            abstract: "Check a bundle.",
            discussion: """
                Takes neither ledger nor master key.

                With --json: valid, origin, tenant, from, to, size, events, details, withheld.
                """)

        @Argument(help: "The bundle; - is standard input.") var file: String
        @OptionGroup var trust: TrustOptions
        @Flag(name: .long, help: "Print JSON, for programs.") var json = false

        func perform() async throws {
            let bytes = try readInput(file)
            do {
                let origin = try EvidenceBundle.claimedOrigin(of: bytes)
                let policy = try trust.checkpointPolicy(for: origin)
                let (bundle, checkpoint) = try EvidenceBundle.verify(bytes, policy: policy)
                try show(bundle, checkpoint)
            } catch let error as EvidenceError {
                throw Failure("the bundle is no evidence: \(error).", .checkFailed)
            }
        }

        private func show(_ bundle: EvidenceBundle, _ checkpoint: VerifiedCheckpoint) throws {
            let detailed = bundle.events.count { $0.details != nil }
            let withheld = bundle.events.count { $0.details == nil && $0.entry.commitment != nil }
            if json {
                return try Terminal.print(
                    line([
                        "valid": true, "origin": .string(bundle.origin), "tenant": .string(bundle.tenant.name),
                        "from": KeyLedgerCLI.json(bundle.range.lowerBound),
                        "to": KeyLedgerCLI.json(bundle.range.upperBound),
                        "size": KeyLedgerCLI.json(checkpoint.head.size.leafCount),
                        "events": KeyLedgerCLI.json(bundle.events.count), "details": KeyLedgerCLI.json(detailed),
                        "withheld": KeyLedgerCLI.json(withheld),
                    ]))
            }
            try Terminal.print(
                """
                \(bundle.events.count.grouped) events of tenant \(bundle.tenant.name), up to event \
                \(bundle.range.upperBound), are in the log \(bundle.origin) as of size \(checkpoint.head.size).
                \(detailed.grouped) of them with their details, \(withheld.grouped) with details withheld.
                """)
        }
    }
}
