package import Ledger

// The four reads that filter. They see what is durable, and so whole batches only.
extension Engine {
    package func transfers(_ filter: AccountFilter) throws(StoreError) -> [Transfer] {
        // An account that does not exist has no transfers.
        guard filter.isValid, let place = place(ofAccount: filter.accountID) else { return [] }
        let terms = [Term.account(filter.accountID)] + Term.all(of: filter.fields)
        var search = search
        search.account = (filter.accountID, place)
        return try search.transfers(terms, in: filter.window, where: filter.matches)
    }

    package func transfers(_ filter: QueryFilter) throws(StoreError) -> [Transfer] {
        guard filter.isValid else { return [] }
        return try search.transfers(Term.all(of: filter.fields), in: filter.window, where: filter.matches)
    }

    /// One row for each matching transfer of an account with history.
    package func balances(_ filter: AccountFilter) throws(StoreError) -> [AccountBalance] {
        guard filter.isValid, account(filter.accountID)?.flags.contains(.history) == true else { return [] }
        var rows: [AccountBalance] = []
        for transfer in try transfers(filter) {
            guard let balance = try balance(of: filter.accountID, timestamp: transfer.timestamp) else {
                throw .damaged(path: "state", sequence: nil, reason: "a balance is missing")
            }
            rows.append(balance)
        }
        return rows
    }

    package func accounts(_ filter: QueryFilter) -> [Account] {
        guard filter.isValid else { return [] }
        let window = filter.window
        let all = settledAccounts
        let matching = all[all.range(of: window, at: \.timestamp)].lazy.filter(filter.matches)
        return window.isReversed
            ? Array(matching.reversed().prefix(window.rowLimit)) : Array(matching.prefix(window.rowLimit))
    }
}
