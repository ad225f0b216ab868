import Ledger

/// The engine and the naive model, taken through the same operations and compared after each.
struct SideBySide {
    private(set) var engine = FlushingEngine()
    private(set) var model = NaiveModel()
    private(set) var coverage = Coverage()

    /// The first thing in which the two differ, or nil.
    mutating func run(_ operation: Operation) throws(HistoryUnreadable) -> String? {
        switch operation {
        case .createAccounts(let events, let timestamp):
            var decided = events
            let actual = try engine.createAccounts(&decided, timestamp: timestamp)
            let before = model
            let expected = model.createAccounts(events, timestamp: timestamp)
            if let difference = difference(in: "results", actual, expected) { return difference }
            coverage.note(events, expected, before: before, after: model)
            let stored = zip(events, expected).map { event, result in
                result.status == .created ? model.state.accounts.first { $0.timestamp == result.timestamp } : event
            }
            if let difference = difference(in: "stored form", decided, stored) { return difference }
            return differenceInState(newTransfers: 0)
        case .createTransfers(let events, let timestamp):
            var decided = events
            let actual = try engine.createTransfers(&decided, timestamp: timestamp)
            let before = model
            let expected = model.createTransfers(events, timestamp: timestamp)
            if let difference = difference(in: "results", actual, expected) { return difference }
            coverage.note(events, expected, before: before, after: model)
            let newCount = model.state.transfers.count - before.state.transfers.count
            var created = model.state.transfers.suffix(newCount).makeIterator()
            let stored = zip(events, expected).map { event, result in
                result.status == .created ? created.next() : event
            }
            if let difference = difference(in: "stored form", decided, stored) { return difference }
            return differenceInState(newTransfers: newCount)
        case .expire(let timestamp):
            let actual = engine.expire(timestamp: timestamp)
            let before = model
            let expected = model.expire(timestamp: timestamp)
            coverage.noteExpiry(before: before, after: model, at: timestamp)
            return difference(in: "expired", [actual], [expected]) ?? differenceInState(newTransfers: 0)
        case .flush(let reopening):
            coverage.note(.flushed)
            if reopening { coverage.note(.reopened) }
            return engine.flush(reopening: reopening) ?? differenceInState(newTransfers: 0)
        case .lookupAccounts(let ids):
            return difference(in: operation, ids.compactMap { engine.machine.account($0) }, model.accounts(ids))
        case .lookupTransfers(let ids):
            var found: [Transfer] = []
            for id in ids { if let transfer = try engine.machine.transfer(id) { found.append(transfer) } }
            return difference(in: operation, found, model.transfers(ids))
        case .accountTransfers(let filter):
            return difference(in: operation, engine.transfers(filter), model.transfers(filter))
        case .accountBalances(let filter):
            return difference(in: operation, engine.balances(filter), model.balances(filter))
        case .queryAccounts(let filter):
            return difference(in: operation, engine.accounts(filter), model.accounts(filter))
        case .queryTransfers(let filter):
            return difference(in: operation, engine.transfers(filter), model.transfers(filter))
        }
    }

    /// Everything that is stored, at the end of a history; after each operation only what is new is compared.
    func differenceInEverything() -> String? {
        if let difference = difference(in: "transfers", engine.allTransfers, model.state.transfers)
            ?? difference(in: "balances", engine.allBalances, model.state.balances)
            ?? difference(in: "failed ids", engine.allFailedIDs, model.failedIDs)
        {
            return difference
        }
        let resolutions = model.state.pendings.map { engine.resolution(ofPending: $0.transfer.timestamp) ?? .pending }
        return difference(in: "pending statuses", resolutions, model.state.pendings.map(\.status))
    }

    private func differenceInState(newTransfers: Int) -> String? {
        let machine = engine.machine
        if let difference = difference(in: "accounts", machine.allAccounts, model.state.accounts)
            ?? difference(in: "open transfers", machine.openTransfers, model.openTransfers)
            ?? difference(in: "count of transfers", [engine.transferCount], [model.state.transfers.count])
            ?? difference(
                in: "new transfers", Array(machine.recentTransfers.transfers.suffix(newTransfers)),
                Array(model.state.transfers.suffix(newTransfers)))
            ?? difference(in: "count of balances", [engine.balanceCount], [model.state.balances.count])
            ?? difference(in: "count of failed ids", [engine.failedIDCount], [model.failedIDs.count])
            ?? difference(
                in: "last transfer's timestamp", [machine.lastTransferTimestamp],
                [model.state.transfers.last?.timestamp ?? 0])
        {
            return difference
        }
        guard let nextExpiry = model.nextExpiry else { return nil }
        if let promised = machine.nextExpiry, promised <= nextExpiry { return nil }
        return "next expiry: engine \(String(describing: machine.nextExpiry)), model \(nextExpiry)"
    }

    private mutating func difference<Row: Hashable>(in operation: Operation, _ actual: [Row], _ expected: [Row])
        -> String?
    {
        coverage.note(operation, rowCount: expected.count)
        return difference(in: "answer", actual, expected)
    }

    private func difference<Row: Hashable>(in what: String, _ actual: [Row], _ expected: [Row?]) -> String? {
        if actual.count != expected.count {
            return "\(what): \(actual.count) of the engine, \(expected.count) of the model"
        }
        for index in actual.indices where actual[index] != expected[index] {
            let wanted = expected[index].map(text) ?? "nothing"
            return "\(what) \(index): engine \(text(actual[index])), model \(wanted)"
        }
        return nil
    }
}

private func text<Row>(_ row: Row) -> String { (row as? any SourceRepresentable)?.source ?? "\(row)" }

extension EventResult: SourceRepresentable {
    var source: String { "\(status) at \(timestamp)" }
}

/// Where in a history the engine and the model part, and in what.
struct Difference: Error, CustomStringConvertible {
    let operation: Int
    let description: String
}

/// Takes both through a whole history, from an empty ledger.
///
/// A history in which time stands still or runs backwards is none, and so has no difference.
func firstDifference(in history: [Operation]) -> Difference? {
    var both = SideBySide()
    var now: UInt64 = 0
    for (index, operation) in history.enumerated() {
        if let span = operation.span {
            guard span.after >= now, span.after < span.at, span.at < UInt64(1) << 63 - 1 else { return nil }
            now = span.at
        }
        do {
            if let description = try both.run(operation) {
                return Difference(operation: index, description: description)
            }
        } catch {
            return Difference(operation: index, description: error.reason)
        }
    }
    return both.differenceInEverything().map { Difference(operation: history.count, description: $0) }
}
