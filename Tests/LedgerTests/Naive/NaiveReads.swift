import Ledger

/// The six reads as plainly as they can be said: walk through everything in order, keep what matches.
struct NaiveReads {
    let machine: StateMachine

    private func rows<Row>(_ all: [Row], _ window: Window, where matches: (Row) -> Bool) -> [Row] {
        let matching = all.filter(matches)
        return Array((window.isReversed ? matching.reversed() : matching).prefix(window.rowLimit))
    }

    func transfers(_ filter: AccountFilter) -> [Transfer] {
        guard filter.isValid else { return [] }
        return rows(machine.recentTransfers.transfers, filter.window, where: filter.matches)
    }

    func balances(_ filter: AccountFilter) -> [AccountBalance] {
        guard filter.isValid, machine.account(filter.accountID)?.flags.contains(.history) == true else { return [] }
        let matching = Set(
            machine.recentTransfers.transfers.filter(filter.matches).map(\.timestamp))
        let own = machine.recentTransfers.balances.filter { $0.accountID == filter.accountID }.map(\.balance)
        return rows(own, filter.window) { matching.contains($0.timestamp) }
    }

    func accounts(_ filter: QueryFilter) -> [Account] {
        guard filter.isValid else { return [] }
        return rows(machine.allAccounts, filter.window, where: filter.matches)
    }

    func transfers(_ filter: QueryFilter) -> [Transfer] {
        guard filter.isValid else { return [] }
        return rows(machine.recentTransfers.transfers, filter.window, where: filter.matches)
    }
}
