internal import LedgerStore

/// The plaintext keys of one kind in memory, and who may do what with them.
///
/// Three rules keep memory and ledger in step:
/// 1. Whoever uses a key borrows it, and a key that is lent does not leave. So its use comes before its eviction in the log.
/// 2. One task at a time fetches a version or sends it away: it holds the claim, the others wait. So concurrent first uses
///    unwrap once, and nothing enters behind the back of a rotation.
/// 3. Room is taken before an admission is sent. So the ledger, which has the last word on the capacity, does not have to
///    refuse.
///
/// Who has to make room is ``TinyLFU``'s choice among those that nobody uses.
///
/// A value; ``LiveState`` keeps it beside the projection under one lock.
struct PlaintextKeys {
    private struct Resident {
        let version: KeyVersion
        let residency: EventID
        let material: KeyMaterial
        /// Nanoseconds since 1970.
        let expiresAt: UInt64
        var loanCount = 0
        /// Its end is on its way to disk.
        var isLeaving = false
        /// Its place is taken in the same commit. The place of others that leave is free only when they are gone: the ledger
        /// might be asked to admit before it is asked to evict.
        var isReplaced = false
    }

    /// The keys whose residency is open in the ledger, and where they are.
    private var residents: [Resident?] = []
    private var places: [KeyVersion: Int] = [:]
    /// Keys whose admission is on its way to disk.
    private var arriving: [EventID: (version: KeyVersion, material: KeyMaterial)] = [:]
    /// Versions that one task fetches or sends away.
    private var claimed: Set<KeyVersion> = []
    private var replacedCount = 0
    private var policy: TinyLFU
    private let capacity: Int
    private var isClosed = false
    /// What became of those who asked.
    private(set) var statistics = KeyCache.Statistics()

    /// For at most `capacity` keys, at least one.
    init(capacity: Int) {
        self.capacity = capacity
        policy = TinyLFU(placeCount: capacity)
    }

    /// The end of a residency.
    struct Departure: Sendable, Hashable {
        let residency: EventID
        let version: KeyVersion
    }

    /// What a task that needs a key is told.
    enum Loan: Sendable {
        /// Here it is; to be given back.
        case lent(KeyMaterial, Lease)
        /// It is not in memory, and the asking task now holds the claim to fetch it.
        case claimed
        /// A newer version applies protection now.
        case superseded
    }

    /// What a borrowed key is given back with.
    struct Lease: Sendable, Hashable {
        fileprivate let place: Int
        fileprivate let residency: EventID
    }

    /// When a residency is too close to its end to begin a use.
    ///
    /// A use is decided a moment after the key was borrowed. Without a margin, the log could show it after the expiry.
    struct Renewal {
        /// Nanoseconds since 1970.
        private(set) var now: UInt64
        let marginNanoseconds: UInt64

        init(now: UInt64, residencySeconds: UInt32) {
            self.now = now
            marginNanoseconds = min(1_000_000_000, UInt64(residencySeconds) * 125_000_000)
        }

        /// The ledger's time goes on while a clock that was set back shows an earlier one.
        func notBefore(_ instant: UInt64) -> Renewal {
            var renewal = self
            renewal.now = max(now, instant)
            return renewal
        }

        func isDue(expiringAt expiresAt: UInt64) -> Bool {
            expiresAt <= now || expiresAt - now <= marginNanoseconds
        }
    }

    // MARK: Lending

    /// Nil means to wait for a change.
    mutating func loan(of version: KeyVersion, _ renewal: Renewal) throws(KeyStoreError) -> Loan? {
        if isClosed { throw .store(.closed) }
        if claimed.contains(version) { return nil }
        if let place = places[version], let resident = residents[place] {
            if resident.isLeaving { return nil }
            if !renewal.isDue(expiringAt: resident.expiresAt) {
                statistics.hitCount += 1
                policy.record(version.fingerprint)
                policy.touch(place)
                residents[place]?.loanCount += 1
                return .lent(resident.material, Lease(place: place, residency: resident.residency))
            }
            if resident.loanCount > 0 { return nil }
        }
        policy.record(version.fingerprint)
        claimed.insert(version)
        return .claimed
    }

    mutating func giveBack(_ lease: Lease) {
        // The residency may have expired meanwhile, and another begun in its place.
        if residents.indices.contains(lease.place), residents[lease.place]?.residency == lease.residency {
            residents[lease.place]?.loanCount -= 1
        }
    }

    private func resident(_ version: KeyVersion) -> Resident? { places[version].flatMap { residents[$0] } }

    /// Whether a version is lent, or leaving already to make room for another.
    func isInUse(_ version: KeyVersion) -> Bool {
        resident(version).map { $0.loanCount > 0 || $0.isLeaving } ?? false
    }

    // MARK: Coming and going

    /// Takes the claim on a version if it is free.
    mutating func claim(_ version: KeyVersion) throws(KeyStoreError) -> Bool {
        if isClosed { throw .store(.closed) }
        return claimed.insert(version).inserted
    }

    mutating func endClaim(_ version: KeyVersion, _ departure: Departure?) {
        claimed.remove(version)
        if let departure { stay(departure) }
    }

    /// The end of a claimed version's residency, if it has one.
    mutating func depart(_ version: KeyVersion) -> Departure? {
        guard let place = places[version] else { return nil }
        return depart(from: place, isReplaced: false)
    }

    private mutating func depart(from place: Int, isReplaced: Bool) -> Departure? {
        guard let resident = residents[place] else { return nil }
        residents[place]?.isLeaving = true
        residents[place]?.isReplaced = isReplaced
        if isReplaced { replacedCount += 1 }
        return Departure(residency: resident.residency, version: resident.version)
    }

    /// What was to leave and is still here was refused to.
    private mutating func stay(_ departure: Departure) {
        guard let place = places[departure.version], let resident = residents[place],
            resident.residency == departure.residency
        else { return }
        if resident.isReplaced { replacedCount -= 1 }
        residents[place]?.isLeaving = false
        residents[place]?.isReplaced = false
    }

    /// Takes room for a claimed version; the departures that make it. Nil means to wait until a key is given back.
    mutating func makeRoom(
        for version: KeyVersion, _ material: KeyMaterial, admittedBy event: EventID
    ) -> [Departure]? {
        // Its own last residency, if that is only just about to end.
        let own = places[version].flatMap { residents[$0]?.isLeaving == false ? $0 : nil }
        let excess = places.count - replacedCount + arriving.count + 1 - capacity - (own == nil ? 0 : 1)
        var departures: [Departure] = []
        while departures.count < excess, let place = policy.victim(isFree: { isIdle($0, but: version) }),
            let departure = depart(from: place, isReplaced: true)
        {
            departures.append(departure)
        }
        // If nothing is under way that could make room, the ledger is asked all the same, and says no.
        if departures.count < excess, isMoving(but: version) {
            for departure in departures { stay(departure) }
            return nil
        }
        if let own, let departure = depart(from: own, isReplaced: true) { departures.append(departure) }
        arriving[event] = (version, material)
        return departures
    }

    private func isIdle(_ place: Int, but version: KeyVersion) -> Bool {
        guard let resident = residents[place] else { return false }
        return resident.version != version && resident.loanCount == 0 && !resident.isLeaving
            && !claimed.contains(resident.version)
    }

    private func isMoving(but version: KeyVersion) -> Bool {
        !arriving.isEmpty
            || residents.contains { resident in
                guard let resident else { return false }
                return resident.isLeaving
                    || resident.version != version
                        && (resident.loanCount > 0 || claimed.contains(resident.version))
            }
    }

    /// Says that an admission and the departures that went with it were answered.
    mutating func settle(_ event: EventID, _ departures: [Departure]) {
        arriving[event] = nil
        for departure in departures { stay(departure) }
    }

    /// What is evicted or expired goes; admissions that are on disk bring their keys.
    ///
    /// - Parameter isExpiry: What happened is that the time of some was up, and nothing else.
    mutating func follow(_ projection: LedgerProjection, isExpiry: Bool) {
        for (place, resident) in residents.enumerated() {
            if let resident, projection.residencies[resident.residency] == nil {
                if isExpiry { statistics.expiryCount += 1 } else { statistics.evictionCount += 1 }
                remove(from: place)
            }
        }
        for (event, arrival) in arriving {
            guard let residency = projection.residencies[event] else { continue }
            arriving[event] = nil
            statistics.missCount += 1
            insert(
                Resident(
                    version: arrival.version, residency: event, material: arrival.material,
                    expiresAt: residency.expiresAt))
        }
    }

    private mutating func insert(_ resident: Resident) {
        let place = residents.firstIndex { $0 == nil } ?? residents.count
        if place == residents.count { residents.append(resident) } else { residents[place] = resident }
        places[resident.version] = place
        policy.insert(place, resident.version.fingerprint)
    }

    private mutating func remove(from place: Int) {
        guard let resident = residents[place] else { return }
        if resident.isReplaced { replacedCount -= 1 }
        residents[place] = nil
        places[resident.version] = nil
        policy.remove(place)
    }

    // MARK: Closing

    mutating func close() { isClosed = true }

    /// Whether nothing is lent, fetched or sent away.
    var isQuiet: Bool { claimed.isEmpty && arriving.isEmpty && residents.allSatisfy { $0?.loanCount ?? 0 == 0 } }

    mutating func forget() {
        for place in residents.indices { remove(from: place) }
        arriving = [:]
    }

    /// The versions in memory.
    var versions: Set<KeyVersion> { Set(places.keys) }

    /// The versions in memory, or on their way there.
    var versionsAtHand: Set<KeyVersion> { versions.union(arriving.values.map(\.version)) }
}

extension KeyVersion {
    /// The same on every machine and in every run. Key ids are digests; what counts here is to spread version numbers.
    var fingerprint: UInt64 {
        var mixed = UInt64(truncatingIfNeeded: key.value) ^ UInt64(truncatingIfNeeded: key.value >> 64)
        mixed = (mixed &+ UInt64(number)) &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ mixed >> 29
    }
}
