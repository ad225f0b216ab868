import Ledger
import Testing

/// A record's memory is its disk format: 128 bytes, little-endian, no padding.
@Suite struct RecordTests {
    @Test func recordsHave128Bytes() {
        #expect(MemoryLayout<Account>.stride == 128 && MemoryLayout<Account>.size == 128)
        #expect(MemoryLayout<Transfer>.stride == 128 && MemoryLayout<Transfer>.size == 128)
        #expect(MemoryLayout<AccountBalance>.stride == 128 && MemoryLayout<AccountBalance>.size == 128)
    }

    @Test func accountFieldsStandAtTheirOffsets() {
        let offsets: [(PartialKeyPath<Account>, Int)] = [
            (\.id, 0), (\.debitsPending, 16), (\.debitsPosted, 32), (\.creditsPending, 48), (\.creditsPosted, 64),
            (\.userData128, 80), (\.userData64, 96), (\.userData32, 104), (\.reserved, 108), (\.ledger, 112),
            (\.code, 116), (\.flags, 118), (\.timestamp, 120),
        ]
        for (field, offset) in offsets { #expect(MemoryLayout<Account>.offset(of: field) == offset) }
    }

    @Test func transferFieldsStandAtTheirOffsets() {
        let offsets: [(PartialKeyPath<Transfer>, Int)] = [
            (\.id, 0), (\.debitAccountID, 16), (\.creditAccountID, 32), (\.amount, 48), (\.pendingID, 64),
            (\.userData128, 80), (\.userData64, 96), (\.userData32, 104), (\.timeoutSeconds, 108), (\.ledger, 112),
            (\.code, 116), (\.flags, 118), (\.timestamp, 120),
        ]
        for (field, offset) in offsets { #expect(MemoryLayout<Transfer>.offset(of: field) == offset) }
    }

    @Test func aReservedFieldIsRefused() throws {
        // No client can send this, so no recording has it.
        var account = Account(id: 1, ledger: 1, code: 8)
        account.reserved = 1
        var machine = StateMachine()
        var events = [account]
        var results: [CreateAccountResult] = []
        try machine.createAccounts(&events, timestamp: 1, results: &results)
        #expect(results.map(\.status) == [.reservedField])
    }
}
