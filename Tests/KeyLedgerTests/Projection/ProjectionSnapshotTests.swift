import CryptoPrimitives
import Testing

@testable import KeyLedger

@Suite("The projection's snapshot")
struct ProjectionSnapshotTests {
    /// A projection with a bit of everything.
    private func projection(using random: inout SeededRandom) -> LedgerProjection {
        func number(_ random: inout SeededRandom) -> UInt64 { .random(in: 0 ... .max, using: &random) }
        func id(_ random: inout SeededRandom) -> UInt128 { .random(in: 0 ... .max, using: &random) }
        func usage(_ random: inout SeededRandom) -> LedgerProjection.Usage {
            .init(sign: number(&random), verify: 1, encrypt: number(&random), decrypt: 0)
        }
        var projection = LedgerProjection()
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let tenant = TenantID(id(&random))
            projection.tenants[tenant] = .init(
                createdAt: number(&random), createdBy: number(&random), usage: usage(&random),
                quota: id(&random), quotaSetBy: EventID(id(&random)), hasQuotaWarning: random.oneIn(2))
            projection.tenantsByAccount[AccountID.tenant(tenant, .custody)] = tenant
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let key = KeyID(id(&random))
                var record = LedgerProjection.KeyRecord(
                    tenant: tenant, algorithm: random.oneIn(2) ? .ed25519 : .aes256GCM, createdBy: number(&random))
                for index in 0..<Int.random(in: 0...3, using: &random) {
                    record.versions.append(version(using: &random))
                    let version = KeyVersion(key: key, number: UInt32(index + 1))
                    projection.activations[EventID(id(&random))] = .init(version: version, at: number(&random))
                    projection.destructions[EventID(id(&random))] = .init(version: version, at: number(&random))
                    projection.importOffers[EventID(id(&random))] = .init(tenant: tenant, expiresAt: number(&random))
                    projection.residencies[EventID(id(&random))] = .init(
                        version: version, admittedAt: number(&random), expiresAt: .max)
                    projection.cryptoperiods[EventID(id(&random))] = .init(version: version, expiresAt: number(&random))
                }
                projection.keys[key] = record
            }
        }
        projection.refusalCount = number(&random)
        projection.eventCount = number(&random)
        projection.lastTimestamp = number(&random)
        return projection
    }

    private func version(using random: inout SeededRandom) -> LedgerProjection.VersionRecord {
        func number(_ random: inout SeededRandom) -> UInt64 { .random(in: 0 ... .max, using: &random) }
        func id(_ random: inout SeededRandom) -> EventID { EventID(.random(in: 1 ... .max, using: &random)) }
        return .init(
            activatedAt: number(&random), createdBy: number(&random),
            state: KeyState.allCases.randomElement(using: &random) ?? .active, isImported: random.oneIn(2),
            isExportable: random.oneIn(2), chosenCryptoperiodSeconds: random.oneIn(2) ? nil : 90,
            budget: random.oneIn(2) ? nil : 1 << 32, hasBudgetWarning: random.oneIn(2), isOverdue: random.oneIn(2),
            suspension: random.oneIn(2) ? nil : id(&random),
            destruction: random.oneIn(2)
                ? nil
                : .init(
                    dueAt: number(&random), isDue: random.oneIn(2), processing: id(&random),
                    export: random.oneIn(2) ? nil : id(&random), waiting: id(&random)),
            isErased: random.oneIn(2), usage: .init(sign: number(&random), verify: 1, encrypt: 2, decrypt: 0))
    }

    @Test func readsBackWhatWasWritten() throws {
        var random = SeededRandom()
        for _ in 0..<100 {
            let projection = projection(using: &random)
            let restored = try #require(LedgerProjection(snapshot: projection.snapshot))
            #expect(restored == projection)
            #expect(restored.digest == projection.digest)
            #expect(restored.residencyDigest == projection.residencyDigest)
        }
        #expect(LedgerProjection(snapshot: LedgerProjection().snapshot) == LedgerProjection())
    }

    @Test func isNothingIfItIsCutOrHasMore() {
        var random = SeededRandom()
        for _ in 0..<10 {
            let snapshot = projection(using: &random).snapshot
            for _ in 0..<50 {
                let count = Int.random(in: snapshot.indices, using: &random)
                #expect(LedgerProjection(snapshot: Array(snapshot.prefix(count))) == nil, "the first \(count) bytes")
            }
            #expect(LedgerProjection(snapshot: snapshot + [0]) == nil)
        }
    }

    @Test func isNothingOrAnotherProjectionWithAnyChangedByte() {
        var random = SeededRandom()
        for _ in 0..<10 {
            let original = projection(using: &random)
            let snapshot = original.snapshot
            for _ in 0..<50 {
                var changed = snapshot
                let index = Int.random(in: snapshot.indices, using: &random)
                changed[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                guard let other = LedgerProjection(snapshot: changed) else { continue }
                // One projection, one snapshot: never two ways to write the same.
                #expect(other.snapshot == changed)
                #expect(other != original)
                #expect(other.digest != original.digest)
            }
        }
    }

    @Test func isNothingForGarbageHoweverLongItClaimsToBe() {
        var random = SeededRandom()
        let head = Array(LedgerProjection().snapshot.prefix(28))
        for _ in 0..<1000 {
            let tail = random.bytes(0...200)
            #expect(LedgerProjection(snapshot: tail) == nil)
            #expect(LedgerProjection(snapshot: head + tail + [1]) == nil)
        }
        // Counts far beyond what follows.
        #expect(LedgerProjection(snapshot: head + [UInt8](repeating: 0xFF, count: 8)) == nil)
        #expect(LedgerProjection(snapshot: head + [UInt8](repeating: 0xFF, count: 4096)) == nil)
    }

    @Test func doesNotDependOnTheOrderInWhichThingsHappened() {
        var random = SeededRandom()
        let original = projection(using: &random)
        for _ in 0..<20 {
            var shuffled = LedgerProjection()
            shuffled.eventCount = original.eventCount
            shuffled.lastTimestamp = original.lastTimestamp
            shuffled.refusalCount = original.refusalCount
            for (id, tenant) in original.tenants.shuffled(using: &random) { shuffled.tenants[id] = tenant }
            for (id, key) in original.keys.shuffled(using: &random) { shuffled.keys[id] = key }
            for (id, row) in original.residencies.shuffled(using: &random) { shuffled.residencies[id] = row }
            for (id, row) in original.cryptoperiods.shuffled(using: &random) { shuffled.cryptoperiods[id] = row }
            for (id, row) in original.activations.shuffled(using: &random) { shuffled.activations[id] = row }
            for (id, row) in original.destructions.shuffled(using: &random) { shuffled.destructions[id] = row }
            for (id, row) in original.importOffers.shuffled(using: &random) { shuffled.importOffers[id] = row }
            #expect(shuffled.snapshot == original.snapshot)
        }
    }
}
