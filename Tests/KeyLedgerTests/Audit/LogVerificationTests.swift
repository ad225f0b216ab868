import CryptoPrimitives
import Foundation
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

@Suite("The verification of a ledger")
struct LogVerificationTests {
    private let message = Array("claim 4711".utf8)

    /// A closed ledger with a bit of everything.
    private struct Sample {
        let ledger: TestLedger
        let signing: KeyHandle
        let encryption: KeyHandle
        let signature: SigningKey.Signature

        init() async throws {
            let ledger = try TestLedger()
            self.ledger = ledger
            (signing, encryption, signature) = try await ledger.withStore { store in
                let acme = try await store.createTenant("acme")
                let signing = try await acme.createSigningKey("claims")
                let encryption = try await acme.createEncryptionKey("pii")
                let signature = try await signing.sign([1, 2, 3])
                _ = try await signing.verify(signature.bytes, of: [1, 2, 3])
                _ = try await encryption.decrypt(try await encryption.encrypt([4, 5, 6]))
                try await signing.handle.rotate()
                _ = try await signing.sign(count: 20) { $0.events.map { _ in [7] } }
                _ = try? await acme.signingKey("nobody")
                return (signing.handle, encryption.handle, signature)
            }
        }

        /// A verification with the master key.
        func verification() throws -> LogVerification {
            try LogVerification(try AuditReader(ledger.path, masterKey: try TestLedger.masterKey()))
        }

        /// A verification of the log alone.
        func logVerification() throws -> LogVerification { try LogVerification(try LedgerReader(ledger.folder)) }

        /// Reads the ledger without the master key; nothing stays open.
        func read<Result>(_ body: (AuditReader) throws -> Result) throws -> Result {
            try body(try AuditReader(ledger.path, masterKey: nil))
        }

        /// Changes one byte of an event's record.
        func flip(recordOf sequence: UInt64, at offset: Int) throws {
            let record = try read { audit in
                let block = try #require(try audit.log.block(containing: sequence))
                return block.withRecord(at: Int(sequence - block.firstSequence)) { $0.array }
            }
            try flip(record, at: offset)
        }

        /// Changes the log's bytes where `pattern` stands; LMDB may have left older copies of a page, so everywhere.
        func flip(_ pattern: [UInt8], at offset: Int) throws {
            let file = URL(filePath: ledger.path + "/log/data.mdb")
            var bytes = try Data(contentsOf: file)
            var places: [Int] = []
            var search = bytes.startIndex..<bytes.endIndex
            while let range = bytes.firstRange(of: pattern, in: search) {
                places.append(range.lowerBound)
                search = range.upperBound..<bytes.endIndex
            }
            try #require(!places.isEmpty)
            for place in places { bytes[place + offset] ^= 0x10 }
            try bytes.write(to: file)
        }
    }

    @Test func findsNothingInAnHonestLedger() async throws {
        let sample = try await Sample()
        for verification in [try sample.verification(), try sample.logVerification()] {
            #expect(verification.findings.isEmpty)
            #expect(verification.eventCount == (try sample.read { try $0.log.eventCount() }))
            #expect(verification.blockCount > 10)
            #expect(verification.projection.tenants.count == 1)
        }
        #expect(try sample.verification().rootHash == sample.logVerification().rootHash)
    }

    @Test func findsNothingInAnEmptyLedger() throws {
        let ledger = try TestLedger()
        let verification = try LogVerification(try AuditReader(ledger.path, masterKey: try TestLedger.masterKey()))
        #expect(verification.findings.isEmpty)
        #expect(verification.eventCount == 0)
        #expect(verification.rootHash == MerkleTree().root)
    }

    @Test func hasTheRootThatAnybodyComputesFromTheEvents() async throws {
        let sample = try await Sample()
        let root = try sample.read { audit in
            var tree = MerkleTree()
            try audit.log.forEachBlock(mapping: { $0 as any Error }) { block in
                var index = 0
                block.forEachEvent { event in
                    // The 128 bytes as committed, the operation, the status, the commitment to the details if there are any.
                    var leaf: [UInt8] = []
                    block.withRecord(at: index) { leaf += $0.array }
                    let (operation, status): (UInt8, UInt32) =
                        switch event.record {
                        case .account(_, let status): (1, status.rawValue)
                        case .transfer(_, let status): (2, status.rawValue)
                        case .expiry: (3, .max)
                        }
                    leaf.append(operation)
                    leaf += (0..<4).map { UInt8(truncatingIfNeeded: status >> (8 * $0)) }
                    if let commitment = event.commitment { leaf += commitment.bytes }
                    tree.append(unsafe MerkleHash.leaf(leaf.span.bytes))
                    index += 1
                }
                return true
            }
            return tree.root
        }
        #expect(try sample.logVerification().rootHash == root)
    }

    // MARK: Tampering with the log

    @Test func namesTheEventWhoseRecordWasChanged() async throws {
        let sample = try await Sample()
        // The amount of the first signature's transfer.
        try sample.flip(recordOf: sample.signature.sequence, at: 48)
        for verification in [try sample.verification(), try sample.logVerification()] {
            let finding = try #require(verification.findings.first)
            #expect(finding.description == "the block's checksum does not match its bytes")
            let sequence = try #require(finding.sequence)
            #expect(sequence <= sample.signature.sequence)
            // What stands before it is still vouched for, and nothing behind it.
            #expect(verification.eventCount == sequence)
            #expect(verification.projection.eventCount == sequence)
        }
        #expect(throws: StoreError.self) { _ = try Replay(try LedgerReader(sample.ledger.folder)) }
        // An opening that has to replay these events refuses; one that starts behind them does not read them.
        try sample.ledger.folder.removeState()
        await #expect(throws: KeyStoreError.self) { _ = try await sample.ledger.open() }
    }

    @Test func keepsItsRootForWhatIsIntact() async throws {
        let sample = try await Sample()
        let before = try sample.logVerification()
        let intact = try #require(
            try sample.read { try $0.log.block(containing: sample.signature.sequence)?.firstSequence })
        try sample.flip(recordOf: sample.signature.sequence, at: 0)
        let after = try sample.logVerification()
        #expect(after.findings.count == 1)
        #expect(after.eventCount == intact)
        #expect(after.blockCount < before.blockCount)
        #expect(after.rootHash != before.rootHash)
    }

    @Test func findsTheLastEventChanged() async throws {
        let sample = try await Sample()
        let last = try sample.read { try $0.log.eventCount() } - 1
        try sample.flip(recordOf: last, at: 16)
        let verification = try sample.verification()
        #expect(verification.findings.count == 1)
        #expect(verification.eventCount <= last)
        #expect(verification.eventCount > 0)
    }

    // MARK: Tampering with details and material

    @Test func findsDetailsThatWereChangedIfItCanOpenThem() async throws {
        let sample = try await Sample()
        let sealed = try #require(try sample.read { try $0.log.sealedDetails(of: sample.signature.sequence) })
        try sample.flip(sealed, at: 30)
        // The log itself is as it was committed; what the event is committed to can only be opened with the key.
        #expect(try sample.logVerification().findings.isEmpty)
        let findings = try sample.verification().findings
        #expect(findings.map(\.sequence) == [sample.signature.sequence])
        #expect(
            findings.first?.description
                == "the details of event \(sample.signature.sequence): they were changed or belong elsewhere")
    }

    @Test func findsDetailsThatWereExchangedForOthersOfTheSameEvent() async throws {
        let ledger = try TestLedger()
        // An event whose details are sealed by the right key for the right event, but are not those it is committed to.
        let sequence = try await ledger.withStore { store in
            let tenant = try await store.createTenant("acme")
            let event = try store.newEventID()
            let honest = try store.seal(["denied": "x"], of: event, tenant: tenant.id)
            let forged = try store.seal(["denied": "y"], of: event, tenant: tenant.id)
            let swapped = EventDetails(index: 0, sealed: forged.sealed, commitment: honest.commitment)
            let denial = store.transfer(
                .deny, id: event, from: AccountID.tenant(tenant.id, .custody), to: AccountID.denials, amount: 1)
            return try await store.writer.submit([denial], details: [swapped]).reply().firstSequence
        }
        let audit = try AuditReader(ledger.path, masterKey: try TestLedger.masterKey())
        let findings = try LogVerification(audit).findings
        #expect(findings.map(\.description) == ["the details of event \(sequence): the event is committed to others"])
    }

    @Test func findsMaterialThatIsMissingChangedOrAnothers() async throws {
        let sample = try await Sample()
        let first = MaterialStore.Name.version(sample.signing.version(numbered: 1))
        let second = MaterialStore.Name.version(sample.signing.version(numbered: 2))
        let pii = MaterialStore.Name.version(sample.encryption.version(numbered: 1))
        var blobs: [MaterialStore.Name: [UInt8]] = [:]
        try sample.ledger.tamper { material in
            for name in [first, second, pii] { blobs[name] = try material.blob(name) }
        }
        func findings(
            _ changes: [MaterialStore.Name: [UInt8]] = [:], without missing: MaterialStore.Name? = nil
        ) throws -> [String] {
            try sample.ledger.tamper { material in
                try material.put(changes.map { ($0, $1) }, eventCount: 0)
                if let missing { try material.erase([missing]) }
            }
            defer { try? sample.ledger.tamper { try $0.put(blobs.map { ($0, $1) }, eventCount: 0) } }
            // The log alone is intact, whatever happened to the material.
            #expect(try sample.logVerification().findings.isEmpty)
            return try sample.verification().findings.map(\.description)
        }
        func subject(_ handle: KeyHandle, _ number: UInt32) -> String {
            "the material of key \(handle.id) version \(number)"
        }
        let signing = (subject(sample.signing, 1), subject(sample.signing, 2))
        #expect(try findings() == [])
        #expect(try findings(without: pii) == ["\(subject(sample.encryption, 1)): it was erased"])
        #expect(try findings(without: first) == ["\(signing.0): it is missing or malformed"])
        var changed = try #require(blobs[pii])
        changed[changed.count - 1] ^= 1
        #expect(
            try findings([pii: changed]) == ["\(subject(sample.encryption, 1)): it was changed or belongs elsewhere"])
        let (one, other) = (try #require(blobs[first]), try #require(blobs[second]))
        #expect(
            try findings([first: other, second: one]) == [
                "\(signing.0): the public key is not the one that was generated",
                "\(signing.1): the public key is not the one that was generated",
            ])
        #expect(try findings() == [])
    }

    @Test func findsThatATenantsDetailsCannotBeOpened() async throws {
        let sample = try await Sample()
        try sample.ledger.tamper { try $0.erase([.detailsKey(sample.signing.tenant.id)]) }
        let verification = try sample.verification()
        // The log itself is as it was, and so is every proof over it.
        #expect(verification.findings.count == 1)
        #expect(verification.findings[0].description.hasSuffix("were erased, and no event says so"))
        #expect(try sample.logVerification().findings.isEmpty)
        #expect(verification.rootHash == (try sample.logVerification().rootHash))
    }
}
