extension Account: BatchEvent {
    var isLinked: Bool { flags.contains(.linked) }
    var isImported: Bool { flags.contains(.imported) }

    static func create(
        _ event: inout Account, _ index: Int, at timestamp: UInt64, in machine: inout StateMachine
    ) throws(HistoryUnreadable) -> CreateAccountResult {
        func refused(_ status: CreateAccountStatus) -> CreateAccountResult {
            CreateAccountResult(status: status, timestamp: timestamp)
        }
        guard event.reserved == 0 else { return refused(.reservedField) }
        guard event.flags.isSubset(of: .defined) else { return refused(.reservedFlag) }
        guard event.id != 0 else { return refused(.idMustNotBeZero) }
        guard event.id != .max else { return refused(.idMustNotBeIntMax) }
        if let existing = machine.account(event.id) {
            let status = event.difference(from: existing)
            return CreateAccountResult(
                status: status, timestamp: status == .exists ? existing.timestamp : timestamp)
        }
        guard !event.flags.isSuperset(of: [.debitsMustNotExceedCredits, .creditsMustNotExceedDebits]) else {
            return refused(.flagsAreMutuallyExclusive)
        }
        guard event.debitsPending == 0 else { return refused(.debitsPendingMustBeZero) }
        guard event.debitsPosted == 0 else { return refused(.debitsPostedMustBeZero) }
        guard event.creditsPending == 0 else { return refused(.creditsPendingMustBeZero) }
        guard event.creditsPosted == 0 else { return refused(.creditsPostedMustBeZero) }
        guard event.ledger != 0 else { return refused(.ledgerMustNotBeZero) }
        guard event.code != 0 else { return refused(.codeMustNotBeZero) }
        if event.isImported {
            guard event.timestamp > machine.accounts.lastTimestamp,
                try !machine.hasTransfer(timestamp: event.timestamp)
            else { return refused(.importedEventTimestampMustNotRegress) }
        } else {
            event.timestamp = timestamp
        }

        machine.accounts.append(event)
        machine.undo.record(.accountCreated)
        return CreateAccountResult(status: .created, timestamp: event.timestamp)
    }

    static func didRefuse(_ event: Account, with status: CreateAccountStatus, in machine: inout StateMachine) {}

    /// The first field in which a retry differs from the account it meets. `closed` counts as it is now.
    private func difference(from existing: Account) -> CreateAccountStatus {
        if flags != existing.flags { return .existsWithDifferentFlags }
        if userData128 != existing.userData128 { return .existsWithDifferentUserData128 }
        if userData64 != existing.userData64 { return .existsWithDifferentUserData64 }
        if userData32 != existing.userData32 { return .existsWithDifferentUserData32 }
        if ledger != existing.ledger { return .existsWithDifferentLedger }
        if code != existing.code { return .existsWithDifferentCode }
        return .exists
    }
}

extension StateMachine {
    /// Timestamps are unique across accounts and transfers; only imported events can meet one that is taken.
    func hasTransfer(timestamp: UInt64) throws(HistoryUnreadable) -> Bool {
        if recent.containsTransfer(timestamp: timestamp) { return true }
        return try history.containsTransfer(timestamp: timestamp)
    }
}
