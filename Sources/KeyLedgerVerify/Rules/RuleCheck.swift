internal import Ledger

/// The rules of the product over what the state machine accepted: it knows accounts and balances, and would accept a use
/// of a key that was never generated if somebody wrote its accounts so.
struct RuleCheck {
    private(set) var findings = Findings()
    private(set) var versions: [Version] = []
    /// The events that created tenants, by tenant.
    private(set) var tenants: [UInt128: UInt64] = [:]

    private var accounts: [UInt128: Party] = [:]
    private var versionPlaces: [VersionID: Int] = [:]
    private var pending: [UInt128: Pending] = [:]
    private var pendingCountAtSweep = 1024

    struct VersionID: Hashable, CustomStringConvertible {
        let key: UInt128
        let number: UInt32

        var description: String { "key \(TextID(key)) version \(number)" }
    }

    /// A version of a key as its events have it.
    struct Version {
        let id: VersionID
        let isEncryption: Bool
        /// The event that generated it, and for whom; nil for accounts that nothing came of.
        var generated: (by: UInt64, tenant: UInt128)?
        var hasBudget = false
        var isClosed = false
        var residencyEnd: UInt64 = 0
        var residency: UInt128 = 0
    }

    private struct Party {
        let kind: Catalogue.AccountKind
        let owner: UInt128
        /// The place in `versions`.
        let version: Int
    }

    /// A pending transfer that is not known to be resolved.
    private struct Pending {
        let kind: Catalogue.EventKind
        let version: Int
        let expiresAt: UInt64
    }

    // MARK: Accounts

    mutating func apply(_ account: Account, sequence: UInt64) {
        let name = "account \(String(account.id, radix: 16))"
        func foreign(_ reason: String) -> Finding {
            Finding(.accountForeign, event: sequence, since: account.timestamp, "\(name) \(reason)")
        }
        guard account.code == Catalogue.code, let kind = Catalogue.AccountKind(rawValue: account.userData32),
            let flags = kind.flags(on: account.ledger)
        else { return findings.add(foreign("is of no kind that the catalogue has on ledger \(account.ledger)")) }
        guard let number = UInt32(exactly: account.userData64), (number > 0) == kind.isVersion,
            (account.userData128 != 0) == (kind.isVersion || kind == .tenant)
        else { return findings.add(foreign("names no owner, or one it should not have")) }
        guard account.id == kind.id(ledger: account.ledger, owner: account.userData128, version: number) else {
            return findings.add(foreign("does not have the id of what it stands for"))
        }
        if account.flags.subtracting(.linked) != flags {
            findings.add(
                kind == .encryptionKeyVersion && account.ledger == 1 ? .budgetForged : .accountForeign,
                event: sequence, since: account.timestamp, "\(name) does not have the limits that such an account has")
        }
        var place = -1
        if kind.isVersion {
            let id = VersionID(key: account.userData128, number: number)
            place = versionPlaces[id] ?? versions.count
            if place == versions.count {
                versions.append(Version(id: id, isEncryption: kind == .encryptionKeyVersion))
                versionPlaces[id] = place
            }
        }
        accounts[account.id] = Party(kind: kind, owner: account.userData128, version: place)
    }

    // MARK: Transfers

    mutating func apply(_ transfer: Transfer, sequence: UInt64) {
        func foreign(_ reason: String) -> Finding {
            Finding(.eventForeign, event: sequence, since: transfer.timestamp, "event \(sequence) \(reason)")
        }
        if transfer.flags.contains(.voidPendingTransfer), let given = pending[transfer.pendingID],
            Catalogue.finalClosings.contains(given.kind)
        {
            versions[given.version].isClosed = true
            return findings.add(
                .finalClosingVoided, event: sequence, since: transfer.timestamp,
                "event \(sequence) takes back the \(given.kind) of \(name(of: given.version))")
        }
        guard transfer.code == Catalogue.code, let kind = Catalogue.EventKind(rawValue: transfer.userData32) else {
            return findings.add(foreign("is of no kind that the catalogue has"))
        }
        let shape = Catalogue.shape(of: kind)
        guard let debit = accounts[transfer.debitAccountID], let credit = accounts[transfer.creditAccountID],
            shape.debit.contains(debit.kind), shape.credit.contains(credit.kind), debit.kind != credit.kind,
            transfer.ledger == kind.rawValue >> 8
        else { return findings.add(foreign("is a \(kind) between the wrong accounts")) }
        guard shape.amount.contains(transfer.amount), transfer.flags.subtracting(.linked) == shape.flags,
            shape.timeout.contains(transfer.timeoutSeconds)
        else {
            return findings.add(
                kind == .budget ? .budgetForged : .eventForeign, event: sequence, since: transfer.timestamp,
                "event \(sequence) is a \(kind) with an amount, flags or a timeout that it does not have")
        }
        if shape.isOnce {
            let number = UInt32(truncatingIfNeeded: transfer.userData64)
            guard transfer.id == kind.onceID(subject: transfer.userData128, version: number) else {
                return findings.add(
                    kind == .budget ? .budgetForged : .eventForeign, event: sequence, since: transfer.timestamp,
                    "event \(sequence) is a \(kind) that its subject has already, or under an id that is not its own")
            }
        }
        apply(kind, transfer, debit, credit, sequence, voiding: shape.voids)
    }

    private mutating func apply(
        _ kind: Catalogue.EventKind, _ transfer: Transfer, _ debit: Party, _ credit: Party, _ sequence: UInt64,
        voiding voided: Catalogue.EventKind?
    ) {
        func foreign(_ reason: String) -> Finding {
            Finding(.eventForeign, event: sequence, since: transfer.timestamp, "event \(sequence) \(reason)")
        }
        let place = max(debit.version, credit.version)
        if place >= 0 {
            let id = versions[place].id
            guard transfer.userData128 == id.key, transfer.userData64 == UInt64(id.number) else {
                return findings.add(foreign("names another key than its accounts do"))
            }
        }
        switch kind {
        case .createTenant:
            guard transfer.userData128 == credit.owner else { return findings.add(foreign("names another tenant")) }
            tenants[credit.owner] = sequence
        case .generate:
            guard tenants[debit.owner] != nil else {
                return findings.add(foreign("generates a key for a tenant that was never created"))
            }
            versions[place].generated = (sequence, debit.owner)
        case .budget: versions[place].hasBudget = true
        case .retire:
            versions[place].isClosed = true
            if versions[place].generated?.tenant != credit.owner {
                findings.add(foreign("retires another tenant's key"))
            }
            open(kind, transfer, place)
        case .cryptoperiod: open(kind, transfer, place)
        case .admit:
            if versions[place].generated == nil { report(.useWithoutGenerate, transfer, place, sequence) }
            versions[place].residency = transfer.id
            versions[place].residencyEnd = transfer.expiresAt ?? .max
            open(kind, transfer, place)
        case .evict:
            guard let given = pending[transfer.pendingID], given.kind == voided, given.version == place else {
                return findings.add(foreign("ends something else than a residency"))
            }
            pending[transfer.pendingID] = nil
            if versions[place].residency == transfer.pendingID { versions[place].residencyEnd = 0 }
        case .sign, .encrypt, .decrypt, .verify: use(kind, transfer, place, tenant: credit.owner, sequence)
        case .deny, .cacheCapacity: break
        }
    }

    /// A use of a key: by its tenant, generated, not closed, with a budget, and in memory where a secret is needed.
    private mutating func use(
        _ kind: Catalogue.EventKind, _ transfer: Transfer, _ place: Int, tenant: UInt128, _ sequence: UInt64
    ) {
        let version = versions[place]
        guard let generated = version.generated else {
            return report(.useWithoutGenerate, transfer, place, sequence)
        }
        if generated.tenant != tenant { report(.eventForeign, transfer, place, sequence) }
        if kind == .encrypt, !version.hasBudget { report(.useWithoutBudget, transfer, place, sequence) }
        if transfer.ledger == 1, version.isClosed { report(.useAfterClose, transfer, place, sequence) }
        if kind != .verify, version.residencyEnd <= transfer.timestamp {
            report(.useOutOfMemory, transfer, place, sequence)
        }
    }

    private mutating func report(_ kind: Finding.Kind, _ transfer: Transfer, _ place: Int, _ sequence: UInt64) {
        findings.add(
            kind, event: sequence, since: transfer.timestamp, "event \(sequence) is about \(name(of: place))")
    }

    private mutating func open(_ kind: Catalogue.EventKind, _ transfer: Transfer, _ place: Int) {
        pending[transfer.id] = Pending(kind: kind, version: place, expiresAt: transfer.expiresAt ?? .max)
        // What expired without a word is let go of now and then, so that memory does not grow with history.
        guard pending.count > pendingCountAtSweep else { return }
        pending = pending.filter { $0.value.expiresAt > transfer.timestamp }
        pendingCountAtSweep = max(1024, 2 * pending.count)
    }

    private func name(of place: Int) -> String { "\(versions[place].id)" }

    /// Whose transfer it is: under whose key its details are sealed. Nil for the ledger's own.
    func tenant(of transfer: Transfer) -> UInt128? {
        switch Catalogue.EventKind(rawValue: transfer.userData32) {
        case .createTenant: return transfer.userData128
        case .deny, .generate:
            // A refusal may be about another tenant's key.
            guard let party = accounts[transfer.debitAccountID], party.kind == .tenant else { return nil }
            return party.owner
        case .cacheCapacity, nil: return nil
        default:
            let id = VersionID(key: transfer.userData128, number: UInt32(truncatingIfNeeded: transfer.userData64))
            return versionPlaces[id].flatMap { versions[$0].generated?.tenant }
        }
    }
}

/// An id as people read it: 26 digits of Crockford's base 32.
struct TextID: CustomStringConvertible {
    let value: UInt128

    init(_ value: UInt128) { self.value = value }

    var description: String {
        let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
        return String(
            decoding: (0..<26).map { digits[Int(truncatingIfNeeded: value >> UInt128(5 * (25 - $0))) & 31] },
            as: UTF8.self)
    }
}
