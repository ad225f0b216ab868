internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore

/// Requests without end: valid ones, wrong ones, repeated ones, chains, pending transfers and what becomes of them. Few
/// accounts, so that they meet.
struct Requests {
    enum Request {
        case accounts([Account], [EventDetails])
        case transfers([Transfer], [EventDetails])
    }

    private var generator: SeededGenerator
    private var sent: [Transfer]
    private var pendingIDs: [UInt128]
    private var hasAccounts: Bool

    static let accountIDs: ClosedRange<UInt128> = 1...9

    /// Goes on where a log ends.
    init(seed: UInt64, after machine: StateMachine) {
        generator = SeededGenerator(seed: seed)
        sent = machine.recentTransfers.transfers.map { transfer in
            var again = transfer
            if !again.flags.contains(.imported) { again.timestamp = 0 }
            return again
        }
        hasAccounts = !machine.allAccounts.isEmpty
        pendingIDs = sent.filter { $0.flags.contains(.pending) }.map(\.id)
    }

    mutating func next() -> Request {
        if !hasAccounts || generator.chance(8) {
            let accounts = (0..<(hasAccounts ? generator.number(1...3) : 12)).map { _ in account() }
            hasAccounts = true
            return .accounts(accounts, details(accounts.count))
        }
        // Some blocks are larger than a page of LMDB's.
        let count = generator.chance(6) ? generator.number(30...80) : generator.number(1...6)
        let transfers = (0..<count).map { _ in transfer() }
        return .transfers(transfers, details(transfers.count))
    }

    private mutating func details(_ count: Int) -> [EventDetails] {
        (0..<count).compactMap { index in
            guard generator.chance(25) else { return nil }
            let sealed = generator.bytes(
                generator.chance(5) ? generator.number(2_000...5_000) : generator.number(1...90))
            return EventDetails(index: index, sealed: sealed, commitment: SHA256.hash(unsafe sealed.span.bytes))
        }
    }

    private mutating func accountID() -> UInt128 {
        UInt128(generator.number(below: Int(Self.accountIDs.upperBound)) + 1)
    }

    private mutating func account() -> Account {
        var account = Account(id: accountID(), ledger: 1, code: 8, userData64: UInt64(generator.number(0...1)))
        if generator.chance(20) { account.flags.insert(.debitsMustNotExceedCredits) }
        if generator.chance(30) { account.flags.insert(.history) }
        if generator.chance(10) { account.flags.insert(.linked) }
        return account
    }

    private mutating func transfer() -> Transfer {
        if generator.chance(10), var again = sent.randomElement(using: &generator) {
            if generator.chance(30) { again.amount &+= 1 }
            return again
        }
        var transfer = Transfer(
            id: UInt128(generator.next()) << 64 | UInt128(generator.next()), debit: accountID(), credit: accountID(),
            amount: UInt128(generator.number(0...50)), ledger: 1, code: 8,
            userData64: UInt64(generator.number(0...1)))
        if generator.chance(12) { transfer.flags.insert(.linked) }
        if generator.chance(5) { transfer.creditAccountID = 1_000 }  // There is none: refused, and for good.
        if generator.chance(30), let pendingID = pendingIDs.randomElement(using: &generator) {
            transfer.flags.insert(generator.chance(50) ? .postPendingTransfer : .voidPendingTransfer)
            transfer.pendingID = pendingID
            (transfer.debitAccountID, transfer.creditAccountID, transfer.ledger, transfer.code) = (0, 0, 0, 0)
            transfer.amount = transfer.flags.contains(.postPendingTransfer) ? Transfer.amountMax : 0
        } else if generator.chance(45) {
            transfer.flags.insert(.pending)
            if generator.chance(50) { transfer.timeoutSeconds = UInt32(generator.number(1...4)) }
            if generator.chance(6) { transfer.flags.insert(generator.chance(50) ? .closingDebit : .closingCredit) }
            pendingIDs.append(transfer.id)
        }
        sent.append(transfer)
        return transfer
    }
}
