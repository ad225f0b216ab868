import Foundation
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Publishing the log as tiles")
struct TilePublisherTests {
    private let folder = NSTemporaryDirectory() + "/keyledger-tiles-" + UUID().uuidString

    private func files() throws -> [String: Data] {
        guard let names = FileManager.default.enumerator(atPath: folder) else { return [:] }
        var files: [String: Data] = [:]
        for case let name as String in names {
            let path = folder + "/" + name
            if (try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType) == .typeRegular {
                files[name] = try Data(contentsOf: URL(filePath: path))
            }
        }
        return files
    }

    /// Reads what was published as a third party would, with nothing but the files, and returns the entries.
    private func audit(_ policy: CheckpointPolicy) throws -> [[UInt8]] {
        let files = try files()
        func read(_ tile: Tile) throws -> [UInt8] {
            [UInt8](try #require(files[tile.path] ?? tile.full.flatMap { files[$0.path] }, "\(tile.path)"))
        }
        let head = try policy.verify([UInt8](try #require(files["checkpoint"]))).head
        let tree = try MerkleTree(size: head.size) { subtree in
            try subtree.hash(inTreeOf: head.size) { tile in try TileHashes(tile, parsing: try read(tile)) }
        }
        #expect(tree.head == head)
        var entries: [[UInt8]] = []
        for tile in Tile.tiles(to: head.size) {
            if tile.content == .entries {
                entries += try EntryBundle(tile, parsing: try read(tile)).entries
            } else {
                let published = try TileHashes(tile, parsing: try read(tile))
                let level = try #require(tile.subtrees.first).level
                // Every level again from the one below.
                if level > 0 {
                    for (subtree, hash) in zip(tile.subtrees, published.hashes) {
                        let below = try #require(Tile(.hashes(level: level / 8 - 1), index: subtree.index))
                        #expect(TileLevel.root(of: try TileHashes(below, parsing: try read(below)).hashes) == hash)
                    }
                }
            }
        }
        var recomputed = MerkleTree()
        for entry in entries { recomputed.append(MerkleHash.leaf(unsafe entry.span.bytes)) }
        #expect(recomputed.head == head)
        return entries
    }

    @Test func anyoneCanReadAndVerifyWhatIsPublished() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try await ledgerWithCheckpoints(3, uses: 150)
        defer { withExtendedLifetime(ledger) {} }
        let prover = try Prover(LedgerReader(ledger.folder))
        let policy = try CheckpointPolicy(origin: prover.origin, logKeys: try prover.checkpoints.verifierKeys())
        var previous: TreeSize = 0
        for size in try prover.checkpoints.sizes() {
            let result = try TilePublisher(prover, folder: folder).publish(size)
            #expect(result.size == size)
            #expect(result.previousSize == previous)
            let entries = try audit(policy)
            #expect(entries.count == Int(size.leafCount))
            #expect(EventEntry(entries[17]) == (try prover.entry(of: 17)))
            previous = size
            let partial = try files().keys.filter { $0.contains(".p/") }
            #expect(partial.count == Tile.rightEdge(of: size).count, "only the right edge is partial")
        }
    }

    @Test func publishingAgainWritesNothing() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try await ledgerWithCheckpoints(1)
        defer { withExtendedLifetime(ledger) {} }
        let prover = try Prover(LedgerReader(ledger.folder))
        let first = try TilePublisher(prover, folder: folder).publish()
        #expect(first.writtenCount == 2)
        let files = try files()
        #expect(try TilePublisher(prover, folder: folder).publish().writtenCount == 0)
        #expect(try self.files() == files)
    }

    /// Stopped before the checkpoint: some tiles are there, one of them half written under its other name, one wrong.
    @Test func itGoesOnWhereItWasStopped() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try await ledgerWithCheckpoints(2, uses: 150)
        defer { withExtendedLifetime(ledger) {} }
        let prover = try Prover(LedgerReader(ledger.folder))
        _ = try TilePublisher(prover, folder: folder).publish()
        let complete = try files()
        for name in complete.keys.sorted().prefix(2) + ["checkpoint"] {
            try? FileManager.default.removeItem(atPath: folder + "/" + name)
        }
        let last = try #require(complete.keys.sorted().last)
        try Data("half".utf8).write(to: URL(filePath: folder + "/" + last))
        try Data("half".utf8).write(to: URL(filePath: folder + "/" + last + ".new"))
        _ = try TilePublisher(prover, folder: folder).publish()
        #expect(try files() == complete)
    }

    @Test func anotherHistoryIsNotContinued() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (ledger, other) = (try await ledgerWithCheckpoints(1), try await ledgerWithCheckpoints(2))
        defer { withExtendedLifetime((ledger, other)) {} }
        let prover = try Prover(LedgerReader(ledger.folder))
        let foreign = try Prover(LedgerReader(other.folder))
        let size = try TilePublisher(prover, folder: folder).publish().size
        await expect(.fork(place: folder, size: size)) {
            try TilePublisher(foreign, folder: folder).publish()
        }
        let longer = folder + "-longer"
        defer { try? FileManager.default.removeItem(atPath: longer) }
        let longerSize = try TilePublisher(foreign, folder: longer).publish().size
        await expect(.logBehindCheckpoint(eventCount: size.leafCount, size: longerSize)) {
            try TilePublisher(prover, folder: longer).publish()
        }
    }

    @Test func decayedHashesAreNotPublished() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try await ledgerWithCheckpoints(3, uses: 200)
        defer { withExtendedLifetime(ledger) {} }
        let path = ledger.folder.treePath + "/0"
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[37 * 32] ^= 1
        try bytes.write(to: URL(filePath: path))
        let prover = try Prover(LedgerReader(ledger.folder), isReadOnly: true)
        do throws(ProofError) {
            _ = try TilePublisher(prover, folder: folder).publish()
            let keys = try prover.checkpoints.verifierKeys()
            _ = try ProofError.test { try audit(CheckpointPolicy(origin: prover.origin, logKeys: keys)) }
        } catch .damaged(let damaged, _) {
            #expect(damaged == "tile/0/000")
            #expect(try files()["checkpoint"] == nil)
        } catch {
            Issue.record("\(error)")
        }
    }
}
