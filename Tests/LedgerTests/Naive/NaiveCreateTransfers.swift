import Ledger

extension NaiveModel {
    mutating func createTransfer(_ event: Transfer, at time: UInt64) -> CreateTransferResult {
        let (status, existing) = decide(event, at: time)
        switch status {
        case .debitAccountNotFound, .creditAccountNotFound, .pendingTransferNotFound, .exceedsCredits, .exceedsDebits,
            .debitAccountAlreadyClosed, .creditAccountAlreadyClosed:
            failedIDs.append(event.id)
        default: break
        }
        return CreateTransferResult(status: status, timestamp: existing?.timestamp ?? time)
    }

    /// The status, and for `created` and `exists` the stored transfer.
    private mutating func decide(_ event: Transfer, at time: UInt64) -> (CreateTransferStatus, Transfer?) {
        if event.flags.rawValue >> 9 != 0 { return (.reservedFlag, nil) }
        if event.id == 0 { return (.idMustNotBeZero, nil) }
        if event.id == .max { return (.idMustNotBeIntMax, nil) }
        if let existing = transfer(event.id) {
            let status = difference(of: event, from: existing)
            return (status, status == .exists ? existing : nil)
        }
        if failedIDs.contains(event.id) { return (.idAlreadyFailed, nil) }
        if event.flags.contains(.postPendingTransfer) || event.flags.contains(.voidPendingTransfer) {
            return resolve(event, at: time)
        }
        return move(event, at: time)
    }

    private mutating func move(_ event: Transfer, at time: UInt64) -> (CreateTransferStatus, Transfer?) {
        let isPending = event.flags.contains(.pending)
        if event.debitAccountID == 0 { return (.debitAccountIDMustNotBeZero, nil) }
        if event.debitAccountID == .max { return (.debitAccountIDMustNotBeIntMax, nil) }
        if event.creditAccountID == 0 { return (.creditAccountIDMustNotBeZero, nil) }
        if event.creditAccountID == .max { return (.creditAccountIDMustNotBeIntMax, nil) }
        if event.debitAccountID == event.creditAccountID { return (.accountsMustBeDifferent, nil) }
        if event.pendingID != 0 { return (.pendingIDMustBeZero, nil) }
        if event.timeoutSeconds != 0, !isPending { return (.timeoutReservedForPendingTransfer, nil) }
        if event.flags.contains(.closingDebit) || event.flags.contains(.closingCredit), !isPending {
            return (.closingTransferMustBePending, nil)
        }
        if event.ledger == 0 { return (.ledgerMustNotBeZero, nil) }
        if event.code == 0 { return (.codeMustNotBeZero, nil) }
        guard let debit = account(event.debitAccountID) else { return (.debitAccountNotFound, nil) }
        guard let credit = account(event.creditAccountID) else { return (.creditAccountNotFound, nil) }
        if debit.ledger != credit.ledger { return (.accountsMustHaveTheSameLedger, nil) }
        if event.ledger != debit.ledger { return (.transferMustHaveTheSameLedgerAsAccounts, nil) }
        if event.flags.contains(.imported) {
            if regresses(event.timestamp) { return (.importedEventTimestampMustNotRegress, nil) }
            if event.timestamp <= debit.timestamp { return (.importedEventTimestampMustPostdateDebitAccount, nil) }
            if event.timestamp <= credit.timestamp { return (.importedEventTimestampMustPostdateCreditAccount, nil) }
            if event.timeoutSeconds != 0 { return (.importedEventTimeoutMustBeZero, nil) }
        }
        if debit.flags.contains(.closed) { return (.debitAccountAlreadyClosed, nil) }
        if credit.flags.contains(.closed) { return (.creditAccountAlreadyClosed, nil) }

        var stored = event
        if !event.flags.contains(.imported) { stored.timestamp = time }
        if event.flags.contains(.balancingDebit) {
            stored.amount = min(stored.amount, room(debit.creditsPosted, used: debit.debitsPosted, debit.debitsPending))
        }
        if event.flags.contains(.balancingCredit) {
            stored.amount = min(
                stored.amount, room(credit.debitsPosted, used: credit.creditsPosted, credit.creditsPending))
        }
        let amount = stored.amount

        if isPending, sum(amount, debit.debitsPending) == nil { return (.overflowsDebitsPending, nil) }
        if isPending, sum(amount, credit.creditsPending) == nil { return (.overflowsCreditsPending, nil) }
        if sum(amount, debit.debitsPosted) == nil { return (.overflowsDebitsPosted, nil) }
        if sum(amount, credit.creditsPosted) == nil { return (.overflowsCreditsPosted, nil) }
        guard let debits = sum(amount, debit.debitsPending, debit.debitsPosted) else { return (.overflowsDebits, nil) }
        guard let credits = sum(amount, credit.creditsPending, credit.creditsPosted) else {
            return (.overflowsCredits, nil)
        }
        // Neither term is more than 2^63, so the sum fits.
        if stored.timestamp + UInt64(event.timeoutSeconds) * 1_000_000_000 > UInt64(1) << 63 - 1 {
            return (.overflowsTimeout, nil)
        }
        if debit.flags.contains(.debitsMustNotExceedCredits), debits > debit.creditsPosted {
            return (.exceedsCredits, nil)
        }
        if credit.flags.contains(.creditsMustNotExceedDebits), credits > credit.debitsPosted {
            return (.exceedsDebits, nil)
        }

        change(account: debit.id) { account in
            if isPending { account.debitsPending += amount } else { account.debitsPosted += amount }
            if event.flags.contains(.closingDebit) { account.flags.insert(.closed) }
        }
        change(account: credit.id) { account in
            if isPending { account.creditsPending += amount } else { account.creditsPosted += amount }
            if event.flags.contains(.closingCredit) { account.flags.insert(.closed) }
        }
        if isPending { state.pendings.append(Pending(transfer: stored, status: .pending)) }
        store(stored)
        return (.created, stored)
    }

    private mutating func resolve(_ event: Transfer, at time: UInt64) -> (CreateTransferStatus, Transfer?) {
        let isPost = event.flags.contains(.postPendingTransfer)
        if isPost, event.flags.contains(.voidPendingTransfer) { return (.flagsAreMutuallyExclusive, nil) }
        for other: Transfer.Flags in [.pending, .balancingDebit, .balancingCredit, .closingDebit, .closingCredit]
        where event.flags.contains(other) { return (.flagsAreMutuallyExclusive, nil) }
        if event.pendingID == 0 { return (.pendingIDMustNotBeZero, nil) }
        if event.pendingID == .max { return (.pendingIDMustNotBeIntMax, nil) }
        if event.pendingID == event.id { return (.pendingIDMustBeDifferent, nil) }
        if event.timeoutSeconds != 0 { return (.timeoutReservedForPendingTransfer, nil) }

        guard let target = transfer(event.pendingID) else { return (.pendingTransferNotFound, nil) }
        guard let pending = state.pendings.first(where: { $0.transfer.id == target.id }) else {
            return (.pendingTransferNotPending, nil)
        }
        if event.debitAccountID != 0, event.debitAccountID != target.debitAccountID {
            return (.pendingTransferHasDifferentDebitAccountID, nil)
        }
        if event.creditAccountID != 0, event.creditAccountID != target.creditAccountID {
            return (.pendingTransferHasDifferentCreditAccountID, nil)
        }
        if event.ledger != 0, event.ledger != target.ledger { return (.pendingTransferHasDifferentLedger, nil) }
        if event.code != 0, event.code != target.code { return (.pendingTransferHasDifferentCode, nil) }

        let amount = amountMeant(by: event, pending: target)
        if amount > target.amount { return (.exceedsPendingTransferAmount, nil) }
        if !isPost, amount < target.amount { return (.pendingTransferHasDifferentAmount, nil) }
        if pending.status == .posted { return (.pendingTransferAlreadyPosted, nil) }
        if pending.status == .voided { return (.pendingTransferAlreadyVoided, nil) }
        if pending.status == .expired { return (.pendingTransferExpired, nil) }
        if let expiresAt = pending.expiresAt, expiresAt <= time { return (.pendingTransferExpired, nil) }
        if event.flags.contains(.imported), regresses(event.timestamp) {
            return (.importedEventTimestampMustNotRegress, nil)
        }
        if isPost, account(target.debitAccountID)?.flags.contains(.closed) == true {
            return (.debitAccountAlreadyClosed, nil)
        }
        if isPost, account(target.creditAccountID)?.flags.contains(.closed) == true {
            return (.creditAccountAlreadyClosed, nil)
        }

        let stored = Transfer(
            id: event.id, debit: target.debitAccountID, credit: target.creditAccountID, amount: amount,
            pendingID: target.id, ledger: target.ledger, code: target.code, flags: event.flags,
            userData128: event.userData128 == 0 ? target.userData128 : event.userData128,
            userData64: event.userData64 == 0 ? target.userData64 : event.userData64,
            userData32: event.userData32 == 0 ? target.userData32 : event.userData32,
            timestamp: event.flags.contains(.imported) ? event.timestamp : time)
        resolve(target, as: isPost ? .posted : .voided, posting: isPost ? amount : 0)
        store(stored)
        return (.created, stored)
    }

    /// Adds a transfer, and the balances it led to where they are kept.
    private mutating func store(_ transfer: Transfer) {
        state.transfers.append(transfer)
        for id in [transfer.debitAccountID, transfer.creditAccountID] {
            guard let account = account(id), account.flags.contains(.history) else { continue }
            let balance = AccountBalance(of: account, timestamp: transfer.timestamp)
            state.balances.append(BalanceRow(accountID: id, balance: balance))
        }
    }

    /// Whether an imported transfer's time is not later than every transfer's, or an account's.
    private func regresses(_ timestamp: UInt64) -> Bool {
        for transfer in state.transfers where timestamp <= transfer.timestamp { return true }
        for account in state.accounts where timestamp == account.timestamp { return true }
        return false
    }

    /// 2^128 − 1 in a post and 0 in a void stand for all that is pending.
    private func amountMeant(by event: Transfer, pending: Transfer) -> UInt128 {
        if event.flags.contains(.postPendingTransfer) { return event.amount == .max ? pending.amount : event.amount }
        return event.amount == 0 ? pending.amount : event.amount
    }

    /// The first field in which a retry differs from what is stored.
    private func difference(of event: Transfer, from stored: Transfer) -> CreateTransferStatus {
        if event.flags != stored.flags { return .existsWithDifferentFlags }
        if event.pendingID != stored.pendingID { return .existsWithDifferentPendingID }
        if event.timeoutSeconds != stored.timeoutSeconds { return .existsWithDifferentTimeout }

        // The event as it would be stored if it were new.
        var meant = event
        if let pending = transfer(stored.pendingID) {
            if event.debitAccountID == 0 { meant.debitAccountID = stored.debitAccountID }
            if event.creditAccountID == 0 { meant.creditAccountID = stored.creditAccountID }
            meant.amount = amountMeant(by: event, pending: pending)
            if event.userData128 == 0 { meant.userData128 = pending.userData128 }
            if event.userData64 == 0 { meant.userData64 = pending.userData64 }
            if event.userData32 == 0 { meant.userData32 = pending.userData32 }
            if event.ledger == 0 { meant.ledger = stored.ledger }
            if event.code == 0 { meant.code = stored.code }
        }
        if event.flags.contains(.balancingDebit) || event.flags.contains(.balancingCredit) {
            meant.amount = min(event.amount, stored.amount)
        }
        if meant.debitAccountID != stored.debitAccountID { return .existsWithDifferentDebitAccountID }
        if meant.creditAccountID != stored.creditAccountID { return .existsWithDifferentCreditAccountID }
        if meant.amount != stored.amount { return .existsWithDifferentAmount }
        if meant.userData128 != stored.userData128 { return .existsWithDifferentUserData128 }
        if meant.userData64 != stored.userData64 { return .existsWithDifferentUserData64 }
        if meant.userData32 != stored.userData32 { return .existsWithDifferentUserData32 }
        if meant.ledger != stored.ledger { return .existsWithDifferentLedger }
        if meant.code != stored.code { return .existsWithDifferentCode }
        return .exists
    }
}

/// The sum, or nil if it is 2^128 or more.
private func sum(_ terms: UInt128...) -> UInt128? {
    var total: UInt128 = 0
    for term in terms {
        let (next, overflows) = total.addingReportingOverflow(term)
        if overflows { return nil }
        total = next
    }
    return total
}

/// What is left of `posted` once both other balances are taken off it.
private func room(_ posted: UInt128, used: UInt128, _ pending: UInt128) -> UInt128 {
    guard let total = sum(used, pending), total < posted else { return 0 }
    return posted - total
}
