internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
public import Transparency

/// What a ledger has signed of its history, and how it signs more.
///
/// An order of steps makes it safe to stop anywhere: the tree so far, the event `checkpoint`, the signature, the file. The
/// event's id is derived from the size, so the ledger refuses a second root for one size; what an event announced and a
/// crash kept from being signed is signed at the next opening.
extension KeyStore {
    /// The ledger's checkpoints.
    public var checkpoints: CheckpointFolder { CheckpointFolder(folder) }

    /// Signs the history so far, unless the last checkpoint says it all, and sends it to the places of the options.
    ///
    /// - Returns: The last checkpoint.
    /// - Throws: ``ProofError``. For ``ProofError/delivery(place:reason:)`` the checkpoint was made all the same.
    @discardableResult
    public func checkpoint(caller: Caller? = nil) async throws(ProofError) -> SignedNote {
        let note = try await proving { () throws(ProofError) in
            try await settleCheckpoints()
            return try await signCheckpoint(caller ?? options.caller)
        }
        try deliverCheckpoints()
        return note
    }

    /// Sends the checkpoints that a second place lacks, to all of them.
    ///
    /// - Throws: ``ProofError/delivery(place:reason:)`` or ``ProofError/fork(place:size:)`` of the first that failed, after
    ///   all were tried.
    public func deliverCheckpoints() throws(ProofError) {
        var failure: ProofError?
        for place in options.checkpointPlaces {
            do throws(ProofError) {
                try place.deliver(from: checkpoints)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// Makes a new version of the checkpoint key the one that signs, and a checkpoint that the old one signs as well: who
    /// knows the old one can believe the new one.
    ///
    /// - Returns: The new key.
    public func rotateCheckpointKey(caller: Caller? = nil) async throws(ProofError) -> VerifierKey {
        let caller = caller ?? options.caller
        let key = try await proving { () throws(ProofError) in
            try await settleCheckpoints()
            let key = try await addCheckpointKey(caller)
            _ = try await signCheckpoint(caller)
            return key
        }
        try deliverCheckpoints()
        return key
    }

    /// The keys that verify the ledger's checkpoints, oldest first. Makes the first one if there is none.
    public func checkpointKeys() async throws(ProofError) -> [VerifierKey] {
        try await proving { () throws(ProofError) in
            try await requireCheckpointKey(options.caller)
            return try checkpoints.verifierKeys()
        }
    }

    // MARK: Signing

    private func signCheckpoint(_ caller: Caller) async throws(ProofError) -> SignedNote {
        try await requireCheckpointKey(caller)
        let size = try treeSize()
        let last = try lastCheckpoint()
        if let last, try isOnlyCheckpointing(from: last.head.size, to: size) { return last.note }
        let head = try ProofError.store { () throws(StoreError) in try tree.head(at: size) }
        if let last { try requireExtension(from: last.head, to: head) }
        try await announce(head, after: last?.head.size ?? .zero, caller)
        return try sign(head, after: last)
    }

    /// Whether the events in a range are those of checkpoints, so that a checkpoint would only commit to its forerunner.
    private func isOnlyCheckpointing(from start: TreeSize, to end: TreeSize) throws(ProofError) -> Bool {
        guard end.leafCount - start.leafCount <= Self.checkpointingEventCountMax else { return false }
        var isOnly = true
        try ProofError.store { () throws(StoreError) in
            try audit.log.forEachBlock(from: start.leafCount, to: end.leafCount, mapping: { $0 }) {
                (block) throws(StoreError) in
                block.forEachEvent { event in
                    guard (start.leafCount..<end.leafCount).contains(event.sequence) else { return }
                    guard case .transfer(let transfer, _) = event.record,
                        EventKind(rawValue: transfer.userData32).map(Self.checkpointing.contains) ?? false
                    else {
                        isOnly = false
                        return
                    }
                }
                return isOnly
            }
        }
        return isOnly
    }

    /// What a checkpoint leaves behind.
    private static let checkpointing: [EventKind] = [.checkpoint, .cosigned, .anchored]
    private static let checkpointingEventCountMax: UInt64 = 64

    /// The event that allows the signature.
    private func announce(
        _ head: TreeHead, after previous: TreeSize, _ caller: Caller
    ) async throws(ProofError) {
        let versions = try signingVersions(after: try lastCheckpoint()).map { JSONValue(exactly: $0) }
        try await recordProof(
            .checkpoint, id: EventID(once: .checkpoint, UInt128(head.size.leafCount)),
            amount: UInt128(head.size.leafCount - previous.leafCount), subject: head.root.leadingNumber,
            number: head.size.leafCount,
            details: caller.details([
                "keyVersions": .array(versions), "previousSize": .string(previous.description),
                "root": .string(head.root.description), "size": .string(head.size.description),
            ]))
    }

    /// Signs what was announced and stores it.
    private func sign(_ head: TreeHead, after last: StoredCheckpoint?) throws(ProofError) -> SignedNote {
        let origin = try checkpointOrigin()
        let checkpoint: Checkpoint
        do throws(CheckpointError) {
            checkpoint = try Checkpoint(origin: origin.origin, head: head)
        } catch {
            throw .checkpoint(error)
        }
        var note: SignedNote?
        for version in try signingVersions(after: last) {
            let signer = try ProofError.keyStore { () throws(KeyStoreError) in
                try custody.checkpointSigner(version: version, name: origin.name)
            }
            do {
                if let first = note {
                    note = try first.signed(with: try signer.signature(over: checkpoint.text))
                } else {
                    note = try signer.sign(checkpoint, after: last?.head)
                }
            } catch let error as CheckpointSigningError {
                throw .signing(error)
            } catch let error as CryptoError {
                throw .keyStore(.crypto(error))
            } catch {
                preconditionFailure("a note has room for two signatures: \(error)")
            }
        }
        guard let note else { preconditionFailure("a checkpoint is signed by at least one key") }
        try checkpoints.store(note, of: head.size)
        return note
    }

    /// The active version; after a rotation, for one checkpoint also the one before it.
    private func signingVersions(after last: StoredCheckpoint?) throws(ProofError) -> [UInt32] {
        let keys = try checkpoints.verifierKeys()
        let active = UInt32(keys.count)
        guard let last, active > 1, let newest = keys.last,
            (try? last.note.verifiedSignatures(by: [newest])) == nil
        else { return [active] }
        return [active - 1, active]
    }

    // MARK: The last checkpoint

    /// A checkpoint as `checkpoints/` has it, signed by one of the ledger's keys.
    struct StoredCheckpoint {
        let note: SignedNote
        let head: TreeHead
    }

    private func lastCheckpoint() throws(ProofError) -> StoredCheckpoint? {
        guard let size = try checkpoints.sizes().last, let note = try checkpoints.note(of: size) else { return nil }
        return StoredCheckpoint(note: note, head: try verified(note).head)
    }

    private func verified(_ note: SignedNote) throws(ProofError) -> VerifiedCheckpoint {
        let keys = try checkpoints.verifierKeys()
        do {
            return try CheckpointPolicy(origin: try checkpointOrigin().origin, logKeys: keys).verify(note)
        } catch let error as CheckpointError {
            throw .checkpoint(error)
        } catch {
            throw .damaged(path: checkpoints.path + "/keys", reason: "\(error)")
        }
    }

    /// Signs what was announced by an event and has no file: a crash came in between.
    func settleCheckpoints() async throws(ProofError) {
        guard let account = writer.account(AccountID.checkpoints) else { return }
        let announced = account.creditsPosted
        let last = try lastCheckpoint()
        let size = try treeSize()
        let signed = UInt128(last?.head.size.leafCount ?? 0)
        if let last, last.head.size > size || signed > announced {
            throw .logBehindCheckpoint(eventCount: size.leafCount, size: last.head.size)
        }
        guard announced > signed, let missing = UInt64(exactly: announced).flatMap(TreeSize.init) else { return }
        let head = try ProofError.store { () throws(StoreError) in try tree.head(at: missing) }
        let id = EventID(once: .checkpoint, UInt128(missing.leafCount))
        let event = try ProofError.store { () throws(StoreError) in try writer.transfer(id.value) }
        guard event?.userData128 == head.root.leadingNumber else { throw .historyChanged(size: missing) }
        if let last { try requireExtension(from: last.head, to: head) }
        _ = try sign(head, after: last)
    }

    /// That the log still leads to what was signed last.
    private func requireExtension(from last: TreeHead, to head: TreeHead) throws(ProofError) {
        guard last.size <= head.size else {
            throw .logBehindCheckpoint(eventCount: head.size.leafCount, size: last.size)
        }
        let now = try ProofError.store { () throws(StoreError) in try tree.head(at: last.size) }
        if now == last { return }
        // The hashes on disk may have decayed; the log decides.
        let again = try ProofError.store { () throws(StoreError) in
            try tree.rebuild()
            return try tree.head(at: last.size)
        }
        guard again == last else { throw .historyChanged(size: last.size) }
    }

    // MARK: Keys

    /// Makes the first key; also records one that a crash kept from being recorded.
    private func requireCheckpointKey(_ caller: Caller) async throws(ProofError) {
        let version = try checkpoints.verifierKeys().count
        if version == 0 {
            _ = try await addCheckpointKey(caller)
        } else if try !isRecorded(keyVersion: version) {
            _ = try await addCheckpointKey(caller)
        }
    }

    private func isRecorded(keyVersion: Int) throws(ProofError) -> Bool {
        let event = EventID(once: .checkpointKey, 0, version: UInt32(keyVersion))
        return try ProofError.store { () throws(StoreError) in try writer.transfer(event.value) } != nil
    }

    /// Material, then the public list, then the event.
    private func addCheckpointKey(_ caller: Caller) async throws(ProofError) -> VerifierKey {
        if writer.account(AccountID.checkpoints) == nil {
            do throws(KeyStoreError) {
                try await create([account(AccountID.checkpoints, .checkpoints, on: .custody)])
            } catch {
                throw .keyStore(error)
            }
        }
        var keys = try checkpoints.verifierKeys()
        // A crash may have come between the list and the event: that version is taken up again.
        let isRecorded = try keys.isEmpty ? true : isRecorded(keyVersion: keys.count)
        let version = UInt32(keys.count + (isRecorded ? 1 : 0))
        let name = try checkpointOrigin().name
        let key = try ProofError.keyStore { () throws(KeyStoreError) in
            try custody.createCheckpointKey(version: version, name: name)
        }
        if !isRecorded { keys.removeLast() }
        try checkpoints.store(keys + [key])
        let text = Array(key.description.utf8)
        try await recordProof(
            .checkpointKey, id: EventID(once: .checkpointKey, 0, version: version), amount: 0,
            subject: SHA256.hash(unsafe text.span.bytes).leadingNumber, number: UInt64(version),
            details: caller.details(["verifierKey": .string(key.description)]))
        return key
    }

    // MARK: Parts

    /// The ledger's origin, as the name of a log and of its key.
    func checkpointOrigin() throws(ProofError) -> (origin: Origin, name: KeyName) {
        let text = try ProofError.store { () throws(StoreError) in try folder.manifest() }.origin
        guard let origin = Origin(text), let name = KeyName(text) else { throw .unusableOrigin(text) }
        return (origin, name)
    }

    private func treeSize() throws(ProofError) -> TreeSize {
        let count = try ProofError.store { () throws(StoreError) in try audit.log.eventCount() }
        guard let size = TreeSize(count) else { preconditionFailure("a log has less than 2^62 events") }
        return size
    }

    /// Records an event about the ledger's proofs.
    func recordProof(
        _ kind: EventKind, id: EventID, amount: UInt128, subject: UInt128, number: UInt64, details: JSONObject
    ) async throws(ProofError) {
        do throws(KeyStoreError) {
            let sealed = try seal(details, of: id, tenant: nil)
            try await record(
                linked: [
                    Transfer(
                        id: id.value, debit: AccountID.issuer(.custody), credit: AccountID.checkpoints, amount: amount,
                        ledger: LedgerKind.custody.rawValue, code: keyManagementCode, userData128: subject,
                        userData64: number, userData32: kind.rawValue)
                ], details: [sealed], of: "checkpoints")
        } catch {
            throw .keyStore(error)
        }
    }

    /// Runs `body` when nobody else makes a checkpoint.
    func proving<Result: Sendable>(
        _ body: () async throws(ProofError) -> Result
    ) async throws(ProofError) -> Result {
        await provers.enter()
        defer { provers.leave() }
        return try await body()
    }
}

extension JSONValue {
    /// A small number.
    init(exactly number: UInt32) { self = .number(JSONNumber(integerLiteral: Int64(number))) }
}
