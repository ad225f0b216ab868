import Ledger

/// Makes up operations, realistic and hostile ones, from a seed: ids from small ranges so that they collide, most
/// events well formed, some with one or several fields spoilt. Looks at the naive model to aim at its boundaries.
struct Workload {
    var random: SplitMix64
    let mood: Mood
    private(set) var now: UInt64
    /// Events as they were sent, newest last, to be sent again.
    var sentTransfers: [Transfer] = []
    var sentAccounts: [Account] = []
    var lastID: UInt128 = 0

    /// What a history is mostly about, so that each kind of event meets its own kind often.
    enum Mood: CaseIterable {
        case general, chains, twoPhase, limits, closing, balancing, retries, malformed, imported, enormous, endOfTime
    }

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        mood = Mood.allCases[Int(seed % UInt64(Mood.allCases.count))]
        // The largest timeout, 2^32 − 1 seconds, reaches beyond the end of time only from its last 136 years.
        now = mood == .endOfTime ? UInt64(1) << 63 - 4_000_000_000_000_000_000 : random.below(1_000_000)
    }

    /// The next operation, given what earlier ones led to.
    mutating func next(after model: NaiveModel) -> Operation {
        if model.state.accounts.isEmpty { return createAccounts(model, count: 6, wellFormed: true) }
        switch random.below(100) {
        case ..<(mood == .imported ? 20 : 9):
            return createAccounts(model, count: 1 + random.below(5), wellFormed: false)
        case ..<62: return createTransfers(model)
        case ..<72:
            advance(model, count: 1)
            return .expire(timestamp: now)
        case ..<76: return .flush(reopening: random.chance(percent: 40))
        default: return read(model)
        }
    }

    // MARK: Time

    /// Moves on so far that `count` events fit in, to where something happens if possible.
    private mutating func advance(_ model: NaiveModel, count: Int) {
        let earliest = now + UInt64(count)
        let deadlines = model.openTransfers.filter { $0.timeoutSeconds != 0 && $0.timeoutSeconds < 1000 }
            .map { $0.timestamp + UInt64($0.timeoutSeconds) * 1_000_000_000 }
        switch random.below(100) {
        case ..<35 where !deadlines.isEmpty:
            // A batch's events stand on both sides of the deadline.
            now = max(earliest, random.pick(deadlines) + random.below(UInt64(count) + 2) - 1)
        case ..<50 where mood == .endOfTime:
            // A whole number of seconds, or a nanosecond more or less, before the last nanosecond there is.
            let end = UInt64(1) << 63 - 1
            now = max(earliest, end - (end - earliest) / 1_000_000_000 * 1_000_000_000 + 1 - random.below(3))
        case ..<75: now = earliest + random.below(3)
        case ..<95: now = earliest + random.below(2_000_000_000)
        default: now = earliest + random.below(200) * 1_000_000_000
        }
    }

    // MARK: Accounts

    private mutating func createAccounts(_ model: NaiveModel, count: Int, wellFormed: Bool) -> Operation {
        let isImport = random.chance(percent: mood == .imported ? 60 : 4)
        advance(model, count: count)
        if isImport { now += 1000 + random.below(1000) }
        var events: [Account] = []
        var chain = ChainMaker(percent: wellFormed ? 0 : 25)
        var time = max(model.state.accounts.last?.timestamp ?? 0, now - min(now, 1500))
        for index in 0..<count {
            var event = wellFormed ? account(id: UInt128(index + 1)) : anyAccount(model)
            event.flags.remove(.linked)
            if isImport {
                event.flags.insert(.imported)
                time += random.below(4)
                event.timestamp = importTime(time, model)
            } else {
                event.flags.remove(.imported)
                event.timestamp = 0
            }
            if chain.links(remaining: count - index, &random) { event.flags.insert(.linked) }
            if !wellFormed, random.chance(percent: mood == .malformed ? 40 : 12) {
                spoil(&event)
                if random.chance(percent: 40) { spoil(&event) }
            }
            events.append(event)
            sentAccounts.append(event)
        }
        sentAccounts = sentAccounts.suffix(24)
        return .createAccounts(events, timestamp: now)
    }

    private mutating func anyAccount(_ model: NaiveModel) -> Account {
        switch random.below(100) {
        case ..<25 where !sentAccounts.isEmpty: return random.pick(sentAccounts)
        case ..<50 where !model.state.accounts.isEmpty:
            // As it is stored, so that it meets `exists`, or differs from it in one field.
            let stored = random.pick(model.state.accounts)
            var event = Account(
                id: stored.id, ledger: stored.ledger, code: stored.code, flags: stored.flags,
                userData128: stored.userData128, userData64: stored.userData64, userData32: stored.userData32)
            if random.chance(percent: 70) { spoil(&event) }
            return event
        default: return account(id: 1 + random.below(UInt64(30)).wide)
        }
    }

    private mutating func account(id: UInt128) -> Account {
        var flags: Account.Flags = []
        switch random.below(mood == .limits || mood == .balancing ? 3 : 12) {
        case 0: flags.insert(.debitsMustNotExceedCredits)
        case 1: flags.insert(.creditsMustNotExceedDebits)
        default: break
        }
        if random.chance(percent: 35) { flags.insert(.history) }
        if random.chance(percent: 3) { flags.insert(.closed) }
        return Account(
            id: id, ledger: random.chance(percent: 85) ? 1 : 2, code: 1 + random.below(UInt16(3)), flags: flags,
            userData128: random.below(UInt64(3)).wide, userData64: random.below(UInt64(3)),
            userData32: random.below(UInt32(3)))
    }

    private mutating func spoil(_ event: inout Account) {
        switch random.below(17) {
        case 0: event.id = 0
        case 1: event.id = .max
        case 2: event.flags.formSymmetricDifference(Account.Flags(rawValue: 1 << random.below(UInt16(6))))
        case 3: event.flags.formUnion(Account.Flags(rawValue: 64 << random.below(UInt16(10))))
        case 4: event.flags.formUnion([.debitsMustNotExceedCredits, .creditsMustNotExceedDebits])
        case 5: event.reserved = 1
        case 6: event.debitsPending = 1
        case 7: event.debitsPosted = 1
        case 8: event.creditsPending = 1
        case 9: event.creditsPosted = 1
        case 10: event.userData128 = random.below(UInt64(3)).wide << 64
        case 11: event.userData64 = random.below(UInt64(4))
        case 12: event.userData32 = random.below(UInt32(4))
        case 13: event.ledger = random.pick([0, 0, 1, 2])
        case 14: event.code = random.pick([0, 0, 1, 2])
        case 15: event.timestamp = random.pick([0, 1, now, UInt64(1) << 63 - 1])
        default: event.id = 1 + random.below(UInt64(14)).wide
        }
    }

    // MARK: Imports

    /// Mostly `time`, sometimes one that must be refused or comes close to that.
    mutating func importTime(_ time: UInt64, _ model: NaiveModel) -> UInt64 {
        switch random.below(100) {
        case ..<70: time
        case ..<76 where !model.state.accounts.isEmpty:
            random.pick(model.state.accounts.suffix(3)).timestamp + random.below(3) - 1
        case ..<82 where !model.state.transfers.isEmpty:
            random.pick(model.state.transfers.suffix(5)).timestamp + random.below(3) - 1
        case ..<90: now + random.below(3) - 1
        case ..<93: random.pick([0, UInt64(1) << 63 - 2, UInt64(1) << 63 - 1, .max])
        default: now - random.below(min(now, 3000))
        }
    }

    // MARK: Transfers

    private mutating func createTransfers(_ model: NaiveModel) -> Operation {
        let count = random.chance(percent: 5) ? 20 + random.below(20) : 1 + random.below(9)
        let isImport = random.chance(percent: mood == .imported ? 60 : 4)
        advance(model, count: count)
        if isImport { now += 1000 + random.below(1000) }
        var time = max(model.state.transfers.last?.timestamp ?? 0, now - min(now, 1500))
        var chain = ChainMaker(percent: mood == .chains ? 50 : 12)
        var events: [Transfer] = []
        for index in 0..<count {
            var event = transfer(model, earlier: events)
            event.flags.remove(.linked)
            if isImport {
                event.flags.insert(.imported)
                time += random.below(4)
                event.timestamp = importTime(time, model)
                if random.chance(percent: 90) { event.timeoutSeconds = 0 }
            } else {
                event.flags.remove(.imported)
                event.timestamp = 0
            }
            if chain.links(remaining: count - index, &random) { event.flags.insert(.linked) }
            if random.chance(percent: mood == .malformed ? 50 : chain.isInside ? 8 : 5) {
                spoil(&event, model)
                while random.chance(percent: 40) { spoil(&event, model) }
            }
            events.append(event)
        }
        sentTransfers = (sentTransfers + events).suffix(40)
        return .createTransfers(events, timestamp: now)
    }

    // MARK: Reads

    private mutating func read(_ model: NaiveModel) -> Operation {
        switch random.below(6) {
        case 0: return .lookupAccounts((0..<1 + random.below(6)).map { _ in accountID(model) })
        case 1: return .lookupTransfers((0..<1 + random.below(6)).map { _ in random.below(UInt64(lastID) + 3).wide })
        case 2: return .accountTransfers(accountFilter(model))
        case 3:
            let withHistory = model.state.accounts.filter { $0.flags.contains(.history) }
            var filter = accountFilter(model)
            if !withHistory.isEmpty, random.chance(percent: 80) { filter.accountID = random.pick(withHistory).id }
            return .accountBalances(filter)
        case 4:
            return .queryAccounts(
                QueryFilter(fields: fields(), window: window(model.state.accounts.map(\.timestamp))))
        default:
            return .queryTransfers(
                QueryFilter(fields: fields(), window: window(model.state.transfers.map(\.timestamp))))
        }
    }

    private mutating func accountFilter(_ model: NaiveModel) -> AccountFilter {
        AccountFilter(
            accountID: accountID(model), fields: fields(), window: window(model.state.transfers.map(\.timestamp)),
            includesDebits: random.chance(percent: 70), includesCredits: random.chance(percent: 70))
    }

    private mutating func fields() -> FieldFilter {
        var fields = FieldFilter()
        while random.chance(percent: 40) {
            switch random.below(5) {
            case 0: fields.userData128 = random.below(UInt64(3)).wide
            case 1: fields.userData64 = random.below(3)
            case 2: fields.userData32 = random.below(3)
            case 3: fields.ledger = random.below(3)
            default: fields.code = random.below(4)
            }
        }
        return fields
    }

    private mutating func window(_ timestamps: [UInt64]) -> Window {
        var window = Window(limit: 8189, isReversed: random.chance(percent: 40))
        if random.chance(percent: 50) { window.limit = random.pick([0, 1, 2, 3, 10, .max]) }
        if random.chance(percent: 40), !timestamps.isEmpty {
            window.timestampMin = random.pick(timestamps) + random.below(3) - 1
        }
        if random.chance(percent: 40), !timestamps.isEmpty {
            window.timestampMax = random.pick(timestamps) + random.below(3) - 1
        }
        if random.chance(percent: 4) { window.timestampMin = UInt64(1) << 63 - 2 + random.below(2) }
        if random.chance(percent: 4) { window.timestampMax = UInt64(1) << 63 - 2 + random.below(2) }
        return window
    }
}

/// Decides which events of a batch are linked.
private struct ChainMaker {
    private let percent: Int
    private var left = 0
    private(set) var isInside = false

    init(percent: Int) { self.percent = percent }

    /// Whether the next event is linked to the one after it, `remaining` being left with it.
    mutating func links(remaining: Int, _ random: inout SplitMix64) -> Bool {
        if left == 0, random.chance(percent: percent) {
            left = 2 + random.below(5)
            // Few chains are left open at the end of their batch.
            if left > remaining, random.chance(percent: 85) { left = remaining }
        }
        isInside = left > 0
        if left > 0 { left -= 1 }
        return left > 0
    }
}

extension UInt64 {
    var wide: UInt128 { UInt128(self) }
}
