public import CryptoPrimitives

/// One tenant's events with all that is needed to check them offline. `Specs/EVIDENCE.md` is the specification.
///
/// Nothing of a bundle may be believed before ``verify(_:policy:)`` has returned it.
public struct EvidenceBundle: Hashable, Sendable {
    /// An event, and what it says beyond its entry as far as the exporter may show it.
    public struct Event: Hashable, Sendable {
        /// Its number in the log.
        public let index: LeafIndex
        /// As it was committed.
        public let entry: EventEntry
        /// Its details; nil if it has none, or they are withheld or forgotten.
        public let details: Details?

        /// An event with its details.
        public init(index: LeafIndex, entry: EventEntry, details: Details?) {
            self.index = index
            self.entry = entry
            self.details = details
        }
    }

    /// The text an event is committed to, and the salt that keeps the commitment from betraying it.
    public struct Details: Hashable, Sendable {
        /// 32 bytes.
        public let salt: [UInt8]
        /// Canonical JSON.
        public let text: String

        /// The details with this salt and text.
        public init(salt: [UInt8], text: String) {
            self.salt = salt
            self.text = text
        }

        /// `SHA-256("keyledger details v1" ‖ salt ‖ text)`.
        public var commitment: SHA256Digest {
            let bytes = Array("keyledger details v1".utf8) + salt + Array(text.utf8)
            return SHA256.hash(unsafe bytes.span.bytes)
        }
    }

    /// A public key that the details of an event of the bundle name.
    public struct PublicKey: Hashable, Sendable {
        /// The event that generated it.
        public let event: LeafIndex
        /// The key's identifier.
        public let key: UInt128
        /// Its version.
        public let version: UInt32
        /// The 32 bytes of an Ed25519 key.
        public let bytes: [UInt8]

        /// The key that this event generated.
        public init(event: LeafIndex, key: UInt128, version: UInt32, bytes: [UInt8]) {
            self.event = event
            self.key = key
            self.version = version
            self.bytes = bytes
        }
    }

    /// Whose events they are.
    public struct Tenant: Hashable, Sendable {
        /// The identifier in `user_data_128` of the event that created it.
        public let id: UInt128
        /// The name.
        public let name: String

        /// The tenant with this identifier and name.
        public init(id: UInt128, name: String) {
            self.id = id
            self.name = name
        }
    }

    /// The ledger.
    public var origin: String
    /// Whose events they are.
    public var tenant: Tenant
    /// The events that were asked for.
    public var range: Range<UInt64>
    /// The checkpoint they are proved against.
    public var note: SignedNote
    /// The keys of the checkpoint so far, oldest first. For comparison with keys known from elsewhere.
    public var verifierKeys: [VerifierKey]
    /// In ascending order of their numbers.
    public var events: [Event]
    /// What is missing to the root; see ``BatchInclusionProof``.
    public var hashes: [SHA256Digest]
    /// In ascending order of the events that generated them.
    public var publicKeys: [PublicKey]
    /// RFC 3161 replies over the checkpoint without cosignatures.
    public var timestamps: [[UInt8]]

    /// A bundle of these parts.
    public init(
        origin: String, tenant: Tenant, range: Range<UInt64>, note: SignedNote, verifierKeys: [VerifierKey],
        events: [Event], hashes: [SHA256Digest], publicKeys: [PublicKey], timestamps: [[UInt8]]
    ) {
        self.origin = origin
        self.tenant = tenant
        self.range = range
        self.note = note
        self.verifierKeys = verifierKeys
        self.events = events
        self.hashes = hashes
        self.publicKeys = publicKeys
        self.timestamps = timestamps
    }

    /// The `payloadType` of the envelope.
    public static let payloadType = "application/vnd.keyledger.evidence+json"

    /// The bundle as the payload of an envelope nobody has signed yet: the same bundle gives the same bytes.
    public func envelope() -> Envelope { Envelope(payloadType: Self.payloadType, payload: payload) }
}

// MARK: - Verification

extension EvidenceBundle {
    /// Verifies a bundle's file: envelope, form, checkpoint, proof, details, keys, manifest, in this order. Everything but
    /// ``timestamps``, which take an authority's certificate.
    ///
    /// - Parameter policy: The log, its keys and what witnesses are asked for, known from elsewhere.
    /// - Throws: ``EvidenceError``, the first thing that is wrong.
    public static func verify(
        _ file: [UInt8], policy: CheckpointPolicy
    ) throws(EvidenceError) -> (bundle: EvidenceBundle, checkpoint: VerifiedCheckpoint) {
        let payload: [UInt8]
        do throws(EnvelopeError) {
            payload = try Envelope(parsing: file).verifiedPayload(
                type: payloadType, keys: policy.logKeys.map(\.publicKey))
        } catch {
            throw .envelope(error)
        }
        let bundle = try EvidenceBundle(parsing: payload)
        return (bundle, try bundle.verify(policy))
    }

    private func verify(_ policy: CheckpointPolicy) throws(EvidenceError) -> VerifiedCheckpoint {
        let checkpoint: VerifiedCheckpoint
        do throws(CheckpointError) {
            checkpoint = try policy.verify(note)
        } catch {
            throw .checkpoint(error)
        }
        guard Array(origin.utf8) == policy.origin.utf8 else { throw .otherOrigin(origin) }
        guard range.upperBound <= checkpoint.head.size.leafCount else {
            throw .beyondCheckpoint(range.upperBound, checkpoint.head.size)
        }
        do throws(ProofRefusal) {
            try BatchInclusionProof(size: checkpoint.head.size, hashes: hashes).verify(
                events.map { ($0.index, $0.entry.leafHash) }, root: checkpoint.head.root)
        } catch {
            throw .notIncluded(error)
        }
        for event in events { try event.requireCommitment() }
        try requireTenant()
        for key in publicKeys { try require(key) }
        return checkpoint
    }

    private static let createTenantKind: UInt32 = 0x320
    /// `generate` and `import`.
    private static let keyMakingKinds: Set<UInt32> = [0x301, 0x306]

    /// The event that created the tenant is there, and names it.
    private func requireTenant() throws(EvidenceError) {
        let creation = events.first {
            $0.entry.isCreatedTransfer && $0.entry.userData32 == Self.createTenantKind
                && $0.entry.userData128 == tenant.id
        }
        guard let creation else { throw .unknownTenant(tenant.name) }
        if let name = creation.detail("name"), !name.hasSameScalars(as: tenant.name) {
            throw .unknownTenant(tenant.name)
        }
    }

    /// The key is the one that its event generated.
    private func require(_ key: PublicKey) throws(EvidenceError) {
        let event = events.first { $0.index == key.event }
        guard let event, event.entry.isCreatedTransfer, Self.keyMakingKinds.contains(event.entry.userData32),
            event.entry.userData128 == key.key, event.entry.userData64 == UInt64(key.version),
            event.detail("publicKey") == key.bytes.hexadecimal
        else { throw .unprovenKey(key.event) }
    }
}

extension EvidenceBundle.Event {
    fileprivate func requireCommitment() throws(EvidenceError) {
        guard let details else { return }
        guard entry.commitment == details.commitment else { throw .otherDetails(index) }
        let text = Array(details.text.utf8)
        guard let value = try? JSONValue(parsing: text), value.object != nil, (try? value.canonical()) == text else {
            throw .otherDetails(index)
        }
    }

    /// A member of the details.
    fileprivate func detail(_ name: String) -> String? {
        details.flatMap { try? JSONValue(parsing: Array($0.text.utf8)) }?[name]?.string
    }
}

/// Why a bundle is evidence of nothing. In the order in which it is checked.
public enum EvidenceError: Error, Hashable, Sendable {
    /// Not an envelope, of another type, or not signed by a key of the log.
    case envelope(EnvelopeError)
    /// A member is missing, superfluous or not what it must be, or the payload is not in canonical form.
    case malformed(String)
    /// The checkpoint is not one to rely on.
    case checkpoint(CheckpointError)
    /// The bundle says it is from another ledger than its checkpoint.
    case otherOrigin(String)
    /// The range reaches beyond what the checkpoint commits to.
    case beyondCheckpoint(UInt64, TreeSize)
    /// The events are not those the checkpoint commits to.
    case notIncluded(ProofRefusal)
    /// Details are not those the event is committed to.
    case otherDetails(LeafIndex)
    /// No event of the bundle created this tenant.
    case unknownTenant(String)
    /// No event of the bundle generated this key.
    case unprovenKey(LeafIndex)
}

extension EvidenceError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .envelope(let error): "\(error)"
        case .malformed(let what): "the bundle is malformed: \(what)"
        case .checkpoint(let error): "\(error)"
        case .otherOrigin(let origin): "the bundle says it is from \(origin), which is not the log of its checkpoint"
        case .beyondCheckpoint(let end, let size):
            "the bundle reaches to event \(end), its checkpoint commits to \(size) events"
        case .notIncluded(let refusal): "the events are not those of the checkpoint: \(refusal)"
        case .otherDetails(let index): "the details of event \(index) are not those it is committed to"
        case .unknownTenant(let name): "no event of the bundle created the tenant \(name)"
        case .unprovenKey(let index): "no event \(index) of the bundle generated the public key that names it"
        }
    }
}
