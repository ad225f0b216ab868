import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

/// A ledger with several checkpoints, and some events behind the last one.
func ledgerWithCheckpoints(_ count: Int = 3, uses: Int = 20) async throws -> TestLedger {
    let ledger = try TestLedger()
    try await ledger.withStore { store in
        let tenant = try await store.createTenant("acme")
        let key = try await tenant.createSigningKey("claims")
        let globex = try await store.createTenant("globex").createSigningKey("orders")
        for _ in 0..<count {
            for index in 0..<uses { _ = try await (index % 3 == 0 ? globex : key).sign([UInt8(index)]) }
            try await store.checkpoint()
        }
        _ = try await key.sign([0])
    }
    return ledger
}

@Suite("Proofs")
struct ProverTests {
    private func prover(_ ledger: TestLedger) throws -> Prover { try Prover(LedgerReader(ledger.folder)) }

    private func policy(_ prover: Prover) throws -> CheckpointPolicy {
        try CheckpointPolicy(origin: prover.origin, logKeys: try prover.checkpoints.verifierKeys())
    }

    @Test func everyEventIsProvedInEveryCheckpointThatHasIt() async throws {
        let ledger = try await ledgerWithCheckpoints()
        defer { withExtendedLifetime(ledger) {} }
        let prover = try prover(ledger)
        let policy = try policy(prover)
        for size in try prover.checkpoints.sizes() {
            for event in 0..<size.leafCount {
                let file = try prover.inclusion(of: event, in: size).serialized()
                let proof = try TlogProof(parsing: file)
                #expect(proof.index.position == event)
                let entry = try #require(proof.extra.flatMap(EventEntry.init))
                #expect(entry == (try prover.entry(of: event)))
                #expect(try proof.verify(leafHash: entry.leafHash, policy: policy).head.size == size)
            }
        }
    }

    @Test func anyTwoCheckpointsAreConsistent() async throws {
        let ledger = try await ledgerWithCheckpoints(4)
        defer { withExtendedLifetime(ledger) {} }
        let prover = try prover(ledger)
        let sizes = try prover.checkpoints.sizes()
        for (place, first) in sizes.enumerated() {
            for second in sizes[place...] {
                let (old, new) = (try prover.checkpoint(of: first).head, try prover.checkpoint(of: second).head)
                let request = try prover.consistency(from: old, to: second)
                #expect(try AddCheckpointRequest(parsing: request.serialized()) == request)
                try ConsistencyProof(first: first, second: second, hashes: request.proof)
                    .verify(firstRoot: old.root, secondRoot: new.root)
            }
        }
    }

    @Test func whatCannotBeProvedIsSaid() async throws {
        let empty = try TestLedger()
        try await empty.withStore { _ in }
        await expect(.noCheckpoint) {
            try self.prover(empty).inclusion(of: 0)
        }
        let ledger = try await ledgerWithCheckpoints()
        defer { withExtendedLifetime(ledger) {} }
        let prover = try prover(ledger)
        let count = try prover.log.eventCount()
        let last = try #require(try prover.checkpoints.sizes().last)
        await expect(.unknownEvent(String(count), eventCount: count)) {
            try prover.inclusion(of: count)
        }
        await expect(.beyondCheckpoint(event: last.leafCount, size: last)) {
            try prover.inclusion(of: last.leafCount)
        }
        await expect(.unknownCheckpoint(size: 7)) { try prover.inclusion(of: 0, in: 7) }
        await expect(.unknownEvent(EventID(12345).description, eventCount: count)) {
            try prover.number(of: EventID(12345))
        }
    }

    @Test func anEventIsFoundByItsID() async throws {
        let ledger = try await ledgerWithCheckpoints(1)
        defer { withExtendedLifetime(ledger) {} }
        let prover = try prover(ledger)
        let sequence = try prover.log.eventCount() - 3
        let block = try #require(try prover.log.block(containing: sequence))
        let transfer = block.transfers[Int(sequence - block.firstSequence)]
        #expect(try prover.number(of: EventID(transfer.id)) == sequence)
    }

    /// A checkpoint that somebody holds, and that is not of this history.
    @Test func aForeignCheckpointIsNoBeginning() async throws {
        let ledger = try await ledgerWithCheckpoints()
        defer { withExtendedLifetime(ledger) {} }
        let prover = try prover(ledger)
        let size = try #require(try prover.checkpoints.sizes().first)
        await expect(.historyChanged(size: size)) {
            try prover.consistency(from: TreeHead(size: size, root: .zero))
        }
    }

    /// A hash that decayed on disk in the middle of the tree, where opening does not look.
    @Test func decayedHashesAreComputedAgain() async throws {
        let ledger = try await ledgerWithCheckpoints(3, uses: 200)
        defer { withExtendedLifetime(ledger) {} }
        let path = ledger.folder.treePath + "/0"
        var bytes = try Data(contentsOf: URL(filePath: path))
        let place = 37
        bytes[place * 32] ^= 1
        try bytes.write(to: URL(filePath: path))
        let prover = try prover(ledger)
        let policy = try policy(prover)
        for event in [0, 36, 37, 300] as [UInt64] {
            let proof = try prover.inclusion(of: event)
            let entry = try #require(proof.extra.flatMap(EventEntry.init))
            #expect(throws: Never.self) { try proof.verify(leafHash: entry.leafHash, policy: policy) }
        }
        try prover.close()
        #expect(try Data(contentsOf: URL(filePath: path))[place * 32] == bytes[place * 32] ^ 1, "and on disk")
    }

    @Test func aCheckpointThatWasChangedIsFound() async throws {
        let ledger = try await ledgerWithCheckpoints()
        defer { withExtendedLifetime(ledger) {} }
        let folder = CheckpointFolder(ledger.folder)
        let size = try #require(try folder.sizes().last)
        let original = try Data(contentsOf: URL(filePath: folder.notePath(of: size)))
        let prover = try prover(ledger)
        for place in original.indices {
            var changed = original
            changed[place] ^= 0x04
            try changed.write(to: URL(filePath: folder.notePath(of: size)))
            do throws(ProofError) {
                _ = try prover.checkpoint(of: size)
                Issue.record("byte \(place)")
            } catch {
                switch error {
                case .damaged, .checkpoint, .unknownCheckpoint: break
                default: Issue.record("byte \(place): \(error)")
                }
            }
        }
    }

    @Test func aTruncatedProofIsNoProof() async throws {
        let ledger = try await ledgerWithCheckpoints(1)
        defer { withExtendedLifetime(ledger) {} }
        let prover = try prover(ledger)
        let file = try prover.inclusion(of: 3).serialized()
        let policy = try policy(prover)
        let entry = try prover.entry(of: 3)
        for count in 0..<file.count {
            #expect(throws: (any Error).self) {
                _ = try TlogProof(parsing: Array(file[..<count])).verify(leafHash: entry.leafHash, policy: policy)
            }
        }
    }
}

extension ProofError {
    /// For steps of a test whose errors are not the ones looked for.
    static func test<Result>(_ body: () throws -> Result) throws(ProofError) -> Result {
        do {
            return try body()
        } catch {
            throw .witness("\(error)")
        }
    }
}
