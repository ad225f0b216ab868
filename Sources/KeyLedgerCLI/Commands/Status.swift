import ArgumentParser
import KeyLedger
import LedgerStore
import Transparency

struct Status: Command {
    static let configuration = CommandConfiguration(
        abstract: "Show what a ledger holds.",
        discussion: """
            Needs no master key, and works while another process writes.

            With --json: ledger, origin, created, events, tenants, keys, versions, overdue, inMemory, protected, \
            processed, refused, and writer while a process has the ledger open for writing.
            """)

    @OptionGroup var ledger: LedgerOption

    func perform() async throws {
        let folder = LedgerFolder(path: ledger.path)
        let manifest = try folder.manifest()
        let view = try LedgerView(try AuditReader(ledger.path, masterKey: nil))
        let projection = view.projection
        let versions = projection.keys.values.flatMap(\.versions)
        let overdue = versions.count(where: \.isOverdue)
        let usage = versions.reduce(into: (protect: UInt64(0), process: UInt64(0))) {
            $0.protect += $1.usage.sign + $1.usage.encrypt
            $0.process += $1.usage.verify + $1.usage.decrypt
        }
        if ledger.json {
            var object: JSONObject = [
                "ledger": .string(ledger.path), "origin": .string(manifest.origin),
                "created": .string(manifest.created),
                "events": json(projection.eventCount), "tenants": json(projection.tenants.count),
                "keys": json(projection.keys.count), "versions": json(versions.count), "overdue": json(overdue),
            ]
            object["inMemory"] = json(projection.residencies.count)
            object["protected"] = json(usage.protect)
            object["processed"] = json(usage.process)
            object["refused"] = json(projection.refusalCount)
            if let writer = folder.writer { object["writer"] = .string(writer) }
            try Terminal.print(line(object))
        } else {
            try Terminal.print(
                """
                ledger     \(ledger.path) (\(manifest.origin)), created \(manifest.created)
                events     \(projection.eventCount.grouped)\
                \(projection.eventCount == 0 ? "" : ", the last at \(Time(nanoseconds: projection.lastTimestamp))")
                tenants    \(projection.tenants.count.grouped)
                keys       \(projection.keys.count.grouped) in \(versions.count.grouped) versions, \(overdue.grouped) overdue
                in memory  \(projection.residencies.count.grouped) plaintext keys
                uses       \(usage.protect.grouped) to protect, \(usage.process.grouped) to process, \
                \(projection.refusalCount.grouped) refused
                writer     \(folder.writer ?? "none")
                """)
        }
    }
}
