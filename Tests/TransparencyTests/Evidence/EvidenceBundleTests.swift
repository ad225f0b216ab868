internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Bundles of evidence")
struct EvidenceBundleTests {
    private let log: TestKey
    private let policy: CheckpointPolicy
    private let bundle: EvidenceBundle

    private static let tenant: UInt128 = 0x1234_5678_9ABC
    private static let key: UInt128 = 0xFEDC_BA98
    private static let publicKey = [UInt8](repeating: 0x42, count: 32)

    private static func record(kind: UInt32, subject: UInt128, version: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 128)
        for place in 0..<16 { bytes[80 + place] = UInt8(truncatingIfNeeded: subject >> UInt128(8 * place)) }
        for place in 0..<8 { bytes[96 + place] = UInt8(truncatingIfNeeded: version >> UInt64(8 * place)) }
        for place in 0..<4 { bytes[104 + place] = UInt8(truncatingIfNeeded: kind >> UInt32(8 * place)) }
        return bytes
    }

    private static func entry(
        kind: UInt32 = 0x101, subject: UInt128 = key, version: UInt64 = 1, _ details: EvidenceBundle.Details?
    ) throws -> EventEntry {
        let bytes =
            record(kind: kind, subject: subject, version: version) + [2, 0xFF, 0xFF, 0xFF, 0xFF]
            + (details?.commitment.bytes ?? [])
        return try #require(EventEntry(bytes))
    }

    /// A log of twelve events, of which four are the tenant's.
    init() throws {
        log = try TestKey("log")
        let origin = try #require(Origin("ledger.example/keys"))
        policy = try CheckpointPolicy(origin: origin, logKeys: [log.verifierKey])
        func details(_ text: String, _ salt: UInt8) -> EvidenceBundle.Details {
            EvidenceBundle.Details(salt: [UInt8](repeating: salt, count: 32), text: text)
        }
        let created = details(#"{"name":"acme"}"#, 1)
        let generated = details(#"{"publicKey":"\#(Self.publicKey.hexadecimal)"}"#, 2)
        let signed = details(#"{"actor":"jane"}"#, 3)
        var entries = try (0..<12).map { try Self.entry(subject: UInt128($0), nil) }
        entries[2] = try Self.entry(kind: 0x320, subject: Self.tenant, version: 0, created)
        entries[4] = try Self.entry(kind: 0x301, generated)
        entries[7] = try Self.entry(signed)
        entries[8] = try Self.entry(details("{}", 4))
        let synthetic = SyntheticLog(leafHashes: entries.map(\.leafHash))
        let head = TreeHead(size: 11, root: try synthetic.root(at: 11))
        let note = try log.signer().sign(try Checkpoint(origin: origin, head: head), after: nil)
        let indices: [LeafIndex] = [2, 4, 7, 8]
        bundle = EvidenceBundle(
            origin: "ledger.example/keys", tenant: .init(id: Self.tenant, name: "acme"), range: 3..<11, note: note,
            verifierKeys: [log.verifierKey],
            events: zip(indices, [created, generated, signed, nil]).map {
                .init(index: $0, entry: entries[Int($0.position)], details: $1)
            },
            hashes: try ProofNodes(inclusionOf: indices, in: 11).hashes(synthetic.hash),
            publicKeys: [.init(event: 4, key: Self.key, version: 1, bytes: Self.publicKey)], timestamps: [[1, 2, 3]])
    }

    private func file(_ bundle: EvidenceBundle) throws -> [UInt8] { try file(bundle.envelope()) }

    private func file(_ unsigned: Envelope) throws -> [UInt8] {
        var envelope = unsigned
        try envelope.sign(with: try log.privateKey())
        return envelope.serialized() + [0x0A]
    }

    private func error(_ change: (inout EvidenceBundle) throws -> Void) throws -> EvidenceError? {
        var bundle = bundle
        try change(&bundle)
        return try error(in: try file(bundle))
    }

    private func error(in file: [UInt8], _ policy: CheckpointPolicy? = nil) throws -> EvidenceError? {
        do throws(EvidenceError) {
            _ = try EvidenceBundle.verify(file, policy: policy ?? self.policy)
            return nil
        } catch {
            return error
        }
    }

    @Test func aBundleSaysWhatWasPutIntoIt() throws {
        let file = try file(bundle)
        let (read, checkpoint) = try EvidenceBundle.verify(file, policy: policy)
        #expect(read == bundle)
        #expect(checkpoint.head.size == 11)
        #expect(try self.file(read) == file, "one bundle has one form")
        #expect(try EvidenceBundle.claimedOrigin(of: file) == policy.origin)
    }

    @Test func everyPartIsBoundToTheCheckpoint() throws {
        #expect(try error { $0.origin = "other.example/keys" } == .otherOrigin("other.example/keys"))
        #expect(try error { $0.range = 3..<12 } == .beyondCheckpoint(12, 11))
        let leaves: Set<EvidenceError> = try [
            { $0.events.remove(at: 2) }, { $0.events.swapAt(0, 1) }, { $0.hashes.removeLast() },
            { $0.hashes.swapAt(0, 1) }, { $0.events[3] = .init(index: 9, entry: $0.events[3].entry, details: nil) },
        ].reduce(into: []) { (found, change: (inout EvidenceBundle) -> Void) in
            if let error = try self.error(change) { found.insert(error) }
        }
        #expect(leaves.count >= 3)
        for error in leaves {
            guard case .notIncluded = error else {
                Issue.record("\(error)")
                continue
            }
        }
        #expect(
            try error {
                $0.events[2] = .init(
                    index: 7, entry: $0.events[2].entry,
                    details: .init(salt: [UInt8](repeating: 3, count: 32), text: #"{"actor":"joe"}"#))
            } == .otherDetails(7))
        #expect(try error { $0.tenant = .init(id: Self.tenant + 1, name: "acme") } == .unknownTenant("acme"))
        #expect(try error { $0.tenant = .init(id: Self.tenant, name: "globex") } == .unknownTenant("globex"))
        for wrong in [
            EvidenceBundle.PublicKey(event: 7, key: Self.key, version: 1, bytes: Self.publicKey),
            .init(event: 4, key: Self.key + 1, version: 1, bytes: Self.publicKey),
            .init(event: 4, key: Self.key, version: 2, bytes: Self.publicKey),
            .init(event: 4, key: Self.key, version: 1, bytes: [UInt8](repeating: 0x43, count: 32)),
        ] {
            #expect(try error { $0.publicKeys = [wrong] } == .unprovenKey(wrong.event))
        }
    }

    @Test func onlyTheLogsKeysCount() throws {
        var envelope = bundle.envelope()
        try envelope.sign(with: try TestKey("witness1").privateKey())
        #expect(
            try error(in: envelope.serialized())
                == .envelope(.notEnoughSignatures(needed: 1, found: 0)))
        let other = try CheckpointPolicy(origin: policy.origin, logKeys: [try TestKey("log_rotated").verifierKey])
        #expect(
            try error(in: try file(bundle), other) == .envelope(.notEnoughSignatures(needed: 1, found: 0)))
        let foreign = Envelope(payloadType: "application/json", payload: bundle.envelope().payload)
        #expect(
            try error(in: try file(foreign))
                == .envelope(
                    .otherPayloadType(expected: EvidenceBundle.payloadType, found: "application/json")))
    }

    @Test func otherFormsOfTheSameJSONAreRefused() throws {
        let text = String(decoding: bundle.envelope().payload, as: UTF8.self)
        for changed in [
            text.replacing(#""eventCount":4"#, with: #""eventCount":5"#),
            text.replacing(#""withheldCount":1"#, with: #""withheldCount":0"#),
            text.replacing(#"{"checkpoint""#, with: #"{ "checkpoint""#),
            text.replacing(#""format":"keyledger-evidence-1""#, with: #""format":"keyledger-evidence-2""#),
            text.replacing(#""from":"3""#, with: #""from":"03""#),
            text.replacing(#""from":"3""#, with: #""from":"12""#),
            text.replacing(#","to""#, with: #","more":1,"to""#),
            "[]", "{}", "nonsense",
        ] {
            #expect(changed != text)
            let envelope = Envelope(payloadType: EvidenceBundle.payloadType, payload: Array(changed.utf8))
            guard case .malformed = try error(in: try file(envelope)) else {
                Issue.record("accepted: \(changed)")
                continue
            }
        }
    }

    @Test func damagedFilesNeverTrap() throws {
        var random = SeededRandom(seed: 42)
        let original = try file(bundle)
        for _ in 0..<2000 {
            let damaged = random.damage(original)
            if damaged != original, let read = try? EvidenceBundle.verify(damaged, policy: policy).bundle {
                // What is not signed may change: white space and unknown members of the envelope.
                #expect(read == bundle)
            }
            _ = try? EvidenceBundle.claimedOrigin(of: damaged)
        }
        // Signed, so that the damage reaches what is behind the signature.
        let payload = bundle.envelope().payload
        for _ in 0..<2000 {
            let envelope = Envelope(payloadType: EvidenceBundle.payloadType, payload: random.damage(payload))
            if envelope.payload == payload { continue }
            #expect(try error(in: try file(envelope)) != nil || envelope.payload != payload)
        }
    }
}
