/// Findings as they come up. Of each kind the first are kept and all are counted: a ledger that was rewritten from event 5
/// on must not fill the memory with what follows from that.
struct Findings {
    static let keptOfEachKind = 100

    private(set) var kept: [Finding] = []
    private(set) var counts: [Finding.Kind: Int] = [:]
    /// The first event from which on events cannot be relied on.
    private(set) var trustEnd: UInt64?

    /// Whether some events cannot be relied on.
    var endTrust: Bool { trustEnd != nil }

    mutating func add(_ finding: Finding) {
        counts[finding.kind, default: 0] += 1
        if counts[finding.kind, default: 0] <= Self.keptOfEachKind { kept.append(finding) }
        if finding.kind.endsTrust, let event = finding.event { trustEnd = min(trustEnd ?? .max, event) }
    }

    mutating func add(_ kind: Finding.Kind, event: UInt64? = nil, since: UInt64? = nil, _ detail: String) {
        add(Finding(kind, event: event, since: since, detail))
    }

    mutating func add(_ others: Findings) {
        for finding in others.kept { add(finding) }
        for (kind, count) in others.counts {
            counts[kind, default: 0] += max(0, count - Self.keptOfEachKind)
        }
    }
}
