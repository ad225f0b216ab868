import Ledger

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Requests without end: valid ones, wrong ones, repeated ones, chains, pending transfers and what becomes of them,
/// imports. Few accounts and ids, so that they meet.
struct RandomEvents {
    enum Request {
        case accounts([Account])
        case transfers([Transfer])
    }

    var generator: SeededGenerator
    private var transferCount: UInt128 = 0
    private var pendingIDs: [UInt128] = []
    private var sent: [Transfer] = []
    private var importedTimestamp: UInt64 = 1_000

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }
    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    mutating func request(now: UInt64) -> Request {
        let isImport = chance(8)
        importedTimestamp = max(importedTimestamp, now - 900_000)
        let count = chance(10) ? number(30...300) : number(1...12)
        return chance(12)
            ? .accounts((0..<min(count, 10)).map { _ in account(isImport: isImport) })
            : .transfers((0..<count).map { _ in transfer(isImport: isImport) })
    }

    private mutating func account(isImport: Bool) -> Account {
        var account = Account(
            id: UInt128(number(0...24)), ledger: chance(92) ? 1 : 2, code: 8, userData64: UInt64(number(0...1)))
        if chance(25) { account.flags.insert(.debitsMustNotExceedCredits) }
        if chance(25) { account.flags.insert(.creditsMustNotExceedDebits) }
        if chance(20) { account.flags.insert(.history) }
        if chance(10) { account.flags.insert(.linked) }
        if isImport != chance(4) {
            account.flags.insert(.imported)
            account.timestamp = nextImportedTimestamp()
        }
        return account
    }

    private mutating func transfer(isImport: Bool) -> Transfer {
        if chance(10), var again = sent.randomElement(using: &generator) {
            if chance(30) { again.amount &+= 1 }
            if chance(10) { again.userData32 += 1 }
            return again
        }
        transferCount += 1
        var transfer = Transfer(
            id: chance(2) ? UInt128(number(0...1)) : transferCount &* 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835,
            debit: UInt128(number(1...24)), credit: UInt128(number(1...24)), amount: UInt128(number(0...50)),
            ledger: chance(96) ? 1 : 2, code: 8, userData128: UInt128(number(0...2)), userData64: UInt64(number(0...1)))
        if chance(10) { transfer.flags.insert(.linked) }
        if chance(8) { transfer.flags.insert(.balancingDebit) }
        if chance(8) { transfer.flags.insert(.balancingCredit) }
        if chance(30), let pendingID = pendingIDs.randomElement(using: &generator) {
            resolve(&transfer, pendingID)
        } else if chance(40) {
            transfer.flags.insert(.pending)
            if chance(50) { transfer.timeoutSeconds = UInt32(number(1...4)) }
            if chance(6) { transfer.flags.insert(chance(50) ? .closingDebit : .closingCredit) }
            pendingIDs.append(transfer.id)
        }
        if isImport != chance(1) {
            transfer.flags.insert(.imported)
            transfer.timeoutSeconds = 0
            transfer.timestamp = nextImportedTimestamp()
        }
        sent.append(transfer)
        return transfer
    }

    private mutating func resolve(_ transfer: inout Transfer, _ pendingID: UInt128) {
        transfer.flags.subtract([.balancingDebit, .balancingCredit])
        transfer.flags.insert(chance(50) ? .postPendingTransfer : .voidPendingTransfer)
        transfer.pendingID = pendingID
        if chance(95) {
            (transfer.debitAccountID, transfer.creditAccountID, transfer.ledger, transfer.code) = (0, 0, 0, 0)
        }
        if chance(70) { transfer.amount = transfer.flags.contains(.postPendingTransfer) ? Transfer.amountMax : 0 }
    }

    private mutating func nextImportedTimestamp() -> UInt64 {
        importedTimestamp += UInt64(number(0...3))
        return importedTimestamp
    }
}
