import Testing

@testable import Ledger

/// The index finds what was put into it and nothing else, whatever was removed in between.
@Suite struct IDIndexTests {
    /// An index over records that are only ids, checked against a dictionary.
    private struct Checked {
        var index = IDIndex()
        var records: [UInt128] = []
        var expected: [UInt128: UInt32] = [:]

        mutating func insert(_ id: UInt128) {
            let place = UInt32(records.count)
            records.append(id)
            index.insert(id, at: place)
            expected[id] = place
        }

        mutating func remove(_ id: UInt128) {
            guard let place = expected.removeValue(forKey: id) else { return }
            index.remove(id, at: place)
        }

        func place(of id: UInt128) -> UInt32? { index.place(of: id) { records[Int($0)] == id } }

        func expectAgreement(on ids: some Sequence<UInt128>, _ comment: Comment) {
            #expect(index.count == expected.count, comment)
            for id in ids where place(of: id) != expected[id] {
                Issue.record("\(comment): \(id) is at \(String(describing: place(of: id)))")
            }
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func itAgreesWithADictionary(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var checked = Checked()
        // Few ids, so that the table stays small and runs of occupied slots long.
        let ids = (0..<200).map { _ in UInt128(random.next()) << random.pick([0, 7, 64]) | 1 }
        for round in 0..<4000 {
            let id = random.pick(ids)
            if checked.expected[id] != nil { checked.remove(id) } else { checked.insert(id) }
            if round % 50 == 0 { checked.expectAgreement(on: ids, "seed \(seed), round \(round)") }
        }
        checked.expectAgreement(on: ids, "seed \(seed)")
    }

    @Test func removalClosesTheGapInARunOfCollisions() {
        // Sequential ids in a table that is as full as it may be: every run is long and wraps around the end.
        var random = SplitMix64(seed: 5)
        for size in [11, 12] {
            for start in 0..<400 {
                var checked = Checked()
                let ids = (0..<size).map { UInt128(start * 16 + $0 + 1) }
                for id in ids { checked.insert(id) }
                var left = ids
                while !left.isEmpty {
                    let removed = left.remove(at: random.below(left.count))
                    checked.remove(removed)
                    checked.expectAgreement(on: ids, "ids from \(start), without \(removed)")
                }
            }
        }
    }

    @Test func idsWithTheSameHashAreToldApart() {
        // The owner's answer decides, not the 32 bits of hash: here all places share one id's hash.
        var index = IDIndex()
        for place in 0..<UInt32(10) { index.insert(7, at: place) }
        for wanted in 0..<UInt32(10) { #expect(index.place(of: 7) { $0 == wanted } == wanted) }
        index.remove(7, at: 4)
        #expect(index.place(of: 7) { $0 == 4 } == nil)
        for wanted in [0, 3, 5, 9] as [UInt32] { #expect(index.place(of: 7) { $0 == wanted } == wanted) }
    }

    /// Whoever knows one seed can choose ids that meet in one slot; under another they spread out like any others.
    @Test func idsChosenAgainstOneSeedAreHarmlessUnderAnother() {
        let known = IDIndex(hash: IDHash(seed: 1))
        let chosen = (1...UInt128(400_000)).lazy.filter { known.hash(of: $0 << 64 | $0) % 1024 == 7 }.map {
            $0 << 64 | $0
        }
        #expect(chosen.count > 300)
        let other = IDIndex(hash: IDHash(seed: 2))
        let fullest = Dictionary(grouping: chosen) { other.hash(of: $0) % 1024 }.values.map(\.count).max() ?? 0
        #expect(fullest <= 8)
    }

    /// Where entries stand in the tables differs with the seed; what is decided does not.
    @Test(arguments: 1...3 as ClosedRange<UInt64>) func decisionsDoNotDependOnTheSeed(of workload: UInt64) throws {
        var outcomes: Set<[String]> = []
        for seed in [UInt64(0), 1, .max] {
            var random = SplitMix64(seed: workload)
            var machine = StateMachine(hash: IDHash(seed: seed))
            var accounts = (1...UInt128(20)).map { Account(id: $0 << 64, ledger: 1, code: 1) }
            var accountResults: [CreateAccountResult] = []
            try machine.createAccounts(&accounts, timestamp: 1_000, results: &accountResults)
            var answers: [String] = []
            for round in UInt64(1)...100 {
                var transfers = (0..<20).map { _ in
                    Transfer(
                        id: UInt128(random.below(900)) << 32, debit: UInt128(random.below(21) + 1) << 64,
                        credit: UInt128(random.below(21) + 1) << 64, amount: UInt128(random.below(50)), ledger: 1,
                        code: 1, flags: random.below(3) == 0 ? .pending : random.below(4) == 0 ? .linked : [],
                        timeoutSeconds: 0)
                }
                var results: [CreateTransferResult] = []
                try machine.createTransfers(&transfers, timestamp: 1_000 + round * 100, results: &results)
                answers.append("\(results)")
            }
            outcomes.insert(answers + ["\(machine.allAccounts)", "\(machine.openTransfers)"])
        }
        #expect(outcomes.count == 1, "workload \(workload)")
    }

    @Test func itGrowsPastItsCapacity() {
        var checked = Checked()
        checked.index = IDIndex(capacity: 100)
        for id in 1...UInt128(1000) { checked.insert(id << 80 | id) }
        checked.expectAgreement(on: (1...1000).map { $0 << 80 | $0 }, "after growing")
        #expect(checked.place(of: 5) == nil)
    }

    @Test(arguments: UInt64(0)...5) func idsInAnOrderSpreadOut(seed: UInt64) {
        // What callers count up: as it is, in either half or both, as time in front of what would be random.
        let kinds: [(name: String, id: (UInt128) -> UInt128)] = [
            ("counted", { $0 }), ("in the upper half", { $0 << 64 }), ("milliseconds", { (1 << 40 + $0) << 80 }),
            ("every 4096th", { $0 << 12 }), ("both halves", { $0 << 64 | $0 }), ("downwards", { .max - $0 }),
            ("the ends of a row", { $0 << 127 | $0 >> 1 }),
        ]
        for (name, id) in kinds {
            let index = IDIndex(hash: IDHash(seed: seed))
            let hashes = (1...UInt128(12_000)).map { index.hash(of: id($0)) }
            #expect(Set(hashes).count > 11_990, "\(name), seed \(seed): ids with the same hash")
            // In a table of 16,384 slots. Twelve thousand balls thrown at random put at most seven or so into one.
            let fullest = Dictionary(grouping: hashes) { $0 % 16_384 }.values.map(\.count).max() ?? 0
            #expect(fullest <= 10, "\(name), seed \(seed): ids with the same home")
        }
    }
}
