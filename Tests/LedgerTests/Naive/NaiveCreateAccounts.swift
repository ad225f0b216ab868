import Ledger

extension NaiveModel {
    mutating func createAccount(_ event: Account, at time: UInt64) -> CreateAccountResult {
        if let existing = account(event.id) {
            // A reserved field or bit comes first also in a retry.
            let status = refusalOfForm(event) ?? difference(of: event, from: existing)
            return CreateAccountResult(status: status, timestamp: status == .exists ? existing.timestamp : time)
        }
        if let status = refusalOfForm(event) ?? refusal(of: event) {
            return CreateAccountResult(status: status, timestamp: time)
        }
        var stored = event
        if !event.flags.contains(.imported) { stored.timestamp = time }
        state.accounts.append(stored)
        return CreateAccountResult(status: .created, timestamp: stored.timestamp)
    }

    private func refusalOfForm(_ event: Account) -> CreateAccountStatus? {
        if event.reserved != 0 { return .reservedField }
        if event.flags.rawValue >> 6 != 0 { return .reservedFlag }
        if event.id == 0 { return .idMustNotBeZero }
        if event.id == .max { return .idMustNotBeIntMax }
        return nil
    }

    private func difference(of event: Account, from existing: Account) -> CreateAccountStatus {
        if event.flags != existing.flags { return .existsWithDifferentFlags }
        if event.userData128 != existing.userData128 { return .existsWithDifferentUserData128 }
        if event.userData64 != existing.userData64 { return .existsWithDifferentUserData64 }
        if event.userData32 != existing.userData32 { return .existsWithDifferentUserData32 }
        if event.ledger != existing.ledger { return .existsWithDifferentLedger }
        if event.code != existing.code { return .existsWithDifferentCode }
        return .exists
    }

    private func refusal(of event: Account) -> CreateAccountStatus? {
        if event.flags.contains(.debitsMustNotExceedCredits), event.flags.contains(.creditsMustNotExceedDebits) {
            return .flagsAreMutuallyExclusive
        }
        if event.debitsPending != 0 { return .debitsPendingMustBeZero }
        if event.debitsPosted != 0 { return .debitsPostedMustBeZero }
        if event.creditsPending != 0 { return .creditsPendingMustBeZero }
        if event.creditsPosted != 0 { return .creditsPostedMustBeZero }
        if event.ledger == 0 { return .ledgerMustNotBeZero }
        if event.code == 0 { return .codeMustNotBeZero }
        if event.flags.contains(.imported) {
            for account in state.accounts where event.timestamp <= account.timestamp {
                return .importedEventTimestampMustNotRegress
            }
            for transfer in state.transfers where event.timestamp == transfer.timestamp {
                return .importedEventTimestampMustNotRegress
            }
        }
        return nil
    }
}
