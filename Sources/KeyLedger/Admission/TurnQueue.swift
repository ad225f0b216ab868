/// Who may work next: tenants take turns. Of one tenant's requests, those that only have to be finished come before
/// those that have not begun, and otherwise each in its order.
///
/// A value that decides; ``FairAdmission`` makes tasks wait for it.
struct TurnQueue<Waiter> {
    private struct Lane {
        var finishing: ArraySlice<Waiter> = []
        var beginning: ArraySlice<Waiter> = []

        var isEmpty: Bool { finishing.isEmpty && beginning.isEmpty }
        mutating func next() -> Waiter? { finishing.popFirst() ?? beginning.popFirst() }
    }

    /// How far a request is.
    enum Phase { case beginning, finishing }

    /// How many may work at the same time.
    let placeCount: Int
    private var occupiedCount = 0
    private var lanes: [TenantID: Lane] = [:]
    /// The tenants with somebody waiting, each once, in the order of their next turns.
    private var turns: ArraySlice<TenantID> = []

    init(placeCount: Int) { self.placeCount = placeCount }

    /// Takes a place if one is free. Nobody waits then: a free place is given to whoever waits.
    mutating func takePlace() -> Bool {
        guard occupiedCount < placeCount else { return false }
        occupiedCount += 1
        return true
    }

    /// How many requests of a tenant wait to begin.
    func waitingCount(of tenant: TenantID) -> Int { lanes[tenant]?.beginning.count ?? 0 }

    /// Whether anybody waits.
    var isAnybodyWaiting: Bool { !turns.isEmpty }

    /// Waits for a turn of the tenant, behind its other requests of this phase.
    mutating func wait(_ waiter: Waiter, for tenant: TenantID, _ phase: Phase = .beginning) {
        if lanes[tenant] == nil { turns.append(tenant) }
        switch phase {
        case .beginning: lanes[tenant, default: Lane()].beginning.append(waiter)
        case .finishing: lanes[tenant, default: Lane()].finishing.append(waiter)
        }
    }

    /// Gives a place up; returns whose it is now.
    mutating func leavePlace() -> Waiter? {
        guard let tenant = turns.popFirst(), let waiter = lanes[tenant]?.next() else {
            occupiedCount -= 1
            return nil
        }
        if lanes[tenant]?.isEmpty == false { turns.append(tenant) } else { lanes[tenant] = nil }
        return waiter
    }
}
