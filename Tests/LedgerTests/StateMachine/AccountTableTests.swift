import Testing

@testable import Ledger

/// Accounts are found by id and by time, and a flush learns of each that changed.
@Suite struct AccountTableTests {
    private func table(_ ids: ClosedRange<UInt128>) -> AccountTable {
        var table = AccountTable()
        for id in ids { table.append(Account(id: id, ledger: 1, code: 1, timestamp: UInt64(id) * 10)) }
        return table
    }

    @Test func whatWasTakenBackIsNotChanged() {
        var table = table(1...3)
        table.removeLast()
        table.removeLast()
        #expect(table.place(of: 2) == nil)
        #expect(table.lastTimestamp == 10)
        table.append(Account(id: 7, ledger: 1, code: 1, timestamp: 25))
        let changed = table.drainChanged()
        #expect(changed.map(\.place) == [0, 1])
        #expect(changed.map(\.account.id) == [1, 7])
        #expect(table.drainChanged().isEmpty)
    }

    @Test func takingBackCostsNoMoreTheMoreAccountsThereAre() {
        // A quarter of a million of them, all changed: a search through the changed ones for each would not end.
        var table = AccountTable()
        let count = 250_000
        for id in 1...UInt128(count) { table.append(Account(id: id, ledger: 1, code: 1, timestamp: UInt64(id))) }
        for _ in 0..<count { table.removeLast() }
        #expect(table.count == 0)
        #expect(table.drainChanged().isEmpty)
    }

    @Test func eachChangedAccountIsToldOnceAndInOrder() {
        var table = table(1...5)
        _ = table.drainChanged()
        for place in [3, 1, 3, 3, 1] { table.update(place) { $0.debitsPosted += 1 } }
        let changed = table.drainChanged()
        #expect(changed.map(\.place) == [1, 3])
        #expect(changed.map(\.account.debitsPosted) == [2, 3])
    }

    @Test func loadedAccountsAreNotChanged() {
        var table = AccountTable()
        table.load(Account(id: 4, ledger: 1, code: 1, timestamp: 9))
        #expect(table.place(of: 4) == 0)
        #expect(table.contains(timestamp: 9))
        #expect(!table.contains(timestamp: 8))
        #expect(table.drainChanged().isEmpty)
        table.removeLast()
        #expect(table.count == 0)
    }
}
