import Ledger

/// The six reads: walk through everything in order, keep what matches.
extension NaiveModel {
    func accounts(_ ids: [UInt128]) -> [Account] { ids.compactMap { account($0) } }

    func transfers(_ ids: [UInt128]) -> [Transfer] { ids.compactMap { transfer($0) } }

    func transfers(_ filter: AccountFilter) -> [Transfer] {
        guard isValid(filter) else { return [] }
        return rows(state.transfers.filter { matches($0, filter) }, filter.window)
    }

    func balances(_ filter: AccountFilter) -> [AccountBalance] {
        guard isValid(filter), account(filter.accountID)?.flags.contains(.history) == true else { return [] }
        let matching = state.transfers.filter { matches($0, filter) }
        let own = state.balances.filter { $0.accountID == filter.accountID }.map(\.balance)
        return rows(own.filter { row in matching.contains { $0.timestamp == row.timestamp } }, filter.window)
    }

    func accounts(_ filter: QueryFilter) -> [Account] {
        guard isValid(filter.window) else { return [] }
        return rows(
            state.accounts.filter { account in
                isInside(filter.window, account.timestamp)
                    && (filter.fields.userData128 == 0 || filter.fields.userData128 == account.userData128)
                    && (filter.fields.userData64 == 0 || filter.fields.userData64 == account.userData64)
                    && (filter.fields.userData32 == 0 || filter.fields.userData32 == account.userData32)
                    && (filter.fields.ledger == 0 || filter.fields.ledger == account.ledger)
                    && (filter.fields.code == 0 || filter.fields.code == account.code)
            }, filter.window)
    }

    func transfers(_ filter: QueryFilter) -> [Transfer] {
        guard isValid(filter.window) else { return [] }
        return rows(state.transfers.filter { matches($0, filter.fields, filter.window) }, filter.window)
    }

    private func matches(_ transfer: Transfer, _ filter: AccountFilter) -> Bool {
        let isDebit = filter.includesDebits && transfer.debitAccountID == filter.accountID
        let isCredit = filter.includesCredits && transfer.creditAccountID == filter.accountID
        return (isDebit || isCredit) && matches(transfer, filter.fields, filter.window)
    }

    private func matches(_ transfer: Transfer, _ fields: FieldFilter, _ window: Window) -> Bool {
        isInside(window, transfer.timestamp)
            && (fields.userData128 == 0 || fields.userData128 == transfer.userData128)
            && (fields.userData64 == 0 || fields.userData64 == transfer.userData64)
            && (fields.userData32 == 0 || fields.userData32 == transfer.userData32)
            && (fields.ledger == 0 || fields.ledger == transfer.ledger)
            && (fields.code == 0 || fields.code == transfer.code)
    }

    private func isInside(_ window: Window, _ timestamp: UInt64) -> Bool {
        (window.timestampMin == 0 || timestamp >= window.timestampMin)
            && (window.timestampMax == 0 || timestamp <= window.timestampMax)
    }

    private func isValid(_ filter: AccountFilter) -> Bool {
        filter.accountID != 0 && filter.accountID != .max && (filter.includesDebits || filter.includesCredits)
            && isValid(filter.window)
    }

    private func isValid(_ window: Window) -> Bool {
        for timestamp in [window.timestampMin, window.timestampMax] where timestamp > UInt64(1) << 63 - 2 {
            return false
        }
        if window.timestampMax != 0, window.timestampMin > window.timestampMax { return false }
        return window.limit != 0
    }

    private func rows<Row>(_ matching: [Row], _ window: Window) -> [Row] {
        let ordered = window.isReversed ? Array(matching.reversed()) : matching
        return Array(ordered.prefix(min(Int(window.limit), 8189)))
    }
}
