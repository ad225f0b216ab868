internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Synchronization
internal import Transparency

/// A key of a tenant over all of its versions, whatever it is for.
public struct KeyHandle: Sendable {
    /// Whose key it is; its `caller` is in whose name the key is used.
    public var tenant: Tenant
    /// What its events name it by.
    public let id: KeyID
    /// What people name it by; unique within the tenant.
    public let name: EntityName
    /// What it is for.
    public let algorithm: KeyAlgorithm

    var store: KeyStore { tenant.store }

    /// What the ledger says about the key now.
    public var record: LedgerProjection.KeyRecord? { store.live.read { $0.keys[id] } }

    /// The version that applies protection now.
    func activeVersion() throws(KeyStoreError) -> KeyVersion {
        guard let number = record?.activeVersion else {
            throw .unknownKey(tenant: tenant.name.description, key: name.description)
        }
        return KeyVersion(key: id, number: number)
    }

    /// A version that exists.
    func version(_ number: UInt32) throws(KeyStoreError) -> KeyVersion {
        let version = KeyVersion(key: id, number: number)
        guard store.live.read({ $0[version] != nil }) else {
            throw .unknownVersion(key: name.description, version: number)
        }
        return version
    }

    // MARK: Versions

    /// Makes a new version the active one. The old one signs and encrypts nothing more, and still verifies and decrypts.
    ///
    /// All or nothing: budget, cryptoperiod, the end of the old version's residency and its closing are one linked chain.
    ///
    /// - Returns: The new version's number.
    @discardableResult
    public func rotate() async throws(KeyStoreError) -> UInt32 {
        try await store.exclusively(id.value, orElse: .rotationInProgress(key: name.description)) {
            () throws(KeyStoreError) in
            let next = try activeVersion().number + 1
            // A residency that expires at the very moment of its eviction breaks the chain; without it there is none.
            for attempt in 1...3 {
                do throws(KeyStoreError) {
                    try await createVersion(next)
                    break
                } catch .refused(operation: .evict, _, .pendingTransferExpired) where attempt < 3 {
                    continue
                }
            }
            return next
        }
    }

    /// Material first, then accounts, then the chain that makes the version exist. A crash in between leaves material
    /// and accounts that nothing refers to.
    func createVersion(_ number: UInt32) async throws(KeyStoreError) {
        let version = KeyVersion(key: id, number: number)
        let (_, publicKey) = try store.custody.createMaterial(of: version, algorithm, tenant: tenant.id)
        try await store.create(
            LedgerKind.allCases.map { ledger in
                store.account(
                    AccountID.version(version, algorithm, ledger), algorithm.accountKind, on: ledger,
                    flags: limits(on: ledger), subject: id.value, version: number)
            })
        var chain = [
            store.transfer(
                .generate, id: EventID(once: .generate, id.value, version: number),
                from: AccountID.tenant(tenant.id, .custody), to: AccountID.version(version, algorithm, .custody),
                amount: 1,
                version: version)
        ]
        if let budget = algorithm.budget {
            chain.append(
                store.transfer(
                    .budget, id: EventID(once: .budget, id.value, version: number), from: AccountID.issuer(.protect),
                    to: AccountID.version(version, algorithm, .protect), amount: budget, version: version))
        }
        chain.append(
            store.transfer(
                .cryptoperiod, id: EventID(once: .cryptoperiod, id.value, version: number),
                from: AccountID.issuer(.protect), to: AccountID.version(version, algorithm, .protect), amount: 0,
                flags: .pending, timeoutSeconds: store.options.cryptoperiodSeconds, version: version))
        if number > 1 { chain += try retirement(of: KeyVersion(key: id, number: number - 1)) }
        for index in chain.indices.dropLast() { chain[index].flags.insert(.linked) }

        var details: JSONObject = [
            "algorithm": .string(algorithm.description), "name": .string(name.description),
            "tenant": .string(tenant.name.description),
        ]
        if !publicKey.isEmpty { details["publicKey"] = .string(publicKey.hexadecimal) }
        try await store.record(
            chain,
            details: [
                try store.seal(tenant.caller.details(details), of: EventID(chain[0].id), tenant: tenant.id)
            ], of: name.description)
    }

    private func limits(on ledger: LedgerKind) -> Account.Flags {
        switch ledger {
        case .protect: algorithm.budget == nil ? [] : .debitsMustNotExceedCredits
        case .process: []
        // One credit, given by `generate`: the version can be in memory once, and only if it was made.
        case .custody: .debitsMustNotExceedCredits
        }
    }

    /// What ends a version's time of applying protection.
    private func retirement(of version: KeyVersion) throws(KeyStoreError) -> [Transfer] {
        var transfers: [Transfer] = []
        for (event, residency) in store.live.read({ $0.residencies.filter { $0.value.version == version } }) {
            transfers.append(try store.eviction(of: event, residency.version))
        }
        transfers.append(
            store.transfer(
                .retire, id: EventID(once: .retire, id.value, version: version.number),
                from: AccountID.version(version, algorithm, .protect), to: AccountID.tenant(tenant.id, .protect),
                amount: 0,
                flags: [.pending, .closingDebit], version: version))
        return transfers
    }

    // MARK: Use

    /// Applies protection with the active version. A rotation between looking and asking makes the ledger refuse the old
    /// one; the new one is asked then.
    func withActiveVersion<Outcome>(
        _ body: (KeyVersion) async throws(KeyStoreError) -> Outcome
    ) async throws(KeyStoreError) -> Outcome {
        for _ in 1...3 {
            do throws(KeyStoreError) {
                return try await body(try activeVersion())
            } catch .refused(_, _, .debitAccountAlreadyClosed) {
                continue
            }
        }
        return try await body(try activeVersion())
    }

    /// One use of a version: what it is recorded as.
    struct Use {
        var id: EventID
        /// How many operations it stands for.
        var amount: UInt64 = 1
        var details: JSONObject = [:]
    }

    /// Records uses of a version while `work` is done with its plaintext, and hands the outcome out only when all of them
    /// are on disk and accepted.
    ///
    /// - Returns: The outcome, and the number of the first use's event.
    func use<Outcome>(
        _ kind: EventKind, _ version: KeyVersion, _ uses: [Use], _ work: (KeyMaterial) throws(KeyStoreError) -> Outcome
    ) async throws(KeyStoreError) -> (outcome: Outcome, firstSequence: UInt64) {
        let admission = try admission(of: version)
        var transfers = admission.transfers
        var details: [EventDetails] = []
        let account = AccountID.version(version, algorithm, kind.ledger)
        let meter = AccountID.tenant(tenant.id, kind.ledger)
        for (index, use) in uses.enumerated() {
            details.append(
                try store.seal(tenant.caller.details(use.details), of: use.id, at: transfers.count, tenant: tenant.id))
            // All or nothing: part of a batch would be counted without being handed out.
            transfers.append(
                store.transfer(
                    kind, id: use.id, from: account, to: meter, amount: UInt128(use.amount),
                    flags: index < uses.count - 1 ? .linked : [], version: version))
        }
        if let event = admission.event { store.live.announce(admission.material, admittedBy: event) }
        defer { if let event = admission.event { store.live.withdraw(event) } }
        let submitted = transfers, sealed = details
        let ticket = try KeyStoreError.store { () throws(StoreError) in
            try store.writer.submit(submitted, details: sealed)
        }

        // In parallel with the commit. Nothing of it leaves before the reply.
        let outcome = Result { () throws(KeyStoreError) in try work(admission.material) }

        let reply = try await store.reply(ticket)
        let admissionCount = admission.transfers.count
        // Whoever admitted the version first answers for its being in memory; any other refusal means there is no room.
        for (result, transfer) in zip(reply.results, admission.transfers)
        where transfer.userData32 == EventKind.admit.rawValue {
            if result.status != .created, result.status != .exceedsCredits {
                throw .refused(operation: .admit, key: name.description, status: result.status)
            }
        }
        try store.check(
            Array(reply.results[admissionCount...]), of: transfers[admissionCount...], key: name.description)
        return (try outcome.get(), reply.firstSequence + UInt64(admissionCount))
    }

    private struct Admission {
        let material: KeyMaterial
        /// The event that admits the material; nil if it is in memory already.
        var event: EventID?
        var transfers: [Transfer] = []
    }

    /// The plaintext of a version: from memory, or unwrapped, with the events that record its coming.
    private func admission(of version: KeyVersion) throws(KeyStoreError) -> Admission {
        if let material = store.live.material(of: version, now: store.options.clock()) {
            return Admission(material: material)
        }
        let material = try store.custody.material(of: version, algorithm, tenant: tenant.id)
        let event = try store.newEventID()
        var transfers: [Transfer] = []
        for (residency, version) in store.live.residenciesToEvict(capacity: store.options.residencyCountMax) {
            transfers.append(try store.eviction(of: residency, version))
        }
        transfers.append(
            store.transfer(
                .admit, id: event, from: AccountID.version(version, algorithm, .custody), to: AccountID.keyCache,
                amount: 1,
                flags: .pending, timeoutSeconds: store.options.residencySeconds, version: version))
        return Admission(material: material, event: event, transfers: transfers)
    }
}
