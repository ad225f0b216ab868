import Ledger

/// Makes a failing history smaller for as long as it still fails: operations first, then events, then fields.
struct Shrinking {
    private let fails: ([Operation]) -> Bool
    private(set) var history: [Operation]
    /// Shrinking ends when these are used up, even if more could be dropped.
    private var attemptsLeft = 20_000

    init(_ history: [Operation], whileItFails fails: @escaping ([Operation]) -> Bool) {
        self.history = history
        self.fails = fails
    }

    /// The smallest history found.
    static func shrink(_ history: [Operation], whileItFails fails: @escaping ([Operation]) -> Bool) -> [Operation] {
        var shrinking = Shrinking(history, whileItFails: fails)
        while shrinking.dropOperations() || shrinking.dropEvents() || shrinking.simplify() {}
        return shrinking.history
    }

    private mutating func accept(_ candidate: [Operation]) -> Bool {
        guard attemptsLeft > 0 else { return false }
        attemptsLeft -= 1
        guard fails(candidate) else { return false }
        history = candidate
        return true
    }

    /// Runs of operations, from the longest to single ones, the last first.
    private mutating func dropOperations() -> Bool {
        var isSmaller = false
        var length = history.count / 2
        while length > 0 {
            var end = history.count
            while end > 0 {
                let start = max(0, end - length)
                if accept(Array(history[..<start] + history[end...])) { isSmaller = true }
                end = start
            }
            length /= 2
        }
        return isSmaller
    }

    private mutating func dropEvents() -> Bool {
        var isSmaller = false
        for place in history.indices {
            var event = history[place].eventCount - 1
            while event >= 0 {
                let smaller = history[place].dropping(event: event)
                if smaller.contains(where: { accept(replacing(place, with: $0)) }) { isSmaller = true }
                event -= 1
            }
        }
        return isSmaller
    }

    private mutating func simplify() -> Bool {
        var isSmaller = false
        var now: UInt64 = 0
        for place in history.indices {
            // Everything from here on happens earlier, with the same time between operations.
            if let gap = history[place].span.map({ $0.after - now }), gap > 0 {
                let moved = [true, false].lazy.map { [history] withContents in
                    history[..<place] + history[place...].map { $0.moved(earlierBy: gap, withContents: withContents) }
                }
                if moved.contains(where: { accept(Array($0)) }) { isSmaller = true }
            }
            while history[place].simplifications(after: now).contains(where: { accept(replacing(place, with: $0)) }) {
                isSmaller = true
            }
            now = history[place].span?.at ?? now
        }
        return isSmaller
    }

    private func replacing(_ place: Int, with operation: Operation) -> [Operation] {
        var candidate = history
        candidate[place] = operation
        return candidate
    }
}

extension Operation {
    /// Without one event: once so that those before it keep their time, once so that those after it do.
    fileprivate func dropping(event: Int) -> [Operation] {
        switch self {
        case .createAccounts(var events, let timestamp) where events.count > 1:
            events.remove(at: event)
            return [timestamp - 1, timestamp].map { .createAccounts(events, timestamp: $0) }
        case .createTransfers(var events, let timestamp) where events.count > 1:
            events.remove(at: event)
            return [timestamp - 1, timestamp].map { .createTransfers(events, timestamp: $0) }
        default: return []
        }
    }

    /// The same at an earlier time; times that it speaks of can come along.
    fileprivate func moved(earlierBy gap: UInt64, withContents: Bool) -> Operation {
        func moved(_ timestamp: UInt64) -> UInt64 { withContents && timestamp > gap ? timestamp - gap : timestamp }
        func moved(_ window: Window) -> Window {
            Window(
                timestampMin: moved(window.timestampMin), timestampMax: moved(window.timestampMax),
                limit: window.limit, isReversed: window.isReversed)
        }
        switch self {
        case .createAccounts(var events, let timestamp):
            for index in events.indices { events[index].timestamp = moved(events[index].timestamp) }
            return .createAccounts(events, timestamp: timestamp - gap)
        case .createTransfers(var events, let timestamp):
            for index in events.indices { events[index].timestamp = moved(events[index].timestamp) }
            return .createTransfers(events, timestamp: timestamp - gap)
        case .expire(let timestamp): return .expire(timestamp: timestamp - gap)
        case .accountTransfers(var filter):
            filter.window = moved(filter.window)
            return .accountTransfers(filter)
        case .accountBalances(var filter):
            filter.window = moved(filter.window)
            return .accountBalances(filter)
        case .queryAccounts(let filter):
            return .queryAccounts(QueryFilter(fields: filter.fields, window: moved(filter.window)))
        case .queryTransfers(let filter):
            return .queryTransfers(QueryFilter(fields: filter.fields, window: moved(filter.window)))
        case .flush, .lookupAccounts, .lookupTransfers: return self
        }
    }

    /// The operation with one thing in it simpler; simplifying comes to an end.
    fileprivate func simplifications(after now: UInt64) -> [Operation] {
        switch self {
        case .createAccounts(let events, let timestamp):
            return simplified(events, \.simplifications).map { .createAccounts($0, timestamp: timestamp) }
                + earlier(timestamp, than: now + UInt64(events.count)).map { .createAccounts(events, timestamp: $0) }
        case .createTransfers(let events, let timestamp):
            return simplified(events, \.simplifications).map { .createTransfers($0, timestamp: timestamp) }
                + earlier(timestamp, than: now + UInt64(events.count)).map { .createTransfers(events, timestamp: $0) }
        case .expire(let timestamp): return earlier(timestamp, than: now + 1).map { .expire(timestamp: $0) }
        case .flush(let reopening): return reopening ? [.flush(reopening: false)] : []
        case .lookupAccounts(let ids): return ids.count > 1 ? ids.map { .lookupAccounts([$0]) } : []
        case .lookupTransfers(let ids): return ids.count > 1 ? ids.map { .lookupTransfers([$0]) } : []
        case .accountTransfers(let filter): return filter.simplifications.map { .accountTransfers($0) }
        case .accountBalances(let filter): return filter.simplifications.map { .accountBalances($0) }
        case .queryAccounts(let filter): return filter.simplifications.map { .queryAccounts($0) }
        case .queryTransfers(let filter): return filter.simplifications.map { .queryTransfers($0) }
        }
    }

    private func earlier(_ timestamp: UInt64, than first: UInt64) -> [UInt64] {
        guard timestamp > first else { return [] }
        let span = timestamp - first
        // The smallest, whole seconds after it, or half as late.
        return [first, first + span / 1_000_000_000 * 1_000_000_000, first + span / 2].filter { $0 < timestamp }
    }

    private func simplified<Event>(_ events: [Event], _ simplifications: (Event) -> [Event]) -> [[Event]] {
        events.indices.flatMap { index in
            simplifications(events[index]).map { simpler in
                var copy = events
                copy[index] = simpler
                return copy
            }
        }
    }
}

/// Copies of a value with one field simpler: zero, or smaller.
private struct Simpler<Value> {
    let value: Value
    var copies: [Value] = []

    init(_ value: Value) { self.value = value }

    mutating func lower<Field: FixedWidthInteger>(_ field: WritableKeyPath<Value, Field>, to floor: Field = 0) {
        let current = value[keyPath: field]
        guard current > floor else { return }
        for smaller in [floor, floor + 1, floor + (current - floor) / 2] where smaller < current {
            var copy = value
            copy[keyPath: field] = smaller
            copies.append(copy)
        }
    }

    mutating func set<Field: Equatable>(_ field: WritableKeyPath<Value, Field>, to simple: Field) {
        guard value[keyPath: field] != simple else { return }
        var copy = value
        copy[keyPath: field] = simple
        copies.append(copy)
    }

    mutating func drop<Flags: OptionSet>(_ field: WritableKeyPath<Value, Flags>) where Flags.RawValue == UInt16 {
        for bit in 0..<16 where value[keyPath: field].rawValue >> bit & 1 == 1 {
            var copy = value
            copy[keyPath: field] = Flags(rawValue: value[keyPath: field].rawValue & ~(1 << bit))
            copies.append(copy)
        }
    }
}

extension Account {
    fileprivate var simplifications: [Account] {
        var simpler = Simpler(self)
        simpler.drop(\.flags)
        for field in [\Account.debitsPending, \.debitsPosted, \.creditsPending, \.creditsPosted, \.userData128] {
            simpler.lower(field)
        }
        simpler.lower(\.userData64)
        simpler.lower(\.userData32)
        simpler.lower(\.reserved)
        simpler.lower(\.ledger, to: ledger == 0 ? 0 : 1)
        simpler.lower(\.code, to: code == 0 ? 0 : 1)
        simpler.lower(\.timestamp)
        return simpler.copies
    }
}

extension Transfer {
    fileprivate var simplifications: [Transfer] {
        var simpler = Simpler(self)
        simpler.drop(\.flags)
        simpler.lower(\.amount)
        simpler.lower(\.userData128)
        simpler.lower(\.userData64)
        simpler.lower(\.userData32)
        simpler.lower(\.timeoutSeconds)
        // What a post or void may leave out, another transfer needs.
        let isResolving = pendingID != 0
        if isResolving {
            simpler.set(\.debitAccountID, to: 0)
            simpler.set(\.creditAccountID, to: 0)
        }
        simpler.lower(\.ledger, to: isResolving || ledger == 0 ? 0 : 1)
        simpler.lower(\.code, to: isResolving || code == 0 ? 0 : 1)
        simpler.lower(\.timestamp)
        return simpler.copies
    }
}

extension AccountFilter {
    fileprivate var simplifications: [AccountFilter] {
        fields.simplifications.map { fields in
            AccountFilter(
                accountID: accountID, fields: fields, window: window, includesDebits: includesDebits,
                includesCredits: includesCredits)
        }
            + window.simplifications.map { window in
                AccountFilter(
                    accountID: accountID, fields: fields, window: window, includesDebits: includesDebits,
                    includesCredits: includesCredits)
            }
    }
}

extension QueryFilter {
    fileprivate var simplifications: [QueryFilter] {
        fields.simplifications.map { QueryFilter(fields: $0, window: window) }
            + window.simplifications.map { QueryFilter(fields: fields, window: $0) }
    }
}

extension FieldFilter {
    fileprivate var simplifications: [FieldFilter] {
        var simpler = Simpler(self)
        simpler.set(\.userData128, to: 0)
        simpler.set(\.userData64, to: 0)
        simpler.set(\.userData32, to: 0)
        simpler.set(\.ledger, to: 0)
        simpler.set(\.code, to: 0)
        return simpler.copies
    }
}

extension Window {
    fileprivate var simplifications: [Window] {
        var simpler = Simpler(self)
        simpler.set(\.timestampMin, to: 0)
        simpler.set(\.timestampMax, to: 0)
        simpler.set(\.isReversed, to: false)
        return simpler.copies
    }
}
