internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Transparency

extension KeyStore {
    /// More events than a person or a program wants in one file.
    public static let evidenceEventCountMax = 100_000

    /// One tenant's events in a range of the log, with their details, as a file that is verified offline
    /// (`Specs/EVIDENCE.md`). The export is an event, on disk before the signature leaves.
    ///
    /// - Parameters:
    ///   - range: Events by number. They must be in a checkpoint; the first that commits to all of them is used.
    ///   - includesDetails: False withholds the details of all events.
    /// - Returns: The file. The same events, checkpoint and key give the same bytes.
    public func exportEvidence(
        of tenant: Tenant, in range: Range<UInt64>, includesDetails: Bool = true
    ) async throws(ProofError) -> [UInt8] {
        try await proving { () throws(ProofError) in
            let prover = try Prover(self)
            let checkpoint = try prover.checkpoint(covering: range.upperBound)
            var collection = EvidenceCollection(
                tenant: tenant.id, range: range, projection: projection,
                details: includesDetails ? audit : nil)
            try collection.collect(from: audit.log)
            let events = collection.events
            let bundle = EvidenceBundle(
                origin: prover.origin.description,
                tenant: EvidenceBundle.Tenant(id: tenant.id.value, name: tenant.name.description), range: range,
                note: checkpoint.note, verifierKeys: try checkpoints.verifierKeys(), events: events,
                hashes: try prover.batch(events.map { ($0.index, $0.entry.leafHash) }, in: checkpoint.head),
                publicKeys: collection.publicKeys, timestamps: try checkpoints.timestamps(of: checkpoint.head.size))
            return try await sign(bundle, of: tenant, checkpoint)
        }
    }

    private func sign(
        _ bundle: EvidenceBundle, of tenant: Tenant, _ checkpoint: VerifiedCheckpoint
    ) async throws(ProofError) -> [UInt8] {
        var envelope = bundle.envelope()
        let digest = SHA256.hash(unsafe envelope.payload.span.bytes)
        let id = try ProofError.keyStore { () throws(KeyStoreError) in try newEventID() }
        try await recordProof(
            .evidence, id: id, amount: 0, subject: tenant.id.value, number: checkpoint.head.size.leafCount,
            details: tenant.caller.details([
                "from": .string(String(bundle.range.lowerBound)), "payloadDigest": .string(digest.description),
                "tenant": .string(tenant.name.description), "to": .string(String(bundle.range.upperBound)),
            ]))
        let keys = try checkpoints.verifierKeys()
        let name = try checkpointOrigin().name
        let key = try ProofError.keyStore { () throws(KeyStoreError) in
            try custody.checkpointKey(version: UInt32(keys.count), name: name)
        }
        do throws(CryptoError) {
            try envelope.sign(with: key, keyID: keys.last?.keyID.description)
        } catch {
            throw .keyStore(.crypto(error))
        }
        return envelope.serialized() + [UInt8(ascii: "\n")]
    }
}

/// Collects what belongs to one tenant.
private struct EvidenceCollection {
    private let tenant: TenantID
    private let range: Range<UInt64>
    private let projection: LedgerProjection
    private let details: AuditReader?
    private let keys: Set<UInt128>
    private(set) var events: [EvidenceBundle.Event] = []

    init(tenant: TenantID, range: Range<UInt64>, projection: LedgerProjection, details: AuditReader?) {
        self.tenant = tenant
        self.range = range
        self.projection = projection
        self.details = details
        keys = Set(projection.keys.filter { $0.value.tenant == tenant }.map(\.key.value))
    }

    /// The creation of the tenant and of its keys' versions before the range, then the range.
    mutating func collect(from log: LedgerReader) throws(ProofError) {
        let origins =
            [projection.tenants[tenant]?.createdBy].compactMap(\.self)
            + projection.keys.values.filter { $0.tenant == tenant }.flatMap { $0.versions.map(\.createdBy) }
        for sequence in origins.sorted() where sequence < range.lowerBound {
            let block = try ProofError.store { () throws(StoreError) in try log.block(containing: sequence) }
            if let block { try add(Int(sequence - block.firstSequence), of: block) }
        }
        guard !range.isEmpty else { return }
        try log.forEachBlock(from: range.lowerBound, to: range.upperBound, mapping: ProofError.store) {
            (block) throws(ProofError) in
            for index in 0..<block.count
            where range.contains(block.firstSequence + UInt64(index)) && concernsTenant(index, of: block) {
                try add(index, of: block)
            }
            return true
        }
    }

    private func concernsTenant(_ index: Int, of block: Block) -> Bool {
        switch block.operation {
        case .createAccounts:
            let subject = block.accounts[index].userData128
            return subject == tenant.value || keys.contains(subject)
        case .createTransfers: return projection.tenant(of: block.transfers[index]) == tenant
        case .expire: return false
        }
    }

    private mutating func add(_ index: Int, of block: Block) throws(ProofError) {
        guard events.count < KeyStore.evidenceEventCountMax else {
            throw .tooManyEvents(count: events.count + 1, limit: KeyStore.evidenceEventCountMax)
        }
        guard let entry = EventEntry(block.entry(at: index)) else {
            preconditionFailure("a block's events have entries")
        }
        let tenant = tenant
        let disclosed = try ProofError.keyStore { () throws(KeyStoreError) in
            try details?.disclosedDetails(at: index, of: block, tenant: tenant)
        }
        events.append(
            EvidenceBundle.Event(
                index: LeafIndex(block.firstSequence + UInt64(index)), entry: entry, details: disclosed))
    }

    /// What the events say was generated.
    var publicKeys: [EvidenceBundle.PublicKey] {
        events.compactMap { event in
            guard event.entry.isCreatedTransfer, let kind = EventKind(rawValue: event.entry.userData32),
                kind == .generate || kind == .importKey,
                let text = event.details?.text, let details = try? JSONValue(parsing: Array(text.utf8)),
                let bytes = details["publicKey"]?.string.flatMap([UInt8].init(hexadecimal:)),
                let version = UInt32(exactly: event.entry.userData64)
            else { return nil }
            return EvidenceBundle.PublicKey(
                event: event.index, key: event.entry.userData128, version: version, bytes: bytes)
        }
    }
}
