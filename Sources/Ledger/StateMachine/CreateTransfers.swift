extension Transfer: BatchEvent {
    var isLinked: Bool { flags.contains(.linked) }
    var isImported: Bool { flags.contains(.imported) }

    static func create(
        _ event: inout Transfer, _ index: Int, at timestamp: UInt64, in machine: inout StateMachine
    ) throws(HistoryUnreadable) -> CreateTransferResult {
        func refused(_ status: CreateTransferStatus) -> CreateTransferResult {
            CreateTransferResult(status: status, timestamp: timestamp)
        }
        guard event.flags.isSubset(of: .defined) else { return refused(.reservedFlag) }
        guard event.id != 0 else { return refused(.idMustNotBeZero) }
        guard event.id != .max else { return refused(.idMustNotBeIntMax) }
        switch try machine.pastTransfer(event.id, isStranger: machine.isStranger[index]) {
        case .created(let existing)?:
            let status = try machine.difference(of: event, from: existing)
            return CreateTransferResult(
                status: status, timestamp: status == .exists ? existing.timestamp : timestamp)
        case .failed?: return refused(.idAlreadyFailed)
        case nil: break
        }
        let status =
            event.flags.isDisjoint(with: .resolving)
            ? try machine.move(&event, at: timestamp) : try machine.resolve(&event, at: timestamp)
        return CreateTransferResult(status: status, timestamp: status == .created ? event.timestamp : timestamp)
    }

    static func didRefuse(_ event: Transfer, with status: CreateTransferStatus, in machine: inout StateMachine) {
        if status.isTransient { machine.recent.fail(event.id) }
    }
}

extension StateMachine {
    /// A transfer that is not about an earlier one.
    fileprivate mutating func move(
        _ event: inout Transfer, at timestamp: UInt64
    ) throws(HistoryUnreadable) -> CreateTransferStatus {
        let flags = event.flags
        let isPending = flags.contains(.pending)
        if event.debitAccountID == 0 { return .debitAccountIDMustNotBeZero }
        if event.debitAccountID == .max { return .debitAccountIDMustNotBeIntMax }
        if event.creditAccountID == 0 { return .creditAccountIDMustNotBeZero }
        if event.creditAccountID == .max { return .creditAccountIDMustNotBeIntMax }
        if event.debitAccountID == event.creditAccountID { return .accountsMustBeDifferent }
        if event.pendingID != 0 { return .pendingIDMustBeZero }
        if !isPending {
            if event.timeoutSeconds != 0 { return .timeoutReservedForPendingTransfer }
            if !flags.isDisjoint(with: .closing) { return .closingTransferMustBePending }
        }
        if event.ledger == 0 { return .ledgerMustNotBeZero }
        if event.code == 0 { return .codeMustNotBeZero }

        guard let debitPlace = accounts.place(of: event.debitAccountID) else { return .debitAccountNotFound }
        guard let creditPlace = accounts.place(of: event.creditAccountID) else { return .creditAccountNotFound }
        let debit = accounts[debitPlace]
        let credit = accounts[creditPlace]
        if debit.ledger != credit.ledger { return .accountsMustHaveTheSameLedger }
        if event.ledger != debit.ledger { return .transferMustHaveTheSameLedgerAsAccounts }

        if event.isImported {
            if mustNotRegress(event.timestamp) { return .importedEventTimestampMustNotRegress }
            if event.timestamp <= debit.timestamp { return .importedEventTimestampMustPostdateDebitAccount }
            if event.timestamp <= credit.timestamp { return .importedEventTimestampMustPostdateCreditAccount }
            if event.timeoutSeconds != 0 { return .importedEventTimeoutMustBeZero }
        }
        if debit.flags.contains(.closed) { return .debitAccountAlreadyClosed }
        if credit.flags.contains(.closed) { return .creditAccountAlreadyClosed }

        var amount = event.amount
        if flags.contains(.balancingDebit) { amount = min(amount, debit.debitsRoom) }
        if flags.contains(.balancingCredit) { amount = min(amount, credit.creditsRoom) }
        if let status = Self.refusal(of: amount, isPending: isPending, debit: debit, credit: credit) { return status }
        let createdAt = event.isImported ? event.timestamp : timestamp
        if UInt64(event.timeoutSeconds) * 1_000_000_000 > UInt64(1) << 63 - 1 - createdAt { return .overflowsTimeout }
        if debit.flags.contains(.debitsMustNotExceedCredits),
            debit.debitsPending + debit.debitsPosted + amount > debit.creditsPosted
        {
            return .exceedsCredits
        }
        if credit.flags.contains(.creditsMustNotExceedDebits),
            credit.creditsPending + credit.creditsPosted + amount > credit.debitsPosted
        {
            return .exceedsDebits
        }

        event.amount = amount
        event.timestamp = createdAt
        updateAccount(debitPlace) { account in
            if isPending { account.debitsPending += amount } else { account.debitsPosted += amount }
            if flags.contains(.closingDebit) { account.flags.insert(.closed) }
        }
        updateAccount(creditPlace) { account in
            if isPending { account.creditsPending += amount } else { account.creditsPosted += amount }
            if flags.contains(.closingCredit) { account.flags.insert(.closed) }
        }
        if isPending {
            open.insert(event)
            undo.record(.pendingOpened(event.id))
        }
        record(event, debitPlace: debitPlace, creditPlace: creditPlace)
        return .created
    }

    /// Whether an imported transfer's time is not later than the last transfer's, or taken by an account.
    func mustNotRegress(_ timestamp: UInt64) -> Bool {
        timestamp <= lastTransferTimestamp || accounts.contains(timestamp: timestamp)
    }

    /// Adds a created transfer, and the balances it led to where they are kept.
    mutating func record(_ transfer: Transfer, debitPlace: Int, creditPlace: Int) {
        recent.append(transfer, debitPlace: debitPlace, creditPlace: creditPlace)
        undo.record(.transferCreated(debitPlace: debitPlace, creditPlace: creditPlace))
        lastTransferTimestamp = transfer.timestamp
        recordBalance(ofAccountAt: debitPlace, timestamp: transfer.timestamp)
        recordBalance(ofAccountAt: creditPlace, timestamp: transfer.timestamp)
    }

    private mutating func recordBalance(ofAccountAt place: Int, timestamp: UInt64) {
        guard accounts[place].flags.contains(.history) else { return }
        recent.append(AccountBalance(of: accounts[place], timestamp: timestamp), of: accounts[place].id)
        undo.record(.balanceRecorded)
    }

    /// The overflow statuses, in order. Pending amounts are also counted against the posted side.
    private static func refusal(
        of amount: UInt128, isPending: Bool, debit: Account, credit: Account
    ) -> CreateTransferStatus? {
        func overflows(_ balances: UInt128...) -> Bool {
            var sum = amount
            for balance in balances {
                let (next, overflow) = sum.addingReportingOverflow(balance)
                if overflow { return true }
                sum = next
            }
            return false
        }
        // Far from the end of the range nothing can overflow.
        let largest = amount | debit.debitsPending | debit.debitsPosted | credit.creditsPending | credit.creditsPosted
        if largest >> 126 == 0 { return nil }
        if isPending {
            if overflows(debit.debitsPending) { return .overflowsDebitsPending }
            if overflows(credit.creditsPending) { return .overflowsCreditsPending }
        }
        if overflows(debit.debitsPosted) { return .overflowsDebitsPosted }
        if overflows(credit.creditsPosted) { return .overflowsCreditsPosted }
        if overflows(debit.debitsPending, debit.debitsPosted) { return .overflowsDebits }
        if overflows(credit.creditsPending, credit.creditsPosted) { return .overflowsCredits }
        return nil
    }
}

extension Account {
    /// How much more can be debited within the posted credits.
    fileprivate var debitsRoom: UInt128 {
        let used = debitsPosted + debitsPending
        return creditsPosted > used ? creditsPosted - used : 0
    }

    /// How much more can be credited within the posted debits.
    fileprivate var creditsRoom: UInt128 {
        let used = creditsPosted + creditsPending
        return debitsPosted > used ? debitsPosted - used : 0
    }
}

// MARK: - Retries

extension StateMachine {
    /// The first field in which a retry differs from the transfer it meets; `exists` if none does.
    fileprivate func difference(
        of event: Transfer, from existing: Transfer
    ) throws(HistoryUnreadable) -> CreateTransferStatus {
        if event.flags != existing.flags { return .existsWithDifferentFlags }
        if event.pendingID != existing.pendingID { return .existsWithDifferentPendingID }
        if event.timeoutSeconds != existing.timeoutSeconds { return .existsWithDifferentTimeout }
        if !event.flags.isDisjoint(with: .resolving) {
            return try differenceOfResolution(event, from: existing)
        }
        if event.debitAccountID != existing.debitAccountID { return .existsWithDifferentDebitAccountID }
        if event.creditAccountID != existing.creditAccountID { return .existsWithDifferentCreditAccountID }
        // A balancing transfer was stored with what there was room for: a larger wish is the same wish.
        let isSameAmount =
            event.flags.isDisjoint(with: .balancing)
            ? event.amount == existing.amount : event.amount >= existing.amount
        if !isSameAmount { return .existsWithDifferentAmount }
        if event.userData128 != existing.userData128 { return .existsWithDifferentUserData128 }
        if event.userData64 != existing.userData64 { return .existsWithDifferentUserData64 }
        if event.userData32 != existing.userData32 { return .existsWithDifferentUserData32 }
        if event.ledger != existing.ledger { return .existsWithDifferentLedger }
        if event.code != existing.code { return .existsWithDifferentCode }
        return .exists
    }

    /// What a post or void leaves zero means the pending transfer's value.
    private func differenceOfResolution(
        _ event: Transfer, from existing: Transfer
    ) throws(HistoryUnreadable) -> CreateTransferStatus {
        guard let pending = try transfer(existing.pendingID) else {
            throw HistoryUnreadable(reason: "a post or void is known without its pending transfer")
        }
        func differs<Value: FixedWidthInteger>(_ sent: Value, _ stored: Value, whenZero: Value? = nil) -> Bool {
            sent == 0 ? whenZero.map { $0 != stored } ?? false : sent != stored
        }
        if differs(event.debitAccountID, existing.debitAccountID) { return .existsWithDifferentDebitAccountID }
        if differs(event.creditAccountID, existing.creditAccountID) { return .existsWithDifferentCreditAccountID }
        if event.resolvedAmount(of: pending) != existing.amount { return .existsWithDifferentAmount }
        if differs(event.userData128, existing.userData128, whenZero: pending.userData128) {
            return .existsWithDifferentUserData128
        }
        if differs(event.userData64, existing.userData64, whenZero: pending.userData64) {
            return .existsWithDifferentUserData64
        }
        if differs(event.userData32, existing.userData32, whenZero: pending.userData32) {
            return .existsWithDifferentUserData32
        }
        if differs(event.ledger, existing.ledger) { return .existsWithDifferentLedger }
        if differs(event.code, existing.code) { return .existsWithDifferentCode }
        return .exists
    }
}
