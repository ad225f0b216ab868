import Testing

@testable import Ledger

/// What was settled can be read whatever is decided afterwards.
@Suite struct SettledTests {
    @Test(arguments: [1, 2, 3] as [UInt64]) func everyAccountIsAsItWas(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var machine = StateMachine()
        var timestamp: UInt64 = 1_000
        var nextID: UInt128 = 1
        func addAccounts(_ count: Int) throws {
            var accounts = (0..<count).map { _ in
                defer { nextID += 1 }
                return Account(id: nextID, ledger: 1, code: 1)
            }
            var results: [CreateAccountResult] = []
            timestamp += 100
            try machine.createAccounts(&accounts, timestamp: timestamp, results: &results)
        }
        func addTransfers() throws -> [UInt128] {
            let accountCount = UInt64(machine.allAccounts.count)
            var transfers = (0..<(1 + Int(random.next() % 20))).map { _ in
                defer { nextID += 1 }
                let debit = machine.allAccounts[Int(random.next() % accountCount)].id
                let credit = machine.allAccounts[Int(random.next() % accountCount)].id
                // Some chains break, because an account may not pay itself.
                return Transfer(
                    id: nextID, debit: debit, credit: credit, amount: 1, ledger: 1, code: 1,
                    flags: random.next() % 3 == 0 ? .linked : [])
            }
            let ids = transfers.map(\.id)
            var results: [CreateTransferResult] = []
            timestamp += 100
            try machine.createTransfers(&transfers, timestamp: timestamp, results: &results)
            return zip(ids, results).filter { $0.1.status == .created }.map(\.0)
        }

        try addAccounts(5)
        var settledIDs: [UInt128] = []
        var newIDs: [UInt128] = []
        var settled: [Account] = []
        func check() throws {
            #expect(Array(machine.settledAccounts) == settled)
            for account in machine.allAccounts {
                #expect(machine.settledAccount(account.id) == settled.first { $0.id == account.id })
            }
            for id in settledIDs { #expect(try machine.settledTransfer(id)?.id == id) }
            for id in newIDs { #expect(try machine.settledTransfer(id) == nil) }
        }
        machine.settle()
        settled = machine.allAccounts
        for _ in 0..<60 {
            if random.next() % 5 == 0 { try addAccounts(2) }
            newIDs += try addTransfers()
            try check()
            if random.next() % 3 == 0 {
                machine.settle()
                settled = machine.allAccounts
                settledIDs += newIDs
                newIDs = []
                try check()
            }
        }
        #expect(!settledIDs.isEmpty)
    }

    /// A state machine that nobody settles remembers nothing for it.
    @Test func nothingIsSettledAtFirst() throws {
        var machine = StateMachine()
        var accounts = [Account(id: 1, ledger: 1, code: 1)]
        var results: [CreateAccountResult] = []
        try machine.createAccounts(&accounts, timestamp: 10, results: &results)
        #expect(machine.settledAccounts.isEmpty)
        #expect(machine.settledAccount(1) == nil)
    }
}
