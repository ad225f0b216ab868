import ArgumentParser
import KeyLedger
import LedgerStore
import Transparency

struct CacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache", abstract: "Show which keys are in memory in plaintext, or were.",
        subcommands: [Show.self], defaultSubcommand: Show.self)

    struct Show: Command {
        static let configuration = CommandConfiguration(
            abstract: "Show the contents of the caches and how they served.",
            discussion: """
                From the log alone, so it needs no master key (keys are then shown by their ids), and works while another \
                process has the ledger open. Statistics cover all processes that ever had it open.

                  keyledger cache
                  keyledger cache show --at 1500

                With --json: event, contents (tenant, key, version, since, until), privateKeys and encryptionKeys (hits, \
                misses, evictions, expiries, and hitRate in percent if anybody asked).
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var masterKey: MasterKeyOption
        @Option(name: .long, help: .init("As it was before this event.", valueName: "event")) var at: UInt64?

        func perform() async throws {
            let audit = try AuditReader(ledger.path, masterKey: try masterKey.readIfGiven(for: ledger))
            let replay = try Replay(audit.log, to: at)
            let view = LedgerView(audit, projection: replay.projection)
            var history = CacheHistory()
            try audit.log.forEachBlock(to: replay.projection.eventCount, mapping: { $0 as any Error }) { block in
                history.apply(block, to: replay.projection.eventCount)
                return true
            }
            let contents = replay.projection.residencies.values.sorted {
                ($0.admittedAt, $0.version) < ($1.admittedAt, $1.version)
            }
            if ledger.json {
                try printJSON(contents, history, view)
            } else {
                try printText(contents, history, view)
            }
            try view.finish()
        }

        private func printJSON(
            _ contents: [LedgerProjection.Residency], _ history: CacheHistory, _ view: LedgerView
        ) throws {
            var object: JSONObject = ["event": json(view.projection.eventCount)]
            object["contents"] = .array(
                try contents.map { residency in
                    [
                        "tenant": .string(try tenant(of: residency, view)),
                        "key": .string(try view.name(of: residency.version.key)),
                        "version": json(residency.version.number),
                        "since": .string(Time(nanoseconds: residency.admittedAt).description),
                        "until": .string(Time(nanoseconds: residency.expiresAt).description),
                    ]
                })
            object["privateKeys"] = .object(history.privateKeys.json)
            object["encryptionKeys"] = .object(history.encryptionKeys.json)
            try Terminal.print(line(object))
        }

        private func printText(
            _ contents: [LedgerProjection.Residency], _ history: CacheHistory, _ view: LedgerView
        ) throws {
            let rows = try contents.map { residency in
                [
                    try tenant(of: residency, view), try view.name(of: residency.version.key),
                    String(residency.version.number), Time(nanoseconds: residency.admittedAt).description,
                    Time(nanoseconds: residency.expiresAt).description,
                ]
            }
            try Terminal.print(
                rows.isEmpty
                    ? "No plaintext key is in memory."
                    : Terminal.table(["TENANT", "KEY", "VERSION", "SINCE", "UNTIL"], rows))
            try Terminal.print(
                "\n"
                    + Terminal.table(
                        ["CACHE", "HITS", "MISSES", "EVICTIONS", "EXPIRIES", "HIT RATE"],
                        [
                            ["private keys"] + history.privateKeys.cells,
                            ["encryption keys"] + history.encryptionKeys.cells,
                        ]
                    ))
        }

        private func tenant(of residency: LedgerProjection.Residency, _ view: LedgerView) throws -> String {
            try view.projection.keys[residency.version.key].map { try view.name(of: $0.tenant) } ?? "?"
        }
    }
}

extension KeyCache.Statistics {
    /// In percent, rounded; nil if nobody asked.
    private var hitPercent: Int? { hitRate.map { Int(($0 * 100).rounded()) } }

    fileprivate var cells: [String] {
        [
            hitCount.grouped, missCount.grouped, evictionCount.grouped, expiryCount.grouped,
            hitPercent.map { "\($0) %" } ?? "–",
        ]
    }

    fileprivate var json: JSONObject {
        var object: JSONObject = [
            "hits": KeyLedgerCLI.json(hitCount), "misses": KeyLedgerCLI.json(missCount),
            "evictions": KeyLedgerCLI.json(evictionCount), "expiries": KeyLedgerCLI.json(expiryCount),
        ]
        if let hitPercent { object["hitRate"] = KeyLedgerCLI.json(hitPercent) }
        return object
    }
}
