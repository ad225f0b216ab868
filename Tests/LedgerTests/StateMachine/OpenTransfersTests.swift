import Testing

@testable import Ledger

/// Pending transfers come due in order, once each, however many deadlines were left behind by others.
@Suite struct OpenTransfersTests {
    private func pending(_ id: UInt128, at timestamp: UInt64, timeoutSeconds: UInt32) -> Transfer {
        Transfer(
            id: id, debit: 1, credit: 2, ledger: 1, code: 1, flags: .pending, timeoutSeconds: timeoutSeconds,
            timestamp: timestamp)
    }

    private func expire(_ open: inout OpenTransfers, at timestamp: UInt64) -> [UInt128] {
        var ids: [UInt128] = []
        while let transfer = open.popExpired(at: timestamp) { ids.append(transfer.id) }
        return ids
    }

    @Test func theEarlierDeadlineComesFirstThenTheOlderTransfer() {
        var open = OpenTransfers()
        open.insert(pending(1, at: 30, timeoutSeconds: 3))
        open.insert(pending(2, at: 20, timeoutSeconds: 3))
        open.insert(pending(3, at: 1_000_000_020, timeoutSeconds: 2))
        open.insert(pending(4, at: 25, timeoutSeconds: 1))
        open.insert(pending(5, at: 40, timeoutSeconds: 0))
        #expect(open.nextExpiry == 1_000_000_025)
        #expect(expire(&open, at: 1_000_000_024) == [])
        #expect(expire(&open, at: 4_000_000_000) == [4, 2, 3, 1])
        #expect(open.inOrder.map(\.id) == [5])
        #expect(open.nextExpiry == nil)
    }

    @Test func whatWasResolvedDoesNotExpire() {
        var open = OpenTransfers()
        for id in 1...UInt128(10) { open.insert(pending(id, at: UInt64(id), timeoutSeconds: 1)) }
        for id in [1, 4, 10] as [UInt128] { open.remove(id) }
        open.remove(99)
        #expect(open.count == 7)
        #expect(expire(&open, at: .max) == [2, 3, 5, 6, 7, 8, 9])
    }

    @Test func anIDUsedAgainHasItsOwnDeadlineOnly() {
        var open = OpenTransfers()
        open.insert(pending(1, at: 10, timeoutSeconds: 1))
        open.remove(1)
        open.insert(pending(1, at: 500, timeoutSeconds: 60))
        #expect(expire(&open, at: 2_000_000_000) == [])
        #expect(expire(&open, at: 60_000_000_500) == [1])
    }

    @Test func aTransferPutBackExpiresOnce() {
        var open = OpenTransfers()
        let transfer = pending(1, at: 10, timeoutSeconds: 1)
        open.insert(transfer)
        for _ in 0..<5 {
            open.remove(1)
            open.insert(transfer)
        }
        #expect(expire(&open, at: .max) == [1])
        #expect(open.count == 0)
    }

    @Test func deadlinesLeftBehindAreDropped() {
        var open = OpenTransfers()
        let transfers = (0..<UInt64(500)).map { pending(UInt128($0) + 1, at: $0 + 1, timeoutSeconds: 1) }
        for transfer in transfers { open.insert(transfer) }
        // Chains that resolve some transfers and break, again and again.
        var cleanUpCount = 0
        for round in 0..<2000 {
            let chain = (0..<7).map { transfers[(round * 7 + $0) % transfers.count] }
            for transfer in chain {
                let before = open.deadlineCount
                open.remove(transfer.id)
                guard open.deadlineCount < before else { continue }
                cleanUpCount += 1
                // Looking through all deadlines makes room for as many more, or it would be done for each removal.
                #expect(open.deadlineCount <= open.count)
            }
            for transfer in chain { open.insert(transfer) }
        }
        #expect((1...40).contains(cleanUpCount))
        #expect(expire(&open, at: .max) == transfers.map(\.id))
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func itAgreesWithASortedArray(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var open = OpenTransfers()
        var expected: [Transfer] = []
        var resolved: [Transfer] = []
        var now: UInt64 = 0
        for _ in 0..<3000 {
            now += random.below(200_000_000)
            switch random.below(10) {
            case ..<5:
                let transfer = pending(UInt128(now), at: now + 1, timeoutSeconds: random.below(UInt32(6)))
                now += 1
                open.insert(transfer)
                expected.append(transfer)
            case ..<8 where !expected.isEmpty:
                let transfer = expected.remove(at: random.below(expected.count))
                open.remove(transfer.id)
                resolved.append(transfer)
            case 8 where resolved.last.map { $0.expiresAt ?? .max > now } == true:
                // A roll-back.
                let transfer = resolved.removeLast()
                open.insert(transfer)
                expected.append(transfer)
            default:
                let due = expected.filter { $0.expiresAt.map { $0 <= now } ?? false }
                    .sorted { ($0.expiresAt ?? 0, $0.timestamp) < ($1.expiresAt ?? 0, $1.timestamp) }
                expected.removeAll { due.contains($0) }
                #expect(expire(&open, at: now) == due.map(\.id), "seed \(seed) at \(now)")
            }
            #expect(open.count == expected.count)
            let next = expected.compactMap(\.expiresAt).min()
            #expect(next == nil || open.nextExpiry ?? .max <= next ?? 0)
        }
        #expect(open.inOrder == expected.sorted { $0.timestamp < $1.timestamp })
    }
}
