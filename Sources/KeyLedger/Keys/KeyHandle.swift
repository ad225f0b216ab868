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

    /// The version that applies protection now, or else the newest.
    func currentVersion() throws(KeyStoreError) -> KeyVersion {
        guard let number = record?.currentVersion else {
            throw .unknownKey(tenant: tenant.name.description, key: name.description)
        }
        return KeyVersion(key: id, number: number)
    }

    /// A version that exists; that of ``currentVersion()`` for nil.
    ///
    /// - Throws: ``KeyStoreError/unknownVersion(key:version:)``, after recording the attempt.
    func version(_ number: UInt32?) async throws(KeyStoreError) -> KeyVersion {
        guard let number else { return try currentVersion() }
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
        } catch .tenantShredded(let tenant) {
            throw await recorded(.tenantShredded(tenant), version)
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

    // MARK: Use

    /// Applies protection with the active version. A rotation between looking and asking makes the old one be refused; the
    /// new one is asked then. Without an active version the newest is asked, for the ledger to refuse.
    func withActiveVersion<Outcome>(
        _ body: (KeyVersion) async throws(KeyStoreError) -> Outcome
    ) async throws(KeyStoreError) -> Outcome {
        var version = try currentVersion()
        while true {
            do throws(KeyStoreError) {
                return try await body(version)
            } catch .refused(let operation, _, .debitAccountAlreadyClosed) {
                let next = try currentVersion()
                guard next != version else { throw wrongState(operation, version) }
                version = next
            }
        }
    }

    /// What an operation is told that the ledger refused because of a version's state.
    func wrongState(_ operation: EventKind, _ version: KeyVersion) -> KeyStoreError {
        guard let record = store.live.read({ $0[version] }) else {
            return .unknownVersion(key: name.description, version: version.number)
        }
        return .wrongState(
            operation: operation, key: name.description, version: version.number, state: record.state,
            destruction: record.destructionStatus)
    }

    /// What the event of a processing says about the version's state, unless that is the usual one: who relies on a
    /// suspended or compromised key takes a risk (SP 800-57 part 1 rev. 5, sections 7.3 and 7.5).
    func stateDetails(_ version: KeyVersion) -> JSONObject {
        guard let state = store.live.read({ $0[version]?.state }), state != .active else { return [:] }
        return ["keyState": .string(state.description)]
    }

    /// One use of a version: what it is recorded as.
    struct Use {
        var id: EventID
        /// How many operations it stands for.
        var amount: UInt64 = 1
        var details: JSONObject = [:]
    }

    /// What is done with a version's plaintext, in steps: others may go first between two of them.
    struct Work<Outcome> {
        var stepCount = 1
        /// Some steps take a turn together: as many as take a millisecond or less.
        var stepsPerTurn = 16
        var step: (KeyMaterial, _ index: Int) throws(KeyStoreError) -> Outcome
    }

    /// Records uses of a version while work is done with its plaintext, and hands the outcomes out only when all of them
    /// are on disk and accepted.
    ///
    /// - Returns: The outcome of each step, and the number of the first use's event.
    func use<Outcome>(
        _ kind: EventKind, _ version: KeyVersion, _ uses: [Use],
        _ work: Work<Outcome>
    ) async throws(KeyStoreError) -> (outcomes: [Outcome], firstSequence: UInt64) {
        do throws(KeyStoreError) {
            if store.live.read({ $0[version]?.state == .destroyed }) {
                // There is nothing left to work with. The ledger says no, for good.
                let request = try request(kind, version, uses)
                try await store.record(linked: request.transfers, details: request.details, of: name.description)
                throw wrongState(kind, version)
            }
            while true {
                do throws(KeyStoreError) {
                    let outcome = try await perform(kind, version, uses, work)
                    if kind.ledger == .protect { await store.warn(about: version) }
                    return outcome
                } catch .refused(operation: .evict, _, .pendingTransferExpired) {
                    // What was to make room, or to be renewed, expired at that very moment.
                    continue
                } catch .refused(operation: .admit, let key, .debitAccountAlreadyClosed) {
                    // It may not even come into memory: while its destruction waits.
                    throw .refused(operation: kind, key: key, status: .debitAccountAlreadyClosed)
                }
            }
        } catch .tenantShredded(let tenant) {
            throw await recorded(.tenantShredded(tenant), version)
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
            if others.isEmpty { return self }
            var request = self
            request.transfers = others + transfers
            for index in request.details.indices { request.details[index].index += others.count }
            return request
        }
    }

    private func request(_ kind: EventKind, _ version: KeyVersion, _ uses: [Use]) throws(KeyStoreError) -> Request {
        var request = Request(transfers: [], details: [])
        let account =
            kind == .export ? AccountID.exportGate(version) : AccountID.version(version, algorithm, kind.ledger)
        let state = kind.ledger == .protect ? [:] : stateDetails(version)
        let meter = AccountID.tenant(tenant.id, kind.ledger)
        for (index, use) in uses.enumerated() {
            request.transfers.append(
                store.transfer(
                    kind, id: use.id, from: account, to: meter, amount: UInt128(use.amount), version: version))
            request.details.append(
                try store.seal(
                    tenant.caller.details(use.details.merging(state)), of: use.id, at: index, tenant: tenant.id))
        }
        return request
    }

    private func perform<Outcome>(
        _ kind: EventKind, _ version: KeyVersion, _ uses: [Use],
        _ work: Work<Outcome>
    ) async throws(KeyStoreError) -> (outcomes: [Outcome], firstSequence: UInt64) {
        let renewal = PlaintextKeys.Renewal(
            now: store.options.clock(), residencySeconds: store.options.cache.seconds(for: algorithm))
        switch try await store.live.loan(of: version, protects: kind.ledger == .protect, renewal: renewal) {
        case .superseded:
            throw .refused(operation: kind, key: name.description, status: .debitAccountAlreadyClosed)
        case .lent(let material, let lease):
            defer { store.live.giveBack(version, lease) }
            return try await commit(kind, version, uses, with: material, work)
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
            let (outcomes, first) = try await commit(
                kind, version, uses, precededBy: admission, with: material, work)
            return (outcomes, first + UInt64(admission.count))
        }
    }

    private func commit<Outcome>(
        _ kind: EventKind, _ version: KeyVersion, _ uses: [Use], precededBy others: [Transfer] = [],
        with material: KeyMaterial,
        _ work: Work<Outcome>
    ) async throws(KeyStoreError) -> (outcomes: [Outcome], firstSequence: UInt64) {
        let beginning = try await store.admission.turn(of: tenant.id)
        let request: Request
        let ticket: Ticket<CreateTransferStatus>
        do throws(KeyStoreError) {
            request = try self.request(kind, version, uses).preceded(by: others)
            ticket = try store.submit(linked: request.transfers, details: request.details)
        } catch {
            beginning.end()
            throw error
        }
        // In parallel with the commit. Nothing of it leaves before the reply.
        var outcomes: [Outcome] = []
        var failure: KeyStoreError?
        for index in 0..<work.stepCount {
            if index > 0, index % work.stepsPerTurn == 0 { await beginning.pass() }
            do throws(KeyStoreError) {
                outcomes.append(try work.step(material, index))
            } catch {
                failure = error
                break
            }
        }
        beginning.end()

        let ending = await store.admission.turn(of: tenant.id, toFinish: ticket)
        defer { ending.end() }
        let reply = try await store.reply(ticket)
        try store.check(reply.results, of: request.transfers, key: name.description)
        if let failure { throw failure }
        return (outcomes, reply.firstSequence)
    }
}
