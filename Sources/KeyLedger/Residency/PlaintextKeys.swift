internal import LedgerStore

/// The plaintext keys in memory, and who may do what with them.
///
/// Three rules keep memory and ledger in step:
/// 1. Whoever uses a key borrows it, and a key that is lent does not leave. So its use comes before its eviction in the log.
/// 2. One task at a time fetches a version or sends it away: it holds the claim, the others wait. So concurrent first uses
///    unwrap once, and nothing enters behind the back of a rotation.
/// 3. Room is taken before an admission is sent. So the ledger, which has the last word on the capacity, does not have to
///    refuse.
///
/// A value; ``LiveState`` keeps it beside the projection under one lock.
struct PlaintextKeys {
    private struct Resident {
        let residency: EventID
        let material: KeyMaterial
        var loanCount = 0
        var lastLoan: UInt64
    }

    /// The keys whose residency is open in the ledger.
    private var residents: [KeyVersion: Resident] = [:]
    /// Keys whose admission is on its way to disk.
    private var arriving: [EventID: (version: KeyVersion, material: KeyMaterial)] = [:]
    /// Versions that one task fetches or sends away.
    private var claimed: Set<KeyVersion> = []
    /// Residencies whose end is on its way to disk.
    private var leaving: Set<EventID> = []
    /// Those of them whose place is taken in the same commit. The place of the others is free only when they are gone: the
    /// ledger might be asked to admit before it is asked to evict.
    private var replaced: Set<EventID> = []
    private var loanTotal: UInt64 = 0
    private var isClosed = false

    /// The end of a residency.
    struct Departure: Sendable, Hashable {
        let residency: EventID
        let version: KeyVersion
    }

    /// What a task that needs a key is told.
    enum Loan: Sendable {
        /// Here it is; to be given back.
        case lent(KeyMaterial, residency: EventID)
        /// It is not in memory, and the asking task now holds the claim to fetch it.
        case claimed
        /// A newer version applies protection now.
        case superseded
    }

    /// When a residency is too close to its end to begin a use.
    ///
    /// A use is decided a moment after the key was borrowed. Without a margin, the log could show it after the expiry.
    struct Renewal {
        /// Nanoseconds since 1970.
        let now: UInt64
        let marginNanoseconds: UInt64

        init(now: UInt64, residencySeconds: UInt32) {
            self.now = now
            marginNanoseconds = min(1_000_000_000, UInt64(residencySeconds) * 125_000_000)
        }

        func isDue(_ residency: LedgerProjection.Residency) -> Bool {
            residency.expiresAt <= now || residency.expiresAt - now <= marginNanoseconds
        }
    }

    // MARK: Lending

    /// Nil means to wait for a change.
    mutating func loan(
        of version: KeyVersion, _ projection: LedgerProjection, _ renewal: Renewal
    ) throws(KeyStoreError) -> Loan? {
        if isClosed { throw .store(.closed) }
        if claimed.contains(version) { return nil }
        if let resident = residents[version], let residency = projection.residencies[resident.residency],
            !leaving.contains(resident.residency)
        {
            if !renewal.isDue(residency) {
                loanTotal += 1
                residents[version]?.loanCount += 1
                residents[version]?.lastLoan = loanTotal
                return .lent(resident.material, residency: resident.residency)
            }
            if resident.loanCount > 0 { return nil }
        } else if residents[version] != nil {
            return nil
        }
        claimed.insert(version)
        return .claimed
    }

    mutating func giveBack(_ version: KeyVersion, _ residency: EventID) {
        // The residency may have expired meanwhile, and a new one begun.
        if residents[version]?.residency == residency { residents[version]?.loanCount -= 1 }
    }

    /// Whether a version is lent, or leaving already to make room for another.
    func isInUse(_ version: KeyVersion) -> Bool {
        residents[version].map { $0.loanCount > 0 || leaving.contains($0.residency) } ?? false
    }

    // MARK: Coming and going

    /// Takes the claim on a version if it is free.
    mutating func claim(_ version: KeyVersion) throws(KeyStoreError) -> Bool {
        if isClosed { throw .store(.closed) }
        return claimed.insert(version).inserted
    }

    mutating func endClaim(_ version: KeyVersion, _ departure: Departure?) {
        claimed.remove(version)
        if let departure { leaving.remove(departure.residency) }
    }

    /// The end of a claimed version's residency, if it has one.
    mutating func depart(_ version: KeyVersion, _ projection: LedgerProjection) -> Departure? {
        guard let residency = projection.residencies.first(where: { $0.value.version == version })?.key else {
            return nil
        }
        leaving.insert(residency)
        return Departure(residency: residency, version: version)
    }

    /// Takes room for a claimed version; the departures that make it, the least recently used first. Nil means to wait
    /// until a key is given back.
    mutating func makeRoom(
        for version: KeyVersion, _ material: KeyMaterial, admittedBy event: EventID, capacity: Int,
        _ projection: LedgerProjection
    ) -> [Departure]? {
        let occupied = projection.residencies.count - replaced.count + arriving.count
        // Its own last residency, if that is only just about to end.
        let own = projection.residencies.first { $0.value.version == version && !leaving.contains($0.key) }?.key
        let excess = occupied + 1 - capacity - (own == nil ? 0 : 1)
        let others = excess > 0 ? idleResidents(but: version).prefix(excess) : []
        // If nothing is under way that could make room, the ledger is asked all the same, and says no.
        let isUnderWay =
            !leaving.isEmpty || !arriving.isEmpty
            || residents.contains { $0.key != version && ($0.value.loanCount > 0 || claimed.contains($0.key)) }
        if others.count < excess, isUnderWay { return nil }
        var departures = others.map { Departure(residency: $0.value.residency, version: $0.key) }
        if let own { departures.append(Departure(residency: own, version: version)) }
        leaving.formUnion(departures.map(\.residency))
        replaced.formUnion(departures.map(\.residency))
        arriving[event] = (version, material)
        return departures
    }

    private func idleResidents(but version: KeyVersion) -> [(key: KeyVersion, value: Resident)] {
        residents.filter { entry in
            entry.key != version && entry.value.loanCount == 0 && !claimed.contains(entry.key)
                && !leaving.contains(entry.value.residency)
        }.sorted { $0.value.lastLoan < $1.value.lastLoan }
    }

    mutating func settle(_ event: EventID, _ departures: [Departure]) {
        arriving[event] = nil
        leaving.subtract(departures.map(\.residency))
        replaced.subtract(departures.map(\.residency))
    }

    /// Admissions that are on disk bring their keys; what is evicted or expired goes.
    mutating func follow(_ projection: LedgerProjection) {
        for (event, arrival) in arriving where projection.residencies[event] != nil {
            arriving[event] = nil
            loanTotal += 1
            residents[arrival.version] = Resident(residency: event, material: arrival.material, lastLoan: loanTotal)
        }
        if !leaving.isEmpty {
            leaving = leaving.filter { projection.residencies[$0] != nil }
            replaced.formIntersection(leaving)
        }
        if residents.values.contains(where: { projection.residencies[$0.residency] == nil }) {
            residents = residents.filter { projection.residencies[$0.value.residency] != nil }
        }
    }

    // MARK: Closing

    mutating func close() { isClosed = true }

    /// Whether nothing is lent, fetched or sent away.
    var isQuiet: Bool { claimed.isEmpty && arriving.isEmpty && residents.values.allSatisfy { $0.loanCount == 0 } }

    mutating func forget() {
        residents = [:]
        arriving = [:]
    }

    /// The versions in memory.
    var versions: Set<KeyVersion> { Set(residents.keys) }
}
