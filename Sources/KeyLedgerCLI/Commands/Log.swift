import ArgumentParser
import KeyLedger
import Ledger
import LedgerStore
import Transparency

struct Log: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Read the log of events.", subcommands: [Show.self], defaultSubcommand: Show.self)

    struct Show: Command {
        static let configuration = CommandConfiguration(
            abstract: "Show events.",
            discussion: """
                With the master key, names and details (actor, reason, digests) are shown; without it everything else is.
                Works while another process writes the ledger.

                  keyledger log show --last 20
                  keyledger log show --from 100 --to 200 --json
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var masterKey: MasterKeyOption
        @Option(name: .long, help: "The number of the first event. Default: 0.") var from: UInt64?
        @Option(name: .long, help: "The number of the first event not to show.") var to: UInt64?
        @Option(name: .long, help: "Only the last so many.") var last: UInt64?

        func validate() throws {
            if last != nil, from != nil || to != nil {
                throw ValidationError("--last is instead of --from and --to.")
            }
        }

        func perform() async throws {
            let view = try LedgerView(ledger, masterKey)
            let count = view.projection.eventCount
            let start = last.map { count - min($0, count) } ?? from ?? 0
            let end = min(to ?? count, count)
            if !ledger.json {
                try Terminal.print(
                    count == 0
                        ? "No events yet." : "EVENT     TIME                      KIND            OUTCOME   SUBJECT")
            }
            try view.audit.log.forEachBlock(from: min(start, end), to: end, mapping: { $0 as any Error }) { block in
                try block.forEachEvent { event in
                    guard event.sequence >= start, event.sequence < end else { return }
                    let row = try EventRow(event, of: block, view)
                    try Terminal.print(ledger.json ? line(row.json) : row.line)
                }
                return true
            }
            try view.finish()
        }
    }
}

/// An event as the log shows it.
private struct EventRow {
    let event: Block.Event
    var kind = "?"
    var outcome = "created"
    var subject: [(String, String)] = []
    var details: String?

    init(_ event: Block.Event, of block: Block, _ view: LedgerView) throws {
        self.event = event
        switch event.record {
        case .account(let account, let status):
            kind = "account"
            outcome = "\(status)"
            if let what = AccountKind(rawValue: account.userData32) { subject.append(("account", "\(what)")) }
            subject.append(("ledger", LedgerKind(rawValue: account.ledger).map { "\($0)" } ?? String(account.ledger)))
            if account.userData64 > 0 {
                subject += try Self.key(KeyID(account.userData128), UInt32(clamping: account.userData64), view)
            } else if account.userData128 != 0 {
                subject.append(("tenant", try view.name(of: TenantID(account.userData128))))
            }
        case .transfer(let transfer, let status):
            outcome = "\(status)"
            kind = EventKind(rawValue: transfer.userData32)?.description ?? "transfer \(transfer.userData32)"
            let tenant = view.projection.tenant(of: transfer)
            if kind == EventKind.createTenant.description {
                subject.append(("tenant", try view.name(of: TenantID(transfer.userData128))))
            } else if kind == EventKind.deny.description {
                // Who was refused, which need not be whose key it is.
                if let tenant { subject.append(("tenant", try view.name(of: tenant))) }
                if transfer.userData128 != 0 { subject.append(("key", try view.name(of: KeyID(transfer.userData128)))) }
                if transfer.userData64 != 0 { subject.append(("version", String(transfer.userData64))) }
            } else if transfer.userData128 != 0 {
                subject += try Self.key(KeyID(transfer.userData128), UInt32(clamping: transfer.userData64), view)
            } else if let tenant {
                subject.append(("tenant", try view.name(of: tenant)))
            }
            if transfer.amount != 1 { subject.append(("amount", transfer.amount.grouped)) }
            if transfer.timeoutSeconds > 0 {
                subject.append(("expires", "after \(UInt64(transfer.timeoutSeconds).grouped) s"))
            }
            details = try view.unlessDamaged { () throws(KeyStoreError) in
                try view.audit.details(at: Int(event.sequence - block.firstSequence), of: block, tenant: tenant)
            }
        case .expiry(let count):
            kind = "expiry"
            subject.append(("expired", String(count)))
        }
    }

    private static func key(_ key: KeyID, _ version: UInt32, _ view: LedgerView) throws -> [(String, String)] {
        var subject: [(String, String)] = []
        if let tenant = view.projection.keys[key]?.tenant { subject.append(("tenant", try view.name(of: tenant))) }
        subject.append(("key", try view.name(of: key)))
        if version > 0 { subject.append(("version", String(version))) }
        return subject
    }

    var line: String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        let subject = subject.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        return padded(String(event.sequence), 8) + "  " + Time(nanoseconds: event.timestamp).description + "  "
            + padded(kind, 14) + "  " + padded(outcome, 8) + "  " + subject + (details.map { "  \($0)" } ?? "")
    }

    var json: JSONObject {
        var object: JSONObject = [
            "event": KeyLedgerCLI.json(event.sequence), "time": .string(Time(nanoseconds: event.timestamp).description),
            "timestamp": KeyLedgerCLI.json(event.timestamp), "kind": .string(kind), "outcome": .string(outcome),
        ]
        if case .transfer(let transfer, _) = event.record { object["id"] = .string(EventID(transfer.id).description) }
        for (name, value) in subject { object[name] = .string(value) }
        if let details, let value = try? JSONValue(parsing: details) { object["details"] = value }
        return object
    }
}
