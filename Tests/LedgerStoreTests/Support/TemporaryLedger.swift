import CryptoPrimitives
import Foundation
import Ledger
import Synchronization

@testable import LedgerStore

/// A new ledger in a folder of its own that goes away with this object.
final class TemporaryLedger: Sendable {
    let folder: LedgerFolder
    private let parent: String

    /// Where memory serves as a disk a commit costs microseconds; these tests make many.
    static let memoryDisk = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()

    init(in place: String = memoryDisk) throws {
        parent = place + "/ledger-store-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        folder = LedgerFolder(path: parent + "/ledger")
        try folder.create(origin: "ledger.example/test", created: "2026-01-01T00:00:00Z")
    }

    deinit { try? FileManager.default.removeItem(atPath: parent) }

    /// Opens the engine as a writer would, but without its thread: the test says when and what.
    func openEngine(
        projection: any Projection = NoProjection(), flushCount: Int = Engine.flushCountDefault
    ) throws(StoreError) -> Engine {
        let mapSize = 1 << 16  // Small, so that growing is the rule.
        let log = try Log(path: folder.logPath, isReadOnly: false, mapSize: mapSize)
        var tuning = LedgerWriter.Tuning()
        tuning.flushCount = flushCount
        return try Engine.open(folder, log: log, projection: projection, tuning: tuning)
    }

    func openWriter(
        projection: any Projection = NoProjection(), flushCount: Int = 64, mapSize: Int = 1 << 16,
        queuedEventCountMax: Int = LedgerWriter.queuedEventCountMax,
        clock: @escaping LedgerWriter.WallClock = LedgerWriter.systemClock
    ) throws(StoreError) -> LedgerWriter {
        var tuning = LedgerWriter.Tuning()
        tuning.flushCount = flushCount
        tuning.mapSize = mapSize
        tuning.queuedEventCountMax = queuedEventCountMax
        return try LedgerWriter(folder, projection: projection, tuning: tuning, clock: clock)
    }

    /// Two accounts, then `blockCount` blocks of `blockSize` transfers with the ids 1, 2, 3 and so on; closed afterwards.
    /// Block 0 holds events 0 and 1, block *n* starts at 2 + (n − 1) × `blockSize`.
    func fill(
        blockCount: Int, blockSize: Int, projection: any Projection = DigestProjection()
    ) throws(StoreError) {
        var engine = try openEngine(projection: projection)
        _ = try engine.decide(Self.accounts, details: [], now: 1_000)
        try engine.commit()
        for block in 0..<blockCount {
            let ids = (block * blockSize + 1)...((block + 1) * blockSize)
            _ = try engine.decide(ids.map { Self.transfer(UInt128($0)) }, details: [], now: 1_000)
            try engine.commit()
        }
        try engine.flush()
        engine.close()
    }

    static let accounts = [Account(id: 1, ledger: 1, code: 8), Account(id: 2, ledger: 1, code: 8)]

    static func transfer(
        _ id: UInt128, amount: UInt128 = 1, flags: Transfer.Flags = [], timeoutSeconds: UInt32 = 0
    ) -> Transfer {
        Transfer(
            id: id, debit: 1, credit: 2, amount: amount, ledger: 1, code: 8, flags: flags,
            timeoutSeconds: timeoutSeconds)
    }
}

/// All blocks of a ledger, read by a reader of its own or by the given one.
func blocks(of folder: LedgerFolder, with reader: LedgerReader? = nil) throws -> [Block] {
    let reader = try reader ?? LedgerReader(folder)
    var blocks: [Block] = []
    try reader.forEachBlock(mapping: { $0 }) { (block: Block) throws(StoreError) in
        blocks.append(block)
        return true
    }
    return blocks
}

extension Engine {
    /// Everything the engine holds, in one number.
    var contentDigest: SHA256Digest { LedgerStoreTests.contentDigest(accounts, openTransfers) }
}

func contentDigest(_ accounts: [Account], _ openTransfers: [Transfer]) -> SHA256Digest {
    var hash = SHA256()
    hash.update(unsafe accounts.span.bytes)
    hash.update(unsafe openTransfers.span.bytes)
    return hash.finalize()
}

/// Whether the transfer with each id was created, and stands where its caller was told that it does.
func acknowledgedEventsAreThere(_ sequences: [UInt128: UInt64], in blocks: [Block]) -> Bool {
    var found: [UInt128: UInt64] = [:]
    for block in blocks {
        block.forEachEvent { event in
            if case .transfer(let transfer, .created) = event.record { found[transfer.id] = event.sequence }
        }
    }
    return sequences.allSatisfy { found[$0.key] == $0.value }
}
