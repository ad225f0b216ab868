internal import Ledger

/// The rules of the product over what the state machine accepted: it knows accounts and balances, and would accept a use
/// of a key that was never generated if somebody wrote its accounts so.
struct RuleCheck {
    private(set) var findings = Findings()
    private(set) var versions: [Version] = []
    /// The events that created tenants, by tenant.
    private(set) var tenants: [UInt128: UInt64] = [:]
    /// The tenants that were ended for good, and whether their keys have been erased.
    private(set) var shredded: [UInt128: Bool] = [:]
    /// The events that announce checkpoints, by size; their subject is the first half of the root.
    private(set) var checkpoints: [UInt64: (sequence: UInt64, subject: UInt128)] = [:]
    /// The events that made checkpoint keys, by version; their subject is the first half of the verifier key's SHA-256.
    private(set) var checkpointKeys: [UInt32: (sequence: UInt64, subject: UInt128)] = [:]

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
        var isEncryption = false
        /// The event that generated it, and for whom; nil for accounts that nothing came of.
        var generated: (by: UInt64, tenant: UInt128)?
        var hasBudget = false
        /// Applies protection no more.
        var isClosed = false
        /// Does nothing any more.
        var isDestroyed = false
        var isErased = false
        fileprivate var residency: UInt128 = 0
        fileprivate var residencyEnd: UInt64 = 0
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
        let subject: UInt128
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
        guard let number = UInt32(exactly: account.userData64), (number > 0) == kind.isOfVersion,
            (account.userData128 != 0) == kind.hasOwner
        else { return findings.add(foreign("names no owner, or one it should not have")) }
        guard account.id == kind.id(ledger: account.ledger, owner: account.userData128, version: number) else {
            return findings.add(foreign("does not have the id of what it stands for"))
        }
        if account.flags.subtracting(.linked) != flags {
            findings.add(
                kind == .encryptionKeyVersion && account.ledger == 1 ? .budgetForged : .accountForeign,
                event: sequence, since: account.timestamp, "\(name) does not have the limits that such an account has")
        }
        accounts[account.id] = Party(
            kind: kind, owner: account.userData128,
            version: kind.isOfVersion ? place(of: VersionID(key: account.userData128, number: number), kind) : -1)
    }

    private mutating func place(of id: VersionID, _ kind: Catalogue.AccountKind) -> Int {
        let place = versionPlaces[id] ?? versions.count
        if place == versions.count {
            versions.append(Version(id: id))
            versionPlaces[id] = place
        }
        if kind == .encryptionKeyVersion { versions[place].isEncryption = true }
        return place
    }

    // MARK: Transfers

    mutating func apply(_ transfer: Transfer, sequence: UInt64, hasDetails: Bool) {
        if transfer.flags.contains(.voidPendingTransfer), let given = pending[transfer.pendingID], given.kind.isFinal {
            return findings.add(
                .finalClosingVoided, event: sequence, since: transfer.timestamp,
                "event \(sequence) takes back the \(given.kind) of \(TextID(given.subject))")
        }
        let kind = Catalogue.EventKind(rawValue: transfer.userData32)
        guard transfer.code == Catalogue.code, let kind else {
            return reportForeign("is of no kind that the catalogue has", nil, transfer, sequence)
        }
        guard let debit = accounts[transfer.debitAccountID], let credit = accounts[transfer.creditAccountID],
            let shape = Catalogue.table[Int(kind.rawValue)].first(where: { $0.fits(transfer, debit.kind, credit.kind) })
        else {
            return reportForeign(
                "is not what the catalogue says of it: other accounts, amount, flags or timeout", kind, transfer,
                sequence)
        }
        if let once = shape.once {
            let number = UInt32(truncatingIfNeeded: transfer.userData64)
            guard transfer.id == once.onceID(shape.ledger, subject: transfer.userData128, version: number) else {
                return reportForeign("can happen once, and has not the id for that", kind, transfer, sequence)
            }
        }
        let place = max(debit.version, credit.version)
        if place >= 0 {
            let id = versions[place].id
            guard transfer.userData128 == id.key, transfer.userData64 == UInt64(id.number) else {
                return reportForeign("names another key than its accounts do", kind, transfer, sequence)
            }
            if let tenant = versions[place].generated?.tenant, credit.kind == .tenant, credit.owner != tenant {
                return reportForeign("is counted for another tenant than the key's", kind, transfer, sequence)
            }
        }
        if kind.hasDetails, !hasDetails {
            reportForeign("has no details, and so names nobody who asked for it", kind, transfer, sequence)
        }
        if !shape.voids.isEmpty {
            guard let given = pending.removeValue(forKey: transfer.pendingID), shape.voids.contains(given.kind),
                given.version == place
            else { return reportForeign("ends something else than it may end", kind, transfer, sequence) }
        }
        follow(kind, transfer, place, tenant: (debit.owner, credit.owner), sequence)
    }

    /// Keeps up what is known of tenants and versions, and checks what was done with them.
    private mutating func follow(
        _ kind: Catalogue.EventKind, _ transfer: Transfer, _ place: Int, tenant: (debit: UInt128, credit: UInt128),
        _ sequence: UInt64
    ) {
        if transfer.flags.contains(.pending) { open(kind, transfer, place) }
        switch kind {
        case .createTenant:
            guard transfer.userData128 == tenant.credit else {
                return reportForeign("names another tenant than its account does", kind, transfer, sequence)
            }
            tenants[tenant.credit] = sequence
        case .generate, .importKey:
            guard tenants[tenant.debit] != nil else {
                return reportForeign("is for a tenant that was never created", kind, transfer, sequence)
            }
            versions[place].generated = (sequence, tenant.debit)
        case .budget: versions[place].hasBudget = true
        case .retire, .deactivate: versions[place].isClosed = true
        case .compromise where transfer.ledger == 1: versions[place].isClosed = true
        case .destroy: versions[place].isDestroyed = true
        case .erase: versions[place].isErased = true
        case .admit:
            if versions[place].generated == nil { report(.useWithoutGenerate, transfer, place, sequence) }
            if versions[place].isDestroyed { report(.useAfterClose, transfer, place, sequence) }
            versions[place].residency = transfer.id
            versions[place].residencyEnd = transfer.expiresAt ?? .max
        case .evict where versions[place].residency == transfer.pendingID: versions[place].residencyEnd = 0
        case .shred: if shredded[transfer.userData128] == nil { shredded[transfer.userData128] = false }
        case .shredded: shredded[transfer.userData128] = true
        case .checkpoint, .checkpointKey: followCheckpoint(kind, transfer, sequence)
        case .sign, .encrypt, .decrypt, .verify, .export: use(kind, transfer, versions[place], place, sequence)
        default: break
        }
    }

    private mutating func followCheckpoint(_ kind: Catalogue.EventKind, _ transfer: Transfer, _ sequence: UInt64) {
        let (number, version) = (transfer.userData64, UInt32(truncatingIfNeeded: transfer.userData64))
        let id =
            kind == .checkpoint
            ? kind.onceID(3, subject: UInt128(number), version: 0) : kind.onceID(3, subject: 0, version: version)
        guard transfer.id == id, kind == .checkpoint ? number <= sequence : number == UInt64(version) else {
            return reportForeign("can happen once, and has not the id for that", kind, transfer, sequence)
        }
        if kind == .checkpoint {
            checkpoints[number] = (sequence, transfer.userData128)
        } else {
            checkpointKeys[version] = (sequence, transfer.userData128)
        }
    }

    /// A use of a key: generated, not closed, with a budget, and in memory where a secret is needed.
    private mutating func use(
        _ kind: Catalogue.EventKind, _ transfer: Transfer, _ version: Version, _ place: Int, _ sequence: UInt64
    ) {
        if version.generated == nil { return report(.useWithoutGenerate, transfer, place, sequence) }
        if kind == .encrypt, !version.hasBudget { report(.useWithoutBudget, transfer, place, sequence) }
        if version.isDestroyed || version.isClosed && transfer.ledger == 1 {
            report(.useAfterClose, transfer, place, sequence)
        }
        if kind.needsSecret, version.residencyEnd <= transfer.timestamp {
            report(.useOutOfMemory, transfer, place, sequence)
        }
    }

    private mutating func reportForeign(
        _ reason: String, _ kind: Catalogue.EventKind?, _ transfer: Transfer, _ sequence: UInt64
    ) {
        let name = kind.map { " (\($0))" } ?? ""
        findings.add(
            kind == .budget ? .budgetForged : .eventForeign, event: sequence, since: transfer.timestamp,
            "event \(sequence)\(name) \(reason)")
    }

    private mutating func report(_ kind: Finding.Kind, _ transfer: Transfer, _ place: Int, _ sequence: UInt64) {
        findings.add(
            kind, event: sequence, since: transfer.timestamp, "event \(sequence) is about \(versions[place].id)")
    }

    private mutating func open(_ kind: Catalogue.EventKind, _ transfer: Transfer, _ place: Int) {
        pending[transfer.id] = Pending(
            kind: kind, version: place, subject: transfer.userData128, expiresAt: transfer.expiresAt ?? .max)
        // What expired without a word is let go of now and then, so that memory does not grow with history.
        guard pending.count > pendingCountAtSweep else { return }
        pending = pending.filter { $0.value.expiresAt > transfer.timestamp }
        pendingCountAtSweep = max(1024, 2 * pending.count)
    }

    /// Whose transfer it is: under whose key its details are sealed. Nil for the ledger's own.
    func tenant(of transfer: Transfer) -> UInt128? {
        switch Catalogue.EventKind(rawValue: transfer.userData32) {
        case .createTenant, .quota, .quotaWarning, .offerImport, .redeem: return transfer.userData128
        case .deny, .generate, .importKey, .reveal:
            // A refusal may be about another tenant's key.
            guard let party = accounts[transfer.debitAccountID], party.kind == .tenant else { return nil }
            return party.owner
        case .cacheCapacity, .rotationRun, .rewrap, .rewrapTenant, .finishRewrap, .abandonRewrap, .shred, .shredded,
            .acceptLog,
            .checkpoint, .checkpointKey, .cosigned, .anchored, .evidence, nil:
            return nil
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
