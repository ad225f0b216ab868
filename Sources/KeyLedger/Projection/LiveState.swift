internal import LedgerStore
internal import Synchronization

/// The projection as it is now, and the plaintext keys it says are in memory.
///
/// A key is held here exactly as long as its residency stands in the ledger: it enters when its admission is on disk,
/// and leaves when the log says evicted or expired.
final class LiveState: Projection {
    private struct State {
        var projection = LedgerProjection()
        var cached: [KeyVersion: Cached] = [:]
        /// Keys whose admission is on its way to disk, by its event.
        var arriving: [EventID: KeyMaterial] = [:]
        var useCount: UInt64 = 0
    }

    private struct Cached {
        let residency: EventID
        let material: KeyMaterial
        var lastUse: UInt64
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
        state.withLock { state in
            state.projection.apply(block)
            // Admissions in this block bring their keys, evictions and expiries take them.
            if !state.arriving.isEmpty {
                for (event, material) in state.arriving {
                    guard let residency = state.projection.residencies[event] else { continue }
                    state.arriving[event] = nil
                    state.cached[residency.version] = Cached(
                        residency: event, material: material, lastUse: state.useCount)
                }
            }
            if state.cached.count != state.projection.residencies.count {
                state.cached = state.cached.filter { state.projection.residencies[$0.value.residency] != nil }
            }
        }
    }

    func snapshot() -> [UInt8] { read(\.snapshot) }

    // MARK: Keys in memory

    /// The plaintext of a version if it is in memory and not due to be gone.
    func material(of version: KeyVersion, now: UInt64) -> KeyMaterial? {
        state.withLock { state in
            guard let cached = state.cached[version], let residency = state.projection.residencies[cached.residency],
                residency.expiresAt > now
            else { return nil }
            state.useCount += 1
            state.cached[version]?.lastUse = state.useCount
            return cached.material
        }
    }

    /// Holds a key until its admission is on disk, or ``withdraw(_:)``.
    func announce(_ material: KeyMaterial, admittedBy event: EventID) {
        state.withLock { $0.arriving[event] = material }
    }

    /// Lets go of a key that was not admitted.
    func withdraw(_ event: EventID) { state.withLock { $0.arriving[event] = nil } }

    /// The residencies to end so that one more key has room: the least recently used first.
    func residenciesToEvict(capacity: Int) -> [(event: EventID, version: KeyVersion)] {
        state.withLock { state in
            let excess = state.projection.residencies.count + state.arriving.count + 1 - capacity
            guard excess > 0 else { return [] }
            return state.cached.sorted { $0.value.lastUse < $1.value.lastUse }.prefix(excess).map {
                (event: $0.value.residency, version: $0.key)
            }
        }
    }
}
