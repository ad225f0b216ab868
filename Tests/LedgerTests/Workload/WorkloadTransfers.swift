import Ledger

extension Workload {
    /// An event for a batch that already has those in `earlier`.
    mutating func transfer(_ model: NaiveModel, earlier: [Transfer]) -> Transfer {
        let again = mood == .retries ? 45 : 8
        if random.chance(percent: again) { return retry(model, earlier: earlier) }
        if random.chance(percent: share(.twoPhase, 45, else: mood == .closing ? 40 : 22)) {
            return resolution(model, earlier: earlier)
        }
        return movement(model)
    }

    private func share(_ of: Mood, _ percent: Int, else other: Int) -> Int { mood == of ? percent : other }

    // MARK: Kinds

    private mutating func movement(_ model: NaiveModel) -> Transfer {
        let debit = accountID(model)
        let credit = partner(of: debit, model)
        var flags: Transfer.Flags = []
        var timeout: UInt32 = 0
        let isClosing = random.chance(percent: share(.closing, 40, else: 4))
        if isClosing || random.chance(percent: share(.twoPhase, 75, else: 35)) {
            flags.insert(.pending)
            timeout = timeoutSeconds()
        }
        if isClosing {
            flags.formUnion(random.pick([.closingDebit, .closingCredit, [.closingDebit, .closingCredit]]))
        }
        if random.chance(percent: share(.balancing, 60, else: 6)) {
            flags.formUnion(random.pick([.balancingDebit, .balancingCredit, [.balancingDebit, .balancingCredit]]))
        }
        return Transfer(
            id: transferID(), debit: debit, credit: credit, amount: amount(model, debit: debit, credit: credit),
            ledger: model.account(debit)?.ledger ?? 1, code: 1 + random.below(3), flags: flags, timeoutSeconds: timeout,
            userData128: random.below(UInt64(3)).wide, userData64: random.below(3), userData32: random.below(3))
    }

    /// A post or void: mostly of an open transfer, also of one earlier in the batch, of one long resolved, of one
    /// that was never pending, or of none.
    private mutating func resolution(_ model: NaiveModel, earlier: [Transfer]) -> Transfer {
        let isPost = random.chance(percent: mood == .closing ? 30 : 55)
        let pending = target(model, earlier: earlier)
        var event = Transfer(
            id: transferID(), pendingID: pending?.id ?? random.below(UInt64(lastID) + 3).wide,
            flags: isPost ? .postPendingTransfer : .voidPendingTransfer)
        let whole = pending?.amount ?? 0
        event.amount =
            switch random.below(8) {
            case ..<3: isPost ? .max : 0
            case 3: whole
            case 4: whole &+ 1
            case 5: whole == 0 ? 0 : whole - 1
            case 6: isPost ? 0 : .max
            default: random.below(UInt64(6)).wide
            }
        if let pending {
            if random.chance(percent: 30) { event.debitAccountID = pending.debitAccountID }
            if random.chance(percent: 30) { event.creditAccountID = pending.creditAccountID }
            if random.chance(percent: 30) { event.ledger = pending.ledger }
            if random.chance(percent: 30) { event.code = pending.code }
        }
        if random.chance(percent: 30) { event.userData128 = random.below(UInt64(3)).wide }
        if random.chance(percent: 30) { event.userData64 = random.below(3) }
        if random.chance(percent: 30) { event.userData32 = random.below(3) }
        return event
    }

    private mutating func target(_ model: NaiveModel, earlier: [Transfer]) -> Transfer? {
        let opened = earlier.filter { $0.flags.contains(.pending) }
        let open = model.openTransfers
        switch random.below(100) {
        case ..<40 where !opened.isEmpty: return random.pick(opened)
        case ..<85 where !open.isEmpty: return random.pick(Array(open.suffix(12)))
        case ..<94 where !model.state.transfers.isEmpty: return random.pick(model.state.transfers)
        default: return nil
        }
    }

    /// An event sent before, in this batch or an earlier one, or as it was stored; often with one field changed.
    private mutating func retry(_ model: NaiveModel, earlier: [Transfer]) -> Transfer {
        var event: Transfer
        switch random.below(100) {
        case ..<20 where !earlier.isEmpty: event = random.pick(earlier)
        case ..<60 where !sentTransfers.isEmpty: event = random.pick(sentTransfers)
        case _ where !model.state.transfers.isEmpty: event = random.pick(model.state.transfers)
        default: return movement(model)
        }
        if random.chance(percent: 60) { vary(&event) }
        if random.chance(percent: 10) { vary(&event) }
        return event
    }

    /// Changes one field, by a little or to what stands for anything.
    private mutating func vary(_ event: inout Transfer) {
        switch random.below(11) {
        case 0: event.flags.formSymmetricDifference(Transfer.Flags(rawValue: 2 << random.below(UInt16(7))))
        case 1: event.pendingID = random.pick([0, event.pendingID &+ 1])
        case 2: event.timeoutSeconds = random.pick([0, event.timeoutSeconds &+ 1])
        case 3: event.debitAccountID = random.pick([0, event.debitAccountID &+ 1])
        case 4: event.creditAccountID = random.pick([0, event.creditAccountID &+ 1])
        case 5: event.amount = random.pick([0, .max, event.amount &+ 1, event.amount &- 1])
        case 6: event.userData128 = random.pick([0, event.userData128 &+ 1, event.userData128 | 1 << 127])
        case 7: event.userData64 = random.pick([0, event.userData64 &+ 1])
        case 8: event.userData32 = random.pick([0, event.userData32 &+ 1])
        case 9: event.ledger = random.pick([0, event.ledger &+ 1])
        default: event.code = random.pick([0, event.code &+ 1])
        }
    }

    // MARK: Fields

    /// Mostly that of an account that is there and open.
    mutating func accountID(_ model: NaiveModel) -> UInt128 {
        let usable = model.state.accounts.filter { !$0.flags.contains(.closed) }
        switch random.below(100) {
        case ..<2: return random.pick([0, .max, 99])
        case ..<85 where !usable.isEmpty: return random.pick(usable.prefix(8)).id
        default: return random.pick(model.state.accounts).id
        }
    }

    /// Mostly that of another open account on the same ledger.
    private mutating func partner(of id: UInt128, _ model: NaiveModel) -> UInt128 {
        let ledger = model.account(id)?.ledger
        let usable = model.state.accounts.filter {
            $0.id != id && $0.ledger == ledger && !$0.flags.contains(.closed)
        }
        return usable.isEmpty || random.chance(percent: 10) ? accountID(model) : random.pick(usable.prefix(8)).id
    }

    private mutating func transferID() -> UInt128 {
        switch random.below(100) {
        case ..<4 where lastID > 0: return 1 + random.below(UInt64(lastID)).wide
        case 4: return random.pick([0, .max, .max - 1])
        default:
            lastID += 1
            return lastID
        }
    }

    private mutating func timeoutSeconds() -> UInt32 {
        if mood == .endOfTime, random.chance(percent: 40) {
            // The most there is room for, or a second more.
            return UInt32(truncatingIfNeeded: (UInt64(1) << 63 - 1 - now) / 1_000_000_000 + random.below(2))
        }
        switch random.below(100) {
        case ..<40: return 0
        case ..<85: return 1 + random.below(3)
        case ..<97: return 60
        default: return .max
        }
    }

    private mutating func amount(_ model: NaiveModel, debit: UInt128, credit: UInt128) -> UInt128 {
        if random.chance(percent: share(.enormous, 60, else: 1)) { return enormousAmount(model, debit, credit) }
        switch random.below(100) {
        case ..<25:
            guard let account = model.account(random.chance(percent: 50) ? debit : credit) else { return 1 }
            // What would use up a limit, or one more or less.
            let debits = account.debitsPosted &+ account.debitsPending
            let credits = account.creditsPosted &+ account.creditsPending
            let room = random.chance(percent: 50) ? account.creditsPosted &- debits : account.debitsPosted &- credits
            if room >> 100 != 0 { return random.below(UInt64(3)).wide }
            return room &+ random.below(UInt64(3)).wide &- (room == 0 ? 0 : 1)
        case ..<85: return random.below(UInt64(12)).wide
        default: return 100 + random.below(UInt64(1000)).wide
        }
    }

    private mutating func enormousAmount(_ model: NaiveModel, _ debit: UInt128, _ credit: UInt128) -> UInt128 {
        guard let debit = model.account(debit), let credit = model.account(credit) else { return .max }
        switch random.below(10) {
        case 0: return .max - random.below(UInt64(2)).wide
        case 1: return UInt128(1) << 127 - random.below(UInt64(2)).wide
        case 2: return UInt128(1) << 126
        case 3: return UInt128.max / 3 + random.below(UInt64(2)).wide
        default:
            // What just fits next to one or two balances, or one more.
            let taken = random.pick([
                debit.debitsPending, debit.debitsPosted, credit.creditsPending, credit.creditsPosted,
                debit.debitsPending &+ debit.debitsPosted, credit.creditsPending &+ credit.creditsPosted,
            ])
            let fitting = UInt128.max - taken
            let halved = random.chance(percent: 40) ? fitting / 2 : fitting
            return halved == .max ? .max : halved + random.below(UInt64(2)).wide
        }
    }

    /// Sets one field to something that is refused, or seldom allowed.
    mutating func spoil(_ event: inout Transfer, _ model: NaiveModel) {
        switch random.below(22) {
        case 0: event.id = random.pick([0, .max])
        case 1: event.id = max(1, lastID) - random.below(min(UInt64(max(1, lastID)), 8)).wide
        case 2: event.flags.formUnion(Transfer.Flags(rawValue: 512 << random.below(UInt16(7))))
        case 3, 4: event.flags.formSymmetricDifference(Transfer.Flags(rawValue: 1 << random.below(UInt16(9))))
        case 5: event.debitAccountID = random.pick([0, .max, 99])
        case 6: event.creditAccountID = random.pick([0, .max, 99])
        case 7: event.creditAccountID = event.debitAccountID
        case 8: event.pendingID = random.pick([0, .max, event.id])
        case 9: event.pendingID = random.below(UInt64(lastID) + 3).wide
        case 10: event.timeoutSeconds = 1
        case 11: event.timestamp = random.pick([0, 1, now, UInt64(1) << 63 - 1])
        case 12: event.ledger = random.below(4)
        case 13: event.code = random.below(5)
        case 14: event.amount = random.pick([0, .max, UInt128(1) << 127])
        case 15: event.debitAccountID = accountID(model)
        case 16: event.creditAccountID = accountID(model)
        case 17: event.timeoutSeconds = .max
        case 18: event.userData128 = random.below(UInt64(3)).wide << 64
        case 19: event.flags.formUnion(random.pick([.closingDebit, .closingCredit]))
        case 20: event.timestamp = importTime(now - 1, model)
        default: event.userData64 = random.below(3)
        }
    }
}
