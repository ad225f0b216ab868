internal import Ledger
internal import LedgerStore
internal import Transparency

/// Rotates the keys that are due.
///
/// What is due, what failed and when the last run was is what the ledger says; there is no table beside it, and a run that
/// was interrupted needs no repair: what it rotated is not due any more.
public struct KeyRotationScheduler: Sendable {
    let store: KeyStore
    /// What is due, and how many tenants' keys at once.
    public var policy: RotationPolicy
    /// In whose name keys are rotated.
    public var caller: Caller

    /// How many tenants are rotated at the same time: enough that they share commits.
    private static let tenantsAtOnce = 64

    /// Rotates keys of `store` by `policy`.
    public init(_ store: KeyStore, policy: RotationPolicy, caller: Caller? = nil) {
        self.store = store
        self.policy = policy
        self.caller = caller ?? store.options.caller
    }

    /// What became of a run.
    public struct Run: Sendable {
        /// A key with a new active version.
        public struct Rotated: Sendable, Hashable {
            /// Whose key it is.
            public let tenant: TenantID
            /// The version that is active now.
            public let version: KeyVersion
        }

        /// A key that could not be rotated. It is recorded, and tried again in the next run.
        public struct Failed: Sendable {
            /// Whose key it is.
            public let tenant: TenantID
            /// The version that stays active.
            public let version: KeyVersion
            /// Why.
            public let error: KeyStoreError
        }

        /// In no order.
        public internal(set) var rotated: [Rotated] = []
        /// In no order.
        public internal(set) var failed: [Failed] = []
        /// How many tenants have keys that are due and were not tried.
        public internal(set) var remainingTenantCount = 0
    }

    /// What a run would rotate now. Writes nothing.
    public var plan: RotationPlan { RotationPlan(store.projection, policy: policy, at: store.options.clock()) }

    /// Rotates the keys that are due of as many tenants as the policy allows, and records that it did.
    ///
    /// A key that fails keeps no other from being rotated. When the task is cancelled, keys that are being rotated are
    /// finished and no others begun.
    ///
    /// - Throws: ``KeyStoreError/rotationInProgress(key:)`` while another run is under way, and what keeps the ledger from
    ///   recording anything at all.
    public func run() async throws(KeyStoreError) -> Run {
        try await store.exclusively(
            AccountID.scheduler, orElse: .rotationInProgress(key: "(all that are due)")
        ) { () throws(KeyStoreError) in
            let start = store.options.clock()
            let plan = plan
            var run = await rotate(plan.tenants)
            run.remainingTenantCount += plan.rest.count
            for failure in run.failed { if case .store(let error) = failure.error { throw .store(error) } }
            try await record(run, begunAt: start)
            return run
        }
    }

    private func rotate(_ tenants: [RotationPlan.DueTenant]) async -> Run {
        await withTaskGroup(of: Run.self) { group in
            var run = Run()
            for (index, tenant) in tenants.enumerated() {
                if index >= Self.tenantsAtOnce, let part = await group.next() { run.add(part) }
                guard !Task.isCancelled, !run.hasNoStore else {
                    run.remainingTenantCount += tenants.count - index
                    break
                }
                group.addTask { await rotate(tenant) }
            }
            for await part in group { run.add(part) }
            return run
        }
    }

    private func rotate(_ due: RotationPlan.DueTenant) async -> Run {
        var run = Run()
        for key in due.keys where !Task.isCancelled {
            do throws(KeyStoreError) {
                let number = try await handle(key.version.key, due.tenant).rotate()
                run.rotated.append(
                    .init(tenant: due.tenant, version: KeyVersion(key: key.version.key, number: number)))
            } catch {
                run.failed.append(
                    .init(tenant: due.tenant, version: key.version, error: await recorded(error, key, due.tenant)))
            }
        }
        return run
    }

    private func handle(_ key: KeyID, _ tenantID: TenantID) throws(KeyStoreError) -> KeyHandle {
        let (record, tenantRecord) = store.live.read { ($0.keys[key], $0.tenants[tenantID]) }
        guard let record, let tenantRecord else { preconditionFailure("what is due exists") }
        let tenant = Tenant(
            store: store, id: tenantID,
            name: try EntityName(try store.audit.name(createdBy: tenantRecord.createdBy, tenant: tenantID)),
            caller: caller)
        let name = try EntityName(try store.audit.name(createdBy: record.createdBy, tenant: tenantID))
        return KeyHandle(tenant: tenant, id: key, name: name, algorithm: record.algorithm)
    }

    /// Records a failure, and returns it, or what kept it from being recorded.
    private func recorded(
        _ failure: KeyStoreError, _ key: RotationPlan.DueKey, _ tenant: TenantID
    ) async -> KeyStoreError {
        if case .store = failure { return failure }
        do throws(KeyStoreError) {
            let event = try store.newEventID()
            let details = caller.details(["error": .string(failure.description)])
            try await store.record(
                linked: [
                    store.transfer(
                        .rotationFailed, id: event, from: AccountID.tenant(tenant, .custody), to: AccountID.denials,
                        amount: 1, version: key.version)
                ], details: try store.sealIfPossible(details, of: event, tenant: tenant))
            return failure
        } catch {
            return error
        }
    }

    private func record(_ run: Run, begunAt start: UInt64) async throws(KeyStoreError) {
        let event = try store.newEventID()
        var transfer = store.transfer(
            .rotationRun, id: event, from: AccountID.issuer(.custody), to: AccountID.scheduler,
            amount: UInt128(run.rotated.count))
        transfer.userData64 = start
        let details = caller.details([
            "rotated": .string(String(run.rotated.count)), "failed": .string(String(run.failed.count)),
            "remainingTenants": .string(String(run.remainingTenantCount)),
        ])
        try await store.record(linked: [transfer], details: [try store.seal(details, of: event, tenant: nil)])
    }
}

extension KeyRotationScheduler.Run {
    fileprivate mutating func add(_ part: Self) {
        rotated += part.rotated
        failed += part.failed
        remainingTenantCount += part.remainingTenantCount
    }

    /// Whether the store is gone, so that nothing more can be rotated.
    fileprivate var hasNoStore: Bool { failed.contains { if case .store = $0.error { true } else { false } } }
}
