// The first steps of a use one by one, for benchmarks.

extension KeyHandle {
    /// Borrows the active version's plaintext and gives it back; false if it is not in memory.
    package func isAtHand() async throws(KeyStoreError) -> Bool {
        let version = try currentVersion()
        let renewal = PlaintextKeys.Renewal(
            now: store.options.clock(), residencySeconds: store.options.cache.seconds(for: algorithm))
        switch try await store.live.loan(of: version, protects: true, renewal: renewal) {
        case .lent(_, let lease):
            store.live.giveBack(version, lease)
            return true
        case .claimed:
            store.live.endClaim(version)
            return false
        case .superseded: return false
        }
    }

    /// Reads the active version's material and unwraps it, and wipes it at once.
    package func unwrap() throws(KeyStoreError) {
        _ = try store.custody.material(of: try currentVersion(), algorithm, tenant: tenant.id)
    }
}
