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
                With the master key, names and details (actor, reason, digests) are shown; without it everything else \
                is. Works while another process writes the ledger.

                  keyledger log show --last 20
                  keyledger log show --from 100 --to 200 --json

                With --json, a line for each: event (its number), time, timestamp (nanoseconds since 1970, as text), kind, \
                outcome, id, and as far as they apply account, ledger, tenant, key, version, amount, \
                expiresAfterSeconds, expired, details.
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var masterKey: MasterKeyOption
        @Option(name: .long, help: .init("The number of the first event. Default: 0.", valueName: "event")) var from:
            UInt64?
        @Option(name: .long, help: .init("The number of the first event not to show.", valueName: "event")) var to:
            UInt64?
        @Option(name: .long, help: .init("Only the last so many.", valueName: "count")) var last: UInt64?

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
    private let event: Block.Event
    private var kind = "?"
    private var outcome = "created"
    /// What it is about, by the name it has in JSON.
    private var subject: [(name: String, value: JSONValue, text: String)] = []
    private var details: String?

    init(_ event: Block.Event, of block: Block, _ view: LedgerView) throws {
        self.event = event
        switch event.record {
        case .account(let account, let status):
            kind = "account"
            outcome = "\(status)"
            try describe(account, view)
        case .transfer(let transfer, let status):
            kind = EventKind(rawValue: transfer.userData32)?.description ?? "transfer \(transfer.userData32)"
            outcome = "\(status)"
            try describe(transfer, view)
            details = try view.unlessDamaged { () throws(KeyStoreError) in
                try view.audit.details(
                    at: Int(event.sequence - block.firstSequence), of: block,
                    tenant: view.projection.tenant(of: transfer))
            }
        case .expiry(let count):
            kind = "expiry"
            add("expired", count)
        }
    }

    private mutating func describe(_ account: Account, _ view: LedgerView) throws {
        if let what = AccountKind(rawValue: account.userData32) { add("account", "\(what)") }
        add("ledger", LedgerKind(rawValue: account.ledger).map { "\($0)" } ?? String(account.ledger))
        if account.userData64 > 0 {
            let key = KeyID(account.userData128)
            if let tenant = view.projection.keys[key]?.tenant { add("tenant", try view.name(of: tenant)) }
            add("key", try view.name(of: key))
            add("version", account.userData64)
        } else if account.userData32 == AccountKind.tenant.rawValue {
            add("tenant", try view.name(of: TenantID(account.userData128)))
        }
    }

    private mutating func describe(_ transfer: Transfer, _ view: LedgerView) throws {
        let isAboutTenant = EventKind(rawValue: transfer.userData32)?.isAboutTenant ?? false
        if let tenant = isAboutTenant ? TenantID(transfer.userData128) : view.projection.tenant(of: transfer) {
            add("tenant", try view.name(of: tenant))
        }
        if !isAboutTenant, !isAboutProofs(transfer), transfer.userData128 != 0 {
            add("key", try view.name(of: KeyID(transfer.userData128)))
            if transfer.userData64 != 0 { add("version", transfer.userData64) }
        }
        if isAboutProofs(transfer), transfer.userData64 != 0 {
            add(transfer.userData32 == EventKind.checkpointKey.rawValue ? "version" : "size", transfer.userData64)
        }
        if transfer.amount != 1 { add("amount", transfer.amount) }
        if transfer.timeoutSeconds > 0 { add("expiresAfterSeconds", transfer.timeoutSeconds) }
    }

    private func isAboutProofs(_ transfer: Transfer) -> Bool {
        switch EventKind(rawValue: transfer.userData32) {
        case .checkpoint, .checkpointKey, .cosigned, .anchored, .evidence: true
        default: false
        }
    }

    private mutating func add(_ name: String, _ text: String) { subject.append((name, .string(text), text)) }

    private mutating func add(_ name: String, _ number: some BinaryInteger) {
        subject.append((name, KeyLedgerCLI.json(number), number.grouped))
    }

    var line: String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        let subject = subject.map { "\($0.name) \($0.text)" }.joined(separator: ", ")
        return padded(String(event.sequence), 8) + "  " + Time(nanoseconds: event.timestamp).description + "  "
            + padded(kind, 14) + "  " + padded(outcome, 8) + "  " + subject + (details.map { "  \($0)" } ?? "")
    }

    var json: JSONObject {
        var object: JSONObject = [
            "event": KeyLedgerCLI.json(event.sequence), "time": .string(Time(nanoseconds: event.timestamp).description),
            "timestamp": KeyLedgerCLI.json(event.timestamp), "kind": .string(kind), "outcome": .string(outcome),
        ]
        if case .transfer(let transfer, _) = event.record { object["id"] = .string(EventID(transfer.id).description) }
        for (name, value, _) in subject { object[name] = value }
        if let details, let value = try? JSONValue(parsing: details) { object["details"] = value }
        return object
    }
}
