internal import CryptoPrimitives
internal import Ledger
public import LedgerStore
public import Transparency

/// Makes proofs from a ledger's folder, also while another process writes it. Needs no key: what it hands out convinces by
/// itself.
///
/// Every proof is checked against its checkpoint before it is handed out.
public final class Prover: Sendable {
    /// What was signed.
    public let checkpoints: CheckpointFolder
    /// The log's name in its checkpoints.
    public let origin: Origin
    let log: LedgerReader
    private let tree: EventTree

    /// A prover over a ledger that is read.
    ///
    /// - Parameter isReadOnly: Keeps no hashes in `state/` for the next time, even if it could.
    public convenience init(_ log: LedgerReader, isReadOnly: Bool = false) throws(ProofError) {
        let tree = try ProofError.store { () throws(StoreError) in try EventTree(log, isReadOnly: isReadOnly) }
        try self.init(log, tree)
    }

    /// A prover over a ledger that is open as a key store; usable until that is closed.
    public convenience init(_ store: KeyStore) throws(ProofError) { try self.init(store.audit.log, store.tree) }

    private init(_ log: LedgerReader, _ tree: EventTree) throws(ProofError) {
        let text = try ProofError.store { () throws(StoreError) in try log.folder.manifest() }.origin
        guard let origin = Origin(text) else { throw .unusableOrigin(text) }
        self.origin = origin
        self.log = log
        self.tree = tree
        checkpoints = CheckpointFolder(log.folder)
    }

    /// Keeps the hashes that were computed for the next time.
    public func close() throws(ProofError) { try ProofError.store { () throws(StoreError) in try tree.close() } }

    // MARK: Checkpoints

    /// The checkpoint of a size, or the last one; its log signature verified with the keys in `checkpoints/keys`.
    public func checkpoint(of size: TreeSize? = nil) throws(ProofError) -> VerifiedCheckpoint {
        let last = size == nil ? try checkpoints.sizes().last : nil
        guard let size = size ?? last else { throw .noCheckpoint }
        guard let note = try checkpoints.note(of: size) else { throw .unknownCheckpoint(size: size) }
        let eventCount = try ProofError.store { () throws(StoreError) in try log.eventCount() }
        guard size.leafCount <= eventCount else { throw .logBehindCheckpoint(eventCount: eventCount, size: size) }
        return try policy().verified(note)
    }

    /// The smallest checkpoint that commits to all events before `end`.
    public func checkpoint(covering end: UInt64) throws(ProofError) -> VerifiedCheckpoint {
        let sizes = try checkpoints.sizes()
        guard let last = sizes.last else { throw .noCheckpoint }
        guard let size = sizes.first(where: { $0.leafCount >= end }) else {
            throw .beyondCheckpoint(event: end - 1, size: last)
        }
        return try checkpoint(of: size)
    }

    /// Accepts what the ledger's own keys signed.
    private func policy() throws(ProofError) -> CheckpointPolicy {
        let keys = try checkpoints.verifierKeys()
        do throws(PolicyError) {
            return try CheckpointPolicy(origin: origin, logKeys: keys)
        } catch {
            throw .damaged(path: checkpoints.path + "/keys", reason: "\(error)")
        }
    }

    // MARK: Proofs

    /// That an event is in a checkpoint, the last one by default. The proof's `extra` is the event's entry
    /// (``EventEntry``), which the proof itself authenticates.
    public func inclusion(of event: UInt64, in size: TreeSize? = nil) throws(ProofError) -> TlogProof {
        let eventCount = try ProofError.store { () throws(StoreError) in try log.eventCount() }
        guard event < eventCount else { throw .unknownEvent(String(event), eventCount: eventCount) }
        let checkpoint = try checkpoint(of: size)
        guard event < checkpoint.head.size.leafCount else {
            throw .beyondCheckpoint(event: event, size: checkpoint.head.size)
        }
        let entry = try entry(of: event)
        let index = LeafIndex(event)
        let proof = try checked(checkpoint.head.size) { () throws(ProofRefusal) in
            try ProofNodes(inclusionOf: index, in: checkpoint.head.size)
        } check: { (hashes) throws(ProofRefusal) in
            let proof = try InclusionProof(index: index, size: checkpoint.head.size, hashes: hashes)
            try proof.verify(leafHash: entry.leafHash, root: checkpoint.head.root)
            return proof
        }
        return TlogProof(proof, note: checkpoint.note, extra: entry.bytes)
    }

    /// That a checkpoint, the last one by default, extends an earlier one: in the form in which witnesses are asked (C2SP
    /// tlog-witness).
    ///
    /// - Parameter first: The head of the earlier one, as its holder knows it.
    public func consistency(
        from first: TreeHead, to size: TreeSize? = nil
    ) throws(ProofError) -> AddCheckpointRequest {
        let checkpoint = try checkpoint(of: size)
        let second = checkpoint.head
        let proof = try checked(second.size, from: first.size) { () throws(ProofRefusal) in
            try ProofNodes(consistencyFrom: first.size, to: second.size)
        } check: { (hashes) throws(ProofRefusal) in
            let proof = try ConsistencyProof(first: first.size, second: second.size, hashes: hashes)
            try proof.verify(firstRoot: first.root, secondRoot: second.root)
            return proof
        }
        return AddCheckpointRequest(proof, note: checkpoint.note)
    }

    /// What is missing to the root of a checkpoint that commits to these events, in ascending order; see
    /// `BatchInclusionProof`.
    func batch(
        _ leaves: [(index: LeafIndex, hash: SHA256Digest)], in head: TreeHead
    ) throws(ProofError) -> [SHA256Digest] {
        try checked(head.size) { () throws(ProofRefusal) in
            try ProofNodes(inclusionOf: leaves.map(\.index), in: head.size)
        } check: { (hashes) throws(ProofRefusal) in
            try BatchInclusionProof(size: head.size, hashes: hashes).verify(leaves, root: head.root)
            return hashes
        }
    }

    /// A proof that holds. One that does not may come from hashes that decayed: those are computed again from the log,
    /// which has the last word.
    private func checked<Proof>(
        _ size: TreeSize, from earlier: TreeSize? = nil, nodes: () throws(ProofRefusal) -> ProofNodes,
        check: ([SHA256Digest]) throws(ProofRefusal) -> Proof
    ) throws(ProofError) -> Proof {
        let wanted: ProofNodes
        do throws(ProofRefusal) {
            wanted = try nodes()
        } catch {
            throw .refused(error)
        }
        if let proof = try? check(try hashes(wanted, size)) { return proof }
        try ProofError.store { () throws(StoreError) in try tree.rebuild() }
        let recomputed = try hashes(wanted, size)
        do throws(ProofRefusal) {
            return try check(recomputed)
        } catch .firstRootDiffers, .fork {
            throw .historyChanged(size: earlier ?? size)
        } catch {
            throw .historyChanged(size: size)
        }
    }

    private func hashes(_ nodes: ProofNodes, _ size: TreeSize) throws(ProofError) -> [SHA256Digest] {
        try ProofError.store { () throws(StoreError) in try tree.hashes(of: nodes, in: size) }
    }

    // MARK: Events

    /// The entry of an event that is in the log.
    func entry(of event: UInt64) throws(ProofError) -> EventEntry {
        let block = try ProofError.store { () throws(StoreError) in try log.block(containing: event) }
        guard let block, let entry = EventEntry(block.entry(at: Int(event - block.firstSequence))) else {
            throw .unknownEvent(String(event), eventCount: block?.nextSequence ?? 0)
        }
        return entry
    }

    /// The number of the event with an id; a walk through the whole log.
    ///
    /// - Throws: ``ProofError/unknownEvent(_:eventCount:)``.
    public func number(of event: EventID) throws(ProofError) -> UInt64 {
        var found: UInt64?
        var eventCount: UInt64 = 0
        try ProofError.store { () throws(StoreError) in
            try log.forEachBlock(mapping: { $0 }) { (block) throws(StoreError) in
                eventCount = block.nextSequence
                guard block.operation == .createTransfers,
                    let place = block.transfers.firstIndex(where: { $0.id == event.value })
                else { return true }
                found = block.firstSequence + UInt64(place)
                return false
            }
        }
        guard let found else { throw .unknownEvent(event.description, eventCount: eventCount) }
        return found
    }

    // MARK: Tiles

    /// The content of a tile of hashes.
    func content(of tile: Tile, in size: TreeSize) throws(ProofError) -> [SHA256Digest] {
        try ProofError.store { () throws(StoreError) in try tree.content(of: tile, in: size) }
    }

    /// The head the tree had at a size, as the log leads to it.
    func head(at size: TreeSize) throws(ProofError) -> TreeHead {
        try ProofError.store { () throws(StoreError) in try tree.head(at: size) }
    }

    func rebuild() throws(ProofError) { try ProofError.store { () throws(StoreError) in try tree.rebuild() } }
}

extension CheckpointPolicy {
    /// A note as this policy sees it.
    func verified(_ note: SignedNote) throws(ProofError) -> VerifiedCheckpoint {
        do throws(CheckpointError) {
            return try verify(note)
        } catch {
            throw .checkpoint(error)
        }
    }
}
