import CryptoPrimitives
import Foundation
import KeyLedger
import Ledger
import Testing

@testable import LedgerStore

/// Somebody who may write the ledger's files and knows how they are made: takes the log apart, changes it, and puts it
/// together again with every number, checksum and link right.
struct Attacker {
    let folder: LedgerFolder

    init(_ ledger: SampleLedger) { folder = LedgerFolder(path: ledger.path) }

    /// A block and the sealed details of its events, by their index in it.
    struct LoggedBlock {
        var block: Block
        var details: [UInt32: [UInt8]] = [:]
    }

    /// The log as it is.
    func log() throws -> [LoggedBlock] {
        let reader = try LedgerReader(folder)
        var log: [LoggedBlock] = []
        try reader.forEachBlock(mapping: { $0 as any Error }) { block in
            var logged = LoggedBlock(block: block)
            for commitment in block.commitments {
                logged.details[commitment.index] = try reader.sealedDetails(
                    of: block.firstSequence + UInt64(commitment.index))
            }
            log.append(logged)
            return true
        }
        return log
    }

    /// Changes the log. Events are numbered anew, blocks sealed and chained anew.
    func rewriteLog(_ body: (inout [LoggedBlock]) throws -> Void) throws {
        var log = try log()
        try body(&log)
        var previous: Block?
        for index in log.indices {
            log[index].block.firstSequence = previous?.nextSequence ?? 0
            log[index].block.seal(after: previous?.checksum ?? .zero)
            previous = log[index].block
        }
        try write(log)
    }

    /// Writes a log as it is given, whether or not it holds together.
    func write(_ log: [LoggedBlock]) throws {
        let environment = try Environment(path: folder.logPath, options: .init())
        defer { environment.close() }
        let table = try environment.table(nil)
        try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
            try transaction.clear(table)
            for logged in log {
                let block = logged.block
                try transaction.append(count: block.byteCount, at: Key(block.firstSequence), in: table) {
                    block.write(to: &$0)
                }
                let details = logged.details.sorted { $0.key < $1.key }.map { index, sealed in
                    SealedDetails(sequence: block.firstSequence + UInt64(index), bytes: sealed)
                }
                if details.isEmpty { continue }
                let bytes = SealedDetails.bytes(of: details, from: block.firstSequence)
                try transaction.put(
                    unsafe bytes.span.bytes, at: Key(block.firstSequence, Log.detailsMark), in: table)
            }
        }
    }

    /// Changes wrapped key material.
    func changeMaterial(_ body: (MaterialStore) throws -> Void) throws {
        let material = try MaterialStore(folder, isReadOnly: false)
        defer { material.close() }
        try body(material)
    }

    /// Changes bytes of a file.
    func changeFile(_ name: String, _ body: (inout [UInt8]) throws -> Void) throws {
        let file = URL(filePath: folder.path + "/" + name)
        var bytes = [UInt8](try Data(contentsOf: file))
        try body(&bytes)
        try Data(bytes).write(to: file)
    }

    /// Asks the real engine, past the key store: what somebody does who may call the code but not through the front door.
    func submit(_ body: @escaping @Sendable (LedgerWriter) async throws -> Void) async throws {
        let last = try LedgerReader(folder).lastBlock()?.timestamp ?? SampleLedger.start
        let writer = try LedgerWriter(folder, projection: NoProjection(), clock: { last + 1_000_000_000 })
        do {
            try await body(writer)
        } catch {
            try? await writer.close()
            throw error
        }
        try await writer.close()
        // Whoever did this leaves no state that contradicts it.
        try folder.removeState()
    }
}

private final class NoProjection: Projection {
    func restore(from snapshot: [UInt8]?) -> Bool { true }
    func apply(_ block: Block) {}
    func snapshot() -> [UInt8] { [] }
}

extension Array where Element == Attacker.LoggedBlock {
    /// The place of an event: its block's, and its own in the block.
    func place(
        of kind: EventKind, nth n: Int = 0, created: Bool = true
    ) throws -> (block: Int, index: Int) {
        var found: [(Int, Int)] = []
        for (place, logged) in enumerated() {
            for (index, transfer) in logged.block.transfers.enumerated()
            where transfer.userData32 == kind.rawValue && logged.block.operation == .createTransfers {
                let isRefused = logged.block.exceptions.contains { $0.index == UInt32(index) }
                if isRefused != created { found.append((place, index)) }
            }
        }
        try #require(n < found.count, "the sample has \(found.count) of \(kind)")
        return found[n]
    }

    func transfer(_ place: (block: Int, index: Int)) -> Transfer { self[place.block].block.transfers[place.index] }
}
