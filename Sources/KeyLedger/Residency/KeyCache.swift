internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Transparency

/// The keys a key store has in memory: plaintext private keys, plaintext encryption keys, public keys.
///
/// Who is in memory in plaintext is what the ledger says (see `Specs/EVENTS.md`, in memory): a key comes with the commit of
/// its first use and goes with an eviction or expiry in the log. A hit touches no disk.
public struct KeyCache: Sendable {
    let store: KeyStore

    /// How a cache served those who asked, since the store was opened.
    public struct Statistics: Hashable, Sendable {
        /// Found in memory.
        public internal(set) var hitCount: UInt64 = 0
        /// Not found; fetched and admitted.
        public internal(set) var missCount: UInt64 = 0
        /// Left before their time: for lack of room, after a rotation, or because somebody said so.
        public internal(set) var evictionCount: UInt64 = 0
        /// Left because their time was up.
        public internal(set) var expiryCount: UInt64 = 0

        /// Of those who asked, how many found what they asked for, from 0 to 1; nil if nobody asked.
        public var hitRate: Double? {
            let total = hitCount + missCount
            return total == 0 ? nil : Double(hitCount) / Double(total)
        }
    }

    /// How plaintext private keys were found.
    public var privateKeys: Statistics { store.live.statistics(of: .ed25519) }
    /// How plaintext encryption keys were found.
    public var encryptionKeys: Statistics { store.live.statistics(of: .aes256GCM) }
    /// How public keys were found.
    public var publicKeys: Statistics { store.publicKeys.statistics }

    /// The versions whose plaintext is in memory, and since when and until when the ledger allows it.
    public var plaintext: [LedgerProjection.Residency] {
        store.live.read { $0.residencies.values.sorted { ($0.admittedAt, $0.version) < ($1.admittedAt, $1.version) } }
    }

    /// Wipes all versions of a key, after the uses that have begun; an eviction each. The next use fetches it anew.
    ///
    /// - Returns: How many versions were in memory in plaintext.
    @discardableResult
    public func invalidate(_ key: KeyHandle, caller: Caller? = nil) async throws(KeyStoreError) -> Int {
        try await invalidate(caller) { $0.key == key.id }
    }

    /// Wipes all keys of a tenant, as ``invalidate(_:caller:)`` does.
    @discardableResult
    public func invalidate(_ tenant: Tenant, caller: Caller? = nil) async throws(KeyStoreError) -> Int {
        let keys = store.live.read { projection in Set(projection.keys.filter { $0.value.tenant == tenant.id }.keys) }
        return try await invalidate(caller) { keys.contains($0.key) }
    }

    /// Wipes all keys, as ``invalidate(_:caller:)`` does.
    @discardableResult
    public func invalidateAll(caller: Caller? = nil) async throws(KeyStoreError) -> Int {
        try await invalidate(caller) { _ in true }
    }

    private func invalidate(
        _ caller: Caller?, _ isMeant: (KeyVersion) -> Bool
    ) async throws(KeyStoreError) -> Int {
        store.publicKeys.forget(isMeant)
        let versions = store.live.versionsAtHand.filter(isMeant).sorted()
        let caller = caller ?? store.options.caller
        let store = store
        // Each in a task of its own, so that they share commits. None holds the claim on more than one version: whoever
        // waits for another's claim while holding one could wait for ever.
        let outcomes = await withTaskGroup(of: Result<Bool, KeyStoreError>.self) { group in
            for version in versions {
                group.addTask {
                    do throws(KeyStoreError) {
                        return .success(try await store.invalidate(version, caller))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var count = 0
        for outcome in outcomes where try outcome.get() { count += 1 }
        return count
    }
}

extension KeyStore {
    /// The keys in memory.
    public var cache: KeyCache { KeyCache(store: self) }

    /// Ends a version's residency; false if it has none.
    fileprivate func invalidate(_ version: KeyVersion, _ caller: Caller) async throws(KeyStoreError) -> Bool {
        let departure = try await live.claimDeparture(of: version)
        defer { live.endClaim(version, departure) }
        guard let departure else { return false }
        let eviction = try eviction(of: departure)
        var details = caller.details()
        details["reason"] = .string(caller.reason ?? "invalidated")
        let sealed = try sealIfPossible(details, of: EventID(eviction.id), tenant: tenant(of: version.key))
        do throws(KeyStoreError) {
            try await record(linked: [eviction], details: sealed)
        } catch .refused(operation: .evict, _, .pendingTransferExpired) {
            // Its time was up at that very moment.
            return false
        }
        return true
    }
}
