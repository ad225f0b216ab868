internal import CryptoPrimitives
internal import Synchronization

/// Public keys that were read and found to be those their events generated.
///
/// They are no secrets, so where they are is nothing the ledger records: a commit for each would buy no evidence. They are
/// believed for a limited time all the same, after which they are read and checked again.
final class PublicKeys: Sendable {
    private struct State {
        var cache: ExpiringCache<KeyVersion, Ed25519.PublicKey>
        var statistics = KeyCache.Statistics()
    }

    private let state: Mutex<State>
    private let lifetimeNanoseconds: UInt64

    init(_ limits: KeyCacheLimits) {
        lifetimeNanoseconds = UInt64(limits.publicKeySeconds) * 1_000_000_000
        state = Mutex(State(cache: ExpiringCache(capacity: limits.entryCountMax)))
    }

    /// The public key of a version; read if it is not known, or not any more.
    ///
    /// - Parameter now: Nanoseconds since 1970.
    func key(
        of version: KeyVersion, at now: UInt64, read: () throws(KeyStoreError) -> Ed25519.PublicKey
    ) throws(KeyStoreError) -> Ed25519.PublicKey {
        let known = state.withLock { state in
            switch state.cache.value(for: version, fingerprint: version.fingerprint, at: now) {
            case .present(let key):
                state.statistics.hitCount += 1
                return Optional(key)
            case .expired: state.statistics.expiryCount += 1
            case .absent: break
            }
            state.statistics.missCount += 1
            return nil
        }
        if let known { return known }
        let key = try read()
        state.withLock { state in
            let (expiresAt, isBeyondTime) = now.addingReportingOverflow(lifetimeNanoseconds)
            let isEvicting = state.cache.insert(
                key, for: version, fingerprint: version.fingerprint, expiresAt: isBeyondTime ? .max : expiresAt)
            if isEvicting { state.statistics.evictionCount += 1 }
        }
        return key
    }

    func forget(_ isMeant: (KeyVersion) -> Bool) {
        state.withLock { $0.statistics.evictionCount += UInt64($0.cache.removeAll(where: isMeant)) }
    }

    var statistics: KeyCache.Statistics { state.withLock { $0.statistics } }
}
