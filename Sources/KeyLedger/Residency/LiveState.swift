internal import Ledger
internal import LedgerStore
internal import Synchronization

/// The projection as it is now, and the plaintext keys it says are in memory.
///
/// Both change under one lock, so a key is held here exactly as long as its residency stands in the ledger: it enters
/// when its admission is on disk, and leaves when the log says evicted or expired. The writer logs what expires when its
/// time is up, whether or not anybody asks; so plaintext does not outlive it.
final class LiveState: Projection {
    private struct State {
        var projection = LedgerProjection()
        var signingKeys: PlaintextKeys
        var encryptionKeys: PlaintextKeys
        /// How often something happened that a waiting task may wait for.
        var changeCount: UInt64 = 0
        var waiters: [CheckedContinuation<Void, Never>] = []

        init(_ limits: KeyCacheLimits, _ projection: LedgerProjection) {
            self.projection = projection
            signingKeys = PlaintextKeys(capacity: limits.entryCountMax)
            encryptionKeys = PlaintextKeys(capacity: limits.entryCountMax)
        }

        subscript(algorithm: KeyAlgorithm) -> PlaintextKeys {
            get {
                switch algorithm {
                case .ed25519: signingKeys
                case .aes256GCM: encryptionKeys
                }
            }
            _modify {
                switch algorithm {
                case .ed25519: yield &signingKeys
                case .aes256GCM: yield &encryptionKeys
                }
            }
        }

        /// The plaintext keys of the kind that a version is of.
        subscript(kindOf version: KeyVersion) -> PlaintextKeys {
            get { self[projection.keys[version.key]?.algorithm ?? .ed25519] }
            _modify { yield &self[projection.keys[version.key]?.algorithm ?? .ed25519] }
        }
    }

    private let limits: KeyCacheLimits
    private let state: Mutex<State>

    init(_ limits: KeyCacheLimits) {
        self.limits = limits
        state = Mutex(State(limits, LedgerProjection()))
    }

    /// Runs `body` with the projection as it is now.
    func read<Result: Sendable>(_ body: (LedgerProjection) -> Result) -> Result {
        state.withLock { body($0.projection) }
    }

    // MARK: Following the log

    func restore(from snapshot: [UInt8]?) -> Bool {
        guard let projection = snapshot.map({ LedgerProjection(snapshot: $0) }) ?? LedgerProjection() else {
            return false
        }
        state.withLock { $0 = State(limits, projection) }
        return true
    }

    func apply(_ block: Block) {
        change { state in
            state.projection.apply(block)
            if block.changesResidencies {
                let isExpiry = block.operation == .expire
                state.signingKeys.follow(state.projection, isExpiry: isExpiry)
                state.encryptionKeys.follow(state.projection, isExpiry: isExpiry)
            }
        }
    }

    func snapshot() -> [UInt8] { read(\.snapshot) }

    // MARK: Plaintext keys

    /// Borrows the plaintext of a version, or claims the task of fetching it; waits while another task does that.
    ///
    /// - Parameter protects: Whether it is for applying protection: a version that was replaced is then not offered.
    /// - Throws: `StoreError.closed` once the store is closing.
    func loan(
        of version: KeyVersion, protects: Bool, renewal: PlaintextKeys.Renewal
    ) async throws(KeyStoreError) -> PlaintextKeys.Loan {
        try await answer { state throws(KeyStoreError) in
            if protects, let active = state.projection.keys[version.key]?.activeVersion, active != version.number {
                return .superseded
            }
            return try state[kindOf: version].loan(of: version, renewal.notBefore(state.projection.lastTimestamp))
        }
    }

    /// Gives a borrowed key back.
    func giveBack(_ version: KeyVersion, _ lease: PlaintextKeys.Lease) {
        change { $0[kindOf: version].giveBack(lease) }
    }

    /// Finds room for a claimed version's key, and holds the key until its admission is on disk or ``settle(_:_:_:)``;
    /// waits while all keys in memory are in use.
    ///
    /// - Returns: The residencies to end in the same commit.
    func makeRoom(
        for version: KeyVersion, _ material: KeyMaterial, admittedBy event: EventID
    ) async throws(KeyStoreError) -> [PlaintextKeys.Departure] {
        try await answer { state throws(KeyStoreError) in
            state[kindOf: version].makeRoom(for: version, material, admittedBy: event)
        }
    }

    /// Says that a version's admission and the departures that went with it were answered.
    func settle(_ version: KeyVersion, _ event: EventID, _ departures: [PlaintextKeys.Departure]) {
        change { $0[kindOf: version].settle(event, departures) }
    }

    /// Claims a version in order to end its residency: waits for those who use it, and keeps others from beginning.
    ///
    /// - Returns: The residency to end, if there is one.
    func claimDeparture(of version: KeyVersion) async throws(KeyStoreError) -> PlaintextKeys.Departure? {
        _ = try await answer { state throws(KeyStoreError) in
            try state[kindOf: version].claim(version) ? true : nil
        }
        return try await answer { state throws(KeyStoreError) in
            state[kindOf: version].isInUse(version) ? nil : .some(state[kindOf: version].depart(version))
        }
    }

    /// Ends a claim, and with it the departure it was taken for.
    func endClaim(_ version: KeyVersion, _ departure: PlaintextKeys.Departure? = nil) {
        change { $0[kindOf: version].endClaim(version, departure) }
    }

    /// Lends nothing from here on, and waits until everything is back.
    func close() async {
        change { state in
            state.signingKeys.close()
            state.encryptionKeys.close()
        }
        // Asking does not throw here.
        _ = try? await answer { state throws(KeyStoreError) in
            state.signingKeys.isQuiet && state.encryptionKeys.isQuiet ? true : nil
        }
    }

    /// The versions whose plaintext is in memory.
    var versionsInMemory: Set<KeyVersion> {
        state.withLock { $0.signingKeys.versions.union($0.encryptionKeys.versions) }
    }

    /// The versions whose plaintext is in memory or on its way there.
    var versionsAtHand: Set<KeyVersion> {
        state.withLock { $0.signingKeys.versionsAtHand.union($0.encryptionKeys.versionsAtHand) }
    }

    /// The versions whose plaintext is in memory, and what the ledger says at that very moment.
    var memoryAndLedger: (inMemory: Set<KeyVersion>, projection: LedgerProjection) {
        state.withLock { ($0.signingKeys.versions.union($0.encryptionKeys.versions), $0.projection) }
    }

    /// What became of those who asked for the plaintext of a key of this kind.
    func statistics(of algorithm: KeyAlgorithm) -> KeyCache.Statistics { state.withLock { $0[algorithm].statistics } }

    /// Wipes every key, whatever the ledger says.
    func forgetKeys() {
        change { state in
            state.signingKeys.forget()
            state.encryptionKeys.forget()
        }
    }

    // MARK: Waiting

    private func change(_ body: (inout State) -> Void) {
        let waiters = state.withLock { state in
            body(&state)
            state.changeCount += 1
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Asks again after every change until there is an answer.
    private func answer<Answer: Sendable>(
        _ ask: (inout State) throws(KeyStoreError) -> Answer?
    ) async throws(KeyStoreError) -> Answer {
        while true {
            let (answer, changeCount) = try state.withLock { state throws(KeyStoreError) in
                (try ask(&state), state.changeCount)
            }
            if let answer { return answer }
            await withCheckedContinuation { continuation in
                let hasChanged = state.withLock { state in
                    if state.changeCount != changeCount { return true }
                    state.waiters.append(continuation)
                    return false
                }
                if hasChanged { continuation.resume() }
            }
        }
    }
}

extension Block {
    /// Whether a residency begins or ends with it. Most blocks are uses of keys that are in memory.
    fileprivate var changesResidencies: Bool {
        operation == .expire
            || operation == .createTransfers
                && transfers.contains {
                    $0.userData32 == EventKind.admit.rawValue || $0.userData32 == EventKind.evict.rawValue
                }
    }
}
