import ArgumentParser
import CryptoPrimitives
import KeyLedger
import LedgerStore
import Transparency

struct ReplayCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Rebuild the ledger's state from its log alone.",
        discussion: """
            Decides every event again and shows the keys, the plaintext keys in memory and the usage the log leads to; \
            with --at as they were before that event. Compares `state/` with what the log leads to up to where it \
            reaches. Needs no master key; without it tenants and keys are shown by their ids.

              keyledger replay
              keyledger replay --at 1500 --json

            With --json: events, projectionDigest, balanceDigest, residencyDigest, keys (as `keyledger key list`), \
            inMemory (key, version, since, until), and agreesWithState if there is a `state/`.
            """)

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var masterKey: MasterKeyOption
    @Option(name: .long, help: .init("Replay only the events before this number.", valueName: "event")) var at: UInt64?

    func perform() async throws {
        let audit = try AuditReader(ledger.path, masterKey: try masterKey.readIfGiven(for: ledger))
        let replay = try replay(audit)
        let agrees = try agreementWithState(audit)
        let projection = replay.projection
        let view = LedgerView(audit, projection: projection)
        if ledger.json {
            var object: JSONObject = [
                "events": json(projection.eventCount), "projectionDigest": .string(projection.digest.description),
                "balanceDigest": .string(replay.balanceDigest.description),
                "residencyDigest": .string(projection.residencyDigest.description),
            ]
            if let agrees { object["agreesWithState"] = .bool(agrees) }
            object["keys"] = .array(
                try projection.keys.keys.sorted().map { .object(try KeyRow($0, view).json) })
            object["inMemory"] = .array(
                try projection.residencies.values.sorted { $0.version < $1.version }.map { residency in
                    [
                        "key": .string(try view.name(of: residency.version.key)),
                        "version": json(residency.version.number),
                        "since": .string(Time(nanoseconds: residency.admittedAt).description),
                        "until": .string(Time(nanoseconds: residency.expiresAt).description),
                    ]
                })
            try Terminal.print(line(object))
        } else {
            try show(replay, view, agrees)
        }
        if agrees == false {
            throw Failure("state/ is not what the log leads to. Delete it: the next opening rebuilds it.", .checkFailed)
        }
        try view.finish()
    }

    private func replay(_ audit: AuditReader) throws -> Replay {
        let bar = ProgressBar("replaying", unit: "events")
        defer { bar.finish() }
        return try Replay(audit.log, to: at) { bar.update($0, of: $1) }
    }

    /// Whether `state/` is what the log leads to up to where it reaches; nil if there is none.
    private func agreementWithState(_ audit: AuditReader) throws -> Bool? {
        guard let state = try audit.log.flushedProjection() else { return nil }
        let replay = try Replay(audit.log, to: state.nextSequence)
        return replay.projection.eventCount == state.nextSequence
            && replay.projection.digest == SHA256.hash(unsafe state.snapshot.span.bytes)
    }

    private func show(_ replay: Replay, _ view: LedgerView, _ agrees: Bool?) throws {
        let projection = replay.projection
        try Terminal.print(
            """
            Replayed \(projection.eventCount.grouped) events\
            \(projection.eventCount == 0 ? "" : ", until \(Time(nanoseconds: projection.lastTimestamp))").
            projection  \(projection.digest)
            balances    \(replay.balanceDigest)
            state/      \(agrees.map { $0 ? "identical" : "DIFFERENT" } ?? "none")
            """)
        let rows = try projection.keys.sorted { $0.value.createdBy < $1.value.createdBy }.map {
            try KeyRow($0.key, view).cells
        }
        if !rows.isEmpty { try Terminal.print("\n" + Terminal.table(KeyRow.headings, rows)) }
        let residencies = try projection.residencies.values.sorted { $0.version < $1.version }.map { residency in
            [
                try view.name(of: residency.version.key), String(residency.version.number),
                Time(nanoseconds: residency.admittedAt).description, Time(nanoseconds: residency.expiresAt).description,
            ]
        }
        try Terminal.print(
            "\n"
                + (residencies.isEmpty
                    ? "No plaintext key was in memory."
                    : Terminal.table(["IN MEMORY", "VERSION", "SINCE", "UNTIL"], residencies)))
    }
}
