package import Ledger

// The four reads that filter. They see what is durable, and so whole batches only.
extension Engine {
    package func transfers(_ filter: AccountFilter) throws(StoreError) -> [Transfer] {
        // An account that does not exist has no transfers.
        guard filter.isValid, let place = place(ofAccount: filter.accountID) else { return [] }
        var search = search
        let terms = [Term.account(filter.accountID, hash: search.hash)] + Term.all(of: filter.fields, hash: search.hash)
        search.account = (filter.accountID, place)
        return try search.transfers(terms, in: filter.window, where: filter.matches)
    }

    package func transfers(_ filter: QueryFilter) throws(StoreError) -> [Transfer] {
        guard filter.isValid else { return [] }
        let search = search
        return try search.transfers(
            Term.all(of: filter.fields, hash: search.hash), in: filter.window, where: filter.matches)
    }

    /// One row for each matching transfer of an account with history.
    package func balances(_ filter: AccountFilter) throws(StoreError) -> [AccountBalance] {
        guard filter.isValid, account(filter.accountID)?.flags.contains(.history) == true else { return [] }
        var rows: [AccountBalance] = []
        for transfer in try transfers(filter) {
            guard let balance = try balance(of: filter.accountID, timestamp: transfer.timestamp) else {
                throw damage("the balance of an account after transfer \(transfer.id) is missing")
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
