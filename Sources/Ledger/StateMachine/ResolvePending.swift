extension StateMachine {
    /// A post or void of a pending transfer.
    mutating func resolve(_ event: inout Transfer, at timestamp: UInt64) throws(HistoryUnreadable)
        -> CreateTransferStatus
    {
        let isPost = event.flags.contains(.postPendingTransfer)
        let excluded = Transfer.Flags.closing.union(.balancing).union(.pending)
        if event.flags.isSuperset(of: .resolving) || !event.flags.isDisjoint(with: excluded) {
            return .flagsAreMutuallyExclusive
        }
        if event.pendingID == 0 { return .pendingIDMustNotBeZero }
        if event.pendingID == .max { return .pendingIDMustNotBeIntMax }
        if event.pendingID == event.id { return .pendingIDMustBeDifferent }
        if event.timeoutSeconds != 0 { return .timeoutReservedForPendingTransfer }

        // What is still open is in memory, however old it is.
        let known = if let open = open[event.pendingID] { open } else { try transfer(event.pendingID) }
        guard let pending = known else { return .pendingTransferNotFound }
        guard pending.flags.contains(.pending) else { return .pendingTransferNotPending }
        if let status = event.contradiction(to: pending) { return status }
        let amount = event.resolvedAmount(of: pending)
        if amount > pending.amount { return .exceedsPendingTransferAmount }
        if !isPost, amount < pending.amount { return .pendingTransferHasDifferentAmount }

        if let status = try refusal(ofResolving: pending, at: timestamp) { return status }
        if event.isImported, mustNotRegress(event.timestamp) { return .importedEventTimestampMustNotRegress }
        guard let debitPlace = accounts.place(of: pending.debitAccountID),
            let creditPlace = accounts.place(of: pending.creditAccountID)
        else { throw HistoryUnreadable(reason: "a pending transfer is known without its accounts") }
        if isPost {
            // The only movement into a closed account is a void.
            if accounts[debitPlace].flags.contains(.closed) { return .debitAccountAlreadyClosed }
            if accounts[creditPlace].flags.contains(.closed) { return .creditAccountAlreadyClosed }
        }

        event.debitAccountID = pending.debitAccountID
        event.creditAccountID = pending.creditAccountID
        event.amount = amount
        if event.userData128 == 0 { event.userData128 = pending.userData128 }
        if event.userData64 == 0 { event.userData64 = pending.userData64 }
        if event.userData32 == 0 { event.userData32 = pending.userData32 }
        event.ledger = pending.ledger
        event.code = pending.code
        if !event.isImported { event.timestamp = timestamp }

        release(pending, debitPlace: debitPlace, creditPlace: creditPlace, posting: isPost ? amount : 0)
        close(pending, as: isPost ? .posted : .voided)
        record(event, debitPlace: debitPlace, creditPlace: creditPlace)
        return .created
    }

    private func refusal(
        ofResolving pending: Transfer, at timestamp: UInt64
    ) throws(HistoryUnreadable) -> CreateTransferStatus? {
        if open[pending.id] != nil {
            // Due, though no pulse has come by yet.
            return pending.expiresAt.map { $0 <= timestamp } == true ? .pendingTransferExpired : nil
        }
        let resolution =
            if let recent = recent.resolution(ofPending: pending.timestamp) { recent } else {
                try history.resolution(ofPending: pending.timestamp)
            }
        switch resolution {
        case .posted: return .pendingTransferAlreadyPosted
        case .voided: return .pendingTransferAlreadyVoided
        case .expired: return .pendingTransferExpired
        case .pending, nil: throw HistoryUnreadable(reason: "a pending transfer is neither open nor resolved")
        }
    }

    /// The whole pending amount leaves both pending balances; `amount` of it is posted. A closing transfer that is
    /// not posted (none can be) reopens what it closed.
    mutating func release(_ pending: Transfer, debitPlace: Int, creditPlace: Int, posting amount: UInt128) {
        updateAccount(debitPlace) { account in
            account.debitsPending -= pending.amount
            account.debitsPosted += amount
            if pending.flags.contains(.closingDebit) { account.flags.remove(.closed) }
        }
        updateAccount(creditPlace) { account in
            account.creditsPending -= pending.amount
            account.creditsPosted += amount
            if pending.flags.contains(.closingCredit) { account.flags.remove(.closed) }
        }
    }

    private mutating func close(_ pending: Transfer, as status: PendingStatus) {
        open.remove(pending.id)
        recent.resolve(pending: pending.timestamp, as: status)
        undo.record(.pendingResolved(pending))
    }
}

extension Transfer {
    /// The amount that a post or void means: 2^128 − 1 in a post and 0 in a void stand for all of it.
    func resolvedAmount(of pending: Transfer) -> UInt128 {
        let standsForAll = flags.contains(.postPendingTransfer) ? Transfer.amountMax : 0
        return amount == standsForAll ? pending.amount : amount
    }

    /// A field that is given and says something else than the pending transfer.
    fileprivate func contradiction(to pending: Transfer) -> CreateTransferStatus? {
        if debitAccountID != 0, debitAccountID != pending.debitAccountID {
            return .pendingTransferHasDifferentDebitAccountID
        }
        if creditAccountID != 0, creditAccountID != pending.creditAccountID {
            return .pendingTransferHasDifferentCreditAccountID
        }
        if ledger != 0, ledger != pending.ledger { return .pendingTransferHasDifferentLedger }
        if code != 0, code != pending.code { return .pendingTransferHasDifferentCode }
        return nil
    }
}
