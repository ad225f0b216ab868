public import CryptoPrimitives
internal import Ledger
public import LedgerStore
internal import Transparency

/// What a check of a whole log found.
///
/// Everything is recomputed from the committed bytes: checksums and their chain, sequence and time, every answer by
/// deciding the events again, conservation on every ledger, usage against balances, the presence of details, the root of
/// the Merkle tree; with the master key also the content of details and the key material. Against somebody who rewrote the whole folder only a root kept elsewhere helps: compare
/// ``rootHash`` with one noted earlier, at the same ``eventCount``.
public struct LogVerification: Sendable {
    /// Something that is not as it was committed.
    public struct Finding: Sendable, Hashable, CustomStringConvertible {
        /// The first event concerned, if it can be told.
        public let sequence: UInt64?
        /// What is wrong.
        public let description: String
    }

    /// The events found to be as they were committed.
    public private(set) var eventCount: UInt64 = 0
    /// The blocks these are in.
    public private(set) var blockCount: UInt64 = 0
    /// The root over these events (RFC 9162, section 2.1).
    public private(set) var rootHash = MerkleTree().root
    /// Empty for a log that is as it was committed.
    public private(set) var findings: [Finding] = []
    /// What the events say, as far as they are trustworthy.
    public private(set) var projection = LedgerProjection()

    /// Checks a log from its first event to its last.
    ///
    /// Damage does not end in an error but in ``findings``: what stands before it is checked all the same.
    ///
    /// - Parameter progress: Called after each block with how many events are done and how many there are.
    /// - Throws: When the log cannot be read at all.
    public init(_ reader: LedgerReader, progress: (UInt64, UInt64) -> Void = { _, _ in }) throws(StoreError) {
        try self.init(reader, details: nil, progress)
    }

    /// Checks a log, and with the master key also that all details and all key material open and belong where they are.
    ///
    /// Every key is unwrapped for that, one after the other, and wiped at once. These are no uses, and no events.
    ///
    /// - Parameter progress: As above.
    /// - Throws: When log or material cannot be read at all.
    public init(_ audit: AuditReader, progress: (UInt64, UInt64) -> Void = { _, _ in }) throws(KeyStoreError) {
        do throws(StoreError) {
            try self.init(audit.log, details: audit.opensDetails ? audit : nil, progress)
        } catch {
            throw .store(error)
        }
        if audit.opensDetails { try checkMaterial(audit) }
        try checkShredding(audit)
    }

    private init(
        _ reader: LedgerReader, details audit: AuditReader?, _ progress: (UInt64, UInt64) -> Void
    ) throws(StoreError) {
        var tree = MerkleTree()
        var replay = try LogReplay(reader)
        var resolutions = Resolutions()
        var committedDetails: UInt64 = 0
        let end: UInt64
        do throws(StoreError) {
            end = try reader.eventCount()
        } catch .damaged(_, let sequence, let reason) {
            // The last block does not even say how far the log goes; what is before it is still there.
            end = sequence ?? 0
            findings.append(Finding(sequence: sequence, description: reason))
        }
        var isChainIntact = findings.isEmpty
        do throws(StoreError) {
            try reader.forEachBlock(to: end, mapping: { $0 }) { (block) throws(StoreError) in
                if block.firstSequence == 0, block.previousChecksum != .zero {
                    findings.append(Finding(sequence: 0, description: "the first block claims to follow another"))
                }
                if let reason = try replay.replay(block) {
                    findings.append(Finding(sequence: block.firstSequence, description: reason))
                    isChainIntact = false
                    return false
                }
                findings += resolutions.violations(in: block)
                block.forEachEntry { tree.append(MerkleHash.leaf($0)) }
                projection.apply(block)
                committedDetails += UInt64(block.commitments.count)
                try checkDetails(of: block, reader, audit)
                eventCount = block.nextSequence
                blockCount += 1
                progress(eventCount, end)
                return true
            }
        } catch .damaged(_, let sequence, let reason) {
            findings.append(Finding(sequence: sequence ?? eventCount, description: reason))
            isChainIntact = false
        }
        rootHash = tree.root
        if isChainIntact {
            checkDetailsCount(try reader.detailsCount(), committed: committedDetails)
            checkConservation(replay.machine)
            checkUsage(replay.machine)
        }
    }

    /// That the details of a block's events are there; for a reader that can open them, that they are the right ones.
    private mutating func checkDetails(
        of block: Block, _ reader: LedgerReader, _ audit: AuditReader?
    ) throws(StoreError) {
        for commitment in block.commitments {
            let sequence = block.firstSequence + UInt64(commitment.index)
            guard let audit, block.operation == .createTransfers else {
                if try reader.sealedDetails(of: sequence) == nil {
                    findings.append(Finding(sequence: sequence, description: "the details of the event are missing"))
                }
                continue
            }
            let index = Int(commitment.index)
            do throws(KeyStoreError) {
                _ = try audit.details(at: index, of: block, tenant: projection.tenant(of: block.transfers[index]))
            } catch .store(let error) {
                throw error
            } catch {
                findings.append(Finding(sequence: sequence, description: error.finding))
            }
        }
    }

    /// That every version's material is there and its own.
    private mutating func checkMaterial(_ audit: AuditReader) throws(KeyStoreError) {
        for (id, key) in projection.keys.sorted(by: { $0.value.createdBy < $1.value.createdBy }) {
            // What is destroyed is gone, or about to be.
            for (index, record) in key.versions.enumerated() where record.state != .destroyed {
                do throws(KeyStoreError) {
                    try audit.checkMaterial(of: KeyVersion(key: id, number: UInt32(index + 1)), in: projection)
                } catch .tenantShredded {
                    // Said once, if there is something to say.
                } catch .materialDamaged(let subject, let reason) {
                    let error = KeyStoreError.materialDamaged(subject: subject, reason: reason)
                    findings.append(Finding(sequence: record.createdBy, description: error.finding))
                }
            }
        }
    }

    /// That the keys of shredded tenants are gone, and nobody else's.
    private mutating func checkShredding(_ audit: AuditReader) throws(KeyStoreError) {
        for (id, tenant) in projection.tenants.sorted(by: { $0.value.createdBy < $1.value.createdBy }) {
            let isErased = try audit.isShredded(id)
            if isErased, tenant.shred == nil {
                findings.append(
                    Finding(
                        sequence: tenant.createdBy,
                        description: "the keys of tenant \(id) were erased, and no event says so"))
            } else if !isErased, let done = tenant.shred?.doneBy {
                findings.append(
                    Finding(sequence: done, description: "the keys of tenant \(id) are there although it was shredded"))
            }
        }
    }

    private mutating func checkDetailsCount(_ stored: UInt64, committed: UInt64) {
        if stored > committed {
            findings.append(
                Finding(
                    sequence: nil, description: "\(stored - committed) details are stored that no event is committed to"
                ))
        }
    }

    /// On every ledger the sum of debits is the sum of credits, posted and pending.
    private mutating func checkConservation(_ machine: StateMachine) {
        for (ledger, accounts) in Dictionary(grouping: machine.allAccounts, by: \.ledger).sorted(by: { $0.key < $1.key }
        ) {
            // Sums are taken modulo 2^128: single balances may be that large.
            let isBalanced =
                accounts.reduce(UInt128(0)) { $0 &+ $1.debitsPosted &- $1.creditsPosted } == 0
                && accounts.reduce(UInt128(0)) { $0 &+ $1.debitsPending &- $1.creditsPending } == 0
            if !isBalanced {
                findings.append(Finding(sequence: nil, description: "debits and credits differ on ledger \(ledger)"))
            }
        }
    }

    /// What the projection counted is what the ledger's balances say.
    private mutating func checkUsage(_ machine: StateMachine) {
        for (id, key) in projection.keys.sorted(by: { $0.key < $1.key }) {
            for (index, record) in key.versions.enumerated() {
                let version = KeyVersion(key: id, number: UInt32(index + 1))
                let protect = machine.account(AccountID.version(version, key.algorithm, .protect))?.debitsPosted
                let process = machine.account(AccountID.version(version, key.algorithm, .process))?.debitsPosted
                if protect != UInt128(record.usage.sign + record.usage.encrypt)
                    || process != UInt128(record.usage.verify + record.usage.decrypt)
                {
                    findings.append(
                        Finding(
                            sequence: key.createdBy,
                            description: "the uses of key \(id) version \(index + 1) are not what its balances say"))
                }
            }
        }
    }
}

extension KeyStoreError {
    /// As a finding: what is wrong, without advice.
    fileprivate var finding: String {
        if case .materialDamaged(let subject, let reason) = self { return "\(subject): \(reason)" }
        return description
    }
}
