import ArgumentParser
import CryptoPrimitives
import FoundationEssentials
import Glibc
import KeyLedger
import LedgerStore
import Transparency

struct Spans: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spans", abstract: "Sign and verify OpenTelemetry spans.", subcommands: [Sign.self, Verify.self])

    struct Sign: Command {
        static let configuration = CommandConfiguration(
            abstract: "Redact and sign every span of a file with its tenant's key.",
            discussion: """
                Reads OTLP/JSON, one ExportTraceServiceRequest a line, as a Collector's file exporter writes it. The tenant is
                the attribute tenant.id of the span or of its nearest ancestor. A line that cannot be read is reported with its
                number and left out; the rest goes on and the exit code is 2. The output replaces an older file only when \
                it is complete; until then it is beside it, as OUTPUT.partial.

                  keyledger spans sign traces.jsonl --output signed.jsonl --create-missing --default-tenant platform
                """)

        @OptionGroup var options: StoreOptions
        @Option(name: .shortAndLong, help: "Where to write the signed spans; - is standard output.") var output = "-"
        @Option(name: .long, help: "The name of each tenant's signing key.") var key = "spans"
        @Option(name: .long, help: "Whose key signs spans without a tenant. Default: they are left unsigned.")
        var defaultTenant: String?
        @Option(name: .long, help: "The name of each tenant's encryption key, for redaction.") var encryptionKey = "pii"
        @OptionGroup var rules: RulesOption
        @Flag(name: .long, help: "Sign spans as they are, personal data included.") var noRedaction = false
        @Flag(name: .long, help: "Create tenants and keys that do not exist yet.") var createMissing = false
        @Argument(help: "The file to read; - is standard input.") var file = "-"

        func perform() async throws {
            var signing = ComplianceSpanSigner.Options()
            signing.signingKey = key
            signing.defaultTenant = defaultTenant
            signing.createsMissing = createMissing
            signing.encryptionKey = encryptionKey
            signing.redaction = noRedaction ? nil : try rules.read()
            let spans = try SpanFile(file)
            let counts = try await options.withStore { store in
                let destination = try OutputFile(output, from: file)
                let signer = ComplianceSpanSigner(store, options: signing)
                let counts = try await sign(spans, to: destination, with: signer)
                try destination.close()
                return counts
            }
            try report(counts)
        }

        private struct Counts {
            var lines = 0
            var spans = 0
            var signed = 0
            var skipped = 0
            var redacted = 0
        }

        private func sign(
            _ spans: SpanFile, to destination: OutputFile, with signer: ComplianceSpanSigner
        ) async throws -> Counts {
            Interruption.watch()
            let bar = ProgressBar("signing", unit: "spans")
            defer { bar.finish() }
            var counts = Counts()
            let complaints = Complaints()
            defer { complaints.finish() }
            for entry in spans.lines {
                if Interruption.requested {
                    throw Failure(
                        "interrupted after \(counts.signed.grouped) signed spans; \(destination.incompletePath) holds the \(counts.lines.grouped) lines they are in.",
                        .interrupted)
                }
                switch entry.content {
                case .malformed(let reason):
                    complaints.add("\(file) line \(entry.number) is left out: \(reason).")
                    counts.skipped += 1
                case .spans(let line):
                    let outcome = try await signer.sign(line, tenants: spans.tenants)
                    for refusal in outcome.refusals {
                        complaints.add(
                            "\(file) line \(entry.number) span \(refusal.index + 1) is not signed: \(refusal.reason)")
                    }
                    if outcome.encryptionFailureCount > 0 {
                        complaints.add(
                            "\(file) line \(entry.number): \(outcome.encryptionFailureCount) values could not be encrypted and are [REDACTED]; the refusal is recorded."
                        )
                        counts.skipped += outcome.encryptionFailureCount
                    }
                    counts.spans += line.count
                    counts.signed += outcome.signedCount
                    counts.redacted += outcome.redactions.values.reduce(0, +)
                    counts.skipped += outcome.refusals.count
                    counts.lines += 1
                    try destination.write(outcome.line.serialized())
                    bar.update(UInt64(counts.spans), of: UInt64(spans.spanCount))
                }
            }
            return counts
        }

        private func report(_ counts: Counts) throws {
            if options.ledger.json, output != "-" {
                try Terminal.print(
                    line([
                        "lines": json(counts.lines), "spans": json(counts.spans), "signed": json(counts.signed),
                        "redacted": json(counts.redacted), "skipped": json(counts.skipped),
                    ]))
            } else {
                Terminal.note(
                    "Signed \(counts.signed.grouped) of \(counts.spans.grouped) spans, redacted \(counts.redacted.grouped) values."
                )
            }
            if counts.skipped > 0 { throw ExitCode(Failure.Code.inputSkipped.rawValue) }
        }
    }

    struct Verify: Command {
        static let configuration = CommandConfiguration(
            abstract: "Verify the signatures of spans with public keys alone.",
            discussion: """
                Needs no master key. The public keys come from the ledger, or from a file that
                `keyledger key list --json` wrote.

                  keyledger spans verify signed.jsonl
                  keyledger spans verify --public-keys keys.jsonl signed.jsonl
                """)

        @OptionGroup var ledger: LedgerOption
        @Option(name: .long, help: "Public keys in JSON Lines; no ledger is needed.") var publicKeys: String?
        @Argument(help: "The file to read; - is standard input.") var file = "-"

        func perform() async throws {
            let keys =
                if let publicKeys { try PublicKeyRing(readingFile: publicKeys) } else { try PublicKeyRing(ledger.path) }
            let spans = try SpanFile(file)
            let bar = ProgressBar("verifying", unit: "spans")
            var valid = 0, wrong = 0, done = 0
            let complaints = Complaints()
            for entry in spans.lines {
                switch entry.content {
                case .malformed(let reason):
                    complaints.add("\(file) line \(entry.number) cannot be read: \(reason).")
                    wrong += 1
                case .spans(let line):
                    for index in line.indices {
                        let verdict = line.verify(spanAt: index) { keys.key(tenant: $0, keyID: $1, version: $2) }
                        if case .valid = verdict {
                            valid += 1
                        } else {
                            complaints.add(
                                "\(file) line \(entry.number) span \(index + 1) (\(line[index].spanID)): \(verdict.reason)"
                            )
                            wrong += 1
                        }
                        done += 1
                        bar.update(UInt64(done), of: UInt64(spans.spanCount))
                    }
                }
            }
            bar.finish()
            complaints.finish()
            if ledger.json {
                try Terminal.print(line(["valid": json(valid), "notValid": json(wrong)]))
            } else {
                try Terminal.print("\(valid.grouped) spans carry a valid signature, \(wrong.grouped) do not.")
            }
            if wrong > 0 { throw ExitCode(Failure.Code.checkFailed.rawValue) }
        }
    }
}

extension SpanVerdict {
    var reason: String {
        switch self {
        case .valid: "the signature is valid"
        case .unsigned: "the span is not signed"
        case .unknownKey(let signature):
            "there is no public key \(signature.signer.keyID) version \(signature.signer.keyVersion) of \(signature.signer.tenant)"
        case .malformed(let malformation): "the signature cannot be read: \(malformation)"
        case .invalid: "the signature does not belong to this span"
        }
    }
}

/// A file of spans, read once: tenants are known only when all of it was seen.
struct SpanFile {
    enum Content {
        case spans(ExportLine)
        case malformed(String)
    }

    let lines: [(number: Int, content: Content)]
    let tenants: SpanTenants
    let spanCount: Int

    init(_ path: String) throws {
        var lines: [(Int, Content)] = []
        var collector = SpanTenants.Collector()
        var spanCount = 0
        let rows = try readInput(path).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, row) in rows.enumerated() where !row.isEmpty {
            do throws(ExportLineError) {
                let line = try ExportLine(parsing: Array(row) + (index < rows.count - 1 ? [UInt8(ascii: "\n")] : []))
                collector.collect(line)
                spanCount += line.count
                lines.append((index + 1, .spans(line)))
            } catch {
                lines.append((index + 1, .malformed(error.description)))
            }
        }
        self.lines = lines
        self.spanCount = spanCount
        tenants = collector.resolve()
    }
}

/// Public keys by id and version.
struct PublicKeyRing {
    private struct Entry {
        /// Nil where the name is not known: reading a ledger without its master key.
        let tenant: String?
        let key: Ed25519.PublicKey
    }

    private var entries: [String: Entry] = [:]

    /// The keys of a ledger. The id in a signature says whose key it is; names are not needed.
    init(_ path: String) throws {
        let audit = try AuditReader(path, masterKey: nil)
        let view = try LedgerView(audit)
        for (id, key) in view.projection.keys where key.algorithm == .ed25519 {
            // What is destroyed has its public key in the details only, which are sealed here.
            for index in key.versions.indices where key.versions[index].state != .destroyed {
                let number = UInt32(index + 1)
                let publicKey = try audit.publicKey(of: KeyVersion(key: id, number: number))
                entries[Self.name(id.description, number)] = Entry(tenant: nil, key: publicKey)
            }
        }
    }

    /// What `keyledger key list --json` wrote.
    init(readingFile path: String) throws {
        for (index, row) in try readInput(path).split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let object = try? JSONValue(parsing: Array(row)), let tenant = object["tenant"]?.string,
                let id = object["keyId"]?.string, let versions = object["versions"]?.array
            else {
                throw Failure(
                    "\(path) line \(index + 1) is not a key as `keyledger key list --json` writes it.", .inputOutput)
            }
            for version in versions {
                guard let text = version["publicKey"]?.string else { continue }
                guard let number = version["version"]?.number?.integer(as: UInt32.self),
                    let bytes = Data(base64Encoded: text).map({ [UInt8]($0) }),
                    let key = try? Ed25519.PublicKey(unsafe bytes.span.bytes)
                else { throw Failure("\(path) line \(index + 1) has a public key that is not one.", .inputOutput) }
                entries[Self.name(id, number)] = Entry(tenant: tenant, key: key)
            }
        }
    }

    func key(tenant: String, keyID: String, version: UInt32) -> Ed25519.PublicKey? {
        guard let entry = entries[Self.name(keyID, version)], entry.tenant == nil || entry.tenant == tenant else {
            return nil
        }
        return entry.key
    }

    private static func name(_ keyID: String, _ version: UInt32) -> String { "\(keyID)/\(version)" }
}
