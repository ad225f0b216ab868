import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("Evidence from a ledger")
struct EvidenceTests {
    private func policy(_ store: KeyStore) throws -> CheckpointPolicy {
        try CheckpointPolicy(origin: try Prover(store).origin, logKeys: try store.checkpoints.verifierKeys())
    }

    private func export(
        _ store: KeyStore, _ tenant: String = "acme", _ range: Range<UInt64>? = nil, includesDetails: Bool = true
    ) async throws -> [UInt8] {
        let end = try #require(try store.checkpoints.sizes().last).leafCount
        return try await store.exportEvidence(
            of: try await store.tenant(tenant), in: range ?? 0..<end, includesDetails: includesDetails)
    }

    @Test func itHasAllEventsOfItsTenantAndNoOthers() async throws {
        let ledger = try await ledgerWithCheckpoints()
        try await ledger.withStore { store in
            let end = try #require(try store.checkpoints.sizes().last).leafCount
            var shown: Set<UInt64> = []
            for name in ["acme", "globex"] {
                let (bundle, checkpoint) = try EvidenceBundle.verify(
                    try await export(store, name), policy: try policy(store))
                #expect(checkpoint.head.size.leafCount == end)
                #expect(bundle.tenant.name == name)
                let indices = Set(bundle.events.map(\.index.position))
                #expect(indices.isDisjoint(with: shown))
                shown.formUnion(indices)
                let recorded = try store.audit.events().filter { $0.sequence < end }
                let tenant = TenantID(bundle.tenant.id)
                for event in recorded {
                    let isTheirs = store.projection.tenant(of: event.transfer) == tenant
                    #expect(indices.contains(event.sequence) == isTheirs, "event \(event.sequence)")
                }
                for event in bundle.events where event.entry.commitment != nil { #expect(event.details != nil) }
                #expect(bundle.publicKeys.count == 1)
                let key = try #require(bundle.publicKeys.first)
                let record = store.projection.keys[KeyID(key.key)]
                #expect(record?.tenant == tenant)
            }
        }
    }

    @Test func theSameRangeGivesTheSameBytes() async throws {
        let ledger = try await ledgerWithCheckpoints()
        let first = try await ledger.withStore { try await export($0, "acme", 20..<40) }
        try await ledger.withStore { store in
            try await store.checkpoint()
            #expect(try await export(store, "acme", 20..<40) == first)
            let events = try store.audit.events(.evidence)
            #expect(events.count == 2)
            let payload = try Envelope(parsing: first).payload
            let digest = SHA256.hash(unsafe payload.span.bytes).description
            #expect(events.allSatisfy { $0.details?["payloadDigest"]?.string == digest })
            #expect(events.allSatisfy { $0.details?["from"] == "20" && $0.details?["to"] == "40" })
        }
    }

    /// The events that others rest on are there although they are older.
    @Test func aLaterRangeHasTheKeysItRestsOn() async throws {
        let ledger = try await ledgerWithCheckpoints()
        try await ledger.withStore { store in
            let end = try #require(try store.checkpoints.sizes().last).leafCount
            let (bundle, _) = try EvidenceBundle.verify(
                try await export(store, "acme", (end - 10)..<end), policy: try policy(store))
            let older = bundle.events.filter { $0.index.position < end - 10 }
            #expect(older.map(\.entry.userData32) == [EventKind.createTenant.rawValue, EventKind.generate.rawValue])
            #expect(bundle.publicKeys.count == 1)
        }
    }

    @Test func detailsCanBeWithheld() async throws {
        let ledger = try await ledgerWithCheckpoints()
        try await ledger.withStore { store in
            let file = try await export(store, includesDetails: false)
            let (bundle, _) = try EvidenceBundle.verify(file, policy: try policy(store))
            #expect(bundle.events.allSatisfy { $0.details == nil })
            #expect(bundle.events.contains { $0.entry.commitment != nil })
            #expect(bundle.publicKeys.isEmpty)
        }
    }

    @Test func whatIsNotInACheckpointIsNoEvidence() async throws {
        let ledger = try await ledgerWithCheckpoints()
        try await ledger.withStore { store in
            let end = try #require(try store.checkpoints.sizes().last)
            let tenant = try await store.tenant("acme")
            await expect(.beyondCheckpoint(event: end.leafCount, size: end)) {
                try await store.exportEvidence(of: tenant, in: 0..<(end.leafCount + 1))
            }
        }
        let empty = try TestLedger()
        try await empty.withStore { store in
            let tenant = try await store.createTenant("acme")
            await expect(.noCheckpoint) {
                try await store.exportEvidence(of: tenant, in: 0..<1)
            }
        }
    }

    @Test func noSecretIsInABundle() async throws {
        let ledger = try await ledgerWithCheckpoints()
        try await ledger.withStore { store in
            let file = Data(try Envelope(parsing: try await export(store)).payload)
            let name = try store.checkpointOrigin().name
            let seed = try store.custody.checkpointKey(version: 1, name: name).withSeed { $0.array }
            #expect(file.firstRange(of: Data(seed)) == nil)
            #expect(file.firstRange(of: Data(Data(seed).base64EncodedString().utf8)) == nil)
        }
    }
}
