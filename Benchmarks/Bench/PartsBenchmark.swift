import CryptoPrimitives
import Ledger
import LedgerStore

/// Where the time goes: the log beside a C loop, then each part of the engine alone. Each number is the middle of several
/// measurements, with the smallest and the largest.
enum PartsBenchmark {
    private static let repetitions = 7

    /// Returns the records a second that the C loop appends in full batches: the limit of any log on LMDB.
    static func run() async throws -> Double {
        let limit = try await measureLog(records: EngineBenchmark.batchCount, commits: 100)
        _ = try await measureLog(records: 1, commits: 500)
        try await measureParts()
        return limit
    }

    /// Blocks through the log layer alone (checksum, one copy, durable), between two runs of a C loop that appends the same
    /// bytes.
    private static func measureLog(records: Int, commits: Int) async throws -> Double {
        var limits: [Double] = []
        var rates: [Double] = []
        var parts: [Double] = []
        var samples = Samples()
        for _ in 0..<repetitions {
            var baseline = try await EngineBenchmark.baseline(records: records, batches: commits)
            let log = try await logCommits(records: records, commits: commits)
            baseline.add(try await EngineBenchmark.baseline(records: records, batches: commits))
            limits.append(Double(2 * records * commits) / Double(baseline.total) * 1e9)
            rates.append(Double(records * commits) / Double(log.total) * 1e9)
            parts.append(Double(baseline.total) / 2 / Double(log.total))
            samples.add(baseline)
        }
        show(
            "C loop, \(records) a commit",
            "\(spread(limits) { rate(Int($0), 1_000_000_000) }) records, commit \(samples.latencies)")
        show(
            "log layer alone",
            "\(spread(rates) { rate(Int($0), 1_000_000_000) }) records, \(spread(parts) { percent($0, of: 1) }) of the C loop")
        return middle(limits)
    }

    private static func logCommits(records: Int, commits: Int) async throws -> Samples {
        try await withTemporaryFolder { path in
            let log = try Log(path: path + "/log", isReadOnly: false, createsIfMissing: true)
            defer { log.close() }
            var workload = Workload(isOrdered: true)
            let transfers = workload.batch(records)
            var checksum = Checksum.zero
            var samples = Samples()
            for index in 0..<commits {
                let sequence = UInt64(index * records)
                var block = Block(
                    transfers: transfers, firstSequence: sequence, timestamp: sequence + UInt64(records) + 1)
                try samples.measure {
                    block.seal(after: checksum)
                    try log.append([block], details: [])
                }
                checksum = block.checksum
            }
            return samples
        }
    }

    /// What a transfer costs in each part: the state machine and the checksum on the thread that decides, the indexes on
    /// their own.
    private static func measureParts() async throws {
        let batches = 8
        let count = Double(batches * EngineBenchmark.batchCount)
        var deciding: [Double] = []
        var checking: [Double] = []
        var indexing: [Double] = []
        for _ in 0..<repetitions {
            try await withTemporaryFolder { path in
                let folder = LedgerFolder(path: path + "/ledger")
                try folder.create(origin: "bench", created: "2026-01-01T00:00:00Z")
                var engine = try Engine.open(folder, projection: NoProjection(), flushCount: .max)
                defer { engine.close() }
                var machine = StateMachine()
                var timestamp: UInt64 = 1 << 40
                for start in stride(from: 0, to: EngineBenchmark.accountCount, by: EngineBenchmark.batchCount) {
                    var accounts = EngineBenchmark.accounts(from: start)
                    var results: [CreateAccountResult] = []
                    timestamp += UInt64(accounts.count)
                    _ = try engine.decide(accounts, details: [], now: timestamp)
                    try machine.createAccounts(&accounts, timestamp: timestamp, results: &results)
                }
                try engine.commit()
                try engine.flush()
                var workload = Workload(isOrdered: true)
                var (decided, checked) = (Samples(), Samples())
                for _ in 0..<batches {
                    var batch = workload.batch(EngineBenchmark.batchCount)
                    var results: [CreateTransferResult] = []
                    results.reserveCapacity(batch.count)
                    timestamp += UInt64(batch.count)
                    _ = try engine.decide(batch, details: [], now: timestamp)
                    try engine.commit()
                    try decided.measure { try machine.createTransfers(&batch, timestamp: timestamp, results: &results) }
                    checked.measure { _ = Checksum.of(unsafe batch.span.bytes) }
                }
                deciding.append(Double(decided.total) / count)
                checking.append(Double(checked.total) / count)
                let start = monotonicNanoseconds()
                try engine.flush()
                indexing.append(Double(monotonicNanoseconds() - start) / count)
            }
        }
        let text = { (values: [Double]) in spread(values) { "\(rounded($0)) ns" } }
        show("of which, a transfer", "state machine \(text(deciding)), checksum \(text(checking))")
        show("on another thread", "indexes, durable \(text(indexing))")
    }
}
