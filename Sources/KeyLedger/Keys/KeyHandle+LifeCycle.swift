internal import Ledger
internal import LedgerStore
internal import Transparency

// What becomes of a version on somebody's order (SP 800-57 part 1 rev. 5, section 7). Each order is a chain of transfers
// that close accounts or void what closed them; whether it is allowed is for the ledger to say. The version is the active
// one, or else the newest, unless another is named.
extension KeyHandle {
    /// Makes a version active before its date.
    public func activate(version: UInt32? = nil) async throws(KeyStoreError) { try await order(.activate, version) }

    /// Stops a version from applying protection until it is resumed. It still processes.
    public func suspend(version: UInt32? = nil) async throws(KeyStoreError) { try await order(.suspend, version) }

    /// Ends a suspension.
    public func resume(version: UInt32? = nil) async throws(KeyStoreError) { try await order(.resume, version) }

    /// Stops a version from applying protection, for good. It still processes.
    public func deactivate(version: UInt32? = nil) async throws(KeyStoreError) { try await order(.deactivate, version) }

    /// Records that somebody else may know a version: it protects nothing more and is not exported, for good. It still
    /// processes, and each such event says that it was compromised.
    public func compromise(version: UInt32? = nil) async throws(KeyStoreError) { try await order(.compromise, version) }

    /// Deactivates a version, closes it for everything, and destroys it when the waiting time is over:
    /// ``KeyStore/settleDue()``.
    ///
    /// - Parameter waitingSeconds: 30 days if nothing is said.
    public func scheduleDestruction(
        version: UInt32? = nil, waitingSeconds: UInt32 = KeyHandle.destructionWaitingSeconds
    ) async throws(KeyStoreError) {
        guard waitingSeconds > 0 else {
            throw .invalidOption(
                name: "waiting time", reason: "it is 0; to destroy a key at once has to be asked for by that name")
        }
        try await order(.scheduleDestruction, version, waitingSeconds: waitingSeconds)
    }

    /// How long a version waits for its destruction unless told otherwise: 30 days.
    public static let destructionWaitingSeconds: UInt32 = 30 * 86400

    /// Takes a scheduled destruction back. The version processes again; it does not protect.
    public func cancelDestruction(version: UInt32? = nil) async throws(KeyStoreError) {
        try await order(.cancelDestruction, version)
    }

    /// Destroys a version without a waiting time. What it encrypted cannot be decrypted any more.
    public func destroyImmediately(version: UInt32? = nil) async throws(KeyStoreError) {
        let version = try await self.version(version)
        try await order(.destroy, version.number)
        try await erase(version)
    }

    // MARK: Asking the ledger

    /// Asks the ledger for a transition.
    ///
    /// - Throws: ``KeyStoreError/wrongState(operation:key:version:state:destruction:)`` if it says no; the log has the
    ///   refusal.
    func order(
        _ transition: KeyTransition, _ number: UInt32?, waitingSeconds: UInt32 = 0
    ) async throws(KeyStoreError) {
        let version = try await version(number)
        do throws(KeyStoreError) {
            try await store.exclusively(
                id.value, orElse: .rotationInProgress(key: name.description)
            ) { () throws(KeyStoreError) in
                while try await !attempt(transition, version, waitingSeconds) {}
            }
        } catch {
            throw await recorded(error, version)
        }
    }

    /// False if something that was to be voided expired at that very moment: what is asked for has to be seen anew.
    private func attempt(
        _ transition: KeyTransition, _ version: KeyVersion, _ waitingSeconds: UInt32
    ) async throws(KeyStoreError) -> Bool {
        // What is closed is not in memory either. Uses that have begun come before the end.
        let departure = transition.closes ? try await store.live.claimDeparture(of: version) : nil
        defer { if transition.closes { store.live.endClaim(version, departure) } }
        guard let record = store.live.read({ $0[version] }) else {
            throw .unknownVersion(key: name.description, version: version.number)
        }
        var chain: [Transfer] = []
        if let departure { chain.append(try store.eviction(of: departure)) }
        chain += try transfers(of: transition, version, record, waitingSeconds)
        let main = chain.firstIndex { $0.userData32 == transition.event.rawValue } ?? 0
        let details = try store.sealIfPossible(
            tenant.caller.details(), of: EventID(chain[main].id), at: main, tenant: tenant.id)
        do throws(KeyStoreError) {
            try await store.record(linked: chain, details: details, of: name.description)
            return true
        } catch .refused(let kind, _, .pendingTransferExpired) where kind == .evict || kind == .release {
            return false
        } catch .refused(_, _, let status) where Self.isAboutState(status) {
            throw wrongState(transition.event, version)
        }
    }

    /// Whether a refusal means that the version is not in a state for what was asked.
    private static func isAboutState(_ status: CreateTransferStatus) -> Bool {
        switch status {
        case .debitAccountAlreadyClosed, .pendingTransferNotFound, .pendingTransferAlreadyVoided,
            .pendingTransferExpired:
            true
        default: false
        }
    }

    // MARK: Transfers

    /// What a transition is on the ledger. An order that the version's state does not allow is put the same way, for the
    /// ledger to refuse.
    private func transfers(
        of transition: KeyTransition, _ version: KeyVersion, _ record: LedgerProjection.VersionRecord,
        _ waitingSeconds: UInt32
    ) throws(KeyStoreError) -> [Transfer] {
        switch transition {
        case .activate: try voids(.activate, holds(of: version), version)
        case .suspend: [try closing(.suspend, version, on: .protect)]
        // Without a suspension it is that which the ledger does not know.
        case .resume: try voids(.resume, [record.suspension ?? EventID(once: .suspend, version)], version)
        case .deactivate:
            try voids(.release, record.suspension.map { [$0] } ?? [], version)
                + [try closing(.deactivate, version, on: .protect)]
        case .compromise:
            try ending(.compromise, version, record) + [try closing(.compromise, version, on: nil)]
        case .scheduleDestruction:
            try ending(.deactivate, version, record)
                + [try closing(.scheduleDestruction, version, on: .process)]
                + (record.state == .compromised ? [] : [try closing(.scheduleDestruction, version, on: nil)])
                + [try closing(.scheduleDestruction, version, on: .custody, timeoutSeconds: waitingSeconds)]
        case .cancelDestruction:
            try voids(
                .cancelDestruction,
                record.destruction.map { [$0.processing] + ($0.export.map { [$0] } ?? []) + [$0.waiting] }
                    ?? [EventID(once: .scheduleDestruction, version)], version)
        case .destroy:
            try ending(.deactivate, version, record)
                + voids(
                    .release, record.destruction.map { [$0.processing] + ($0.export.map { [$0] } ?? []) } ?? [], version
                )
                + [try closing(.destroy, version, on: .process)]
                + (record.state == .compromised ? [] : [try closing(.destroy, version, on: nil)])
                // Refused until the waiting time is over: until then the account is closed.
                + [
                    store.transfer(
                        .destroy, on: .custody, id: try store.newEventID(),
                        from: AccountID.version(version, algorithm, .custody),
                        to: AccountID.tenant(tenant.id, .custody), amount: 0, version: version)
                ]
        }
    }

    /// Closes `protect` for good where it is not, in place of what closes it for the time being.
    private func ending(
        _ kind: EventKind, _ version: KeyVersion, _ record: LedgerProjection.VersionRecord
    ) throws(KeyStoreError) -> [Transfer] {
        switch record.state {
        case .preActivation:
            try voids(.release, holds(of: version), version) + [try closing(kind, version, on: .protect)]
        case .active: [try closing(kind, version, on: .protect)]
        case .suspended:
            try voids(.release, record.suspension.map { [$0] } ?? [], version)
                + [try closing(kind, version, on: .protect)]
        case .deactivated, .compromised, .destroyed: []
        }
    }

    private func holds(of version: KeyVersion) -> [EventID] {
        [LedgerKind.protect, .process].map { EventID(once: .hold, version, on: $0) }
    }

    private func voids(
        _ kind: EventKind, _ pending: [EventID], _ version: KeyVersion
    ) throws(KeyStoreError) -> [Transfer] {
        var voids: [Transfer] = []
        for id in pending { voids.append(store.void(kind, of: id, id: try store.newEventID(), version: version)) }
        return voids
    }

    /// A transfer that closes one of a version's accounts; that of its export for nil.
    func closing(
        _ kind: EventKind, _ version: KeyVersion, on ledger: LedgerKind?, amount: UInt128 = 0,
        timeoutSeconds: UInt32 = 0
    ) throws(KeyStoreError) -> Transfer {
        store.transfer(
            kind, on: ledger ?? .custody, id: try store.newEventID(),
            from: ledger.map { AccountID.version(version, algorithm, $0) } ?? AccountID.exportGate(version),
            to: AccountID.tenant(tenant.id, ledger ?? .custody), amount: amount, flags: [.pending, .closingDebit],
            timeoutSeconds: timeoutSeconds, version: version)
    }
}

extension KeyTransition {
    /// Whether it closes something: then the version leaves memory in the same chain.
    fileprivate var closes: Bool {
        switch self {
        case .suspend, .deactivate, .compromise, .scheduleDestruction, .destroy: true
        case .activate, .resume, .cancelDestruction: false
        }
    }
}
