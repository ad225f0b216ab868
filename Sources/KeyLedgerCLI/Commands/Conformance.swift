import ArgumentParser
import FoundationEssentials
import Ledger
import LedgerConformance
import LedgerStore
import Transparency

struct Conformance: Command {
    static let configuration = CommandConfiguration(
        abstract: "Replay recordings of a TigerBeetle server against this engine, on disk.",
        discussion: """
            Each file is run on a new ledger in a temporary folder, with the recorded times; every answer must be the recorded
            one, bit for bit. The format is JSON Lines: a header, then one operation a line with everything the server answered.

              keyledger conformance traces/*.jsonl
              keyledger conformance --reopen 10 traces/chains-102.jsonl
            """)

    @Option(name: .long, help: "Close the ledger, delete its state and open it again after every so many operations.")
    var reopen: Int?
    @Option(name: .long, help: "Flush the indexes after so many events, so that reads come from disk.")
    var flush = 1 << 17
    @Option(name: .long, help: "How many differences to print for each file.") var differences = 10
    @Flag(name: .long, help: "Print JSON, for programs.") var json = false
    @Argument(help: "Recordings.") var files: [String]

    func validate() throws {
        if let reopen, reopen < 1 { throw ValidationError("--reopen takes a number from 1.") }
        if flush < 1 { throw ValidationError("--flush takes a number from 1.") }
    }

    func perform() async throws {
        var failed = 0
        for file in files {
            let report = try run(file)
            if !report.differences.isEmpty { failed += 1 }
            if json {
                try Terminal.print(
                    line([
                        "file": .string(file), "operations": KeyLedgerCLI.json(report.operations),
                        "events": KeyLedgerCLI.json(report.events),
                        "differences": .array(
                            report.differences.map {
                                .object(["line": KeyLedgerCLI.json($0.line), "what": .string($0.what)])
                            }),
                    ]))
            } else {
                try Terminal.print(
                    "\(file): \(report.operations.grouped) operations, \(report.events.grouped) events, "
                        + "\(report.differences.count.grouped) differences")
                for difference in report.differences.prefix(differences) {
                    try Terminal.print("  line \(difference.line): \(difference.what)")
                }
                if report.differences.count > differences {
                    try Terminal.print("  and \((report.differences.count - differences).grouped) more")
                }
            }
        }
        if failed > 0 { throw Failure("\(failed) of \(files.count) recordings came out differently.", .checkFailed) }
    }

    private func run(_ file: String) throws -> Report {
        let trace: Trace
        do {
            trace = try Trace(parsing: try readInput(file))
        } catch let error as Trace.Malformed {
            throw Failure("\(file) is not a recording: \(error).", .inputOutput)
        }
        let path = FileManager.default.temporaryDirectory.path + "/keyledger-conformance-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = LedgerFolder(path: path)
        try folder.create(origin: "conformance", created: Time(nanoseconds: LedgerWriter.systemClock()).description)
        var report = Report()
        var engine = try Engine.open(folder, projection: Unprojected(), flushCount: flush)
        for (line, step) in trace.steps {
            do throws(StoreError) {
                try report.check(step, at: line, on: &engine)
                if let reopen, report.operations % reopen == 0 {
                    engine.close()
                    try folder.removeState()
                    engine = try Engine.open(folder, projection: Unprojected(), flushCount: flush)
                }
            } catch {
                engine.close()
                throw error
            }
        }
        engine.close()
        return report
    }

    /// What a recording came to.
    private struct Report {
        var operations = 0
        var events = 0
        var differences: [(line: Int, what: String)] = []

        mutating func check(_ step: Trace.Step, at line: Int, on engine: inout Engine) throws(StoreError) {
            operations += 1
            switch step {
            case .createAccounts(let events, let timestamp, let expected):
                self.events += events.count
                compare(try engine.decide(events, details: [], now: timestamp), expected, line)
                try engine.commit()
            case .createTransfers(let events, let timestamp, let expected):
                self.events += events.count
                compare(try engine.decide(events, details: [], now: timestamp), expected, line)
                try engine.commit()
            case .expire(let timestamp):
                engine.expire(now: timestamp)
                try engine.commit()
            case .lookupAccounts(let ids, let expected): compare(ids.compactMap { engine.account($0) }, expected, line)
            case .lookupTransfers(let ids, let expected):
                var found: [Transfer] = []
                for id in ids { if let transfer = try engine.transfer(id) { found.append(transfer) } }
                compare(found, expected, line)
            case .getAccountTransfers(let filter, let isValid, let expected):
                compare(isValid ? try engine.transfers(filter) : [], expected, line)
            case .getAccountBalances(let filter, let isValid, let expected):
                compare(isValid ? try engine.balances(filter) : [], expected, line)
            case .queryAccounts(let filter, let isValid, let expected):
                compare(isValid ? engine.accounts(filter) : [], expected, line)
            case .queryTransfers(let filter, let isValid, let expected):
                compare(isValid ? try engine.transfers(filter) : [], expected, line)
            }
            try engine.flushIfDue()
        }

        private mutating func compare<Row: Equatable>(_ found: [Row], _ expected: [Row], _ line: Int) {
            if found.count != expected.count {
                differences.append((line, "\(found.count) answers instead of \(expected.count)"))
            }
            for (index, (found, expected)) in zip(found, expected).enumerated() where found != expected {
                differences.append((line, "answer \(index) is \(found), recorded is \(expected)"))
            }
        }
    }
}

/// The engine alone.
private struct Unprojected: Projection {
    func restore(from snapshot: [UInt8]?) -> Bool { true }
    func apply(_ block: Block) {}
    func snapshot() -> [UInt8] { [] }
}
