import ArgumentParser
import CryptoPrimitives
import FoundationEssentials
import KeyLedger
import LedgerStore
import Transparency

struct Demo: Command {
    static let configuration = CommandConfiguration(
        abstract: "Run the main job from end to end on a ledger of its own.",
        discussion: """
            Creates a master key, a ledger, tenants and keys; redacts and signs a file of spans, half of it before and half
            after a rotation of all keys; verifies with public keys alone; deletes the state, replays, compares. The folder is
            kept, and every step is an ordinary command too.

              keyledger demo --spans Examples/data/claims.otlp.jsonl
            """)

    @Option(name: .long, help: "Spans in OTLP/JSON.") var spans: String
    @Option(name: .long, help: "A folder to work in, which must not exist. Default: a new one for temporary files.")
    var folder: String?
    @Flag(name: .long, help: "Print JSON, for programs.") var json = false

    func perform() async throws {
        let folder =
            folder ?? FileManager.default.temporaryDirectory.path + "/keyledger-demo-\(UUID().uuidString.prefix(8))"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        } catch {
            throw Failure("\(folder) cannot be created: it exists, or its parent does not.", .inputOutput)
        }
        var demo = DemoRun(folder: folder)
        let file = try SpanFile(spans)
        for entry in file.lines {
            if case .malformed(let reason) = entry.content {
                Terminal.complain("\(spans) line \(entry.number) is left out: \(reason).")
            }
        }
        try await demo.use(file)
        try demo.verifySpans()
        try demo.replay()
        try Terminal.print(json ? line(demo.json) : demo.report)
        guard demo.isAsPromised else {
            throw Failure("something did not come out as promised; see above.", .checkFailed)
        }
    }
}

/// The main job, step by step, and what came of each.
private struct DemoRun {
    let folder: String
    private var spanCount = 0
    private var tenantCount = 0
    private var keyCount = 0
    private var redactions: [RedactionStrategy: Int] = [:]
    private var signedCount = 0
    private var refusedCount = 0
    private var rotatedCount = 0
    private var signingSeconds = 0.0
    private var validCount = 0
    private var verifyingSeconds = 0.0
    private var forgeryIsRefused = false
    /// The live projection just before closing, when keys were in memory.
    private var live = LedgerProjection()
    private var closed = LedgerProjection()
    private var replayIsIdentical = false
    private var cacheIsIdentical = false
    private var verification: LogVerification?
    private var replaySeconds = 0.0

    init(folder: String) { self.folder = folder }

    private var ledger: String { folder + "/ledger" }
    private var masterKey: String { folder + "/master.key" }
    private var signed: String { folder + "/signed.jsonl" }
    private var keys: String { folder + "/public-keys.jsonl" }

    mutating func use(_ file: SpanFile) async throws {
        try MasterKey.create(file: masterKey)
        try KeyStore.create(
            ledger, origin: "demo.example/keys", created: Time(nanoseconds: LedgerWriter.systemClock()).description,
            masterKey: try MasterKey(readingFile: masterKey))
        let caller = Caller(actor: "keyledger demo", reason: "first light")
        let store = try await KeyStore.open(
            ledger, masterKey: try MasterKey(readingFile: masterKey), options: KeyStore.Options(caller: caller))

        var options = ComplianceSpanSigner.Options()
        options.defaultTenant = "platform"
        for name in file.tenants.names + ["platform"] {
            let tenant = try await store.createTenant(name)
            _ = try await tenant.createSigningKey(options.signingKey)
            _ = try await tenant.createEncryptionKey(options.encryptionKey)
            tenantCount += 1
            keyCount += 2
        }

        let signer = ComplianceSpanSigner(store, options: options)
        let lines = file.lines.compactMap { if case .spans(let line) = $0.content { line } else { nil } }
        let output = try OutputFile(signed)
        try await sign(lines.prefix(lines.count / 2), of: file, with: signer, to: output)
        for tenant in try store.tenants() {
            for key in try tenant.keys() {
                try await key.rotate()
                rotatedCount += 1
            }
        }
        try await sign(lines.dropFirst(lines.count / 2), of: file, with: signer, to: output)
        try output.close()

        let view = try LedgerView(store.audit)
        let list = try OutputFile(keys)
        for id in view.projection.keys.keys.sorted() {
            try list.write(Array((line(try KeyRow(id, view).json) + "\n").utf8))
        }
        try list.close()
        live = store.projection
        try await store.close()
        closed = store.projection
    }

    private mutating func sign(
        _ lines: ArraySlice<ExportLine>, of file: SpanFile, with signer: ComplianceSpanSigner, to output: OutputFile
    ) async throws {
        let start = ContinuousClock.now
        for line in lines {
            let outcome = try await signer.sign(line, tenants: file.tenants)
            spanCount += line.count
            signedCount += outcome.signedCount
            refusedCount += outcome.refusals.count
            redactions.merge(outcome.redactions, uniquingKeysWith: +)
            try output.write(outcome.line.serialized())
        }
        signingSeconds += (ContinuousClock.now - start).seconds
    }

    /// With the public keys alone, as somebody elsewhere would; then once more with a byte changed.
    mutating func verifySpans() throws {
        let start = ContinuousClock.now
        let ring = try PublicKeyRing(readingFile: keys)
        let file = try SpanFile(signed)
        for entry in file.lines {
            guard case .spans(let line) = entry.content else { continue }
            validCount += line.indices.count { index in
                if case .valid = line.verify(spanAt: index, publicKey: ring.key) { true } else { false }
            }
        }
        verifyingSeconds = (ContinuousClock.now - start).seconds
        guard case .spans(let line)? = file.lines.last?.content, let first = line.indices.first else { return }
        let name = line[first].object["name"]?.string ?? ""
        let forged = String(decoding: line.serialized(), as: UTF8.self)
            .replacing("\"name\":\"\(name)\"", with: "\"name\":\"\(name)!\"", maxReplacements: 1)
        let parsed = try ExportLine(parsing: Array(forged.utf8))
        if case .invalid = parsed.verify(spanAt: first, publicKey: ring.key) { forgeryIsRefused = true }
    }

    /// Deletes what is derived and rebuilds it from the log.
    mutating func replay() throws {
        let start = ContinuousClock.now
        let folder = LedgerFolder(path: ledger)
        try folder.removeState()
        let reader = try LedgerReader(folder)
        replayIsIdentical = try Replay(reader).projection.digest == closed.digest
        let then = try Replay(reader, to: live.eventCount).projection
        cacheIsIdentical = then.digest == live.digest && then.residencies == live.residencies
        verification = try LogVerification(reader)
        replaySeconds = (ContinuousClock.now - start).seconds
    }

    var isAsPromised: Bool {
        signedCount > 0 && refusedCount == 0 && validCount == signedCount && forgeryIsRefused && replayIsIdentical
            && cacheIsIdentical && verification?.findings.isEmpty == true
    }

    private var redactionText: String {
        redactions.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value.grouped) \($0.key.rawValue)" }
            .joined(separator: ", ")
    }

    var report: String {
        func mark(_ isGood: Bool) -> String { isGood ? "✔" : "✘" }
        let events = closed.eventCount
        return """

            KeyLedger: \(spanCount.grouped) spans in, \(signedCount.grouped) signed, \(events.grouped) events on disk before any of them left

              ✔ created     \(tenantCount) tenants with \(keyCount) keys, rotated all \(rotatedCount) of them half way
              ✔ redacted    \(redactions.values.reduce(0, +).grouped) values (\(redactionText))
              \(mark(refusedCount == 0)) signed      \(signedCount.grouped) of \(spanCount.grouped) spans at \(Int(Double(signedCount) / max(signingSeconds, 1e-9)).grouped) spans/s, each after its event was durable
              \(mark(validCount == signedCount)) verified    \(validCount.grouped) signatures with public keys alone, at \(Int(Double(validCount) / max(verifyingSeconds, 1e-9)).grouped) spans/s
              \(mark(forgeryIsRefused)) refused     the span that was changed by one byte
              \(mark(replayIsIdentical)) replayed    \(events.grouped) events after deleting state/: keys, usage and balances identical
              \(mark(cacheIsIdentical)) remembered  the \(live.residencies.count) plaintext keys in memory just before closing, from the log alone
              \(mark(verification?.findings.isEmpty == true)) checked     every byte of the log follows from the one before; root \(verification?.rootHash.description.prefix(16) ?? "")…
                            (replay and check: \(Int(replaySeconds * 1000)) ms)

              signed spans  \(signed)
              public keys   \(keys)
              ledger        \(ledger)

            Look around:
              export KEYLEDGER_PATH=\(ledger) KEYLEDGER_MASTER_KEY_FILE=\(masterKey)
              keyledger status; keyledger log show --last 5; keyledger replay --at \(live.eventCount)

            """
    }

    var json: JSONObject {
        var object: JSONObject = [
            "asPromised": .bool(isAsPromised), "spans": KeyLedgerCLI.json(spanCount),
            "signed": KeyLedgerCLI.json(signedCount),
            "tenants": KeyLedgerCLI.json(tenantCount), "keys": KeyLedgerCLI.json(keyCount),
            "rotated": KeyLedgerCLI.json(rotatedCount), "redacted": KeyLedgerCLI.json(redactions.values.reduce(0, +)),
        ]
        object["valid"] = KeyLedgerCLI.json(validCount)
        object["forgeryRefused"] = .bool(forgeryIsRefused)
        object["replayIdentical"] = .bool(replayIsIdentical)
        object["cacheIdentical"] = .bool(cacheIsIdentical)
        object["events"] = KeyLedgerCLI.json(closed.eventCount)
        object["spansPerSecond"] = KeyLedgerCLI.json(Int(Double(signedCount) / max(signingSeconds, 1e-9)))
        if let verification { object["log"] = .object(verification.json) }
        object["folder"] = .string(folder)
        return object
    }
}

extension Duration {
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
