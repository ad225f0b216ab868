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
    ///
    /// - Throws: ``KeyStoreError/unknownVersion(key:version:)``, after recording the attempt.
    func version(_ number: UInt32) async throws(KeyStoreError) -> KeyVersion {
        let version = KeyVersion(key: id, number: number)
        guard store.live.read({ $0[version] != nil }) else {
            throw await recorded(.unknownVersion(key: name.description, version: number), version)
        }
        return version
    }

    /// The public key of a version of a signing key, as its event has it.
    func publicKey(of version: KeyVersion) async throws(KeyStoreError) -> Ed25519.PublicKey {
        do throws(KeyStoreError) {
            return try store.publicKey(of: version)
        } catch .materialDamaged(let subject, let reason) {
            throw await recorded(.materialDamaged(subject: subject, reason: reason), version)
        }
    }

    /// Records a refusal, and returns what to throw.
    func recorded(
        _ refusal: KeyStoreError, as reason: String? = nil, _ version: KeyVersion? = nil, details: JSONObject = [:]
    ) async -> KeyStoreError {
        await store.recorded(
            refusal, as: reason, tenant: tenant.id, version: version ?? KeyVersion(key: id, number: 0),
            details: tenant.caller.details(details))
    }

    // MARK: Versions

    /// Makes a new version the active one. The old one signs and encrypts nothing more, and still verifies and decrypts.
    ///
    /// All or nothing: budget, cryptoperiod, the end of the old version's residency and its closing are one linked chain.
    ///
    /// - Returns: The new version's number.
    @discardableResult
    public func rotate() async throws(KeyStoreError) -> UInt32 {
        do throws(KeyStoreError) {
            return try await store.exclusively(
                id.value, orElse: .rotationInProgress(key: name.description)
            ) { () throws(KeyStoreError) in
                let old = try activeVersion()
                let next = KeyVersion(key: id, number: old.number + 1)
                let creation = try await prepare(next)
                while true {
                    do throws(KeyStoreError) {
                        try await retire(old, after: creation)
                        return next.number
                    } catch .refused(operation: .evict, _, .pendingTransferExpired) {
                        // The residency expired at the very moment of its eviction; without it there is none.
                        continue
                    }
                }
            }
        } catch {
            throw await recorded(error)
        }
    }

    /// Makes the first version.
    func createFirstVersion() async throws(KeyStoreError) {
        let creation = try await prepare(KeyVersion(key: id, number: 1))
        try await store.record(linked: creation.chain, details: [creation.details], of: name.description)
    }

    /// What makes a version exist, once it is on disk.
    struct Creation {
        /// Not linked yet.
        let chain: [Transfer]
        /// Of the first event.
        let details: EventDetails
    }

    /// Material first, then accounts, then the chain that makes the version exist. A crash in between leaves material
    /// and accounts that nothing refers to.
    func prepare(_ version: KeyVersion) async throws(KeyStoreError) -> Creation {
        let publicKey = try store.custody.createMaterial(of: version, algorithm, tenant: tenant.id)
        try await store.create(
            LedgerKind.allCases.map { ledger in
                store.account(
                    AccountID.version(version, algorithm, ledger), algorithm.accountKind, on: ledger,
                    flags: limits(on: ledger), subject: id.value, version: version.number)
            })
        let event = EventID(once: .generate, id.value, version: version.number)
        var chain = [
            store.transfer(
                .generate, id: event, from: AccountID.tenant(tenant.id, .custody),
                to: AccountID.version(version, algorithm, .custody), amount: 1, version: version)
        ]
        if algorithm.hasBudget {
            chain.append(
                store.transfer(
                    .budget, id: EventID(once: .budget, id.value, version: version.number),
                    from: AccountID.issuer(.protect), to: AccountID.version(version, algorithm, .protect),
                    amount: store.options.encryptionBudget, version: version))
        }
        chain.append(
            store.transfer(
                .cryptoperiod, id: EventID(once: .cryptoperiod, id.value, version: version.number),
                from: AccountID.issuer(.protect), to: AccountID.version(version, algorithm, .protect), amount: 0,
                flags: .pending, timeoutSeconds: store.options.cryptoperiodSeconds, version: version))
        var details: JSONObject = [
            "algorithm": .string(algorithm.description), "name": .string(name.description),
            "tenant": .string(tenant.name.description),
        ]
        if !publicKey.isEmpty { details["publicKey"] = .string(publicKey.hexadecimal) }
        return Creation(
            chain: chain,
            details: try store.seal(tenant.caller.details(details), of: event, tenant: tenant.id))
    }

    private func limits(on ledger: LedgerKind) -> Account.Flags {
        switch ledger {
        case .protect: algorithm.hasBudget ? .debitsMustNotExceedCredits : []
        case .process: []
        // One credit, given by `generate`: the version can be in memory once, and only if it was made.
        case .custody: .debitsMustNotExceedCredits
        }
    }

    /// Ends a version's time of applying protection, in one chain with what begins its successor's.
    private func retire(_ version: KeyVersion, after creation: Creation) async throws(KeyStoreError) {
        // Uses that have begun come before the end; those that come meanwhile wait and meet the new version.
        let departure = try await store.live.claimDeparture(of: version)
        defer { store.live.endClaim(version, departure) }
        var chain = creation.chain
        if let departure { chain.append(try store.eviction(of: departure)) }
        chain.append(
            store.transfer(
                .retire, id: EventID(once: .retire, id.value, version: version.number),
                from: AccountID.version(version, algorithm, .protect), to: AccountID.tenant(tenant.id, .protect),
                amount: 0, flags: [.pending, .closingDebit], version: version))
        try await store.record(linked: chain, details: [creation.details], of: name.description)
    }

    // MARK: Use

    /// Applies protection with the active version. A rotation between looking and asking makes the old one be refused; the
    /// new one is asked then.
    func withActiveVersion<Outcome>(
        _ body: (KeyVersion) async throws(KeyStoreError) -> Outcome
    ) async throws(KeyStoreError) -> Outcome {
        var version = try activeVersion()
        while true {
            do throws(KeyStoreError) {
                return try await body(version)
            } catch .refused(let operation, let key, .debitAccountAlreadyClosed) {
                let next = try activeVersion()
                guard next != version else {
                    throw .refused(operation: operation, key: key, status: .debitAccountAlreadyClosed)
                }
                version = next
            }
        }
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
        do throws(KeyStoreError) {
            let request = try request(kind, version, uses)
            while true {
                do throws(KeyStoreError) {
                    return try await perform(request, kind, version, work)
                } catch .refused(operation: .evict, _, .pendingTransferExpired) {
                    // What was to make room, or to be renewed, expired at that very moment.
                    continue
                }
            }
        } catch .materialDamaged(let subject, let reason) {
            throw await recorded(.materialDamaged(subject: subject, reason: reason), version)
        }
    }

    /// Events that are all accepted or all refused: part of a batch would be counted without being handed out.
    private struct Request {
        var transfers: [Transfer]
        var details: [EventDetails]

        /// With events before them that are part of the same chain.
        func preceded(by others: [Transfer]) -> Request {
            var request = self
            request.transfers = others + transfers
            for index in request.details.indices { request.details[index].index += others.count }
            return request
        }
    }

    private func request(_ kind: EventKind, _ version: KeyVersion, _ uses: [Use]) throws(KeyStoreError) -> Request {
        var request = Request(transfers: [], details: [])
        let account = AccountID.version(version, algorithm, kind.ledger)
        let meter = AccountID.tenant(tenant.id, kind.ledger)
        for (index, use) in uses.enumerated() {
            request.transfers.append(
                store.transfer(
                    kind, id: use.id, from: account, to: meter, amount: UInt128(use.amount), version: version))
            request.details.append(
                try store.seal(tenant.caller.details(use.details), of: use.id, at: index, tenant: tenant.id))
        }
        return request
    }

    private func perform<Outcome>(
        _ request: Request, _ kind: EventKind, _ version: KeyVersion,
        _ work: (KeyMaterial) throws(KeyStoreError) -> Outcome
    ) async throws(KeyStoreError) -> (outcome: Outcome, firstSequence: UInt64) {
        let renewal = PlaintextKeys.Renewal(
            now: store.options.clock(), residencySeconds: store.options.cache.seconds(for: algorithm))
        switch try await store.live.loan(of: version, protects: kind.ledger == .protect, renewal: renewal) {
        case .superseded:
            throw .refused(operation: kind, key: name.description, status: .debitAccountAlreadyClosed)
        case .lent(let material, let lease):
            defer { store.live.giveBack(version, lease) }
            return try await commit(request, with: material, work)
        case .claimed:
            defer { store.live.endClaim(version) }
            let material = try store.custody.material(of: version, algorithm, tenant: tenant.id)
            let event = try store.newEventID()
            let departures = try await store.live.makeRoom(for: version, material, admittedBy: event)
            defer { store.live.settle(version, event, departures) }
            var admission: [Transfer] = []
            for departure in departures { admission.append(try store.eviction(of: departure)) }
            admission.append(
                store.transfer(
                    .admit, id: event, from: AccountID.version(version, algorithm, .custody),
                    to: AccountID.keyCache(algorithm), amount: 1, flags: .pending,
                    timeoutSeconds: store.options.cache.seconds(for: algorithm), version: version))
            // One chain: no key comes into memory for a use that is refused.
            let (outcome, first) = try await commit(request.preceded(by: admission), with: material, work)
            return (outcome, first + UInt64(admission.count))
        }
    }

    private func commit<Outcome>(
        _ request: Request, with material: KeyMaterial, _ work: (KeyMaterial) throws(KeyStoreError) -> Outcome
    ) async throws(KeyStoreError) -> (outcome: Outcome, firstSequence: UInt64) {
        let ticket = try store.submit(linked: request.transfers, details: request.details)

        // In parallel with the commit. Nothing of it leaves before the reply.
        let outcome = Result { () throws(KeyStoreError) in try work(material) }

        let reply = try await store.reply(ticket)
        try store.check(reply.results, of: request.transfers, key: name.description)
        return (try outcome.get(), reply.firstSequence)
    }
}
