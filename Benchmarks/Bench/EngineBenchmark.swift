import CLogBaseline
import Foundation
import Ledger
import LedgerStore

/// The engine beside what the disk and LMDB allow, measured in the same run.
struct EngineBenchmark {
    static let batchCount = 8189
    static let accountCount = 10_000

    /// Records a second that a C loop appends in full batches: the limit of any log on LMDB.
    private var limit = 0.0

    static func run(_ arguments: [String]) async throws {
        let count = arguments.first.flatMap { Int($0) } ?? 1_000_000
        var benchmark = EngineBenchmark()
        print("\(count) transfers, batches of \(batchCount), \(accountCount) accounts\n")
        benchmark.limit = try await PartsBenchmark.run()
        try await benchmark.measureTransfers(count, isOrdered: true)
        try await benchmark.measureTransfers(count, isOrdered: false)
        try await GroupCommitBenchmark.run([])
    }

    /// The time of durable commits of so many records each, by a C loop, all in one value or each in its own.
    static func baseline(
        records: Int, batches: Int, isOneValue: Bool = true, flags: UInt32 = 0
    ) async throws -> Samples {
        try await withTemporaryFolder { path in
            var samples = [UInt64](repeating: 0, count: batches)
            let value = [UInt8](repeating: 0x5A, count: isOneValue ? 128 * (records + 1) : 128)
            let code = unsafe log_baseline_append(
                path, flags, value, value.count, isOneValue ? 1 : records, batches, &samples)
            guard code == 0 else { throw BenchFailure("the C loop failed with \(code)") }
            return Samples(samples)
        }
    }

    // MARK: One caller, full batches

    private func measureTransfers(_ count: Int, isOrdered: Bool) async throws {
        try await withTemporaryFolder { path in
            let folder = LedgerFolder(path: path + "/ledger")
            try folder.create(origin: "bench", created: "2026-01-01T00:00:00Z")
            let writer = try await Self.openWithAccounts(folder)
            var workload = Workload(isOrdered: isOrdered)
            var samples = Samples()
            var millions: [UInt64] = []
            var memory = 0
            var sent = 0
            while sent < count {
                let batch = workload.batch(min(Self.batchCount, count - sent))
                let results = try await samples.measure { try await writer.create(batch).results }
                guard results.allSatisfy({ $0.status == .created }) else {
                    throw BenchFailure("a transfer was refused")
                }
                sent += batch.count
                if sent / 1_000_000 > millions.count { millions.append(samples.total - millions.reduce(0, +)) }
                memory = max(memory, anonymousMemory())
            }
            let perSecond = Double(count) / Double(samples.total) * 1e9
            show(
                "engine, \(isOrdered ? "ascending" : "random") ids",
                "\(rate(count, samples.total)) durable, batch \(samples.latencies)")
            show("", "\(percent(perSecond, of: limit)) of the C loop, \(memory >> 20) MB beyond the page cache")
            if let first = millions.first, let last = millions.last, millions.count > 1 {
                show("", "the last million at \(percent(Double(first), of: Double(last))) of the rate of the first")
            }
            if isOrdered { try await measureReads(writer, count, path) }
            let closing = try await Samples().measuring { try await writer.close() }
            if isOrdered {
                try await measureOpening(folder, count, closing: closing)
                try measureReplay(folder, count)
            }
        }
    }

    /// A batch of the accounts.
    static func accounts(from start: Int) -> [Account] {
        (start..<min(start + batchCount, accountCount)).map { Account(id: UInt128($0 + 1), ledger: 1, code: 1) }
    }

    static func openWithAccounts(
        _ folder: LedgerFolder, _ tuning: LedgerWriter.Tuning = LedgerWriter.Tuning(),
        projection: any Projection = NoProjection()
    ) async throws -> LedgerWriter {
        let writer = try LedgerWriter(folder, projection: projection, tuning: tuning)
        for start in stride(from: 0, to: accountCount, by: batchCount) {
            let accounts = accounts(from: start)
            guard try await writer.create(accounts).results.allSatisfy({ $0.status == .created }) else {
                throw BenchFailure("an account was refused")
            }
        }
        return writer
    }

    private func measureReads(_ writer: LedgerWriter, _ count: Int, _ path: String) async throws {
        let lookupCount = 100_000
        var bare: UInt64 = 0
        try FileManager.default.createDirectory(atPath: path + "/bare", withIntermediateDirectories: false)
        let code = unsafe log_baseline_lookup(path + "/bare", min(count, 1_000_000), lookupCount, &bare)
        guard code == 0 else { throw BenchFailure("the C look-ups failed with \(code)") }
        var random = Random(state: 7)
        let lookups = try Samples().measuring {
            for _ in 0..<lookupCount {
                guard try writer.transfer(Workload.orderedID(Int(random.next() % UInt64(count)))) != nil else {
                    throw BenchFailure("a transfer is missing")
                }
            }
        }
        show(
            "look-ups",
            "\(rate(lookupCount, lookups)), \(percent(Double(bare), of: Double(lookups))) of bare LMDB reads of one table"
        )
        let queryCount = 2_000
        var rows = 0
        let queries = try Samples().measuring {
            for _ in 0..<queryCount {
                let account = UInt128(random.next() % UInt64(Self.accountCount) + 1)
                rows += try writer.transfers(
                    AccountFilter(accountID: account, window: Window(limit: 10, isReversed: true))
                ).count
            }
        }
        show(
            "account queries",
            "\(rate(queryCount, queries)), the last 10 transfers of an account (\(rate(rows, queries)) rows)")
    }

    private func measureOpening(_ folder: LedgerFolder, _ count: Int, closing: UInt64) async throws {
        var writer: LedgerWriter?
        let clean = try Samples().measuring { writer = try LedgerWriter(folder, projection: NoProjection()) }
        try await writer?.close()
        writer = nil
        // A process that fills the ledger on, up to just before a flush, and is gone without a word.
        let crash = Process()
        crash.executableURL = URL(filePath: CommandLine.arguments[0])
        crash.arguments = ["fixed", "crash", folder.path]
        try crash.run()
        crash.waitUntilExit()
        let tail = try LedgerReader(folder).eventCount() - UInt64(count)
        let crashed = try Samples().measuring { writer = try LedgerWriter(folder, projection: NoProjection()) }
        try await writer?.close()
        writer = nil
        show("closing", Samples.text(closing))
        show(
            "opening",
            "\(Samples.text(clean)) after a clean close, \(Samples.text(crashed)) after a crash (\(tail) events later)")
        try folder.removeState()
        let rebuilt = try Samples().measuring { writer = try LedgerWriter(folder, projection: NoProjection()) }
        try await writer?.close()
        show("opening without state/", "\(rate(count, rebuilt)) events replayed and indexed")
    }

    private func measureReplay(_ folder: LedgerFolder, _ count: Int) throws {
        var sum: UInt64 = 0
        var bytes: UInt64 = 0
        let scan = try Samples().measuring {
            guard unsafe log_baseline_scan(folder.logPath, &sum, &bytes) == 0 else {
                throw BenchFailure("scan")
            }
        }
        let reader = try LedgerReader(folder)
        let total = try reader.eventCount()
        var log = try LogReplay(reader)
        let replay = try Samples().measuring {
            try reader.forEachBlock(mapping: { $0 }) { (block) throws(StoreError) in
                if let flaw = try log.replay(block) { throw StoreError.failed(reason: flaw) }
                return true
            }
        }
        show(
            "replay",
            "\(rate(Int(total), replay)) events decided again, \(percent(Double(scan), of: Double(replay))) of a bare scan "
                + "(\(rate(Int(total), scan)))")
    }
}

/// Transfers between random accounts, with every field that is indexed.
struct Workload {
    private let isOrdered: Bool
    private var random = Random(state: 42)
    private var next: Int
    private let step: Int

    private let accountCount: UInt64

    /// - Parameters:
    ///   - first: The number of the first id.
    ///   - step: What lies between the numbers of two: those of others who write at the same time.
    init(isOrdered: Bool, first: Int = 0, step: Int = 1, accountCount: Int = EngineBenchmark.accountCount) {
        self.accountCount = UInt64(accountCount)
        self.isOrdered = isOrdered
        self.step = step
        next = first
        random.state ^= UInt64(first)
    }

    static func orderedID(_ index: Int) -> UInt128 { UInt128(1_700_000_000_000) << 80 | UInt128(index) }

    /// Gives transfers new ids: others of the same kind, without the time that making them takes.
    mutating func rename(_ transfers: inout [Transfer]) {
        for index in transfers.indices {
            transfers[index].id = Self.orderedID(next)
            next += step
        }
    }

    mutating func batch(_ count: Int) -> [Transfer] {
        return (0..<count).map { _ in
            let draw = random.next()
            let debit = draw % accountCount
            let credit = (debit + 1 + (draw >> 32) % (accountCount - 1)) % accountCount
            let id = isOrdered ? Self.orderedID(next) : UInt128(random.next()) << 64 | UInt128(random.next())
            next += step
            return Transfer(
                id: id, debit: UInt128(debit + 1), credit: UInt128(credit + 1), amount: 1, ledger: 1, code: 1,
                userData128: UInt128(draw >> 40), userData64: draw >> 20,
                userData32: UInt32(truncatingIfNeeded: draw >> 50))
        }
    }
}

/// Keeps nothing: the engine alone is measured.
struct NoProjection: Projection {
    func restore(from snapshot: [UInt8]?) -> Bool { true }
    func apply(_ block: Block) {}
    func snapshot() -> [UInt8] { [] }
}
