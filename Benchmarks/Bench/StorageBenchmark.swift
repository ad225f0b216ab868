import CLogBaseline
import LedgerStore

/// What the choices of the log cost: values, flags, and how much is collected before a flush.
enum StorageBenchmark {
    static func run(_ arguments: [String]) async throws {
        let records = EngineBenchmark.batchCount
        let commits = 200
        func show(_ name: String, _ samples: Samples) {
            print(
                name + String(repeating: " ", count: 34 - name.count)
                    + "\(rate(records * commits, samples.total)) records, commit \(samples.latencies)")
        }
        print("C loop, \(records) records a commit\n")
        show("one value a block", try await EngineBenchmark.baseline(records: records, batches: commits))
        show(
            "one value an event",
            try await EngineBenchmark.baseline(records: records, batches: commits, isOneValue: false))
        for (name, flags) in [
            ("with MDB_WRITEMAP", log_baseline_writemap),
            ("with MDB_NOMETASYNC (may lose one)", log_baseline_nometasync),
            ("with MDB_NOSYNC (not durable)", log_baseline_nosync),
        ] {
            show(name, try await EngineBenchmark.baseline(records: records, batches: commits, flags: flags))
        }
        print("\nC loop, 1 record a commit\n")
        for (name, flags) in [("default flags", 0), ("with MDB_WRITEMAP", log_baseline_writemap)] {
            let samples = try await EngineBenchmark.baseline(records: 1, batches: 500, flags: flags)
            print(
                name + String(repeating: " ", count: 34 - name.count)
                    + "\(rate(500, samples.total)) commits, \(samples.latencies)")
        }
        print("\nengine, 2,000,000 transfers, events collected before a flush\n")
        for isOrdered in [true, false] {
            for flushCount in [1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19] {
                try await engine(flushCount, isOrdered: isOrdered)
            }
        }
    }

    private static func engine(_ flushCount: Int, isOrdered: Bool) async throws {
        try await withTemporaryFolder { path in
            let folder = LedgerFolder(path: path + "/ledger")
            try folder.create(origin: "bench", created: "2026-01-01T00:00:00Z")
            var tuning = LedgerWriter.Tuning()
            tuning.flushCount = flushCount
            let writer = try await EngineBenchmark.openWithAccounts(folder, tuning)
            var workload = Workload(isOrdered: isOrdered)
            var samples = Samples()
            var memory = 0
            var sent = 0
            while sent < 2_000_000 {
                let batch = workload.batch(EngineBenchmark.batchCount)
                _ = try await samples.measure { try await writer.create(batch) }
                sent += batch.count
                memory = max(memory, anonymousMemory())
            }
            try await writer.close()
            print(
                "\(flushCount), \(isOrdered ? "ascending" : "random") ids: \(rate(sent, samples.total)), batch \(samples.latencies), \(memory >> 20) MB"
            )
        }
    }
}
