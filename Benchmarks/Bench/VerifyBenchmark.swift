import CryptoPrimitives
import KeyLedger
import KeyLedgerVerify
import Ledger
import LedgerStore

/// The second reader over a whole ledger, beside SHA-256 over the same bytes on the same cores.
enum VerifyBenchmark {
    static func run(_ arguments: [String]) async throws {
        let count = arguments.first.flatMap { Int($0) } ?? 1_000_000
        try await withTemporaryFolder { path in
            let folder = LedgerFolder(path: path + "/ledger")
            try await fill(folder, path + "/master.key", count)
            // The first run brings the file into memory.
            _ = try await Verification(of: folder.path)
            var samples = Samples()
            var verification = try await Verification(of: folder.path)
            for _ in 0..<3 { try await samples.measure { verification = try await Verification(of: folder.path) } }
            guard verification.isIntact else { throw BenchFailure(verification.text) }
            let events = Int(verification.eventCount)
            let best = samples.quantile(0)
            print("ledger      \(events) events, \(verification.byteCount / 1_000_000) MB of blocks")
            print("verified    in \(Samples.text(best)): \(rate(events, best)), \(best / UInt64(events)) ns an event")

            let bytes = [UInt8](repeating: 7, count: Int(verification.byteCount))
            for threads in [1, 2] {
                var bare = Samples()
                for _ in 0..<3 { await bare.measure { await hash(bytes, threads) } }
                let time = bare.quantile(0)
                print(
                    "SHA-256     over these bytes, \(threads) thread\(threads == 1 ? "" : "s"): \(Samples.text(time)); "
                        + "the verification reaches \(percent(Double(time), of: Double(best))) of that")
            }
        }
    }

    private static func hash(_ bytes: [UInt8], _ threads: Int) async {
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<threads {
                group.addTask {
                    let part = bytes.count / threads
                    _ = unsafe SHA256.hash(bytes.span.bytes.extracting(thread * part..<(thread + 1) * part))
                }
            }
        }
    }

    /// A ledger whose events are uses of a key, as the key store would have made them, with details nobody opens.
    private static func fill(_ folder: LedgerFolder, _ keyFile: String, _ count: Int) async throws {
        try MasterKey.create(file: keyFile)
        try KeyStore.create(
            folder.path, origin: "ledger.example/bench", created: "2026-01-01T00:00:00Z",
            masterKey: try MasterKey(readingFile: keyFile))
        let store = try await KeyStore.open(
            folder.path, masterKey: try MasterKey(readingFile: keyFile), options: .init(caller: Caller(actor: "bench")))
        let key = try await store.createTenant("bench").createSigningKey("bench")
        _ = try await key.sign([1])
        var samples: [UInt32: Transfer] = [:]
        try store.audit.log.forEachBlock(mapping: { $0 as any Error }) { block in
            for transfer in block.transfers { samples[transfer.userData32] = transfer }
            return true
        }
        try await store.close()
        guard var admit = samples[EventKind.admit.rawValue], var use = samples[EventKind.sign.rawValue] else {
            throw BenchFailure("the key store has signed")
        }
        let writer = try LedgerWriter(folder, projection: NoProjection())
        admit.id += 1 << 60
        admit.timestamp = 0
        admit.timeoutSeconds = 86400
        admit.flags = .pending
        _ = try await writer.submit([admit]).reply()
        use.timestamp = 0
        use.flags = []
        let sealed = [UInt8](repeating: 9, count: 180)
        let commitment = SHA256.hash(unsafe sealed.span.bytes)
        for start in stride(from: 0, to: count, by: Block.eventCountMax) {
            var batch: [Transfer] = []
            for _ in start..<min(start + Block.eventCountMax, count) {
                use.id += 1
                batch.append(use)
            }
            let details = batch.indices.map { EventDetails(index: $0, sealed: sealed, commitment: commitment) }
            _ = try await writer.submit(batch, details: details).reply()
        }
        try await writer.close()
    }
}
