internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Synchronization
internal import Transparency

extension KeyStore {
    /// Opens a ledger, puts everything that rests under one master key under another, and closes it. Goes on where an
    /// earlier attempt was interrupted.
    ///
    /// Interrupt it as you like, also by killing the process: both master keys are needed until it is finished, and the
    /// same call finishes it. Afterwards the old one opens nothing in this folder. It still opens copies of the folder
    /// that were made before.
    ///
    /// - Parameter progress: Called with how many tenants are done and how many there are.
    /// - Throws: ``KeyStoreError/wrongMasterKey(given:needed:)`` if `old` is not what the ledger is under, and what either
    ///   service refuses.
    public static func rewrap(
        _ path: String, from old: any KeyManagementService, to new: any KeyManagementService, options: Options,
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) async throws(KeyStoreError) {
        // The last step but one puts the ledger's secret under the new key; then only the event is missing, and opening
        // records it.
        let isDone = new.masterKeyName == (try masterKeyNeeded(path).name)
        let store = try await open(
            path, keyManagement: isDone ? new : old, next: isDone ? nil : new, options: options
        ) { _, _ in }
        do throws(KeyStoreError) {
            if !isDone { try await store.rewrap(to: new, progress: progress) }
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
    }

    /// Puts everything that rests under the master key under that of another service, while the store is in use.
    ///
    /// - Throws: ``KeyStoreError/rewrapUnfinished(from:to:)`` if a change to yet another master key was begun.
    public func rewrap(
        to new: any KeyManagementService, progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) async throws(KeyStoreError) {
        let busy = KeyStoreError.rewrapUnfinished(from: keyManagement.masterKeyName, to: new.masterKeyName)
        try await exclusively(0, orElse: busy) { () throws(KeyStoreError) in
            guard new.masterKeyName != keyManagement.masterKeyName else { return }
            do throws(KeyManagementError) {
                try await new.healthCheck()
            } catch {
                throw .keyManagement(error)
            }
            let rewrap = try await beginRewrap(to: new)
            // Tenants that are created meanwhile come under the new key at once; one whose key was just being made with
            // the old one may be found in a second look.
            var left = try custody.tenants(notUnder: new.masterKeyName)
            let total = UInt64(live.read { $0.tenants.count })
            while !left.isEmpty {
                for start in stride(from: 0, to: left.count, by: Self.rewrapBatchCount) {
                    let batch = Array(left[start..<min(start + Self.rewrapBatchCount, left.count)])
                    try await custody.rewrap(batch)
                    try await recordRewrap(of: batch, rewrap)
                    progress(total - min(total, UInt64(left.count - start - batch.count)), total)
                }
                left = try custody.tenants(notUnder: new.masterKeyName)
            }
            try await recordMissedRewraps(rewrap)
            try await custody.rewrapRoot()
            try await end(rewrap, as: .finishRewrap)
            custody.endRewrap()
        }
    }

    /// How many tenants share a commit; so many are done again at most after an interruption.
    static let rewrapBatchCount = 64

    /// The service whose master key everything is under.
    public var keyManagement: any KeyManagementService { custody.services.withLock { $0.current } }

    /// What opens a ledger.
    public struct MasterKeyNeeded: Sendable, Hashable {
        /// The service's name and the key's id.
        public let name: String
        /// How the key comes out of a passphrase, if it does.
        public let derivation: PassphraseDerivation?
        /// The master key that everything is on its way to, if that was interrupted.
        public let next: Next?

        /// See ``MasterKeyNeeded/next``.
        public struct Next: Sendable, Hashable {
            /// The service's name and the key's id.
            public let name: String
            /// How the key comes out of a passphrase, if it does.
            public let derivation: PassphraseDerivation?
        }
    }

    /// What opens a ledger. Finding that out needs no key.
    public static func masterKeyNeeded(_ path: String) throws(KeyStoreError) -> MasterKeyNeeded {
        let folder = LedgerFolder(path: path)
        _ = try KeyStoreError.store { () throws(StoreError) in try folder.manifest() }
        let material = try KeyStoreError.store { () throws(StoreError) in try MaterialStore(folder, isReadOnly: true) }
        defer { material.close() }
        guard let reference = try Custody.rootBlob(material, path: path).masterKey else {
            throw .notInitialised(path: path)
        }
        let next = try KeyStoreError.store { () throws(StoreError) -> MasterKeyReference? in
            for name in try material.names() where name.tenant != nil {
                let other = try material.blob(name).flatMap { WrappedBlob($0)?.masterKey }
                if let other, other.name != reference.name { return other }
            }
            return nil
        }
        return MasterKeyNeeded(
            name: reference.name, derivation: reference.derivation,
            next: next.map { .init(name: $0.name, derivation: $0.derivation) })
    }

    /// Records the beginning, unless it was recorded before an interruption.
    func beginRewrap(to new: any KeyManagementService) async throws(KeyStoreError) -> LedgerProjection.Rewrap {
        let (from, to) = (masterKeyAccount(keyManagement), masterKeyAccount(new))
        if let rewrap = live.read({ $0.rewrap }) {
            if rewrap.from == from.id, rewrap.to == to.id {
                custody.beginRewrap(to: new)
                return rewrap
            }
            // Towards another key: begun at most, or to be finished first.
            try await settleRewrap()
        }
        try await create([from, to])
        let number = live.read { $0.rewrapCount } + 1
        let event = EventID(once: .rewrap, 0, version: number)
        try await record(
            linked: [
                transfer(
                    .rewrap, id: event, from: from.id, to: to.id, amount: 1, flags: .pending,
                    version: number)
            ],
            details: [
                try seal(
                    options.caller.details([
                        "from": .string(keyManagement.masterKeyName), "to": .string(new.masterKeyName),
                    ]), of: event, tenant: nil)
            ])
        guard let rewrap = live.read({ $0.rewrap }) else { preconditionFailure("the event is in the projection") }
        custody.beginRewrap(to: new)
        return rewrap
    }

    private func masterKeyAccount(_ service: any KeyManagementService) -> Account {
        let name = Array(service.masterKeyName.utf8)
        let digest = SHA256.hash(unsafe name.span.bytes).leadingNumber
        return account(AccountID.masterKey(digest), .masterKey, on: .custody, subject: digest)
    }

    func recordRewrap(
        of tenants: [TenantID], _ rewrap: LedgerProjection.Rewrap
    ) async throws(KeyStoreError) {
        let known = live.read { projection in tenants.filter { projection.tenants[$0] != nil } }
        let events = known.map { tenant in
            transfer(
                .rewrapTenant, id: EventID(once: .rewrapTenant, tenant.value, version: rewrap.number),
                from: rewrap.from, to: rewrap.to, amount: 1, subject: tenant.value, version: rewrap.number)
        }
        if !events.isEmpty { try await record(linked: events) }
    }

    /// The event comes after the key is on disk: an interruption in between leaves the event out.
    private func recordMissedRewraps(_ rewrap: LedgerProjection.Rewrap) async throws(KeyStoreError) {
        let tenants = live.read { projection in
            projection.tenants.filter { $0.value.createdBy < rewrap.begunBy && $0.value.shred == nil }.keys.sorted()
        }
        var missed: [TenantID] = []
        for tenant in tenants {
            let id = EventID(once: .rewrapTenant, tenant.value, version: rewrap.number).value
            let event = try KeyStoreError.store { () throws(StoreError) in try writer.transfer(id) }
            if event == nil { missed.append(tenant) }
        }
        for start in stride(from: 0, to: missed.count, by: Self.rewrapBatchCount) {
            try await recordRewrap(
                of: Array(missed[start..<min(start + Self.rewrapBatchCount, missed.count)]), rewrap)
        }
    }

    private func end(_ rewrap: LedgerProjection.Rewrap, as kind: EventKind) async throws(KeyStoreError) {
        let event = try newEventID()
        let end = Transfer(
            id: event.value, amount: kind == .finishRewrap ? 1 : 0, pendingID: rewrap.pending,
            code: keyManagementCode, flags: kind == .finishRewrap ? .postPendingTransfer : .voidPendingTransfer,
            userData64: UInt64(rewrap.number), userData32: kind.rawValue)
        try await record(linked: [end], details: [try seal(options.caller.details(), of: event, tenant: nil)])
    }

    /// Finishes or reverts a change of the master key that was interrupted, if nothing is left to be done for it.
    ///
    /// - Throws: ``KeyStoreError/rewrapUnfinished(from:to:)`` if some keys are under the one and some under the other.
    func settleRewrap() async throws(KeyStoreError) {
        guard let rewrap = live.read({ $0.rewrap }) else { return }
        let current = keyManagement.masterKeyName
        if let other = try custody.tenants(notUnder: current).first {
            let name = try custody.blob(.tenantKey(other), Custody.subject(of: other)).masterKey?.name
            throw .rewrapUnfinished(from: current, to: name ?? "another one")
        }
        if masterKeyAccount(keyManagement).id == rewrap.to {
            try await recordMissedRewraps(rewrap)
            try await end(rewrap, as: .finishRewrap)
        } else {
            try await end(rewrap, as: .abandonRewrap)
        }
    }
}
