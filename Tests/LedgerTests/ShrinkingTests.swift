import Ledger
import Testing

/// What a failing workload prints is small, still fails, and can be pasted.
@Suite struct ShrinkingTests {
    /// A long history in which one event matters.
    private static var history: [Operation] {
        var workload = Workload(seed: 1)
        var both = SideBySide()
        var history: [Operation] = []
        while history.count < 150 {
            let operation = workload.next(after: both.model)
            // The two agree on this seed, or the workload's own test fails.
            _ = try? both.run(operation)
            history.append(operation)
        }
        return history
    }

    private static func contains(_ history: [Operation], _ isMeant: (Transfer) -> Bool) -> Bool {
        history.contains { operation in
            if case .createTransfers(let events, _) = operation { events.contains(where: isMeant) } else { false }
        }
    }

    @Test func onlyWhatMattersIsLeft() {
        let smallest = Shrinking.shrink(Self.history) { history in
            Self.contains(history) { $0.flags.contains(.pending) && $0.amount > 6 }
        }
        guard smallest.count == 1, case .createTransfers(let events, let timestamp) = smallest[0] else {
            Issue.record("left: \(smallest.source)")
            return
        }
        #expect(timestamp == 1)
        #expect(events.count == 1)
        #expect(events.first?.flags == .pending)
        // Halving stops where a further half would not fail.
        #expect((7...13).contains(events.first?.amount ?? 0))
    }

    @Test func aHistoryIsPrintedAsSource() {
        let history: [Operation] = [
            .createAccounts(
                [Account(id: .max, ledger: 1, code: 2, flags: [.linked, .history]).with(\.reserved, 3)], timestamp: 5),
            .createTransfers(
                [
                    Transfer(id: 1, pendingID: 2, flags: .voidPendingTransfer),
                    Transfer(id: 3, debit: 1, credit: 2, amount: 4, flags: .init(rawValue: 512)),
                ], timestamp: 9),
            .flush(reopening: true),
            .accountBalances(
                AccountFilter(accountID: 1, window: Window(limit: 5, isReversed: true), includesDebits: false)),
        ]
        let source = """
            [
                .createAccounts([Account(id: .max, ledger: 1, code: 2, flags: [.linked, .history]).with(\\.reserved, 3)], timestamp: 5),
                .createTransfers([
                    Transfer(id: 1, pendingID: 2, flags: [.voidPendingTransfer]),
                    Transfer(id: 3, debit: 1, credit: 2, amount: 4, flags: .init(rawValue: 512)),
                ], timestamp: 9),
                .flush(reopening: true),
                .accountBalances(AccountFilter(accountID: 1, window: Window(limit: 5, isReversed: true), includesDebits: false)),
            ]
            """
        #expect(history.source == source)
    }

    @Test func aHistoryInWhichTimeStandsStillIsNone() {
        #expect(firstDifference(in: [.expire(timestamp: 5), .expire(timestamp: 5)]) == nil)
    }
}
