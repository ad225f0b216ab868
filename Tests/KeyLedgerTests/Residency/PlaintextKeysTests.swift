import CryptoPrimitives
import LedgerStore
import Testing

@testable import KeyLedger

@Suite("Who may use, fetch and send away a plaintext key")
struct PlaintextKeysTests {
    /// The keys and the ledger they follow, changed by hand.
    private struct Scene {
        var keys: PlaintextKeys
        var projection = LedgerProjection()
        /// What the last loans of a version are given back with.
        var leases: [UInt32: [PlaintextKeys.Lease]] = [:]

        init(capacity: Int) { keys = PlaintextKeys(capacity: capacity) }

        static func version(_ number: UInt32) -> KeyVersion { KeyVersion(key: KeyID(7), number: number) }
        static func event(_ number: UInt32) -> EventID { EventID(UInt128(number)) }

        static func material() throws -> KeyMaterial { try KeyMaterial(.ed25519, try SecretBytes(randomCount: 32)) }

        mutating func ask(_ number: UInt32, at now: UInt64 = 0) throws -> PlaintextKeys.Loan? {
            let loan = try keys.loan(
                of: Self.version(number), PlaintextKeys.Renewal(now: now, residencySeconds: 3600))
            if case .lent(_, let lease) = loan { leases[number, default: []].append(lease) }
            return loan
        }

        /// Gives back what was borrowed first.
        mutating func giveBack(_ number: UInt32) {
            if let lease = leases[number]?.removeFirst() { keys.giveBack(lease) }
        }

        mutating func makeRoom(_ number: UInt32) throws -> [PlaintextKeys.Departure]? {
            keys.makeRoom(
                for: Self.version(number), try Self.material(), admittedBy: Self.event(number))
        }

        /// The log says that version `number` is in memory, and that the evicted ones are not any more.
        mutating func commit(
            admitting number: UInt32?, evicting departures: [PlaintextKeys.Departure] = [], isExpiry: Bool = false
        ) {
            for departure in departures { projection.residencies[departure.residency] = nil }
            if let number {
                projection.residencies[Self.event(number)] = .init(
                    version: Self.version(number), admittedAt: 0, expiresAt: 3_600_000_000_000)
            }
            keys.follow(projection, isExpiry: isExpiry)
        }

        /// Fetches a version from the first question to the last answer.
        mutating func fetch(_ number: UInt32) throws {
            guard case .claimed = try ask(number) else {
                Issue.record("version \(number) is not to be fetched")
                return
            }
            let departures = try #require(try makeRoom(number))
            commit(admitting: number, evicting: departures)
            keys.settle(Self.event(number), departures)
            keys.endClaim(Self.version(number), nil)
        }

        var inMemory: Set<UInt32> { Set(keys.versions.map(\.number)) }
    }

    private func isLent(_ loan: PlaintextKeys.Loan?) -> Bool { if case .lent = loan { true } else { false } }
    private func isClaimed(_ loan: PlaintextKeys.Loan?) -> Bool { if case .claimed = loan { true } else { false } }

    @Test func oneFetchesAndTheOthersWait() throws {
        var scene = Scene(capacity: 2)
        #expect(isClaimed(try scene.ask(1)))
        #expect(try scene.ask(1) == nil)
        #expect(try scene.makeRoom(1) == [])
        scene.commit(admitting: 1)
        // It is in memory, but whoever fetched it is not done.
        #expect(try scene.ask(1) == nil)
        scene.keys.settle(Scene.event(1), [])
        scene.keys.endClaim(Scene.version(1), nil)
        #expect(isLent(try scene.ask(1)))
    }

    @Test func aFetchThatIsRefusedLeavesNothingBehind() throws {
        var scene = Scene(capacity: 1)
        #expect(isClaimed(try scene.ask(1)))
        #expect(try scene.makeRoom(1) == [])
        scene.keys.settle(Scene.event(1), [])
        scene.keys.endClaim(Scene.version(1), nil)
        #expect(scene.inMemory.isEmpty)
        #expect(scene.keys.isQuiet)
        // The next one may try, and has room.
        try scene.fetch(1)
        #expect(scene.inMemory == [1])
    }

    @Test func aKeyThatIsLentKeepsItsPlace() throws {
        var scene = Scene(capacity: 1)
        try scene.fetch(1)
        #expect(isLent(try scene.ask(1)))
        #expect(isClaimed(try scene.ask(2)))
        #expect(try scene.makeRoom(2) == nil)
        scene.giveBack(1)
        #expect(try scene.makeRoom(2)?.map(\.version.number) == [1])
        // Nobody begins to use what is leaving.
        #expect(try scene.ask(1) == nil)
    }

    @Test func whatIsAskedForAgainStays() throws {
        var scene = Scene(capacity: 2)
        for number: UInt32 in 1...2 { try scene.fetch(number) }
        for _ in 0..<2 {
            #expect(isLent(try scene.ask(1)))
            scene.giveBack(1)
        }
        for (next, leaving): (UInt32, UInt32) in [(3, 2), (4, 3), (5, 4)] {
            #expect(isClaimed(try scene.ask(next)))
            let departures = try #require(try scene.makeRoom(next))
            #expect(departures.map(\.version.number) == [leaving])
            scene.commit(admitting: next, evicting: departures)
            scene.keys.settle(Scene.event(next), departures)
            scene.keys.endClaim(Scene.version(next), nil)
        }
        #expect(scene.inMemory == [1, 5])
    }

    @Test func whoAskedIsCounted() throws {
        var scene = Scene(capacity: 1)
        try scene.fetch(1)
        #expect(isLent(try scene.ask(1)))
        scene.giveBack(1)
        try scene.fetch(2)
        scene.commit(
            admitting: nil, evicting: [.init(residency: Scene.event(2), version: Scene.version(2))], isExpiry: true)
        let statistics = scene.keys.statistics
        #expect(statistics.hitCount == 1)
        #expect(statistics.missCount == 2)
        #expect(statistics.evictionCount == 1)
        #expect(statistics.expiryCount == 1)
        #expect(statistics.hitRate == 1.0 / 3.0)
        #expect(KeyCache.Statistics().hitRate == nil)
    }

    @Test func aPlaceThatARotationFreesIsTakenOnlyWhenItIsFree() throws {
        var scene = Scene(capacity: 1)
        try scene.fetch(1)
        #expect(try scene.keys.claim(Scene.version(1)))
        let leaving = scene.keys.depart(Scene.version(1))
        let departure = try #require(leaving)
        #expect(isClaimed(try scene.ask(2)))
        // The eviction is not on its way yet: the ledger might be asked to admit first.
        #expect(try scene.makeRoom(2) == nil)
        scene.commit(admitting: nil, evicting: [departure])
        #expect(try scene.makeRoom(2) == [])
    }

    @Test func aPlaceThatIsTakenInOneCommitCountsOnce() throws {
        var scene = Scene(capacity: 2)
        try scene.fetch(1)
        try scene.fetch(2)
        for (next, leaving): (UInt32, UInt32) in [(3, 2), (4, 1)] {
            #expect(isClaimed(try scene.ask(next)))
            #expect(try scene.makeRoom(next)?.map(\.version.number) == [leaving])
        }
        // Both places are being exchanged; a third has to wait for one of them.
        #expect(isClaimed(try scene.ask(5)))
        #expect(try scene.makeRoom(5) == nil)
    }

    @Test func aRotationWaitsForWhoUsesTheKeyAndForWhoSendsItAway() throws {
        var scene = Scene(capacity: 1)
        try scene.fetch(1)
        #expect(isLent(try scene.ask(1)))
        #expect(try scene.keys.claim(Scene.version(1)))
        #expect(try !scene.keys.claim(Scene.version(1)))
        #expect(scene.keys.isInUse(Scene.version(1)))
        #expect(try scene.ask(1) == nil)
        scene.giveBack(1)
        #expect(!scene.keys.isInUse(Scene.version(1)))
        scene.keys.endClaim(Scene.version(1), nil)
        // Another makes it leave; a rotation that comes now must not send it away once more.
        #expect(isClaimed(try scene.ask(2)))
        let departures = try #require(try scene.makeRoom(2))
        #expect(try scene.keys.claim(Scene.version(1)))
        #expect(scene.keys.isInUse(Scene.version(1)))
        scene.commit(admitting: 2, evicting: departures)
        #expect(!scene.keys.isInUse(Scene.version(1)))
        let departure = scene.keys.depart(Scene.version(1))
        #expect(departure == nil)
    }

    @Test func aKeyWhoseTimeIsAlmostUpIsFetchedAnewInItsOwnPlace() throws {
        var scene = Scene(capacity: 1)
        try scene.fetch(1)
        #expect(isLent(try scene.ask(1, at: 3_598_000_000_000)))
        // Somebody still uses it: then the next one waits rather than take it away.
        #expect(try scene.ask(1, at: 3_599_500_000_000) == nil)
        scene.giveBack(1)
        #expect(isClaimed(try scene.ask(1, at: 3_599_500_000_000)))
        #expect(try scene.makeRoom(1)?.map(\.version.number) == [1])
    }

    @Test func aLoanOfAResidencyThatExpiredIsGivenBackToNobody() throws {
        var scene = Scene(capacity: 2)
        try scene.fetch(1)
        #expect(isLent(try scene.ask(1)))
        scene.projection.residencies[Scene.event(1)] = nil
        scene.keys.follow(scene.projection, isExpiry: false)
        #expect(scene.inMemory.isEmpty)
        // It comes anew under another event; the old loan says nothing about it.
        #expect(isClaimed(try scene.ask(1)))
        let material = try Scene.material()
        let event = Scene.event(99)
        let departures = scene.keys.makeRoom(
            for: Scene.version(1), material, admittedBy: event)
        #expect(departures == [])
        scene.projection.residencies[event] = .init(
            version: Scene.version(1), admittedAt: 0, expiresAt: 3_600_000_000_000)
        scene.keys.follow(scene.projection, isExpiry: false)
        scene.keys.settle(event, [])
        scene.keys.endClaim(Scene.version(1), nil)
        #expect(isLent(try scene.ask(1)))
        scene.giveBack(1)
        #expect(scene.keys.isInUse(Scene.version(1)))
        scene.giveBack(1)
        #expect(!scene.keys.isInUse(Scene.version(1)))
    }

    @Test func afterClosingNothingIsLentOrFetched() throws {
        var scene = Scene(capacity: 2)
        try scene.fetch(1)
        #expect(isLent(try scene.ask(1)))
        scene.keys.close()
        #expect(!scene.keys.isQuiet)
        #expect(throws: KeyStoreError.store(.closed)) { _ = try scene.ask(1) }
        #expect(throws: KeyStoreError.store(.closed)) { _ = try scene.ask(2) }
        #expect(throws: KeyStoreError.store(.closed)) { _ = try scene.keys.claim(Scene.version(2)) }
        scene.giveBack(1)
        #expect(scene.keys.isQuiet)
        scene.keys.forget()
        #expect(scene.inMemory.isEmpty)
    }
}
