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
        /// How long a plaintext key stays in memory, in seconds.
        public var residencySeconds: UInt32 = 3600
        /// How many plaintext keys are in memory at most.
        public var residencyCountMax = 1000
        /// How long a version is to apply protection, in seconds: 90 days.
        public var cryptoperiodSeconds: UInt32 = 90 * 86400
        /// Where time comes from.
        public var clock: LedgerWriter.WallClock = LedgerWriter.systemClock

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
    /// Keys that are being rotated, and names that are being created.
    let busy = Mutex<Set<UInt128>>([])

    // MARK: Opening

    /// Creates an empty ledger with its keys set up, in a folder that does not exist or is empty.
    ///
    /// - Parameters:
    ///   - origin: The ledger's name in checkpoints, a schema-less URL such as `ledger.example/keys`.
    ///   - created: The time of creation, RFC 3339, as it is to stand in `ledger.json`.
    public static func create(
        _ path: String, origin: String, created: String, masterKey: borrowing MasterKey
    ) throws(KeyStoreError) {
        let folder = LedgerFolder(path: path)
        try KeyStoreError.store { () throws(StoreError) in try folder.create(origin: origin, created: created) }
        let material = try KeyStoreError.store { () throws(StoreError) in try MaterialStore(folder, isReadOnly: false) }
        defer { material.close() }
        try Custody.create(in: material, masterKey: masterKey, origin: origin)
    }

    /// Opens a ledger as a key store. Finishes or reverts what a crash left in the middle: keys of a process that is gone
    /// are recorded as evicted, material without its event is removed.
    ///
    /// - Parameter progress: Called while events are replayed, with how many are done and how many there are.
    public static func open(
        _ path: String, masterKey: consuming MasterKey, options: Options,
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) async throws(KeyStoreError) -> KeyStore {
        let store = try KeyStore(LedgerFolder(path: path), masterKey, options, progress)
        do throws(KeyStoreError) {
            try await store.prepare()
        } catch {
            try? await store.close()
            throw error
        }
        return store
    }

    private init(
        _ folder: LedgerFolder, _ masterKey: consuming MasterKey, _ options: Options,
        _ progress: (UInt64, UInt64) -> Void
    ) throws(KeyStoreError) {
        let manifest = try KeyStoreError.store { () throws(StoreError) in try folder.manifest() }
        let live = LiveState()
        let writer = try KeyStoreError.store { () throws(StoreError) in
            try LedgerWriter(folder, projection: live, clock: options.clock, progress: progress)
        }
        let material = try KeyStoreError.store { () throws(StoreError) in try MaterialStore(folder, isReadOnly: false) }
        let custody = try Custody(material, masterKey: masterKey, origin: manifest.origin, path: folder.path)
        audit = AuditReader(reader: writer.reader, custody: custody, material: material)
        self.custody = custody
        self.folder = folder
        self.options = options
        self.live = live
        self.writer = writer
        eventIDs = EventIDGenerator(clock: options.clock)
    }

    /// Creates what every ledger has, and settles what an earlier process left.
    private func prepare() async throws(KeyStoreError) {
        if live.read({ $0.eventCount }) == 0 { try await createSystemAccounts() }
        try await evictAll(reason: "the process that held the key is gone")
        let projection = live.read { $0 }
        _ = try custody.removeOrphans { name in
            if let version = name.keyVersion { return projection[version] != nil }
            return name.tenant.map { projection.tenants[$0] != nil } ?? false
        }
    }

    private func createSystemAccounts() async throws(KeyStoreError) {
        var accounts = LedgerKind.allCases.map { account(AccountID.issuer($0), .issuer, on: $0) }
        accounts.append(account(AccountID.denials, .denials, on: .custody))
        accounts.append(account(AccountID.keyCache, .keyCache, on: .custody, flags: .creditsMustNotExceedDebits))
        try await create(accounts)
        try await record([
            transfer(
                .cacheCapacity, id: EventID(once: .cacheCapacity, 0), from: AccountID.keyCache,
                to: AccountID.issuer(.custody), amount: UInt128(options.residencyCountMax))
        ])
    }

    /// Wipes every plaintext key, records that, and gives the ledger back.
    public func close() async throws(KeyStoreError) {
        defer {
            custody.forgetTenants()
            audit.material.close()
        }
        do throws(KeyStoreError) {
            try await evictAll(reason: "the key store was closed")
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
    }

    private func evictAll(reason: String) async throws(KeyStoreError) {
        let residencies = live.read { $0.residencies.sorted { $0.key < $1.key } }
        for start in stride(from: 0, to: residencies.count, by: Block.eventCountMax) {
            var evictions: [Transfer] = []
            var details: [EventDetails] = []
            for (event, residency) in residencies[start..<min(start + Block.eventCountMax, residencies.count)] {
                let eviction = try self.eviction(of: event, residency.version)
                let caller = Caller(actor: options.caller.actor, reason: reason)
                details.append(
                    try seal(
                        caller.details(), of: EventID(eviction.id), at: evictions.count,
                        tenant: tenant(of: residency.version.key)))
                evictions.append(eviction)
            }
            // One that expires at this very moment is refused, and gone all the same.
            let evicted = evictions, sealed = details
            let ticket = try KeyStoreError.store { () throws(StoreError) in try writer.submit(evicted, details: sealed)
            }
            _ = try await reply(ticket)
        }
    }

    // MARK: Tenants

    /// Creates a tenant and its keys.
    ///
    /// - Throws: ``KeyStoreError/tenantExists(_:)`` if there is one with this name.
    public func createTenant(_ name: String, caller: Caller? = nil) async throws(KeyStoreError) -> Tenant {
        let name = try EntityName(name)
        let id = custody.id(ofTenant: name)
        let tenant = Tenant(store: self, id: id, name: name, caller: caller ?? options.caller)
        try await exclusively(id.value, orElse: .tenantExists(name.description)) { () throws(KeyStoreError) in
            guard live.read({ $0.tenants[id] == nil }) else { throw .tenantExists(name.description) }
            // Material first, then the event that says it exists.
            try custody.createSecrets(of: id)
            try await create(
                LedgerKind.allCases.map {
                    account(AccountID.tenant(id, $0), .tenant, on: $0, subject: id.value)
                })
            let event = EventID(once: .createTenant, id.value)
            try await record(
                [
                    transfer(
                        .createTenant, id: event, from: AccountID.issuer(.custody), to: AccountID.tenant(id, .custody),
                        amount: 1, subject: id.value)
                ],
                details: [try seal(tenant.caller.details(["name": .string(name.description)]), of: event, tenant: id)])
        }
        return tenant
    }

    /// The tenant with a name.
    ///
    /// - Throws: ``KeyStoreError/unknownTenant(_:)``, after recording the attempt.
    public func tenant(_ name: String, caller: Caller? = nil) async throws(KeyStoreError) -> Tenant {
        let name = try EntityName(name)
        let id = custody.id(ofTenant: name)
        let caller = caller ?? options.caller
        guard live.read({ $0.tenants[id] != nil }) else {
            try await deny(
                "unknown-tenant", tenant: nil, details: caller.details(["tenant": .string(name.description)]))
            throw .unknownTenant(name.description)
        }
        return Tenant(store: self, id: id, name: name, caller: caller)
    }

    /// Whether there is a tenant with a name. Asking is no event.
    public func hasTenant(_ name: String) throws(KeyStoreError) -> Bool {
        let id = custody.id(ofTenant: try EntityName(name))
        return live.read { $0.tenants[id] != nil }
    }

    /// All tenants in order of creation.
    public func tenants() throws(KeyStoreError) -> [Tenant] {
        let records = live.read { $0.tenants.sorted { $0.value.createdBy < $1.value.createdBy } }
        var tenants: [Tenant] = []
        for (id, record) in records {
            let name = try audit.name(createdBy: record.createdBy, tenant: id)
            tenants.append(Tenant(store: self, id: id, name: try EntityName(name), caller: options.caller))
        }
        return tenants
    }

    /// What the ledger says now.
    public var projection: LedgerProjection { live.read { $0 } }
}
