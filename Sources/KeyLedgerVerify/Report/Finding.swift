/// Something that is not as it was committed, or as no ledger could have come to be.
public struct Finding: Sendable, Hashable {
    /// What kind of tampering or damage.
    public let kind: Kind
    /// The first event concerned, where it is about events.
    public let event: UInt64?
    /// When that event was decided, in nanoseconds since 1970: since when there is something wrong.
    public let since: UInt64?
    /// What it is about, in words.
    public let detail: String

    init(_ kind: Kind, event: UInt64? = nil, since: UInt64? = nil, _ detail: String) {
        self.kind = kind
        self.event = event
        self.since = since
        self.detail = detail
    }

    /// The name of a finding, stable for programs. `Specs/THREATS.md` says which attack leads to which.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        // The log's bytes.
        case logDamaged = "log-damaged"
        case blockMalformed = "block-malformed"
        case blockAltered = "block-altered"
        case blockMissing = "block-missing"
        case blockMisplaced = "block-misplaced"
        case chainBroken = "chain-broken"
        case timeNotAscending = "time-not-ascending"
        // What the events led to.
        case answerForged = "answer-forged"
        case recordForged = "record-forged"
        case ledgerUnbalanced = "ledger-unbalanced"
        // What the catalogue of events allows.
        case accountForeign = "account-foreign"
        case eventForeign = "event-foreign"
        case budgetForged = "budget-forged"
        case useWithoutGenerate = "use-without-generate"
        case useWithoutBudget = "use-without-budget"
        case useOutOfMemory = "use-out-of-memory"
        case useAfterClose = "use-after-close"
        case finalClosingVoided = "final-closing-voided"
        // Details.
        case detailsDamaged = "details-damaged"
        case detailsMissing = "details-missing"
        case detailsOrphaned = "details-orphaned"
        case detailsForged = "details-forged"
        // Checkpoints.
        case checkpointMalformed = "checkpoint-malformed"
        case checkpointForged = "checkpoint-forged"
        case checkpointMissing = "checkpoint-missing"
        case checkpointUnrecorded = "checkpoint-unrecorded"
        case historyRewritten = "history-rewritten"
        case historyCut = "history-cut"
        case historyForked = "history-forked"
        // Key material.
        case materialDamaged = "material-damaged"
        case materialMissing = "material-missing"
        case materialForged = "material-forged"
        case materialRestored = "material-restored"
        case publicKeyForged = "public-key-forged"
        case originForged = "origin-forged"
    }
}

extension Finding.Kind {
    /// What it means, for a person.
    public var meaning: String {
        switch self {
        case .logDamaged: "the log's file contradicts itself"
        case .blockMalformed: "a block is none"
        case .blockAltered: "a block's bytes were changed after it was written"
        case .blockMissing: "events are missing"
        case .blockMisplaced: "a block is in a place that is not its own, or there twice"
        case .chainBroken: "a block does not follow the one before it: one of the two was exchanged"
        case .timeNotAscending: "time does not ascend"
        case .answerForged: "a recorded answer does not follow from the events"
        case .recordForged: "a record is not what the ledger would have stored"
        case .ledgerUnbalanced: "debits and credits differ"
        case .accountForeign: "an account that the catalogue of events does not know"
        case .eventForeign: "an event that the catalogue of events does not know, or not so"
        case .budgetForged: "a key's budget is not the one it may have"
        case .useWithoutGenerate: "a key was used that was never generated"
        case .useWithoutBudget: "a key was used without the budget it needs"
        case .useOutOfMemory: "a key was used while it was not in memory"
        case .useAfterClose: "a key was used after it had been closed for good"
        case .finalClosingVoided: "a closing that is final was taken back"
        case .detailsDamaged: "the file of the details contradicts itself"
        case .detailsMissing: "the details of an event are missing"
        case .detailsOrphaned: "details are stored that no event is committed to"
        case .detailsForged: "the details of an event are not those it is committed to"
        case .checkpointMalformed: "a stored checkpoint is none"
        case .checkpointForged: "a checkpoint has no valid signature of the ledger's key"
        case .checkpointMissing: "a checkpoint that the log speaks of is missing"
        case .checkpointUnrecorded: "a checkpoint was signed that the log does not speak of"
        case .historyRewritten: "the events are not those that a checkpoint commits to"
        case .historyCut: "the log ends before events that it had"
        case .historyForked: "two histories of one length were signed: different people were shown different ledgers"
        case .materialDamaged: "the file of the key material contradicts itself"
        case .materialMissing: "key material is missing"
        case .materialForged: "key material was changed, or belongs elsewhere"
        case .materialRestored: "key material is there that was erased"
        case .publicKeyForged: "a public key is not the one that was generated"
        case .originForged: "the ledger's name is not the one it was created with"
        }
    }

    /// What can still be relied on. `{n}` stands for the number of events before the first one concerned.
    var trustworthy: String {
        switch self {
        case .detailsDamaged, .detailsMissing, .detailsOrphaned, .detailsForged:
            "the events themselves and all other details"
        case .materialDamaged, .materialMissing, .materialForged, .materialRestored, .publicKeyForged:
            "the log, and all other key material"
        case .checkpointMalformed, .checkpointForged, .checkpointMissing, .checkpointUnrecorded:
            "the log, as far as other checkpoints commit to it"
        case .originForged: "nothing, until it is clear which ledger this is"
        case .ledgerUnbalanced: "nothing that balances say"
        case .historyRewritten: "the events up to the last checkpoint before it that holds"
        case .historyCut: "the events that are there; those after them are gone"
        case .historyForked: "what both histories share; keep both checkpoints as evidence"
        case .accountForeign, .eventForeign, .budgetForged, .useWithoutGenerate, .useWithoutBudget, .useOutOfMemory,
            .useAfterClose, .finalClosingVoided:
            "that these events were recorded; they were not made by this product, or not as it makes them"
        default: "the events before it"
        }
    }

    /// Whether events from there on cannot be relied on.
    var endsTrust: Bool {
        switch self {
        case .logDamaged, .blockMalformed, .blockAltered, .blockMissing, .blockMisplaced, .chainBroken,
            .timeNotAscending, .answerForged, .recordForged, .historyRewritten:
            true
        default: false
        }
    }
}
