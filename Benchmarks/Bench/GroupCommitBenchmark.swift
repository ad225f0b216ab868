import Ledger
import LedgerStore

/// Many callers with small requests, beside the limit of group commit: every caller has one request in each commit, and
/// a commit takes as long as a C loop needs to make the same bytes durable.
enum GroupCommitBenchmark {
    private static let repetitions = 5

    static func run(_ arguments: [String]) async throws {
        for callers in arguments.first.flatMap({ Int($0) }).map({ [$0] }) ?? [1, 8, 64] {
            for batch in [1, 10, 100] { try await measure(callers: callers, batch: batch) }
        }
    }

    private static func measure(callers: Int, batch: Int) async throws {
        let rounds = callers * batch > 1000 ? 200 : 600
        var parts: [Double] = []
        var rates: [Double] = []
        var commits = Samples()
        var samples = Samples()
        var together = 0.0
        for _ in 0..<repetitions {
            // The limit is measured just before and just after, because the machine is not the same from one second to
            // the next.
            var limit = try await EngineBenchmark.baseline(records: callers * batch, batches: rounds / 2)
            let (total, latencies, blockCount) = try await time(callers: callers, batch: batch, rounds: rounds)
            limit.add(try await EngineBenchmark.baseline(records: callers * batch, batches: rounds / 2))
            parts.append(Double(limit.total) / Double(total))
            rates.append(Double(callers * rounds * batch) / Double(total) * 1e9)
            commits.add(limit)
            samples.add(latencies)
            together += Double(callers * rounds) / Double(blockCount * repetitions)
        }
        show(
            "\(callers) callers, \(batch) a batch",
            "\(rate(Int(middle(rates)), 1_000_000_000)), \(spread(parts) { percent($0, of: 1) }) of the group-commit limit")
        show("", "\(samples.latencies), \(rounded(together)) requests a block; C loop \(commits.latencies)")
    }

    /// How long so many requests of each caller took together, and each of them, and how many blocks they became.
    private static func time(
        callers: Int, batch: Int, rounds: Int
    ) async throws -> (total: UInt64, latencies: Samples, blockCount: Int) {
        try await withTemporaryFolder { path in
            let folder = LedgerFolder(path: path + "/ledger")
            try folder.create(origin: "bench", created: "2026-01-01T00:00:00Z")
            let writer = try await EngineBenchmark.openWithAccounts(folder)
            let start = monotonicNanoseconds()
            let samples = try await withThrowingTaskGroup(of: Samples.self) { group in
                for caller in 0..<callers {
                    group.addTask {
                        var samples = Samples()
                        var workload = Workload(isOrdered: true, first: caller, step: callers)
                        var transfers = workload.batch(batch)
                        for _ in 0..<rounds {
                            let reply = try await samples.measure { [transfers] in try await writer.create(transfers) }
                            guard reply.results.allSatisfy({ $0.status == .created }) else {
                                throw BenchFailure("a transfer was refused")
                            }
                            workload.rename(&transfers)
                        }
                        return samples
                    }
                }
                return try await group.reduce(into: Samples()) { $0.add($1) }
            }
            let total = monotonicNanoseconds() - start
            var blockCount = -2  // The accounts'.
            try writer.reader.forEachBlock(mapping: { $0 }) { (_) throws(StoreError) in
                blockCount += 1
                return true
            }
            try await writer.close()
            return (total, samples, blockCount)
        }
    }
}
