internal import LedgerStore
internal import Synchronization

/// The projection as it is now, and the plaintext keys it says are in memory.
///
/// Both change under one lock, so a key is held here exactly as long as its residency stands in the ledger: it enters
/// when its admission is on disk, and leaves when the log says evicted or expired.
final class LiveState: Projection {
    private struct State {
        var projection = LedgerProjection()
        var keys = PlaintextKeys()
        /// How often something happened that a waiting task may wait for.
        var changeCount: UInt64 = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Runs `body` with the projection as it is now.
    func read<Result: Sendable>(_ body: (LedgerProjection) -> Result) -> Result {
        state.withLock { body($0.projection) }
    }

    // MARK: Following the log

    func restore(from snapshot: [UInt8]?) -> Bool {
        guard let projection = snapshot.map({ LedgerProjection(snapshot: $0) }) ?? LedgerProjection() else {
            return false
        }
        state.withLock { $0 = State(projection: projection) }
        return true
    }

    func apply(_ block: Block) {
        change { state in
            state.projection.apply(block)
            state.keys.follow(state.projection)
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
            return try state.keys.loan(of: version, state.projection, renewal)
        }
    }

    /// Gives a borrowed key back.
    func giveBack(_ version: KeyVersion, _ residency: EventID) {
        change { $0.keys.giveBack(version, residency) }
    }

    /// Finds room for a claimed version's key, and holds the key until its admission is on disk or ``settle(_:_:)``;
    /// waits while all keys in memory are in use.
    ///
    /// - Returns: The residencies to end in the same commit.
    func makeRoom(
        for version: KeyVersion, _ material: KeyMaterial, admittedBy event: EventID, capacity: Int
    ) async throws(KeyStoreError) -> [PlaintextKeys.Departure] {
        try await answer { state throws(KeyStoreError) in
            state.keys.makeRoom(for: version, material, admittedBy: event, capacity: capacity, state.projection)
        }
    }

    /// Says that an admission and the departures that went with it were answered.
    func settle(_ event: EventID, _ departures: [PlaintextKeys.Departure]) {
        change { $0.keys.settle(event, departures) }
    }

    /// Claims a version in order to end its residency: waits for those who use it, and keeps others from beginning.
    ///
    /// - Returns: The residency to end, if there is one.
    func claimDeparture(of version: KeyVersion) async throws(KeyStoreError) -> PlaintextKeys.Departure? {
        _ = try await answer { state throws(KeyStoreError) in try state.keys.claim(version) ? true : nil }
        return try await answer { state throws(KeyStoreError) in
            state.keys.isInUse(version) ? nil : .some(state.keys.depart(version, state.projection))
        }
    }

    /// Ends a claim, and with it the departure it was taken for.
    func endClaim(_ version: KeyVersion, _ departure: PlaintextKeys.Departure? = nil) {
        change { $0.keys.endClaim(version, departure) }
    }

    /// Lends nothing from here on, and waits until everything is back.
    func close() async {
        change { $0.keys.close() }
        // Asking does not throw here.
        _ = try? await answer { state throws(KeyStoreError) in state.keys.isQuiet ? true : nil }
    }

    /// The versions whose plaintext is in memory.
    var versionsInMemory: Set<KeyVersion> { state.withLock { $0.keys.versions } }

    /// Wipes every key, whatever the ledger says.
    func forgetKeys() { change { $0.keys.forget() } }

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
