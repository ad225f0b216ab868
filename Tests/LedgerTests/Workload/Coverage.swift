import Ledger

/// What a workload led to: a generator that became tame would be seen here.
struct Coverage {
    /// What statuses alone do not show.
    enum Situation: Hashable, CaseIterable {
        case chainCreated, chainBrokenByFirst, chainBrokenInTheMiddle, chainBrokenByLast, chainLeftOpen
        case accountUndone, transferUndone, pendingUndone, postUndone, voidUndone, closingUndone, reopeningUndone
        case balanceUndone, undonePendingHadTimeout
        case transientMarkOutlivedItsChain, idOfAnUndoneEventUsedAgain
        case openedAndResolvedInOneChain
        case partlyPosted, postedWithNothing, resolvedFields
        case closingVoided, closingExpired, closedExpiredWithoutClosing
        case expiredOnTheNanosecond, severalExpired, expiredInPostBeforeThePulse
        case balancingReduced, balancingReducedToNothing, balancingBothWays, balancingUntouched
        case retriedPlain, retriedPost, retriedVoid, retriedBalancingWithMore, retriedBalancingWithTheSame,
            retriedClosing
        case importedAccount, importedTransfer, importedPost
        case creditsUsedUp, debitsUsedUp, largestAmount
        case flushed, reopened
        case foundAccounts, foundTransfers, accountTransfersFound, accountBalancesFound, accountsQueried,
            transfersQueried
        case nothingRead
    }

    private(set) var accountStatuses: [CreateAccountStatus: Int] = [:]
    private(set) var transferStatuses: [CreateTransferStatus: Int] = [:]
    private(set) var situations: [Situation: Int] = [:]
    private(set) var operationCount = 0
    private var undoneIDs: Set<UInt128> = []

    mutating func note(_ situation: Situation) { situations[situation, default: 0] += 1 }

    mutating func note(_ operation: Operation, rowCount: Int) {
        operationCount += 1
        if rowCount == 0 { return note(.nothingRead) }
        switch operation {
        case .lookupAccounts: note(.foundAccounts)
        case .lookupTransfers: note(.foundTransfers)
        case .accountTransfers: note(.accountTransfersFound)
        case .accountBalances: note(.accountBalancesFound)
        case .queryAccounts: note(.accountsQueried)
        case .queryTransfers: note(.transfersQueried)
        default: break
        }
    }

    mutating func noteExpiry(before: NaiveModel, after: NaiveModel, at timestamp: UInt64) {
        operationCount += 1
        let expired = zip(before.state.pendings, after.state.pendings).filter { $0.status != $1.status }.map(\.1)
        if expired.count > 1 { note(.severalExpired) }
        for pending in expired {
            if pending.expiresAt == timestamp { note(.expiredOnTheNanosecond) }
            let flags = pending.transfer.flags
            if flags.contains(.closingDebit) || flags.contains(.closingCredit) {
                note(.closingExpired)
            } else if before.account(pending.transfer.debitAccountID)?.flags.contains(.closed) == true {
                note(.closedExpiredWithoutClosing)
            }
        }
    }

    mutating func note(_ events: [Account], _ results: [CreateAccountResult], before: NaiveModel, after: NaiveModel) {
        operationCount += events.count
        for (index, result) in results.enumerated() {
            accountStatuses[result.status, default: 0] += 1
            if result.status == .created, events[index].flags.contains(.imported) { note(.importedAccount) }
        }
        let statuses = results.map { Outcome($0.status == .created, $0.status == .linkedEventFailed) }
        for chain in chains(events.map { $0.flags.contains(.linked) }, statuses) where chain.breaker != nil {
            for _ in chain.undone { note(.accountUndone) }
        }
    }

    mutating func note(_ events: [Transfer], _ results: [CreateTransferResult], before: NaiveModel, after: NaiveModel) {
        operationCount += events.count
        for (event, result) in zip(events, results) {
            transferStatuses[result.status, default: 0] += 1
            if result.status == .created, let stored = after.transfer(event.id) {
                noteCreated(event, stored, before: before, after: after)
                if undoneIDs.remove(event.id) != nil { note(.idOfAnUndoneEventUsedAgain) }
            }
            if result.status == .exists, let stored = after.transfer(event.id) { noteRetry(event, stored) }
            if result.status == .pendingTransferExpired,
                before.state.pendings.contains(where: { $0.transfer.id == event.pendingID && $0.status == .pending })
            {
                note(.expiredInPostBeforeThePulse)
            }
        }
        let outcomes = results.map { Outcome($0.status == .created, $0.status == .linkedEventFailed) }
        for chain in chains(events.map { $0.flags.contains(.linked) }, outcomes) {
            noteChain(chain, events, results, before: before, after: after)
        }
    }

    private mutating func noteCreated(_ event: Transfer, _ stored: Transfer, before: NaiveModel, after: NaiveModel) {
        let flags = event.flags
        if flags.contains(.imported) { note(.importedTransfer) }
        if stored.amount >= UInt128(1) << 127 { note(.largestAmount) }
        let pending = after.transfer(event.pendingID)
        if flags.contains(.postPendingTransfer) {
            if flags.contains(.imported) { note(.importedPost) }
            if let pending, stored.amount < pending.amount {
                note(stored.amount == 0 ? .postedWithNothing : .partlyPosted)
            }
        }
        if let pending, event.userData64 == 0, pending.userData64 != 0 { note(.resolvedFields) }
        if flags.contains(.voidPendingTransfer), let closing = pending?.flags,
            closing.contains(.closingDebit) || closing.contains(.closingCredit)
        {
            note(.closingVoided)
        }
        if flags.contains(.balancingDebit) || flags.contains(.balancingCredit) {
            if flags.contains(.balancingDebit), flags.contains(.balancingCredit) { note(.balancingBothWays) }
            if stored.amount == event.amount { note(.balancingUntouched) } else { note(.balancingReduced) }
            if stored.amount == 0, event.amount != 0 { note(.balancingReducedToNothing) }
        }
        if let debit = after.account(stored.debitAccountID), stored.amount > 0,
            debit.flags.contains(.debitsMustNotExceedCredits),
            debit.debitsPosted &+ debit.debitsPending == debit.creditsPosted
        {
            note(.creditsUsedUp)
        }
        if let credit = after.account(stored.creditAccountID), stored.amount > 0,
            credit.flags.contains(.creditsMustNotExceedDebits),
            credit.creditsPosted &+ credit.creditsPending == credit.debitsPosted
        {
            note(.debitsUsedUp)
        }
    }

    private mutating func noteRetry(_ event: Transfer, _ stored: Transfer) {
        let flags = event.flags
        if flags.contains(.postPendingTransfer) { return note(.retriedPost) }
        if flags.contains(.voidPendingTransfer) { return note(.retriedVoid) }
        if flags.contains(.closingDebit) || flags.contains(.closingCredit) { note(.retriedClosing) }
        guard flags.contains(.balancingDebit) || flags.contains(.balancingCredit) else { return note(.retriedPlain) }
        note(event.amount > stored.amount ? .retriedBalancingWithMore : .retriedBalancingWithTheSame)
    }

    private mutating func noteChain(
        _ chain: Chain, _ events: [Transfer], _ results: [CreateTransferResult], before: NaiveModel, after: NaiveModel
    ) {
        if chain.isOpen { note(.chainLeftOpen) }
        guard let breaker = chain.breaker else {
            note(.chainCreated)
            let opened = Set(chain.events.filter { events[$0].flags.contains(.pending) }.map { events[$0].id })
            if chain.events.contains(where: { opened.contains(events[$0].pendingID) }) {
                note(.openedAndResolvedInOneChain)
            }
            return
        }
        switch breaker {
        case chain.events.lowerBound: note(.chainBrokenByFirst)
        case chain.events.upperBound - 1: note(.chainBrokenByLast)
        default: note(.chainBrokenInTheMiddle)
        }
        if after.failedIDs.contains(events[breaker].id), !before.failedIDs.contains(events[breaker].id) {
            note(.transientMarkOutlivedItsChain)
        }
        for index in chain.undone {
            let flags = events[index].flags
            undoneIDs.insert(events[index].id)
            note(.transferUndone)
            if flags.contains(.pending) { note(.pendingUndone) }
            if events[index].timeoutSeconds != 0 { note(.undonePendingHadTimeout) }
            if flags.contains(.closingDebit) || flags.contains(.closingCredit) { note(.closingUndone) }
            if flags.contains(.postPendingTransfer) { note(.postUndone) }
            let pending = before.transfer(events[index].pendingID)
            if flags.contains(.voidPendingTransfer) {
                note(.voidUndone)
                if let closing = pending?.flags, closing.contains(.closingDebit) || closing.contains(.closingCredit) {
                    note(.reopeningUndone)
                }
            }
            let debit = pending?.debitAccountID ?? events[index].debitAccountID
            if before.account(debit)?.flags.contains(.history) == true { note(.balanceUndone) }
        }
    }

    private struct Chain {
        var events: Range<Int>
        /// The event that broke the chain; those before it were created and undone, if it is not the first.
        var breaker: Int?
        var isOpen = false
        var undone: Range<Int> { events.lowerBound..<(breaker ?? events.lowerBound) }
    }

    private struct Outcome {
        let isCreated: Bool
        let isLinkedEventFailed: Bool
        init(_ isCreated: Bool, _ isLinkedEventFailed: Bool) {
            self.isCreated = isCreated
            self.isLinkedEventFailed = isLinkedEventFailed
        }
    }

    private func chains(_ isLinked: [Bool], _ outcomes: [Outcome]) -> [Chain] {
        var chains: [Chain] = []
        var start: Int?
        for index in isLinked.indices {
            if isLinked[index], start == nil { start = index }
            guard let first = start, !isLinked[index] || index == isLinked.count - 1 else { continue }
            let events = first..<index + 1
            chains.append(
                Chain(
                    events: events,
                    breaker: events.first { !outcomes[$0].isCreated && !outcomes[$0].isLinkedEventFailed },
                    isOpen: isLinked[index]))
            start = nil
        }
        return chains
    }

    mutating func add(_ other: Coverage) {
        accountStatuses.merge(other.accountStatuses, uniquingKeysWith: +)
        transferStatuses.merge(other.transferStatuses, uniquingKeysWith: +)
        situations.merge(other.situations, uniquingKeysWith: +)
        operationCount += other.operationCount
    }
}
