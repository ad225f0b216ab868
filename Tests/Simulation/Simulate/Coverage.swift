internal import Ledger
internal import LedgerStore

/// What happened, so that nobody takes a workload in which nothing happens for a test.
struct Coverage {
    enum Kind: String, CaseIterable {
        case transfers, refusals, brokenChains = "broken chains", pending, resolutions, expiries
        case details, balances = "balances over time", materialChanges = "changes of material"
        case lostNothing = "crashes that lost nothing", lostAll = "crashes that lost all that was not synced"
        case torn = "torn writes", states = "states of another time", rebuilds, laterCrashes = "crashes after a crash"
    }

    private var counts: [Kind: Int] = [:]

    mutating func count(_ kind: Kind, _ times: Int = 1) { counts[kind, default: 0] += times }

    var missing: [Kind] { Kind.allCases.filter { counts[$0, default: 0] == 0 } }

    var description: String { Kind.allCases.map { "\($0.rawValue) \(counts[$0, default: 0])" }.joined(separator: ", ") }

    /// What a life brought.
    mutating func count(_ history: History) {
        for block in history.truth.blocks {
            count(.details, block.commitments.count)
            block.forEachEvent { event in
                switch event.record {
                case .transfer(let transfer, .created):
                    count(.transfers)
                    if transfer.flags.contains(.pending) { count(.pending) }
                    if !transfer.flags.isDisjoint(with: [.postPendingTransfer, .voidPendingTransfer]) {
                        count(.resolutions)
                    }
                case .transfer(_, .linkedEventFailed): count(.brokenChains)
                case .transfer: count(.refusals)
                case .expiry(let expiredCount): count(.expiries, Int(expiredCount))
                case .account: break
                }
            }
        }
        count(.balances, history.truth.end.machine.recentTransfers.balances.count)
        count(.materialChanges, history.materials.count - 1)
    }

    /// What a crash did.
    mutating func count(_ choice: Choice, of pending: [Disk.Pending]) {
        if choice.survivors.count == pending.count { count(.lostNothing) }
        if choice.survivors.isEmpty { count(.lostAll) }
        count(.torn, choice.survivors.count { $0.sectors != nil })
    }
}
