import CryptoPrimitives
import KeyLedger
import Ledger
import LedgerStore
import Transparency

/// What the Merkle tree costs the engine, and how fast proofs are.
enum ProofBenchmark {
    static func run(_ arguments: [String]) async throws {
        let count = arguments.first.flatMap { Int($0) } ?? 10_000_000
        measureHashes()
        try await measureCost(min(2 * count, 4_000_000))
        try await measureProofs(count)
    }

    private static func show(_ name: String, _ text: String) {
        print(name + String(repeating: " ", count: max(1, 26 - name.count)) + text)
    }

    private static func measureHashes() {
        let count = 200_000
        var leaf = [UInt8](repeating: 7, count: EventEntry.byteCount)
        var digest = SHA256Digest.zero
        let leaves = Samples().measuring {
            for index in 0..<count {
                leaf[0] = UInt8(truncatingIfNeeded: index)
                digest = MerkleHash.leaf(unsafe leaf.span.bytes)
            }
        }
        let nodes = Samples().measuring { for _ in 0..<count { digest = MerkleHash.node(digest, digest) } }
        show("SHA-256", "leaf \(leaves / UInt64(count)) ns, node \(nodes / UInt64(count)) ns")
    }

    /// The engine alone and with the tree, in turns: whatever else the machine does meets both.
    private static func measureCost(_ count: Int) async throws {
        let rounds = 10
        var alone = Samples()
        var followed = Samples()
        var catching = Samples()
        for _ in 0..<rounds {
            alone.add(Samples([try await engine(count / rounds, isFollowed: false, &catching)]))
            followed.add(Samples([try await engine(count / rounds, isFollowed: true, &catching)]))
        }
        let total = count / rounds * rounds
        show("engine alone", "\(rate(total, alone.total)) durable")
        show(
            "with the tree",
            "\(rate(total, followed.total)) durable, \(percent(Double(alone.total), of: Double(followed.total))) "
                + "of the engine alone")
        show("", "the tree is complete \(Samples.text(catching.total / UInt64(rounds))) after the last event")
    }

    private static func engine(_ count: Int, isFollowed: Bool, _ catching: inout Samples) async throws -> UInt64 {
        try await withTemporaryFolder { path in
            let folder = LedgerFolder(path: path + "/ledger")
            try folder.create(origin: "bench", created: "2026-01-01T00:00:00Z")
            let feed = TreeFeed()
            let projection: any Projection = isFollowed ? FedProjection(NoProjection(), feed) : NoProjection()
            let writer = try await EngineBenchmark.openWithAccounts(folder, projection: projection)
            let tree = isFollowed ? try EventTree(writer.reader, feed: feed) : nil
            var workload = Workload(isOrdered: true)
            var samples = Samples()
            for start in stride(from: 0, to: count, by: EngineBenchmark.batchCount) {
                let batch = workload.batch(min(EngineBenchmark.batchCount, count - start))
                _ = try await samples.measure { try await writer.submit(batch).reply() }
            }
            if let tree, let size = TreeSize(try writer.reader.eventCount()) {
                try catching.measure { _ = try tree.head(at: size) }
                try tree.close()
            }
            try await writer.close()
            return samples.total
        }
    }

    private static func measureProofs(_ count: Int) async throws {
        try await withTemporaryFolder { path in
            let folder = LedgerFolder(path: path + "/ledger")
            try folder.create(origin: "bench", created: "2026-01-01T00:00:00Z")
            let feed = TreeFeed()
            let writer = try await EngineBenchmark.openWithAccounts(
                folder, projection: FedProjection(NoProjection(), feed))
            var workload = Workload(isOrdered: true)
            let tree = try EventTree(writer.reader, feed: feed)
            for start in stride(from: 0, to: count, by: EngineBenchmark.batchCount) {
                _ = try await writer.submit(workload.batch(min(EngineBenchmark.batchCount, count - start))).reply()
            }
            guard let size = TreeSize(try writer.reader.eventCount()) else { throw BenchFailure("too many events") }
            let head = try tree.head(at: size)
            try tree.close()

            let opened = try Samples().measuring { _ = try EventTree(writer.reader, isReadOnly: true).head(at: size) }
            let reopened = try EventTree(writer.reader, isReadOnly: true)
            show("\(size) events", "tree opened in \(Samples.text(opened))")

            var random = Random(state: 7)
            var inclusion = Samples()
            for _ in 0..<2000 {
                let index = LeafIndex(random.next() % size.leafCount)
                let proof = try inclusion.measure {
                    try InclusionProof(
                        index: index, size: size,
                        hashes: reopened.hashes(of: ProofNodes(inclusionOf: index, in: size), in: size))
                }
                guard let block = try writer.reader.block(containing: index.position) else {
                    throw BenchFailure("an event is missing")
                }
                var leaves: [SHA256Digest] = []
                block.forEachEntry { leaves.append(MerkleHash.leaf($0)) }
                try proof.verify(leafHash: leaves[Int(index.position - block.firstSequence)], root: head.root)
            }
            show("inclusion proof", inclusion.latencies)
            var consistency = Samples()
            for _ in 0..<2000 {
                guard let first = TreeSize(random.next() % size.leafCount + 1) else { continue }
                let proof = try consistency.measure {
                    try ConsistencyProof(
                        first: first, second: size,
                        hashes: reopened.hashes(of: ProofNodes(consistencyFrom: first, to: size), in: size))
                }
                try proof.verify(firstRoot: try reopened.head(at: first).root, secondRoot: head.root)
            }
            show("consistency proof", consistency.latencies)
            try await writer.close()
        }
    }
}
