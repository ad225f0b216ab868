import ArgumentParser
import KeyLedger
import LedgerStore
import Transparency

struct RotationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotation", abstract: "Rotate the keys that are due.",
        discussion: """
            A key is due when its cryptoperiod has run out, or when its active version is older than the setting \
            kms.rotation.age-days. A run rotates the keys of at most kms.rotation.batch-size tenants, those with the oldest \
            keys first; a key that fails is recorded and tried again in the next run, behind tenants that were not tried.
            """, subcommands: [Run.self, Due.self, Schedule.self])

    struct Run: Command {
        static let configuration = CommandConfiguration(
            abstract: "Rotate the keys that are due, now.",
            discussion: """
                  keyledger rotation run --dry-run
                  keyledger rotation run

                With --dry-run nothing is written, and the ledger may be in use; the master key only gives names.

                With --json: rotated and failed (a list of tenant, key, version; failed also has error), remainingTenants. \
                With --dry-run as `keyledger rotation due`, the tenants of this run only. Ends with 2 if a key failed.
                """)

        @OptionGroup var options: StoreOptions
        @Flag(name: .long, help: "Only show what would be rotated.") var dryRun = false

        func perform() async throws {
            if dryRun {
                try DueReport(options.ledger, options.masterKey).show(limitedToRun: true)
                return
            }
            let (run, report) = try await options.withStore { store in
                let run = try await KeyRotationScheduler(store, policy: RunConfiguration.current.rotation).run()
                return (run, try RunReport(run, try LedgerView(store.audit)))
            }
            try Terminal.print(options.ledger.json ? line(report.json) : report.text)
            if !run.failed.isEmpty { throw Failure.Code.inputSkipped.exit }
        }
    }

    struct Due: Command {
        static let configuration = CommandConfiguration(
            abstract: "Show the keys that are due.",
            discussion: """
                Writes nothing, and works while another process has the ledger open.

                With --json, a line for each: tenant, key, version, activated, inNextRun, and failed (when it last was).
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var masterKey: MasterKeyOption

        func perform() async throws { try DueReport(ledger, masterKey).show(limitedToRun: false) }
    }

    struct Schedule: Command {
        static let configuration = CommandConfiguration(
            abstract: "Rotate the keys that are due whenever the schedule says, until SIGTERM.",
            discussion: """
                The schedule is the setting kms.rotation.cron, in UTC. A run that was missed while this command was not \
                running is made up for at once, and once. The ledger is open during runs only; if another process has it \
                then, the run is tried again every minute. Nothing is done while kms.rotation.enabled is false.

                  keyledger rotation schedule --set 'kms.rotation.cron=0 0 3 ? * SUN'

                With --json, a line for each run, as `keyledger rotation run`.
                """)

        @OptionGroup var options: StoreOptions

        func perform() async throws {
            let policy = RunConfiguration.current.rotation
            guard policy.isEnabled else {
                throw Failure("\(Setting.rotationIsEnabled.name) is false: nothing is scheduled.", .refused)
            }
            StopRequest.listen()
            // A wrong master key is better found now than at midnight.
            var lastRunAt = try LedgerView(options.ledger, options.masterKey).projection.rotation.lastRunAt
            var earliest: UInt64 = 0
            var announced: UInt64?
            while !StopRequest.isMade {
                let now = LedgerWriter.systemClock()
                guard let next = policy.nextRun(lastRunAt: lastRunAt, now: now) else {
                    throw Failure("the schedule \(policy.schedule) has ended.", .refused)
                }
                guard next <= now, earliest <= now else {
                    if next > now, next != announced {
                        Terminal.note("next run at \(Time(nanoseconds: next))")
                        announced = next
                    }
                    // In small steps: the wall clock may be set, and somebody may ask for the end.
                    try await Task.sleep(for: .milliseconds(min(250, Int((max(next, earliest) - now) / 1_000_000) + 1)))
                    continue
                }
                do {
                    try await run(policy)
                    lastRunAt = now
                } catch {
                    Terminal.complain("\(Failure(error).message) The run is tried again in a minute.")
                    earliest = now + 60_000_000_000
                }
            }
        }

        private func run(_ policy: RotationPolicy) async throws {
            let running = Task {
                try await options.withStore { store in
                    let run = try await KeyRotationScheduler(store, policy: policy).run()
                    return try RunReport(run, try LedgerView(store.audit))
                }
            }
            let watching = Task {
                while !StopRequest.isMade { try await Task.sleep(for: .milliseconds(100)) }
                running.cancel()
            }
            defer { watching.cancel() }
            let report = try await running.value
            try Terminal.print(options.ledger.json ? line(report.json) : report.text)
        }
    }
}

/// What is due, as a person or a program wants to see it.
private struct DueReport {
    private let view: LedgerView
    private let plan: RotationPlan
    private let isJSON: Bool

    init(_ ledger: LedgerOption, _ masterKey: MasterKeyOption) throws {
        view = try LedgerView(ledger, masterKey)
        plan = RotationPlan(
            view.projection, policy: RunConfiguration.current.rotation,
            at: max(LedgerWriter.systemClock(), view.projection.lastTimestamp))
        isJSON = ledger.json
    }

    func show(limitedToRun: Bool) throws {
        var rows: [[String]] = []
        for (tenants, isInNextRun) in [(plan.tenants, true), (limitedToRun ? [] : plan.rest, false)] {
            for due in tenants.flatMap({ tenant in tenant.keys.map { (tenant.tenant, $0) } }) {
                let (tenant, key) = (try view.name(of: due.0), due.1)
                let since = Time(nanoseconds: key.activatedAt).description
                let failed = key.failedAt.map { Time(nanoseconds: $0).description }
                if isJSON {
                    var object: JSONObject = [
                        "tenant": .string(tenant), "key": .string(try view.name(of: key.version.key)),
                        "version": json(key.version.number), "activated": .string(since),
                        "inNextRun": .bool(isInNextRun),
                    ]
                    if let failed { object["failed"] = .string(failed) }
                    try Terminal.print(line(object))
                } else {
                    rows.append([
                        tenant, try view.name(of: key.version.key), String(key.version.number), since,
                        isInNextRun ? "next" : "later", failed ?? "",
                    ])
                }
            }
        }
        if !isJSON {
            try Terminal.print(
                rows.isEmpty
                    ? "No key is due."
                    : Terminal.table(["TENANT", "KEY", "VERSION", "ACTIVE SINCE", "RUN", "LAST FAILED"], rows))
            if limitedToRun, !plan.rest.isEmpty {
                try Terminal.print("\(plan.rest.count.grouped) more tenants have keys that are due.")
            }
        }
        try view.finish()
    }
}

/// What became of a run, with names.
private struct RunReport: Sendable {
    let json: JSONObject
    let text: String

    init(_ run: KeyRotationScheduler.Run, _ view: LedgerView) throws {
        func names(_ tenant: TenantID, _ version: KeyVersion) throws -> JSONObject {
            [
                "tenant": .string(try view.name(of: tenant)), "key": .string(try view.name(of: version.key)),
                "version": KeyLedgerCLI.json(version.number),
            ]
        }
        let rotated = try run.rotated.sorted { $0.version < $1.version }.map { try names($0.tenant, $0.version) }
        var lines = [
            "Rotated \(rotated.count.grouped) keys of \(Set(run.rotated.map(\.tenant)).count.grouped) tenants."
        ]
        var failed: [JSONValue] = []
        for failure in run.failed.sorted(by: { $0.version < $1.version }) {
            var object = try names(failure.tenant, failure.version)
            object["error"] = .string(failure.error.description)
            failed.append(.object(object))
            lines.append(
                "Key \(try view.name(of: failure.version.key)) of \(try view.name(of: failure.tenant)) failed: "
                    + failure.error.description)
        }
        if run.remainingTenantCount > 0 {
            lines.append("\(run.remainingTenantCount.grouped) more tenants have keys that are due.")
        }
        json = [
            "rotated": .array(rotated.map { .object($0) }), "failed": .array(failed),
            "remainingTenants": KeyLedgerCLI.json(run.remainingTenantCount),
        ]
        text = lines.joined(separator: "\n")
    }
}
