import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Witnesses")
struct FileWitnessTests {
    private let folder = NSTemporaryDirectory() + "/keyledger-witness-" + UUID().uuidString

    private func witness(of ledger: TestLedger) throws -> VerifierKey {
        let name = try #require(KeyName("w.example/one"))
        try FileWitness.create(folder, name: name, logs: try CheckpointFolder(ledger.folder).verifierKeys())
        return try FileWitness.open(folder).verifierKey
    }

    private func answer(_ request: AddCheckpointRequest) throws -> WitnessResponse {
        // Opened each time: what it knows is what its files say.
        try FileWitness.open(folder).answer(request.serialized(), secondsSince1970: 1_800_000_000)
    }

    @Test func checkpointsAreCosignedOneAfterTheOther() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try await ledgerWithCheckpoints(3)
        defer { withExtendedLifetime(ledger) {} }
        let key = try witness(of: ledger)
        try await ledger.withStore { store in
            let prover = try Prover(store)
            var known = TreeHead.empty
            for size in try store.checkpoints.sizes() {
                let answer = try answer(try prover.consistency(from: known, to: size))
                #expect(answer.statusCode == 200)
                let note = try await store.addCosignature(answer.body, of: key, size: size)
                let policy = try CheckpointPolicy(
                    origin: prover.origin, logKeys: try store.checkpoints.verifierKeys(), witnessKeys: [key], quorum: 1)
                #expect(try policy.verify(note).cosignatures.map(\.secondsSince1970) == [1_800_000_000])
                #expect(try store.checkpoints.note(of: size) == note)
                known = try prover.checkpoint(of: size).head
            }
            let events = try store.audit.events(.cosigned)
            #expect(events.map(\.transfer.userData64) == (try store.checkpoints.sizes().map(\.leafCount)))
            #expect(events.allSatisfy { $0.details?["witness"]?.string == key.description })
            // The same answer again changes nothing.
            let count = try store.eventCount
            let last = try #require(try store.checkpoints.note(of: known.size))
            let lines = last.signatures.suffix(1).map { "\($0)\n" }.joined()
            _ = try await store.addCosignature(Array(lines.utf8), of: key)
            #expect(try store.eventCount == count)
        }
    }

    @Test func aForkIsNotCosigned() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try await ledgerWithCheckpoints(1)
        defer { withExtendedLifetime(ledger) {} }
        let fork = try ledger.afterPowerCut()
        _ = try witness(of: ledger)
        for (uses, one) in [(1, ledger), (4, fork)] {
            try await one.withStore { store in
                let key = try await store.tenant("acme").signingKey("claims")
                for _ in 0..<uses { _ = try await key.sign([9]) }
                try await store.checkpoint()
            }
        }
        let honest = try Prover(LedgerReader(ledger.folder))
        #expect(try answer(try honest.consistency(from: .empty)).statusCode == 200)
        let other = try Prover(LedgerReader(fork.folder))
        // It asks from what the witness knows, with a proof from its own history.
        let size = try honest.checkpoint().head.size
        let forged = try other.consistency(from: try other.head(at: size))
        #expect(try answer(forged).statusCode == 422)
        let first = try #require(try other.checkpoints.sizes().first)
        let earlier = try answer(try other.consistency(from: try other.head(at: first)))
        #expect(earlier.statusCode == 409)
        #expect(earlier.body == Array("\(size)\n".utf8))
    }

    @Test func aWitnessWithADamagedMemoryDoesNotSign() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try await ledgerWithCheckpoints(1)
        defer { withExtendedLifetime(ledger) {} }
        _ = try witness(of: ledger)
        let prover = try Prover(LedgerReader(ledger.folder))
        let request = try prover.consistency(from: .empty)
        #expect(try answer(request).statusCode == 200)
        try Data("17 nonsense\n".utf8).write(to: URL(filePath: folder + "/heads"))
        do throws(ProofError) {
            _ = try FileWitness.open(folder).answer(request.serialized(), secondsSince1970: 1)
            Issue.record("it guessed what it had cosigned")
        } catch .damaged(let path, _) {
            #expect(path == folder + "/heads")
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func whatIsNoAnswerIsNotAdded() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try await ledgerWithCheckpoints(2)
        defer { withExtendedLifetime(ledger) {} }
        let key = try witness(of: ledger)
        try await ledger.withStore { store in
            let prover = try Prover(store)
            let sizes = try store.checkpoints.sizes()
            let answer = try answer(try prover.consistency(from: .empty, to: sizes[0]))
            let note = try store.checkpoints.note(of: sizes[1])
            for wrong in [answer.body, [], Array("nonsense\n".utf8), Array(answer.body.dropLast())] {
                do throws(ProofError) {
                    _ = try await store.addCosignature(wrong, of: key, size: sizes[1])
                    Issue.record("added to another checkpoint")
                } catch .witness {
                } catch {
                    Issue.record("\(error)")
                }
            }
            let logKey = try #require(try store.checkpoints.verifierKeys().last)
            do throws(ProofError) {
                _ = try await store.addCosignature(answer.body, of: logKey)
                Issue.record("the log witnessed itself")
            } catch .witness {
            } catch {
                Issue.record("\(error)")
            }
            #expect(try store.checkpoints.note(of: sizes[1]) == note)
        }
    }

    @Test func aWitnessIsMadeOnce() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try await ledgerWithCheckpoints(1)
        defer { withExtendedLifetime(ledger) {} }
        let key = try witness(of: ledger)
        await expect(.store(.alreadyExists(path: folder))) {
            try FileWitness.create(folder, name: key.name, logs: [])
        }
        #expect(try FileWitness.open(folder).verifierKey == key)
        await expect(.damaged(path: folder + "x/seed", reason: "there is no witness here")) {
            try FileWitness.open(folder + "x").verifierKey
        }
    }
}
