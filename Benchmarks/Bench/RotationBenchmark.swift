import CryptoPrimitives
import KeyLedger
import Ledger
import LedgerStore
import Synchronization

/// How many keys a second a scheduled rotation gives new versions, beside what the ledger alone could take of the same
/// events, recorded in groups of as many callers.
enum RotationBenchmark {
    /// As many as the scheduler rotates at once.
    private static let callers = 64

    static func run(_ arguments: [String]) async throws {
        let count = arguments.first.flatMap { Int($0) } ?? 1000
        try await withTemporaryFolder { folder in
            let path = folder + "/ledger"
            try MasterKey.create(file: folder + "/master.key")
            let masterKey = { try MasterKey(readingFile: folder + "/master.key") }
            try KeyStore.create(
                path, origin: "bench/rotation", created: "2026-01-01T00:00:00Z", masterKey: try masterKey())
            var past = KeyStore.Options(caller: Caller(actor: "bench"))
            past.clock = { LedgerWriter.systemClock() - 100 * 86_400_000_000_000 }
            let old = try await KeyStore.open(path, masterKey: try masterKey(), options: past)
            var creating = Samples()
            try await creating.measure { try await create(count, in: old) }
            try await old.close()
            print("created \(count) tenants with a key each: \(rate(count, creating.total))")

            let store = try await KeyStore.open(
                path, masterKey: try masterKey(), options: KeyStore.Options(caller: Caller(actor: "bench")))
            var policy = RotationPolicy()
            policy.batchSize = count
            let scheduler = KeyRotationScheduler(store, policy: policy)
            var planning = Samples(), rotating = Samples()
            let plan = planning.measure { scheduler.plan }
            guard plan.tenants.count == count else { throw BenchFailure("\(plan.tenants.count) tenants are due") }
            let run = try await rotating.measure { try await scheduler.run() }
            guard run.rotated.count == count, run.failed.isEmpty else {
                throw BenchFailure(
                    "\(run.rotated.count) rotated, \(run.failed.count) failed: \(run.failed.first.map { "\($0.error)" } ?? "")"
                )
            }
            try await store.close()
            let limit = try await ledgerAlone(count, folder + "/alone")
            print("planned in \(Samples.text(planning.total))")
            print("rotated \(count) keys: \(rate(count, rotating.total))")
            print("the ledger alone, same events and callers: \(rate(count, limit))")
            print("rotation reaches \(percent(Double(limit), of: Double(rotating.total))) of that")
        }
    }

    private static func create(_ count: Int, in store: KeyStore) async throws {
        try await spread(count) { number in
            _ = try await store.createTenant("tenant-\(number)").createSigningKey("signing")
        }
    }

    /// Calls `body` with the numbers below `count`, from as many callers as rotate at once.
    private static func spread(_ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        let next = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<callers {
                group.addTask {
                    while let number = next.next(below: count) { try await body(number) }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Three accounts, then a chain of three transfers, for each key: nanoseconds for all.
    private static func ledgerAlone(_ count: Int, _ path: String) async throws -> UInt64 {
        let folder = LedgerFolder(path: path)
        try folder.create(origin: "bench/alone", created: "2026-01-01T00:00:00Z")
        let writer = try LedgerWriter(folder, projection: NoProjection())
        _ = try await writer.submit([Account(id: 1, ledger: 1, code: 8)]).reply()
        var samples = Samples()
        try await samples.measure {
            try await spread(count) { number in
                let base = UInt128(number + 1) << 8
                let accounts = (0..<3).map { Account(id: base + UInt128($0), ledger: 1, code: 8) }
                _ = try await writer.submit(accounts).reply()
                var transfers = (0..<3).map {
                    Transfer(
                        id: base + UInt128($0), debit: 1, credit: base + UInt128($0), amount: 1, ledger: 1, code: 8)
                }
                for index in 0..<2 { transfers[index].flags.insert(.linked) }
                _ = try await writer.submit(transfers).reply()
            }
        }
        try await writer.close()
        return samples.total
    }

    private final class Counter: Sendable {
        private let value = Mutex(0)

        func next(below end: Int) -> Int? {
            value.withLock { value in
                guard value < end else { return nil }
                defer { value += 1 }
                return value
            }
        }
    }

    private final class NoProjection: Projection {
        func restore(from snapshot: [UInt8]?) -> Bool { true }
        func apply(_ block: Block) {}
        func snapshot() -> [UInt8] { [] }
    }
}
