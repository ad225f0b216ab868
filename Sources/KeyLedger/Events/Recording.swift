internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Synchronization
internal import Transparency

/// FLUO's number for key management; the code of every account and transfer.
private let keyManagementCode: UInt16 = 8

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
        _ kind: EventKind, id: EventID, from debit: UInt128, to credit: UInt128, amount: UInt128,
        flags: Transfer.Flags = [],
        timeoutSeconds: UInt32 = 0, subject: UInt128 = 0, version: UInt32 = 0
    ) -> Transfer {
        Transfer(
            id: id.value, debit: debit, credit: credit, amount: amount, ledger: kind.ledger.rawValue,
            code: keyManagementCode, flags: flags, timeoutSeconds: timeoutSeconds, userData128: subject,
            userData64: UInt64(version), userData32: kind.rawValue)
    }

    func transfer(
        _ kind: EventKind, id: EventID, from debit: UInt128, to credit: UInt128, amount: UInt128,
        flags: Transfer.Flags = [],
        timeoutSeconds: UInt32 = 0, version: KeyVersion
    ) -> Transfer {
        transfer(
            kind, id: id, from: debit, to: credit, amount: amount, flags: flags, timeoutSeconds: timeoutSeconds,
            subject: version.key.value, version: version.number)
    }

    /// The end of a residency.
    func eviction(of residency: EventID, _ version: KeyVersion) throws(KeyStoreError) -> Transfer {
        Transfer(
            id: try newEventID().value, pendingID: residency.value, code: keyManagementCode,
            flags: .voidPendingTransfer,
            userData128: version.key.value, userData64: UInt64(version.number), userData32: EventKind.evict.rawValue)
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

    /// Records transfers that must all be accepted, and returns the number of the first.
    @discardableResult
    func record(_ transfers: [Transfer], details: [EventDetails] = [], of key: String = "") async throws(KeyStoreError)
        -> UInt64
    {
        let ticket = try KeyStoreError.store { () throws(StoreError) in try writer.submit(transfers, details: details) }
        let reply = try await reply(ticket)
        try check(reply.results, of: transfers[...], key: key)
        return reply.firstSequence
    }

    /// Throws the first refusal that is not just the consequence of another.
    func check(
        _ results: [CreateTransferResult], of transfers: ArraySlice<Transfer>, key: String
    ) throws(KeyStoreError) {
        let refusals = zip(results, transfers).filter { $0.0.status != .created }
        guard let (result, transfer) = refusals.first(where: { $0.0.status != .linkedEventFailed }) ?? refusals.first
        else {
            return
        }
        throw .refused(
            operation: EventKind(rawValue: transfer.userData32) ?? .deny, key: key, status: result.status)
    }

    /// Records an operation that was refused before the ledger was asked.
    func deny(
        _ reason: String, tenant: TenantID?, version: KeyVersion? = nil, details: JSONObject
    ) async throws(KeyStoreError) {
        let event = try newEventID()
        var details = details
        details["denied"] = .string(reason)
        let account = tenant.map { AccountID.tenant($0, .custody) } ?? AccountID.issuer(.custody)
        try await record(
            [
                transfer(
                    .deny, id: event, from: account, to: AccountID.denials, amount: 1, subject: version?.key.value ?? 0,
                    version: version?.number ?? 0)
            ], details: [try seal(details, of: event, tenant: tenant)])
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
