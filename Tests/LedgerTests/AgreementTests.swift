import Ledger
import Testing

/// The smallest histories that tell the engine from one with a single subtle fault: what the workload would find
/// sooner or later, found at once and under the name of the promise it keeps.
@Suite struct AgreementTests {
    private static let twoAccounts = Operation.createAccounts(
        [Account(id: 1, ledger: 1, code: 1), Account(id: 2, ledger: 1, code: 1)], timestamp: 2)

    private static func movement(_ id: UInt128, _ flags: Transfer.Flags = [], amount: UInt128 = 0) -> Transfer {
        Transfer(id: id, debit: 1, credit: 2, amount: amount, ledger: 1, code: 1, flags: flags)
    }

    /// A transfer that is refused wherever it stands.
    private static let refused = Transfer(id: 99, debit: .max, credit: 1, ledger: 1, code: 1)

    @Test func anExpiredClosingReopensTheAccount() {
        var closing = Self.movement(10, [.pending, .closingDebit])
        closing.timeoutSeconds = 1
        expectAgreement([
            Self.twoAccounts,
            .createTransfers([closing], timestamp: 3),
            .expire(timestamp: 1_000_000_003),
        ])
    }

    @Test func aVoidOfAClosingReopensTheAccount() {
        expectAgreement([
            Self.twoAccounts,
            .createTransfers([Self.movement(10, [.pending, .closingDebit, .closingCredit])], timestamp: 3),
            .createTransfers([Transfer(id: 11, pendingID: 10, flags: .voidPendingTransfer)], timestamp: 4),
        ])
    }

    @Test func aBrokenChainOpensAgainWhatItResolved() {
        for resolution: Transfer.Flags in [.voidPendingTransfer, .postPendingTransfer] {
            expectAgreement([
                Self.twoAccounts,
                .createTransfers([Self.movement(10, .pending, amount: 5)], timestamp: 3),
                .createTransfers(
                    [Transfer(id: 11, amount: 5, pendingID: 10, flags: [.linked, resolution]), Self.refused],
                    timestamp: 5),
            ])
        }
    }

    @Test func aBrokenChainClosesAgainWhatItReopened() {
        expectAgreement([
            Self.twoAccounts,
            .createTransfers([Self.movement(10, [.pending, .closingCredit])], timestamp: 3),
            .createTransfers(
                [Transfer(id: 11, pendingID: 10, flags: [.linked, .voidPendingTransfer]), Self.refused], timestamp: 5),
            .createTransfers([Self.movement(12)], timestamp: 6),
        ])
    }

    @Test func aBrokenChainTakesBackThePendingItOpened() {
        expectAgreement([
            Self.twoAccounts,
            .createTransfers([Self.movement(10, [.linked, .pending]), Self.refused], timestamp: 4),
            .createTransfers([Self.movement(10, .pending)], timestamp: 5),
        ])
    }

    @Test func aTransientMarkOutlivesItsChain() {
        let missing = Transfer(id: 11, debit: 1, credit: 7, ledger: 1, code: 1)
        expectAgreement([
            Self.twoAccounts,
            .createTransfers([Self.movement(10, .linked), missing], timestamp: 4),
            .createTransfers([Self.movement(11), Self.movement(10)], timestamp: 6),
        ])
    }

    @Test func anOpenChainSaysSoEvenIfItIsBroken() {
        var open = Self.movement(10, .linked)
        open.pendingID = 1
        expectAgreement([.createTransfers([open, open], timestamp: 2)])
    }

    @Test func aLimitMayBeUsedUp() {
        expectAgreement([
            .createAccounts(
                [
                    Account(id: 1, ledger: 1, code: 1, flags: .debitsMustNotExceedCredits),
                    Account(id: 2, ledger: 1, code: 1, flags: .creditsMustNotExceedDebits),
                ], timestamp: 2),
            .createTransfers([Self.movement(10)], timestamp: 3),
            .createTransfers([Self.movement(11, amount: 1)], timestamp: 4),
        ])
    }

    @Test func aLimitCountsWhatIsPending() {
        expectAgreement([
            .createAccounts(
                [
                    Account(id: 1, ledger: 1, code: 1, flags: .debitsMustNotExceedCredits),
                    Account(id: 2, ledger: 1, code: 1),
                ], timestamp: 2),
            .createTransfers([Transfer(id: 10, debit: 2, credit: 1, amount: 7, ledger: 1, code: 1)], timestamp: 3),
            .createTransfers([Self.movement(11, .pending, amount: 4), Self.movement(12, amount: 4)], timestamp: 5),
            .createTransfers(
                [Self.movement(13, amount: 3), Self.movement(14, .balancingDebit, amount: 1)], timestamp: 7),
        ])
    }

    @Test func aRetryOfABalancingTransferMayWishForMore() {
        expectAgreement([
            Self.twoAccounts,
            .createTransfers([Self.movement(10, .balancingDebit, amount: 5)], timestamp: 3),
            .createTransfers([Self.movement(10, .balancingDebit, amount: 6)], timestamp: 4),
            .createTransfers([Self.movement(10, .balancingDebit)], timestamp: 5),
        ])
    }

    @Test func aPostComesTooLateOnTheNanosecondOfTheDeadline() {
        var pending = Self.movement(10, .pending)
        pending.timeoutSeconds = 1
        let post = Transfer(id: 11, pendingID: 10, flags: .postPendingTransfer)
        for timestamp: UInt64 in [1_000_000_002, 1_000_000_003] {
            expectAgreement([
                Self.twoAccounts, .createTransfers([pending], timestamp: 3),
                .createTransfers([post], timestamp: timestamp),
            ])
        }
    }

    @Test func anImportMayNotTakeAnAccountsTimestamp() {
        var imported = Self.movement(10, .imported)
        imported.timestamp = 1
        expectAgreement([Self.twoAccounts, .createTransfers([imported], timestamp: 3)])
    }

    @Test func sumsOfThreeBalancesAreCheckedForOverflow() {
        // Each fits with one other next to the third of 2^128 that it is.
        let third = UInt128.max / 3
        expectAgreement([
            Self.twoAccounts,
            .createTransfers([Self.movement(10, .pending, amount: third)], timestamp: 3),
            .createTransfers([Self.movement(11, amount: third)], timestamp: 4),
            .createTransfers([Self.movement(12, amount: third)], timestamp: 5),
            .createTransfers([Self.movement(13, amount: 1)], timestamp: 6),
        ])
    }

    @Test func aTimeoutMayEndWithTheLastNanosecond() {
        let end = UInt64(1) << 63 - 1
        var pending = Self.movement(10, .pending)
        pending.timeoutSeconds = 1
        for timestamp in [end - 1_000_000_000, end - 999_999_999] {
            expectAgreement([Self.twoAccounts, .createTransfers([pending], timestamp: timestamp)])
        }
    }
}
