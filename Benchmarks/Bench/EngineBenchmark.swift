import CLogBaseline
import Ledger
import LedgerStore

/// Durable transfers per second of the engine, beside a C loop that only appends the same bytes.
enum EngineBenchmark {
    static let batchCount = 8189
    static let accountCount = 10_000

    static func run(_ arguments: [String]) async throws {
        let transferCount = arguments.first.flatMap { Int($0) } ?? 1_000_000
        let baseline = try await baseline(batches: transferCount / batchCount)
        try await engine(transferCount, isOrdered: true, baseline: baseline)
        try await engine(transferCount, isOrdered: false, baseline: baseline)
    }

    /// Records a second of the C loop.
    private static func baseline(batches: Int) async throws -> Double {
        try await withTemporaryFolder { path in
            var samples = [UInt64](repeating: 0, count: batches)
            let batch = [UInt8](repeating: 0x5A, count: 128 * (batchCount + 1))
            let code = unsafe log_baseline_append(
                path, batch, batch.count, batches, batches * batch.count * 2 + 1 << 24, &samples)
            guard code == 0 else { throw BenchFailure("the C loop failed with \(code)") }
            var durations = Samples()
            for sample in samples { durations.add(sample) }
            print(
                "C loop, append only   \(rate(batches * batchCount, durations.total)) records  commit \(durations.latencies)"
            )
            return Double(batches * batchCount) / Double(durations.total) * 1e9
        }
    }

    private static func engine(_ count: Int, isOrdered: Bool, baseline: Double) async throws {
        try await withTemporaryFolder { path in
            let folder = LedgerFolder(path: path + "/ledger")
            try folder.create(origin: "bench", created: "2026-01-01T00:00:00Z")
            let writer = try LedgerWriter(folder, projection: NoProjection())
            for start in stride(from: 0, to: accountCount, by: batchCount) {
                let accounts = (start..<min(start + batchCount, accountCount)).map {
                    Account(id: UInt128($0 + 1), ledger: 1, code: 1)
                }
                let ticket = try writer.submit(accounts)
                guard try await ticket.reply().results.allSatisfy({ $0.status == .created }) else {
                    throw BenchFailure("accounts")
                }
            }
            var random = Random(state: 42)
            var samples = Samples()
            var quarters: [(Int, UInt64)] = []
            var sent = 0
            let start = monotonicNanoseconds()
            var lap = start
            while sent < count {
                let batch = (0..<min(batchCount, count - sent)).map { index in
                    let draw = random.next()
                    let debit = draw % UInt64(accountCount)
                    let credit = (debit + 1 + (draw >> 32) % UInt64(accountCount - 1)) % UInt64(accountCount)
                    let id =
                        isOrdered
                        ? UInt128(1_700_000_000_000) << 80 | UInt128(sent + index)
                        : UInt128(random.next()) << 64 | UInt128(random.next())
                    return Transfer(
                        id: id, debit: UInt128(debit + 1), credit: UInt128(credit + 1), amount: 1, ledger: 1, code: 1,
                        userData128: UInt128(draw >> 40), userData64: draw >> 20,
                        userData32: UInt32(truncatingIfNeeded: draw >> 50))
                }
                let results = try await samples.measure {
                    let ticket = try writer.submit(batch)
                    return try await ticket.reply().results
                }
                guard results.allSatisfy({ $0.status == .created }) else {
                    throw BenchFailure("a transfer was refused")
                }
                sent += batch.count
                if sent * 4 / count > quarters.count {
                    let now = monotonicNanoseconds()
                    quarters.append((sent, now - lap))
                    lap = now
                }
            }
            let total = samples.total
            try await writer.close()
            let perSecond = Double(count) / Double(total) * 1e9
            print(
                """
                engine, \(isOrdered ? "ordered" : "random ") ids   \(rate(count, total)) transfers  batch \(samples.latencies)
                                      \(percent(perSecond, of: baseline)) of the C loop, \(anonymousMemory() >> 20) MB beyond the page cache
                                      quarters \(quarters.map { Samples.text($0.1) }.joined(separator: ", "))
                """)
        }
    }
}

/// Keeps nothing: the engine alone is measured.
struct NoProjection: Projection {
    func restore(from snapshot: [UInt8]?) -> Bool { true }
    func apply(_ block: Block) {}
    func snapshot() -> [UInt8] { [] }
}
