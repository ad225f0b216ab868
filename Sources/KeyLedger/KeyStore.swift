internal import CryptoPrimitives
internal import Glibc
internal import Ledger
public import LedgerStore
internal import Synchronization
internal import Transparency

/// An audited key store in a folder: every operation on a key is an event on disk before its outcome leaves.
///
/// ```swift
/// let store = try await KeyStore.open("ledger", masterKey: MasterKey(readingFile: "master.key"))
/// let acme = try await store.createTenant("acme")
/// let key = try await acme.createSigningKey("claims")
/// let signature = try await key.sign(message)
/// try await store.close()
/// ```
///
/// One process at a time has a ledger open as a key store; any number may read it through `LedgerReader` meanwhile.
public final class KeyStore: Sendable {
    /// Where and how a key store works.
    public struct Options: Sendable {
        /// In whose name operations happen that do not say otherwise.
        public var caller: Caller
        /// How long keys stay in memory, and how many.
        public var cache = KeyCacheLimits()
        /// How long a version is to apply protection, in seconds: 90 days. 0 means without limit.
        public var cryptoperiodSeconds: UInt32 = 90 * 86400
        /// Goes on with a log that is shorter than the one that `material/` belongs to: see
        /// ``KeyStoreError/logTooShort(path:eventCount:highWaterMark:keyCount:)``. Recorded as an event.
        public var acceptsShorterLog = false
        /// Where time comes from.
        public var clock: LedgerWriter.WallClock = LedgerWriter.systemClock
        /// When checkpoints are made without being asked for.
        public var checkpointSchedule = CheckpointSchedule.onDemand
        /// Where checkpoints are sent as they are made. What a place does not take is reported, kept and sent again.
        public var checkpointPlaces: [CheckpointPlace] = []
        /// Hears of checkpoints that could not be made or sent when nobody asked for them.
        public var reportProofFailure: @Sendable (ProofError) -> Void = { _ in }
        /// How often a version of a key may apply protection: AES-GCM with random nonces 2^32 times (SP 800-38D,
        /// section 8.3), Ed25519 without a limit. Not for the user to choose.
        var encryptionBudget: UInt128 = 1 << 32

        /// The defaults, for operations in the name of `caller`.
        public init(caller: Caller) { self.caller = caller }
    }

    /// Where it lives.
    public let folder: LedgerFolder
    /// Reads the ledger's events with their details and names; usable until ``close()``.
    public let audit: AuditReader
    let options: Options
    let writer: LedgerWriter
    let custody: Custody
    let live: LiveState
    let eventIDs: EventIDGenerator
    /// Twice as many places as processors: while one task is on its way to a processor, another is there.
    let admission = FairAdmission(placeCount: 2 * max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    /// Keys that are being rotated, and names that are being created.
    let busy = Mutex<Set<UInt128>>([])
    /// Whether log and material were found to belong together.
    let isSettled = Atomic<Bool>(false)
    let publicKeys: PublicKeys
    /// The Merkle tree over the events.
    let tree: EventTree
    /// Checkpoints are made one after the other.
    let provers = Turnstile()
    private let schedule = Mutex<Task<Void, Never>?>(nil)

    // MARK: Opening

    /// Creates an empty ledger with its keys set up, in a folder that does not exist or is empty.
    ///
    /// - Parameters:
    ///   - origin: The ledger's name in checkpoints, a schema-less URL such as `ledger.example/keys`.
    ///   - created: The time of creation, RFC 3339, as it is to stand in `ledger.json`.
    public static func create(
        _ path: String, origin: String, created: String, masterKey: borrowing MasterKey
    ) throws(KeyStoreError) {
        let material = try createFolder(path, origin: origin, created: created)
        defer { material.close() }
        try Custody.create(in: material, masterKey: masterKey, origin: origin)
    }

    /// ``create(_:origin:created:masterKey:)`` under the master key of any service.
    public static func create(
        _ path: String, origin: String, created: String, keyManagement: any KeyManagementService
    ) async throws(KeyStoreError) {
        let material = try createFolder(path, origin: origin, created: created)
        defer { material.close() }
        try await Custody.create(in: material, keyManagement, origin: origin)
    }

    private static func createFolder(
        _ path: String, origin: String, created: String
    ) throws(KeyStoreError) -> MaterialStore {
        let folder = LedgerFolder(path: path)
        return try KeyStoreError.store { () throws(StoreError) in
            try folder.create(origin: origin, created: created)
            return try MaterialStore(folder, isReadOnly: false)
        }
    }

    /// Opens a ledger as a key store. Finishes or reverts what a crash left in the middle: keys of a process that is gone
    /// are recorded as evicted, material without its event is removed, destructions that were begun or are due are done.
    ///
    /// - Parameter progress: Called while events are replayed, with how many are done and how many there are.
    public static func open(
        _ path: String, masterKey: consuming MasterKey, options: Options,
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) async throws(KeyStoreError) -> KeyStore {
        try await open(path, keyManagement: LocalKeyManagementService(masterKey), options: options, progress: progress)
    }

    /// ``open(_:masterKey:options:progress:)`` under the master key of any service.
    public static func open(
        _ path: String, keyManagement: any KeyManagementService, options: Options,
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) async throws(KeyStoreError) -> KeyStore {
        try await open(path, keyManagement: keyManagement, next: nil, options: options, progress: progress)
    }

    /// - Parameter next: The service that everything is about to move to.
    static func open(
        _ path: String, keyManagement: any KeyManagementService, next: (any KeyManagementService)?, options: Options,
        progress: (UInt64, UInt64) -> Void
    ) async throws(KeyStoreError) -> KeyStore {
        options.cache.check()
        let folder = LedgerFolder(path: path)
        let manifest = try KeyStoreError.store { () throws(StoreError) in try folder.manifest() }
        let live = LiveState(options.cache)
        let feed = TreeFeed()
        let writer = try KeyStoreError.store { () throws(StoreError) in
            try LedgerWriter(
                folder, projection: FedProjection(live, feed), clock: options.clock, progress: progress)
        }
        let store: KeyStore
        do throws(KeyStoreError) {
            let material = try KeyStoreError.store { () throws(StoreError) in
                try MaterialStore(folder, isReadOnly: false)
            }
            let custody = try await Custody.open(
                material, keyManagement, next: next, origin: manifest.origin, path: folder.path
            ) { live.read { $0.eventCount } }
            let tree = try KeyStoreError.store { () throws(StoreError) in try EventTree(writer.reader, feed: feed) }
            store = KeyStore(writer, live, custody, material, tree, options)
        } catch {
            // Wait until the ledger is given back: the caller may try again with another master key.
            try? await writer.close()
            throw error
        }
        do throws(KeyStoreError) {
            try await store.prepare()
        } catch {
            try? await store.close()
            throw error
        }
        do throws(ProofError) {
            try await store.settleCheckpoints()
        } catch {
            // Keys can be used without checkpoints; whoever asks for one hears it again.
            options.reportProofFailure(error)
        }
        store.schedule.withLock { $0 = store.checkpointOnSchedule() }
        return store
    }

    private init(
        _ writer: LedgerWriter, _ live: LiveState, _ custody: Custody, _ material: MaterialStore, _ tree: EventTree,
        _ options: Options
    ) {
        self.tree = tree
        audit = AuditReader(reader: writer.reader, custody: custody, material: material)
        folder = writer.folder
        eventIDs = EventIDGenerator(clock: options.clock)
        publicKeys = PublicKeys(options.cache)
        self.custody = custody
        self.options = options
        self.live = live
        self.writer = writer
    }

    /// Creates what every ledger has, and settles what an earlier process left.
    private func prepare() async throws(KeyStoreError) {
        // Before anything is written: this may be the wrong log.
        try await settleMaterial()
        if writer.account(AccountID.denials) == nil { try await createSystemAccounts() }
        if custody.services.withLock({ $0.next == nil }) { try await settleRewrap() }
        try await evictAll(reason: "the process that held the key is gone")
        for algorithm in KeyAlgorithm.allCases { try await setCapacity(of: AccountID.keyCache(algorithm)) }
        try await settleShredding()
        try await settleDue()
    }

    func createSystemAccounts() async throws(KeyStoreError) {
        var accounts = LedgerKind.allCases.map { account(AccountID.issuer($0), .issuer, on: $0) }
        accounts.append(account(AccountID.denials, .denials, on: .custody))
        accounts.append(account(AccountID.scheduler, .scheduler, on: .custody))
        accounts += KeyAlgorithm.allCases.map { algorithm in
            account(
                AccountID.keyCache(algorithm), algorithm.cacheKind, on: .custody, flags: .creditsMustNotExceedDebits)
        }
        try await create(accounts)
    }

    /// Makes the ledger's limit on plaintext keys of a kind in memory what the options say.
    private func setCapacity(of cacheID: UInt128) async throws(KeyStoreError) {
        guard let cache = writer.account(cacheID) else {
            preconditionFailure("the system accounts were created")
        }
        let capacity = cache.debitsPosted - cache.creditsPosted
        let wanted = UInt128(options.cache.entryCountMax)
        if capacity == wanted { return }
        let (from, to) =
            wanted > capacity
            ? (cacheID, AccountID.issuer(.custody)) : (AccountID.issuer(.custody), cacheID)
        let event = try newEventID()
        try await record(
            linked: [
                transfer(
                    .cacheCapacity, id: event, from: from, to: to,
                    amount: wanted > capacity ? wanted - capacity : capacity - wanted)
            ], details: [try seal(options.caller.details(), of: event, tenant: nil)])
    }

    /// Waits for the uses that have begun, wipes every plaintext key, records that, and gives the ledger back. Later uses
    /// are refused as `StoreError.closed`.
    public func close() async throws(KeyStoreError) {
        let schedule = schedule.withLock { $0.take() }
        if let schedule {
            schedule.cancel()
            await schedule.value
            await checkpointIfDue()
        }
        await live.close()
        defer {
            live.forgetKeys()
            custody.forgetTenants()
            audit.material.close()
        }
        do throws(KeyStoreError) {
            try await evictAll(reason: "the key store was closed")
            try KeyStoreError.store { () throws(StoreError) in try tree.close() }
        } catch {
            // The next opening records the evictions; what matters now is that the ledger is given back.
            try? await writer.close()
            throw error
        }
        do throws(StoreError) {
            try await writer.close()
        } catch {
            throw .store(error)
        }
        do throws(KeyStoreError) {
            if isSettled.load(ordering: .relaxed) { try custody.noteEventCount() }
        } catch .store(.closed) {
            // Closing twice is closing.
        }
    }

    private func evictAll(reason: String) async throws(KeyStoreError) {
        let residencies = live.read { $0.residencies.sorted { $0.key < $1.key } }
        let caller = Caller(actor: options.caller.actor, reason: reason)
        for start in stride(from: 0, to: residencies.count, by: Block.eventCountMax) {
            var evictions: [Transfer] = []
            var details: [EventDetails] = []
            for (event, residency) in residencies[start..<min(start + Block.eventCountMax, residencies.count)] {
                let eviction = try self.eviction(of: .init(residency: event, version: residency.version))
                // One tenant's damaged material must not keep the ledger from the others.
                if let tenant = tenant(of: residency.version.key) { _ = try? await custody.fetchSecrets(of: tenant) }
                details += try sealIfPossible(
                    caller.details(), of: EventID(eviction.id), at: evictions.count,
                    tenant: tenant(of: residency.version.key))
                evictions.append(eviction)
            }
            // Not linked: one that expires at this very moment is refused, and gone all the same.
            let evicted = evictions, sealed = details
            let ticket = try KeyStoreError.store { () throws(StoreError) in try writer.submit(evicted, details: sealed)
            }
            _ = try await reply(ticket)
        }
    }

    // MARK: Tenants

    /// Creates a tenant and its keys.
    ///
    /// - Throws: ``KeyStoreError/tenantExists(_:)`` if there is one with this name, after recording the attempt.
    public func createTenant(_ name: String, caller: Caller? = nil) async throws(KeyStoreError) -> Tenant {
        let name = try EntityName(name)
        let id = custody.id(ofTenant: name)
        let tenant = Tenant(store: self, id: id, name: name, caller: caller ?? options.caller)
        do throws(KeyStoreError) {
            try await exclusively(id.value, orElse: .tenantExists(name.description)) { () throws(KeyStoreError) in
                if let known = live.read({ $0.tenants[id] }) {
                    throw known.shred == nil ? .tenantExists(name.description) : .tenantShredded(id.description)
                }
                try await record(tenant)
            }
        } catch .tenantShredded(let shredded) {
            // The name is not written down again.
            throw await recorded(.tenantShredded(shredded), tenant: id, details: tenant.caller.details())
        } catch {
            throw await recorded(
                error, tenant: nil, details: tenant.caller.details(["tenant": .string(name.description)]))
        }
        return tenant
    }

    /// Material first, then accounts, then the event that makes the tenant exist.
    private func record(_ tenant: Tenant) async throws(KeyStoreError) {
        let id = tenant.id
        try await custody.createSecrets(of: id)
        try await create(accounts(of: id))
        let event = EventID(once: .createTenant, id.value)
        try await record(
            linked: [
                transfer(
                    .createTenant, id: event, from: AccountID.issuer(.custody), to: AccountID.tenant(id, .custody),
                    amount: 1, subject: id.value),
                quota(
                    of: id, from: 0, to: LedgerProjection.unlimitedQuota, id: EventID(once: .quota, id.value)),
            ],
            details: [
                try seal(tenant.caller.details(["name": .string(tenant.name.description)]), of: event, tenant: id)
            ])
        try custody.markRecorded(.tenantKey(id), .detailsKey(id))
    }

    /// A tenant's accounts. That on `protect` has its quota as debits, which its uses may not exceed.
    func accounts(of tenant: TenantID) -> [Account] {
        LedgerKind.allCases.map { ledger in
            account(
                AccountID.tenant(tenant, ledger), .tenant, on: ledger,
                flags: ledger == .protect ? .creditsMustNotExceedDebits : [], subject: tenant.value)
        }
    }

    /// The tenant with a name.
    ///
    /// - Throws: ``KeyStoreError/unknownTenant(_:)``, after recording the attempt.
    public func tenant(_ name: String, caller: Caller? = nil) async throws(KeyStoreError) -> Tenant {
        let name = try EntityName(name)
        let id = custody.id(ofTenant: name)
        let caller = caller ?? options.caller
        guard live.read({ $0.tenants[id] != nil }) else {
            throw await recorded(
                .unknownTenant(name.description), tenant: nil,
                details: caller.details(["tenant": .string(name.description)]))
        }
        if live.read({ $0.tenants[id]?.shred != nil }) {
            throw await recorded(.tenantShredded(id.description), tenant: id, details: caller.details())
        }
        do throws(KeyStoreError) {
            try await custody.fetchSecrets(of: id)
        } catch .materialDamaged {
            // Whoever uses the tenant is told, and that is recorded with what they wanted.
        }
        return Tenant(store: self, id: id, name: name, caller: caller)
    }

    /// Whether there is a tenant with a name. Asking is no event.
    public func hasTenant(_ name: String) throws(KeyStoreError) -> Bool {
        let id = custody.id(ofTenant: try EntityName(name))
        return live.read { $0.tenants[id].map { $0.shred == nil } ?? false }
    }

    /// All tenants that were not shredded, in order of creation.
    public func tenants() throws(KeyStoreError) -> [Tenant] {
        let records = live.read {
            $0.tenants.filter { $0.value.shred == nil }.sorted { $0.value.createdBy < $1.value.createdBy }
        }
        var tenants: [Tenant] = []
        for (id, record) in records {
            let name = try audit.name(createdBy: record.createdBy, tenant: id)
            tenants.append(Tenant(store: self, id: id, name: try EntityName(name), caller: options.caller))
        }
        return tenants
    }

    /// The public key of a version that exists.
    func publicKey(of version: KeyVersion) throws(KeyStoreError) -> Ed25519.PublicKey {
        try publicKeys.key(of: version, at: options.clock()) { () throws(KeyStoreError) in
            let (record, tenant) = live.read { ($0[version], $0.keys[version.key]?.tenant) }
            return try audit.publicKey(of: version, record, tenant: tenant)
        }
    }

    /// What the ledger says now.
    public var projection: LedgerProjection { live.read { $0 } }
}
