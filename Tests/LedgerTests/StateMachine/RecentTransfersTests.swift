import Testing

@testable import Ledger

/// What is recent answers as a history does, and forgets what a broken chain takes back.
@Suite struct RecentTransfersTests {
    private func transfer(_ id: UInt128, at timestamp: UInt64) -> Transfer {
        Transfer(id: id, debit: 1, credit: 2, ledger: 1, code: 1, timestamp: timestamp)
    }

    @Test func createdAndFailedIDsAreToldApart() {
        var recent = RecentTransfers()
        recent.append(transfer(10, at: 5), debitPlace: 0, creditPlace: 1)
        recent.fail(11)
        recent.append(transfer(12, at: 9), debitPlace: 0, creditPlace: 1)
        recent.fail(13)
        #expect(recent.transfer(10) == .created(transfer(10, at: 5)))
        #expect(recent.transfer(11) == .failed)
        #expect(recent.transfer(12) == .created(transfer(12, at: 9)))
        #expect(recent.transfer(13) == .failed)
        #expect(recent.transfer(14) == nil)
        #expect(recent.failedIDs == [11, 13])
    }

    @Test func whatWasTakenBackCanBeAddedAgain() {
        var recent = RecentTransfers()
        recent.append(transfer(10, at: 5), debitPlace: 0, creditPlace: 1)
        recent.append(transfer(11, at: 6), debitPlace: 0, creditPlace: 1)
        recent.removeLast(debitPlace: 0, creditPlace: 1)
        #expect(recent.transfer(11) == nil)
        #expect(recent.transfer(10) == .created(transfer(10, at: 5)))
        recent.fail(11)
        #expect(recent.transfer(11) == .failed)
        recent.append(transfer(12, at: 6), debitPlace: 0, creditPlace: 1)
        #expect(recent.transfers.map(\.id) == [10, 12])
    }

    @Test func timestampsThatAreTakenAreFound() {
        var recent = RecentTransfers()
        #expect(!recent.containsTransfer(timestamp: 5))
        for timestamp in stride(from: UInt64(10), through: 100, by: 10) {
            recent.append(transfer(UInt128(timestamp), at: timestamp), debitPlace: 0, creditPlace: 1)
        }
        for timestamp in UInt64(0)...110 {
            let isTaken = timestamp % 10 == 0 && (10...100).contains(timestamp)
            #expect(recent.containsTransfer(timestamp: timestamp) == isTaken, "\(timestamp)")
        }
    }

    @Test func resolutionsAndBalancesCanBeTakenBack() {
        var recent = RecentTransfers()
        recent.resolve(pending: 3, as: .posted)
        recent.resolve(pending: 4, as: .voided)
        recent.unresolve(pending: 3)
        #expect(recent.resolution(ofPending: 3) == nil)
        #expect(recent.resolution(ofPending: 4) == .voided)
        let account = Account(id: 1, ledger: 1, code: 1)
        recent.append(AccountBalance(of: account, timestamp: 7), of: 1)
        recent.append(AccountBalance(of: account, timestamp: 8), of: 1)
        recent.removeLastBalance()
        #expect(recent.balances.map(\.balance.timestamp) == [7])
    }

    @Test func roomKeptFreeChangesNothing() {
        var recent = RecentTransfers(capacity: 1000)
        #expect(recent.transfers.isEmpty)
        for id in 1...UInt128(2000) { recent.append(transfer(id, at: UInt64(id)), debitPlace: 0, creditPlace: 1) }
        #expect((1...UInt128(2000)).allSatisfy { recent.transfer($0) == .created(transfer($0, at: UInt64($0))) })
    }

    @Test func anAccountsTransfersAreFoundNewestFirst() {
        var recent = RecentTransfers()
        // Accounts 1, 2 and 3 at places 0, 1 and 2; each pair in turn.
        for id in UInt128(1)...9 {
            let debit = Int(id % 3)
            let credit = (debit + 1) % 3
            let transfer = Transfer(
                id: id, debit: UInt128(debit + 1), credit: UInt128(credit + 1), timestamp: UInt64(id))
            recent.append(transfer, debitPlace: debit, creditPlace: credit)
        }
        func ids(of account: Int, limit: Int = .max) -> [UInt128] {
            var ids: [UInt128] = []
            recent.forEachTransfer(of: UInt128(account), at: account - 1) {
                ids.append($0.id)
                return ids.count < limit
            }
            return ids
        }
        #expect(ids(of: 1) == [9, 8, 6, 5, 3, 2])
        #expect(ids(of: 2) == [9, 7, 6, 4, 3, 1])
        #expect(ids(of: 1, limit: 2) == [9, 8])
        #expect(ids(of: 7).isEmpty)
        recent.removeLast(debitPlace: 0, creditPlace: 1)
        #expect(ids(of: 1) == [8, 6, 5, 3, 2])
    }
}
