import ArgumentParser
import CryptoPrimitives
import KeyLedger
import Transparency

/// A file with redaction rules.
struct RulesOption: ParsableArguments {
    @Option(
        name: .long,
        help: .init("A JSON file with redaction rules. Default: the standard rules.", valueName: "file"))
    var rules: String?

    func read() throws -> RedactionRules {
        guard let rules else { return .standard }
        let bytes = try readInput(rules)
        do throws(RedactionRulesError) {
            return try RedactionRules(parsing: bytes)
        } catch {
            throw Failure("\(rules) \(error).", .refused)
        }
    }
}

struct Redact: Command {
    static let configuration = CommandConfiguration(
        abstract: "Hide personal data in spans or in plain values.",
        discussion: """
            Reads OTLP/JSON, one ExportTraceServiceRequest a line; with --values, one plain value a line. The tenant is the \
            attribute tenant.id of a span or of its nearest ancestor, else --tenant. HASH, TOKENIZE and ENCRYPT take a \
            tenant's keys; with --without-keys no ledger is opened and what needs one becomes [REDACTED]. A line that \
            cannot be read is reported with its number and left out; the exit code is 2.

              keyledger redact --tenant platform traces.jsonl --output redacted.jsonl
              echo user@example.com | keyledger redact --values --strategy MASK --without-keys
              keyledger redact --values --attribute customer.email --tenant acme < emails.txt

            Strategies: EXCLUDE, REDACT, HASH, TRUNCATE, TOKENIZE, MASK, ENCRYPT; HASH_V1 and TOKENIZE_V1 are without a \
            key, as FLUO wrote them.

            A rule file; the first rule that fits decides, KEEP leaves alone, DETECT goes by what is found:
              {"rules": [{"attribute": "claim.ref", "strategy": "KEEP"},
                         {"attribute": "claim.*", "strategy": "ENCRYPT"}],
               "fields": {"email": "HASH"}, "texts": {"phone": "KEEP"}, "defaults": true}
            """)

    @OptionGroup var options: StoreOptions
    @OptionGroup var rules: RulesOption
    @Option(name: .long, help: "Whose keys are used for values, and for spans without a tenant.") var tenant: String?
    @Option(name: .long, help: "The name of each tenant's encryption key.") var encryptionKey = "pii"
    @Flag(name: .long, help: "Open no ledger; what needs a key becomes [REDACTED].") var withoutKeys = false
    @Flag(name: .long, help: "The input is one plain value a line.") var values = false
    @Option(name: .long, help: "With --values: the name of the attribute they are values of.") var attribute: String?
    @Option(name: .long, help: "With --values: how to replace them, whatever the rules say.") var strategy: String?
    @Option(name: .shortAndLong, help: "Where to write; - is standard output.") var output = "-"
    @Argument(help: "The file to read; - is standard input.") var file = "-"

    func validate() throws {
        if !values, attribute != nil || strategy != nil {
            throw ValidationError("--attribute and --strategy are for --values.")
        }
        if values, tenant == nil, !withoutKeys {
            throw ValidationError(
                "Say whose values they are with --tenant, or that no key is to be used: --without-keys.")
        }
        if let strategy, RedactionStrategy(named: strategy) == nil {
            throw ValidationError(
                "There is no strategy \(strategy.debugDescription); there are "
                    + RedactionStrategy.allCases.map(\.rawValue).joined(separator: ", ") + ".")
        }
    }

    func perform() async throws {
        var rules = try rules.read()
        if let strategy = strategy.flatMap(RedactionStrategy.init(named:)), let every = AttributePattern("*") {
            rules = RedactionRules(rules: [.init(every, .apply(strategy))], fields: [:], texts: [:])
        }
        let chosen = rules
        if withoutKeys {
            try await redact(Keyless(rules: chosen))
        } else {
            try await options.withStore { store in
                var service = RedactionService(store, rules: chosen)
                service.encryptionKey = encryptionKey
                try await redact(Keyed(store: store, service: service))
            }
        }
    }

    private func redact(_ redactor: some Redactor) async throws {
        if values { return try await redactValues(redactor) }
        let spans = try SpanFile(file)
        let destination = try OutputFile(output, from: file)
        let complaints = Complaints()
        for entry in spans.lines {
            switch entry.content {
            case .malformed(let reason): complaints.add("\(file) line \(entry.number) is left out: \(reason).")
            case .spans(var line):
                var groups: [String?: [Int]] = [:]
                for index in line.indices {
                    groups[spans.tenants.tenant(of: line[index]) ?? tenant, default: []] += [index]
                }
                for (tenant, indices) in groups.sorted(by: { $0.value[0] < $1.value[0] }) {
                    let redacted = try await redactor.redact(indices.map { line[$0] }, of: tenant)
                    for (index, span) in zip(indices, redacted.items) where span != line[index] { line[index] = span }
                    complaints.add(failures: redacted.failureCount, in: "\(file) line \(entry.number)")
                }
                try destination.write(line.serialized())
            }
        }
        try destination.close()
        complaints.finish()
        if complaints.count > 0 { throw Failure.Code.inputSkipped.exit }
    }

    private func redactValues(_ redactor: some Redactor) async throws {
        let lines = try TextLines(file)
        let complaints = Complaints()
        let destination = try OutputFile(output, from: file)
        for start in stride(from: 0, to: lines.texts.count, by: 1000) {
            let texts = Array(lines.texts[start..<min(start + 1000, lines.texts.count)])
            let redacted = try await redactor.redact(texts, ofAttribute: attribute ?? "", of: tenant)
            for text in redacted.items { try destination.write(Array((text + "\n").utf8)) }
            complaints.add(failures: redacted.failureCount, in: file)
        }
        try destination.close()
        if complaints.count > 0 { throw Failure.Code.inputSkipped.exit }
    }
}

extension Complaints {
    /// Says how many values are `[REDACTED]` because they could not be encrypted.
    fileprivate func add(failures count: Int, in place: String) {
        if count == 0 { return }
        add("\(place): \(count.grouped) values could not be encrypted and are [REDACTED]; the refusal is recorded.")
    }
}

/// Redacts with a tenant's keys, or without any.
private protocol Redactor {
    func redact(_ spans: [TelemetrySpan], of tenant: String?) async throws -> RedactionService.Redacted<TelemetrySpan>
    func redact(
        _ texts: [String], ofAttribute name: String, of tenant: String?
    ) async throws -> RedactionService.Redacted<String>
}

private struct Keyless: Redactor {
    let rules: RedactionRules

    func redact(_ spans: [TelemetrySpan], of tenant: String?) -> RedactionService.Redacted<TelemetrySpan> {
        .init(items: spans.map { rules.redact(withoutTenant: $0) })
    }

    func redact(
        _ texts: [String], ofAttribute name: String, of tenant: String?
    ) -> RedactionService.Redacted<String> {
        .init(items: rules.redact(withoutTenant: texts, ofAttribute: name))
    }
}

private struct Keyed: Redactor {
    let store: KeyStore
    let service: RedactionService

    func redact(
        _ spans: [TelemetrySpan], of tenant: String?
    ) async throws -> RedactionService.Redacted<TelemetrySpan> {
        guard let tenant else { return Keyless(rules: service.rules).redact(spans, of: nil) }
        return try await service.redact(spans, of: try await store.tenant(tenant))
    }

    func redact(
        _ texts: [String], ofAttribute name: String, of tenant: String?
    ) async throws -> RedactionService.Redacted<String> {
        guard let tenant else { return Keyless(rules: service.rules).redact(texts, ofAttribute: name, of: nil) }
        return try await service.redact(texts, ofAttribute: name, of: try await store.tenant(tenant))
    }
}

struct RedactionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redaction", abstract: "Show what redaction encrypted.", subcommands: [Reveal.self])

    struct Reveal: Command {
        static let configuration = CommandConfiguration(
            abstract: "Decrypt values that redaction encrypted, for a reason.",
            discussion: """
                Reads one encrypted value a line (enc:v2:… or enc:…) and writes one plaintext a line, [REDACTED] for a \
                value that does not open. Who asks, why and for how many values is an event before anything is \
                decrypted; without --reason the answer is no, and that is an event too. A value that does not open is \
                reported with its line, and the exit code is 2.

                  keyledger redaction reveal --tenant acme --reason "ticket 4711" values.txt

                With --json, one object a line: line, plaintext, keyVersion; or line, refused.
                """)

        @OptionGroup var options: StoreOptions
        @Option(name: .long, help: "Whose values they are.") var tenant: String
        @Option(name: .long, help: "The name of the tenant's encryption key.") var key = "pii"
        @Argument(help: "The file to read; - is standard input.") var file = "-"

        func perform() async throws {
            let lines = try TextLines(file)
            let complaints = Complaints()
            try await options.withStore { store in
                var service = RedactionService(store)
                service.encryptionKey = key
                let tenant = try await store.tenant(tenant)
                for start in stride(from: 0, to: max(lines.texts.count, 1), by: RedactionService.revealCountMax) {
                    let end = min(start + RedactionService.revealCountMax, lines.texts.count)
                    let revelations = try await service.reveal(Array(lines.texts[start..<end]), of: tenant)
                    for (revelation, number) in zip(revelations, lines.numbers[start..<end]) {
                        try show(revelation, of: number, complaints)
                    }
                }
            }
            complaints.finish()
            if complaints.count > 0 { throw Failure.Code.inputSkipped.exit }
        }

        private func show(_ revelation: Revelation, of number: Int, _ complaints: Complaints) throws {
            switch revelation {
            case .plaintext(let plaintext, let version):
                try plaintext.bytes.withBytes { (bytes: RawSpan) throws in
                    guard options.ledger.json else {
                        try Terminal.write(bytes)
                        try Terminal.write([UInt8(ascii: "\n")])
                        return
                    }
                    let text = String(decoding: bytes.array, as: UTF8.self)
                    try Terminal.print(
                        line(["line": json(number), "plaintext": .string(text), "keyVersion": json(version)]))
                }
            case .refused(let error):
                complaints.add("\(file) line \(number) is not revealed: \(error)")
                try Terminal.print(
                    options.ledger.json
                        ? line(["line": json(number), "refused": .string(error.description)])
                        : RedactionStrategy.redacted)
            }
        }
    }
}

/// The lines of a text file that are not empty, with their numbers.
private struct TextLines {
    private(set) var texts: [String] = []
    private(set) var numbers: [Int] = []

    init(_ path: String) throws {
        let rows = try readInput(path).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, row) in rows.enumerated() {
            let row = row.last == UInt8(ascii: "\r") ? row.dropLast() : row
            guard !row.isEmpty else { continue }
            guard let text = String(validating: row, as: UTF8.self) else {
                throw Failure("\(path) line \(index + 1) is not UTF-8.", .inputOutput)
            }
            texts.append(text)
            numbers.append(index + 1)
        }
    }
}
