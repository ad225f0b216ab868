import Ledger
import Testing

/// A state machine brought back from what a flush wrote goes on as if nothing had happened.
@Suite struct StateMachineLoadingTests {
    /// Everything that was flushed, as a store keeps it.
    private struct Flushed: TransferHistory {
        let recent: RecentTransfers
        func transfer(_ id: UInt128) -> PastTransfer? { recent.transfer(id) }
        func resolution(ofPending timestamp: UInt64) -> PendingStatus? { recent.resolution(ofPending: timestamp) }
        func containsTransfer(timestamp: UInt64) -> Bool { recent.containsTransfer(timestamp: timestamp) }
    }

    private func movement(_ id: UInt128, _ flags: Transfer.Flags = [], timeoutSeconds: UInt32 = 0) -> Transfer {
        Transfer(
            id: id, debit: 1, credit: 2, amount: 5, ledger: 1, code: 1, flags: flags, timeoutSeconds: timeoutSeconds)
    }

    private func statuses(
        _ machine: inout StateMachine, _ events: [Transfer], at timestamp: UInt64
    ) throws -> [CreateTransferStatus] {
        var events = events
        var results: [CreateTransferResult] = []
        try machine.createTransfers(&events, timestamp: timestamp, results: &results)
        return results.map(\.status)
    }

    /// Two accounts; transfers 10 (plain), 11 and 12 (open, 12 with a timeout), 13 (posted by 14); 15 failed.
    private func machine() throws -> StateMachine {
        var machine = StateMachine()
        var accounts = [
            Account(id: 1, ledger: 1, code: 1, flags: .history), Account(id: 2, ledger: 1, code: 1),
        ]
        var results: [CreateAccountResult] = []
        try machine.createAccounts(&accounts, timestamp: 2, results: &results)
        let missing = Transfer(id: 15, debit: 1, credit: 9, amount: 5, ledger: 1, code: 1)
        let created = try statuses(
            &machine,
            [
                movement(10), movement(11, .pending), movement(12, .pending, timeoutSeconds: 1), movement(13, .pending),
                Transfer(id: 14, amount: .max, pendingID: 13, flags: .postPendingTransfer), missing,
            ], at: 100)
        #expect(created == [.created, .created, .created, .created, .created, .creditAccountNotFound])
        return machine
    }

    private func reopened(_ machine: StateMachine) -> StateMachine {
        StateMachine(
            history: Flushed(recent: machine.recentTransfers), accounts: machine.allAccounts,
            openTransfers: machine.openTransfers.reversed(), lastTransferTimestamp: machine.lastTransferTimestamp,
            lastTimestamp: machine.lastTimestamp)
    }

    @Test func balancesAndOpenTransfersAreAsBefore() throws {
        let before = try machine()
        var after = reopened(before)
        #expect(after.allAccounts == before.allAccounts)
        #expect(after.openTransfers == before.openTransfers)
        #expect(after.openTransfers.map(\.id) == [11, 12])
        #expect(after.nextExpiry == before.nextExpiry)
        #expect(after.lastTransferTimestamp == 99)
        #expect(after.lastTimestamp == 100)
        #expect(after.drainChangedAccounts().isEmpty)
        #expect(after.recentTransfers.transfers.isEmpty)
    }

    @Test func openTransfersCanBeResolvedOnceAndExpire() throws {
        var machine = reopened(try machine())
        let post = Transfer(id: 20, amount: .max, pendingID: 11, flags: .postPendingTransfer)
        let again = Transfer(id: 21, amount: .max, pendingID: 11, flags: .postPendingTransfer)
        #expect(try statuses(&machine, [post, again], at: 200) == [.created, .pendingTransferAlreadyPosted])
        #expect(machine.expire(timestamp: 1_000_000_097) == 1)
        #expect(machine.openTransfers.isEmpty)
        #expect(machine.allAccounts.map(\.debitsPending) == [0, 0])
        #expect(machine.allAccounts.map(\.debitsPosted) == [15, 0])
    }

    @Test func retriesMeetWhatIsInTheHistory() throws {
        var machine = reopened(try machine())
        let post = Transfer(id: 14, amount: .max, pendingID: 13, flags: .postPendingTransfer)
        #expect(
            try statuses(&machine, [movement(10), post, movement(15), movement(11)], at: 200)
                == [.exists, .exists, .idAlreadyFailed, .existsWithDifferentFlags])
        let void = Transfer(id: 30, pendingID: 13, flags: .voidPendingTransfer)
        #expect(try statuses(&machine, [void], at: 201) == [.pendingTransferAlreadyPosted])
        #expect(try machine.transfer(10)?.timestamp == 95)
        #expect(try machine.transfer(15) == nil)
    }

    @Test func aBrokenChainOpensAgainWhatWasOpenedBeforeTheFlush() throws {
        var machine = reopened(try machine())
        let void = Transfer(id: 20, pendingID: 12, flags: [.linked, .voidPendingTransfer])
        let refused = Transfer(id: 21, debit: 1, credit: 1)
        #expect(try statuses(&machine, [void, refused], at: 200) == [.linkedEventFailed, .accountsMustBeDifferent])
        #expect(machine.openTransfers.map(\.id) == [11, 12])
        #expect(machine.expire(timestamp: 1_000_000_097) == 1)
    }

    @Test func importsMustNotRegressBehindWhatIsInTheHistory() throws {
        var machine = reopened(try machine())
        var transfer = movement(40, .imported)
        transfer.timestamp = 99
        #expect(try statuses(&machine, [transfer], at: 200) == [.importedEventTimestampMustNotRegress])
        transfer.timestamp = 101
        #expect(try statuses(&machine, [transfer], at: 300) == [.created])
        var accounts = [Account(id: 3, ledger: 1, code: 1, flags: .imported, timestamp: 98)]
        var results: [CreateAccountResult] = []
        try machine.createAccounts(&accounts, timestamp: 400, results: &results)
        #expect(results.map(\.status) == [.importedEventTimestampMustNotRegress])
    }

    /// A pending transfer is open or was resolved: a history that knows of neither has lost something.
    @Test func aHistoryThatLostAResolutionStopsTheBatch() throws {
        struct Forgetful: TransferHistory {
            let pending: Transfer
            func transfer(_ id: UInt128) -> PastTransfer? { id == pending.id ? .created(pending) : nil }
            func resolution(ofPending timestamp: UInt64) -> PendingStatus? { nil }
            func containsTransfer(timestamp: UInt64) -> Bool { timestamp == pending.timestamp }
        }
        var pending = movement(1)
        pending.flags = .pending
        pending.timestamp = 5
        let void = Transfer(id: 2, pendingID: 1, flags: .voidPendingTransfer)
        var machine = StateMachine(history: Forgetful(pending: pending))
        var events = [void]
        var results: [CreateTransferResult] = []
        let error = #expect(throws: HistoryUnreadable.self) {
            try machine.createTransfers(&events, timestamp: 100, results: &results)
        }
        #expect(error?.reason == "a pending transfer is neither open nor resolved")
    }

    @Test func aHistoryThatCannotBeReadStopsTheBatch() {
        struct Unreadable: TransferHistory {
            func transfer(_ id: UInt128) throws(HistoryUnreadable) -> PastTransfer? { throw failure }
            func resolution(ofPending timestamp: UInt64) throws(HistoryUnreadable) -> PendingStatus? { throw failure }
            func containsTransfer(timestamp: UInt64) throws(HistoryUnreadable) -> Bool { throw failure }
            private var failure: HistoryUnreadable { HistoryUnreadable(reason: "the disk is gone") }
        }
        var machine = StateMachine(history: Unreadable())
        var events = [movement(1)]
        var results: [CreateTransferResult] = []
        #expect(throws: HistoryUnreadable.self) {
            try machine.createTransfers(&events, timestamp: 1, results: &results)
        }
    }
}
