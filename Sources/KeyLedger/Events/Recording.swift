internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Synchronization
internal import Transparency

/// FLUO's number for key management; the code of every account and transfer.
let keyManagementCode: UInt16 = 8

// How operations become accounts and transfers, and how their answers become errors.
extension KeyStore {
    func account(
        _ id: UInt128, _ kind: AccountKind, on ledger: LedgerKind, flags: Account.Flags = [], subject: UInt128 = 0,
        version: UInt32 = 0
    ) -> Account {
        Account(
            id: id, ledger: ledger.rawValue, code: keyManagementCode, flags: flags, userData128: subject,
            userData64: UInt64(version), userData32: kind.rawValue)
    }

    func transfer(
        _ kind: EventKind, on ledger: LedgerKind? = nil, id: EventID, from debit: UInt128, to credit: UInt128,
        amount: UInt128, flags: Transfer.Flags = [], timeoutSeconds: UInt32 = 0, subject: UInt128 = 0,
        version: UInt32 = 0
    ) -> Transfer {
        Transfer(
            id: id.value, debit: debit, credit: credit, amount: amount, ledger: (ledger ?? kind.ledger).rawValue,
            code: keyManagementCode, flags: flags, timeoutSeconds: timeoutSeconds, userData128: subject,
            userData64: UInt64(version), userData32: kind.rawValue)
    }

    func transfer(
        _ kind: EventKind, on ledger: LedgerKind? = nil, id: EventID, from debit: UInt128, to credit: UInt128,
        amount: UInt128, flags: Transfer.Flags = [], timeoutSeconds: UInt32 = 0, version: KeyVersion
    ) -> Transfer {
        transfer(
            kind, on: ledger, id: id, from: debit, to: credit, amount: amount, flags: flags,
            timeoutSeconds: timeoutSeconds,
            subject: version.key.value, version: version.number)
    }

    /// The end of a residency.
    func eviction(of departure: PlaintextKeys.Departure) throws(KeyStoreError) -> Transfer {
        void(.evict, of: departure.residency, id: try newEventID(), version: departure.version)
    }

    /// The void of a pending transfer of a version.
    func void(_ kind: EventKind, of pending: EventID, id: EventID, version: KeyVersion) -> Transfer {
        Transfer(
            id: id.value, pendingID: pending.value, code: keyManagementCode, flags: .voidPendingTransfer,
            userData128: version.key.value, userData64: UInt64(version.number), userData32: kind.rawValue)
    }

    /// The post of a whole pending transfer about a tenant.
    func post(_ kind: EventKind, of pending: EventID, id: EventID, tenant: TenantID) -> Transfer {
        Transfer(
            id: id.value, amount: .max, pendingID: pending.value, code: keyManagementCode,
            flags: .postPendingTransfer, userData128: tenant.value, userData32: kind.rawValue)
    }

    /// An id for an event that is about to happen.
    public func newEventID() throws(KeyStoreError) -> EventID {
        do throws(CryptoError) {
            return try eventIDs.next()
        } catch {
            throw .crypto(error)
        }
    }

    // MARK: Details

    /// Seals details under a tenant's key, or the ledger's own for nil.
    func seal(
        _ details: JSONObject, of event: EventID, at index: Int = 0, tenant: TenantID?
    ) throws(KeyStoreError) -> EventDetails {
        let secrets: TenantSecrets? = if let tenant { try custody.secrets(of: tenant) } else { nil }
        do throws(CryptoError) {
            if let secrets { return try Details.seal(details, of: event, at: index, under: secrets.details) }
            return try Details.seal(details, of: event, at: index, under: custody.root.details)
        } catch {
            throw .crypto(error)
        }
    }

    // MARK: Asking the ledger

    func reply<Status>(_ ticket: Ticket<Status>) async throws(KeyStoreError) -> Reply<Status> {
        do throws(StoreError) {
            return try await ticket.reply()
        } catch {
            // The writer has failed for good: nothing can be used any more, and no expiry will be logged.
            live.forgetKeys()
            throw .store(error)
        }
    }

    /// Creates accounts; those that exist as asked for are fine: a crash may have come between them and their use.
    func create(_ accounts: [Account]) async throws(KeyStoreError) {
        let ticket = try KeyStoreError.store { () throws(StoreError) in try writer.submit(accounts) }
        for result in try await reply(ticket).results where result.status != .created && result.status != .exists {
            preconditionFailure("the ledger refused an account of ours: \(result.status)")
        }
    }

    /// Hands over transfers that are all accepted or all refused.
    func submit(
        linked transfers: [Transfer], details: [EventDetails] = []
    ) throws(KeyStoreError) -> Ticket<CreateTransferStatus> {
        var chain = transfers
        for index in chain.indices.dropLast() { chain[index].flags.insert(.linked) }
        let linked = chain
        return try KeyStoreError.store { () throws(StoreError) in try writer.submit(linked, details: details) }
    }

    /// Records transfers that are all accepted or all refused.
    func record(
        linked transfers: [Transfer], details: [EventDetails] = [], of key: String = ""
    ) async throws(KeyStoreError) {
        let reply = try await reply(try submit(linked: transfers, details: details))
        try check(reply.results, of: transfers, key: key)
    }

    /// Throws the first refusal that is not just the consequence of another.
    func check(
        _ results: [CreateTransferResult], of transfers: [Transfer], key: String
    ) throws(KeyStoreError) {
        let refusals = zip(results, transfers).filter { $0.0.status != .created }
        guard let (result, transfer) = refusals.first(where: { $0.0.status != .linkedEventFailed }) ?? refusals.first
        else {
            return
        }
        throw .refused(
            operation: EventKind(rawValue: transfer.userData32) ?? .deny, key: key, status: result.status)
    }

    // MARK: Refusals before the ledger is asked

    /// Records that an operation was refused, and returns what to throw: the refusal, or what kept it from being recorded.
    ///
    /// - Parameters:
    ///   - reason: In place of the refusal's own name.
    ///   - tenant: Who is refused; nil if it is nobody known.
    ///   - version: What it was about; number 0 for a key as such.
    func recorded(
        _ refusal: KeyStoreError, as reason: String? = nil, tenant: TenantID?, version: KeyVersion? = nil,
        details: JSONObject
    ) async -> KeyStoreError {
        guard let reason = reason ?? refusal.denial else { return refusal }
        do throws(KeyStoreError) {
            let event = try newEventID()
            var details = details
            var tenant = tenant
            if let id = tenant, live.read({ $0.tenants[id]?.shred != nil }) {
                // Its account is closed, and nothing about it is written down again.
                details = ["actor": details["actor"] ?? .null, "tenantId": .string(id.description)]
                tenant = nil
            }
            details["denied"] = .string(reason)
            let account = tenant.map { AccountID.tenant($0, .custody) } ?? AccountID.issuer(.custody)
            try await record(
                linked: [
                    transfer(
                        .deny, id: event, from: account, to: AccountID.denials, amount: 1,
                        subject: version?.key.value ?? 0, version: version?.number ?? 0)
                ], details: try sealIfPossible(details, of: event, tenant: tenant))
        } catch {
            return error
        }
        return refusal
    }

    /// Details, or none if the tenant's material is damaged: what happened is recorded all the same.
    func sealIfPossible(
        _ details: JSONObject, of event: EventID, at index: Int = 0, tenant: TenantID?
    ) throws(KeyStoreError) -> [EventDetails] {
        do throws(KeyStoreError) {
            return [try seal(details, of: event, at: index, tenant: tenant)]
        } catch .materialDamaged {
            return []
        } catch .tenantShredded {
            return []
        } catch .keyManagement {
            return []
        }
    }

    func tenant(of key: KeyID) -> TenantID? { live.read { $0.keys[key]?.tenant } }

    /// Runs `body` unless it is already running for the same subject.
    func exclusively<Result>(
        _ subject: UInt128, orElse error: KeyStoreError, _ body: () async throws(KeyStoreError) -> Result
    ) async throws(KeyStoreError) -> Result {
        guard busy.withLock({ $0.insert(subject).inserted }) else { throw error }
        defer { busy.withLock { _ = $0.remove(subject) } }
        return try await body()
    }
}
