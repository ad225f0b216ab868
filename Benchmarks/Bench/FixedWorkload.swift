import Glibc
import Ledger
import LedgerStore

/// The same small work every time, for counting instructions: `fixed machine|store TRANSFERS`.
enum FixedWorkload {
    static func run(_ arguments: [String]) async throws {
        if arguments.first == "crash", arguments.count == 2 { try await crash(arguments[1]) }
        guard arguments.count == 2, let count = Int(arguments[1]) else {
            throw BenchFailure("fixed machine|store TRANSFERS")
        }
        switch arguments[0] {
        case "machine": try machine(count)
        case "store": try await store(count)
        default: throw BenchFailure("fixed machine|store TRANSFERS")
        }
    }

    /// The state machine alone.
    private static func machine(_ count: Int) throws {
        var machine = StateMachine()
        var accounts = (1...EngineBenchmark.batchCount).map { Account(id: UInt128($0), ledger: 1, code: 1) }
        var results: [CreateAccountResult] = []
        var timestamp: UInt64 = 1 << 40
        try machine.createAccounts(&accounts, timestamp: timestamp, results: &results)
        var workload = Workload(isOrdered: true, accountCount: EngineBenchmark.batchCount)
        var answers: [CreateTransferResult] = []
        for start in stride(from: 0, to: count, by: EngineBenchmark.batchCount) {
            var batch = workload.batch(min(EngineBenchmark.batchCount, count - start))
            answers.removeAll(keepingCapacity: true)
            timestamp += UInt64(batch.count)
            try machine.createTransfers(&batch, timestamp: timestamp, results: &answers)
        }
    }

    /// Everything: state machine, digests, log, indexes.
    private static func store(_ count: Int) async throws {
        try await withTemporaryFolder { path in
            let folder = LedgerFolder(path: path + "/ledger")
            try folder.create(origin: "bench", created: "2026-01-01T00:00:00Z")
            let writer = try await EngineBenchmark.openWithAccounts(folder)
            var workload = Workload(isOrdered: true)
            for start in stride(from: 0, to: count, by: EngineBenchmark.batchCount) {
                _ = try await writer.create(workload.batch(min(EngineBenchmark.batchCount, count - start)))
            }
            try await writer.close()
        }
    }

    /// Writes a ledger on until a flush is almost due, and ends without closing it.
    private static func crash(_ path: String) async throws {
        let writer = try LedgerWriter(LedgerFolder(path: path), projection: NoProjection())
        var workload = Workload(isOrdered: true, first: 1 << 41)
        for _ in 0..<15 { _ = try await writer.create(workload.batch(EngineBenchmark.batchCount)) }
        _exit(0)
    }
}
