import Testing

@testable import LedgerStore

/// What the wrapper adds to LMDB: growth, refusal after closing, one environment a process.
@Suite struct EnvironmentTests {
    private func environment(_ ledger: TemporaryLedger, mapSize: Int = 1 << 16) throws -> Environment {
        try Environment(path: ledger.folder.statePath, options: .init(mapSize: mapSize, createsIfMissing: true))
    }

    @Test func theMapGrowsWhileReadersRead() async throws {
        let ledger = try TemporaryLedger()
        let environment = try environment(ledger)
        let table = try environment.table("rows")
        let value = [UInt8](repeating: 7, count: 4_000)
        let rowCount = 2_000  // 8 MB through a map of 64 KiB
        let isDone = Flag()
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    var seen: UInt64 = 0
                    while !isDone.isRaised {
                        let count = try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in
                            try transaction.count(of: table)
                        }
                        #expect(count >= seen && count % 10 == 0, "a snapshot is a whole number of commits, none older")
                        seen = count
                        await Task.yield()
                    }
                }
            }
            group.addTask {
                defer { isDone.raise() }
                for first in stride(from: 0, to: rowCount, by: 10) {
                    try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                        for row in first..<(first + 10) {
                            try transaction.put(
                                unsafe value.span.bytes, at: Key(UInt64(row)), in: table, appending: true)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let count = try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in
            try transaction.count(of: table)
        }
        #expect(count == UInt64(rowCount))
        environment.close()
    }

    @Test func aWriteThatFailsLeavesNothing() throws {
        let ledger = try TemporaryLedger()
        let environment = try environment(ledger)
        let table = try environment.table("rows")
        let refusal = LMDBError(code: 1, operation: "test", path: "")
        let value: [UInt8] = [1]
        #expect(throws: refusal) {
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                try transaction.put(unsafe value.span.bytes, at: Key(UInt64(1)), in: table)
                throw refusal
            }
        }
        let found = try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in
            try transaction.bytes(of: Key(UInt64(1)), in: table)
        }
        #expect(found == nil)
        environment.close()
    }

    @Test func closedIsClosed() throws {
        let ledger = try TemporaryLedger()
        let environment = try environment(ledger)
        let table = try environment.table("rows")
        environment.close()
        environment.close()
        for operation in [
            { _ = try environment.table("rows") },
            {
                try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in
                    _ = try transaction.count(of: table)
                }
            },
            { try environment.write { (_: borrowing Transaction) throws(LMDBError) in } },
        ] {
            let error = #expect(throws: LMDBError.self) { try operation() }
            #expect(error?.isClosed == true)
        }
    }

    /// LMDB would lose its file locks silently.
    @Test func aProcessOpensAnEnvironmentOnce() throws {
        let ledger = try TemporaryLedger()
        let first = try LedgerReader(ledger.folder)
        let error = #expect(throws: StoreError.self) { _ = try LedgerReader(ledger.folder) }
        guard case .system = error else { throw try #require(error) }
        #expect(try first.eventCount() == 0)
    }

    @Test func keysSortAsTheirNumbers() throws {
        let ledger = try TemporaryLedger()
        let environment = try environment(ledger)
        let table = try environment.table("rows")
        let numbers: [UInt128] = [1 << 100, 255, 256, 1, .max, 1 << 64, 65_535]
        try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
            for number in numbers {
                let value = [UInt8(0)]
                try transaction.put(unsafe value.span.bytes, at: Key(number), in: table)
            }
        }
        var found: [UInt128] = []
        try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in
            let cursor = try transaction.cursor(in: table)
            var move = Cursor.Move.first
            while true {
                let key = try cursor.move(move, mapping: { $0 }) { (key: RawSpan, _: RawSpan) throws(LMDBError) in
                    UInt128(bigEndian: key.load(at: 0))
                }
                guard let key else { return }
                found.append(key)
                move = .next
            }
        }
        #expect(found == numbers.sorted())
        environment.close()
    }
}
