import CryptoPrimitives
import Glibc
import LedgerStore

/// What it costs to store, find and really erase wrapped keys among 100,000, beside writing the whole file anew, which is
/// what erasing by a compacting copy would cost.
enum MaterialBenchmark {
    static func run(_ arguments: [String]) async throws {
        let count = arguments.first.flatMap(Int.init) ?? 100_000
        try await withTemporaryFolder { path in
            let folder = LedgerFolder(path: path + "/ledger")
            try folder.create(origin: "bench", created: "2026-01-01T00:00:00Z")
            let store = try MaterialStore(folder, isReadOnly: false)
            let blob = try SecureRandom.bytes(count: 95)
            func name(_ number: Int) -> MaterialStore.Name { .init(owner: UInt128(number), version: 1, kind: 4) }
            for start in stride(from: 0, to: count, by: 1000) {
                let batch = (start..<min(start + 1000, count)).map { (name($0), blob) }
                try store.put(batch, eventCount: UInt64(start))
            }
            var puts = Samples()
            for number in 0..<200 {
                try puts.measure { try store.put([(name(count + number), blob)], eventCount: UInt64(count)) }
            }
            print("\(count) blobs of \(blob.count) bytes\n")
            print("put one                 \(puts.latencies)")
            var reads = Samples()
            for number in 0..<10_000 { try reads.measure { _ = try store.blob(name(number * 7 % count)) } }
            print("read one                \(reads.latencies)")
            var single = Samples()
            for number in 0..<200 { try single.measure { try store.erase([name(number)]) } }
            print("erase one               \(single.latencies)")
            var many = Samples()
            for number in 0..<20 {
                let names = (0..<100).map { name(1000 + number * 100 + $0) }
                try many.measure { try store.erase(names) }
            }
            print("erase 100 at once       \(many.latencies)")
            store.close()
            var openings = Samples()
            for _ in 0..<5 { try openings.measure { try MaterialStore(folder, isReadOnly: false).close() } }
            print("open                    \(openings.latencies)")
            let file = path + "/ledger/material/blobs"
            var rewrites = Samples()
            for _ in 0..<5 { try rewrites.measure { try rewrite(file, to: path + "/copy") } }
            print("write the file anew     \(rewrites.latencies)")
        }
    }

    /// Copies a file and makes the copy durable.
    private static func rewrite(_ path: String, to copy: String) throws {
        let (source, target) = unsafe (open(path, O_RDONLY), open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0o600))
        defer {
            close(source)
            close(target)
        }
        guard source >= 0, target >= 0 else { throw BenchFailure("the file cannot be copied") }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let got = unsafe read(source, &buffer, buffer.count)
            if got == 0 { break }
            guard got > 0, unsafe write(target, buffer, got) == got else { throw BenchFailure("a write failed") }
        }
        guard fdatasync(target) == 0 else { throw BenchFailure("a flush failed") }
    }
}
