import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

/// A ledger of plain transfers, to reach many events quickly.
private final class TransferLedger: Sendable {
    let folder: LedgerFolder
    private let parent: String

    init(accountCount: Int = 2) async throws {
        let disk = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        parent = disk + "/keyledger-tree-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        folder = LedgerFolder(path: parent + "/ledger")
        try folder.create(origin: "ledger.example/test", created: "2026-01-01T00:00:00Z")
    }

    deinit { try? FileManager.default.removeItem(atPath: parent) }

    struct NoProjection: Projection {
        func restore(from snapshot: [UInt8]?) -> Bool { true }
        func apply(_ block: Block) {}
        func snapshot() -> [UInt8] { [] }
    }

    /// Adds events in batches; every tenth is refused.
    func append(_ batches: [Int], feed: TreeFeed? = nil, _ body: (LedgerWriter) async throws -> Void = { _ in })
        async throws
    {
        let projection: any Projection = feed.map { FedProjection(NoProjection(), $0) } ?? NoProjection()
        let writer = try LedgerWriter(folder, projection: projection)
        let accounts = [Account(id: 1, ledger: 1, code: 8), Account(id: 2, ledger: 1, code: 8)]
        _ = try await writer.submit(accounts).reply()
        var next = UInt128(try writer.reader.eventCount()) * 10
        for count in batches {
            let transfers = (0..<count).map { index in
                next += 1
                return Transfer(
                    id: next, debit: 1, credit: index % 10 == 9 ? 3 : 2, amount: 1, ledger: 1, code: 8)
            }
            _ = try await writer.submit(transfers).reply()
        }
        try await body(writer)
        try await writer.close()
    }

    /// The tree as it ought to be, entry by entry, and all its subtrees.
    func expected(_ reader: LedgerReader) throws -> MerkleTree {
        var tree = MerkleTree()
        try reader.forEachBlock(mapping: { $0 as any Error }) { block in
            for index in 0..<block.count {
                let entry = block.entry(at: index)
                tree.append(MerkleHash.leaf(unsafe entry.span.bytes))
            }
            return true
        }
        return tree
    }

    func treeFile(_ name: String) -> String { folder.treePath + "/" + name }

    func change(_ name: String, at offset: Int) throws {
        var data = try Data(contentsOf: URL(filePath: treeFile(name)))
        data[offset] ^= 1
        try data.write(to: URL(filePath: treeFile(name)))
    }
}

@Suite("The tree follows the log")
struct EventTreeTests {
    private func size(_ reader: LedgerReader) throws -> TreeSize {
        try #require(TreeSize(try reader.eventCount()))
    }

    /// Across the borders of tiles of both lower levels, with blocks that do not end there.
    @Test func itHasTheHeadOfEveryEventThereIs() async throws {
        let ledger = try await TransferLedger()
        for batches in [[1, 1, 1], [250], [3, 255, 257], [8189, 8189, 100]] {
            try await ledger.append(batches)
            let reader = try LedgerReader(ledger.folder)
            let tree = try EventTree(reader)
            #expect(try tree.head(at: try size(reader)) == (try ledger.expected(reader).head))
            try tree.close()
        }
    }

    @Test func anEmptyLogHasTheEmptyTree() async throws {
        let ledger = try await TransferLedger()
        let reader = try LedgerReader(ledger.folder)
        let tree = try EventTree(reader)
        #expect(try tree.head(at: 0) == .empty)
        try tree.close()
        #expect(try EventTree(reader).size == 0)
    }

    @Test func itRemembersEveryHeadItHad() async throws {
        let ledger = try await TransferLedger()
        try await ledger.append([700])
        let reader = try LedgerReader(ledger.folder)
        let tree = try EventTree(reader)
        var expected = MerkleTree()
        let end = try size(reader)
        _ = try tree.head(at: end)
        for sequence in 0..<end.leafCount {
            let block = try #require(try reader.block(containing: sequence))
            let entry = block.entry(at: Int(sequence - block.firstSequence))
            expected.append(MerkleHash.leaf(unsafe entry.span.bytes))
            #expect(try tree.head(at: expected.size) == expected.head)
        }
    }

    @Test func openingItReadsNothingOfTheLogAgain() async throws {
        let ledger = try await TransferLedger()
        try await ledger.append([3000])
        let reader = try LedgerReader(ledger.folder)
        let end = try size(reader)
        let tree = try EventTree(reader)
        #expect(tree.size == 0)
        let head = try tree.head(at: end)
        try tree.close()
        let reopened = try EventTree(reader, isReadOnly: true)
        #expect(reopened.size == end, "as far as it was, before anybody asks")
        #expect(try reopened.head(at: end) == head)
    }

    @Test func aFollowerKeepsItUp() async throws {
        let ledger = try await TransferLedger()
        let feed = TreeFeed()
        try await ledger.append([], feed: feed) { writer in
            let tree = try EventTree(writer.reader, feed: feed)
            for round in 0..<20 {
                let transfers = (0..<1000).map {
                    Transfer(id: UInt128(round * 1000 + $0 + 1), debit: 1, credit: 2, amount: 1, ledger: 1, code: 8)
                }
                _ = try await writer.submit(transfers).reply()
            }
            #expect(try await eventually { tree.size == (try size(writer.reader)) }, "nobody asked")
            #expect(try tree.head(at: try size(writer.reader)) == (try ledger.expected(writer.reader).head))
            try tree.close()
        }
        let reader = try LedgerReader(ledger.folder)
        #expect(try EventTree(reader).size == (try size(reader)))
    }

    /// More blocks than the feed holds: the tree finds the gap and reads the log.
    @Test func whatTheFeedLosesIsReadFromTheLog() async throws {
        let ledger = try await TransferLedger()
        let feed = TreeFeed()
        try await ledger.append(Array(repeating: 8000, count: 20), feed: feed) { writer in
            let tree = try EventTree(writer.reader, feed: feed)
            #expect(try tree.head(at: try size(writer.reader)) == (try ledger.expected(writer.reader).head))
            try tree.close()
        }
    }

    @Test(arguments: ["head", "0", "1"])
    func whatIsMissingIsBuiltAgain(name: String) async throws {
        let ledger = try await TransferLedger()
        try await ledger.append([2000])
        let reader = try LedgerReader(ledger.folder)
        let end = try size(reader)
        let first = try EventTree(reader)
        let head = try first.head(at: end)
        try first.close()
        try FileManager.default.removeItem(atPath: ledger.treeFile(name))
        let tree = try EventTree(reader)
        #expect(tree.size == 0)
        #expect(try tree.head(at: end) == head)
    }

    @Test(arguments: [("head", 8), ("head", 0), ("head", 20), ("0", 2000 * 32), ("1", 6 * 32)])
    func aDamagedEndIsFoundAtOpening(name: String, offset: Int) async throws {
        let ledger = try await TransferLedger()
        try await ledger.append([2000])
        let reader = try LedgerReader(ledger.folder)
        let end = try size(reader)
        let first = try EventTree(reader)
        let head = try first.head(at: end)
        try first.close()
        try ledger.change(name, at: offset)
        let tree = try EventTree(reader)
        #expect(tree.size == 0, "built again")
        #expect(try tree.head(at: end) == head)
    }

    /// What a crash left behind the durable head is written again.
    @Test func whatIsBehindTheHeadDoesNotCount() async throws {
        let ledger = try await TransferLedger()
        try await ledger.append([1000])
        try build(ledger)
        for level in ["0", "1"] {
            let file = try FileHandle(forWritingTo: URL(filePath: ledger.treeFile(level)))
            try file.seekToEnd()
            try file.write(contentsOf: Data(repeating: 0xAB, count: 777))
            try file.close()
        }
        try await ledger.append([1000])
        let later = try LedgerReader(ledger.folder)
        let tree = try EventTree(later)
        #expect(tree.size > 0)
        #expect(try tree.head(at: try size(later)) == (try ledger.expected(later).head))
        try tree.close()
        #expect(try EventTree(later).size == (try size(later)))
    }

    /// Brings a ledger's tree up to its log, and lets go of both.
    private func build(_ ledger: TransferLedger) throws {
        let reader = try LedgerReader(ledger.folder)
        let tree = try EventTree(reader)
        _ = try tree.head(at: try size(reader))
        try tree.close()
    }

    @Test func theTreeOfAnotherLogIsNotBelieved() async throws {
        let (ledger, other) = (try await TransferLedger(), try await TransferLedger())
        try await ledger.append([100])
        try await other.append([90])
        try build(other)
        try FileManager.default.copyItem(atPath: other.folder.treePath, toPath: ledger.folder.treePath)
        let reader = try LedgerReader(ledger.folder)
        let tree = try EventTree(reader)
        #expect(tree.size == 0)
        #expect(try tree.head(at: try size(reader)) == (try ledger.expected(reader).head))
    }

    @Test func oneWritesAndTheOthersOnlyRead() async throws {
        let ledger = try await TransferLedger()
        try await ledger.append([600])
        let reader = try LedgerReader(ledger.folder)
        let writing = try EventTree(reader)
        let reading = try EventTree(reader)
        let end = try size(reader)
        #expect(try reading.head(at: end) == (try writing.head(at: end)))
        try reading.close()
        #expect(try EventTree(reader, isReadOnly: true).size == 0, "the one who may write has not written yet")
        try writing.close()
        #expect(try EventTree(reader, isReadOnly: true).size == end)
    }

    @Test func beyondTheLogIsAnError() async throws {
        let ledger = try await TransferLedger()
        try await ledger.append([5])
        let tree = try EventTree(LedgerReader(ledger.folder))
        #expect(throws: StoreError.self) { try tree.head(at: 100) }
        #expect(throws: Never.self) { try tree.head(at: 7) }
    }
}
