public import CryptoPrimitives
public import Ledger
public import LedgerStore

/// Why the key store refuses. Nothing in it is secret, and nothing was handed out.
public enum KeyStoreError: Error, Hashable, Sendable {
    /// A tenant's or key's name is not one.
    case invalidName(String, reason: String)
    case unknownTenant(String)
    case tenantExists(String)
    case unknownKey(tenant: String, key: String)
    /// The key has no version with this number.
    case unknownVersion(key: String, version: UInt32)
    case keyExists(tenant: String, key: String)
    /// A signing key was asked to encrypt, or the like.
    case wrongAlgorithm(key: String, is: KeyAlgorithm, needs: KeyAlgorithm)
    /// Another task is rotating this key.
    case rotationInProgress(key: String)
    /// The version's state does not allow it; the ledger said no.
    case wrongState(
        operation: EventKind, key: String, version: UInt32, state: KeyState, destruction: KeyState.Destruction)
    /// Something that was asked for is not possible.
    case invalidOption(name: String, reason: String)
    /// The key was not created exportable; the ledger said no.
    case notExportable(key: String)
    /// The offer to import is used or expired, or there never was one for this tenant.
    case unusableOffer(id: String)
    /// What is to be imported was wrapped under another key, or changed.
    case notUnwrapped
    /// What is to be imported is not a key of the kind that was named.
    case malformedMaterial(reason: String)
    /// The ledger said no.
    case refused(operation: EventKind, key: String, status: CreateTransferStatus)
    /// What was to be decrypted is not one of our envelopes.
    case malformedEnvelope(reason: String)
    /// What was to be decrypted was changed, or belongs to another tenant, key, version or context.
    case notAuthentic
    /// A compliance span names another tenant than the one whose key was asked to sign it.
    case foreignSpan(tenant: String)
    /// An operation that only happens for a reason was asked for without one.
    case reasonRequired(operation: EventKind)
    /// The master key is not the one this ledger was made with.
    case wrongMasterKey(given: String, needed: String)
    /// The master key's file cannot be used.
    case masterKeyFile(path: String, reason: String)
    /// A passphrase cannot be read or used; `source` is a file, or where it was typed.
    case passphrase(source: String, reason: String)
    /// The change from one master key to another was interrupted: some keys rest under the one, some under the other.
    case rewrapUnfinished(from: String, to: String)
    /// The tenant's keys and details were erased for good.
    case tenantShredded(String)
    /// `log/` is older than `material/`: it ends before events that the material was stored for.
    case logTooShort(path: String, eventCount: UInt64, highWaterMark: UInt64, keyCount: Int)
    /// The service that holds the master key refused.
    case keyManagement(KeyManagementError)
    /// Something the ledger names is missing, was changed or belongs elsewhere: key material, or an event's details.
    case materialDamaged(subject: String, reason: String)
    /// The folder holds a ledger, but its keys were never set up.
    case notInitialised(path: String)
    case store(StoreError)
    case crypto(CryptoError)
}

extension KeyStoreError: CustomStringConvertible {
    /// What happened, to what, and what to do.
    public var description: String {
        switch self {
        case .invalidName(let name, let reason): "\(name.debugDescription) is not a valid name: \(reason)."
        case .unknownTenant(let name): "there is no tenant \(name). Create it with `keyledger tenant create \(name)`."
        case .tenantExists(let name): "the tenant \(name) exists already."
        case .unknownKey(let tenant, let key):
            "tenant \(tenant) has no key \(key). List its keys with `keyledger key list --tenant \(tenant)`."
        case .unknownVersion(let key, let version): "key \(key) has no version \(version)."
        case .keyExists(let tenant, let key):
            "tenant \(tenant) has a key \(key) already; a name is used once. Rotate it, or choose another name."
        case .wrongAlgorithm(let key, let algorithm, let needed):
            "key \(key) is an \(algorithm) key; this operation needs \(needed)."
        case .rotationInProgress(let key): "\(key) is being changed by another task; try again when that is done."
        case .wrongState(let operation, let key, let version, let state, let destruction):
            "key \(key) version \(version) is \(state)\(destruction.suffix); the ledger refused to "
                + operation.description.replacing("-", with: " ") + ". The refusal is recorded."
        case .invalidOption(let name, let reason): "the \(name) is not possible: \(reason)."
        case .notExportable(let key):
            "key \(key) was not created exportable, so its material cannot leave. The refusal is recorded."
        case .unusableOffer(let id):
            "the import offer \(id) cannot be used: it is used up, expired or not this tenant's. "
                + "Make one with `keyledger key import-parameters`."
        case .notUnwrapped:
            "the key to import does not unwrap: it was wrapped under another key, or changed. The attempt is recorded."
        case .malformedMaterial(let reason): "the key to import cannot be used: \(reason). The attempt is recorded."
        case .refused(.quota, let tenant, .exceedsDebits):
            "tenant \(tenant) has used more than that already. The refusal is recorded."
        case .refused(let operation, let key, .exceedsDebits) where operation.ledger == .protect:
            "key \(key) may not \(operation): its tenant's quota is used up. Raise it with `keyledger tenant quota`. "
                + "The refusal is recorded."
        case .refused(.encrypt, let key, .exceedsCredits):
            "key \(key) may not encrypt more: its budget is used up. Rotate it. The refusal is recorded."
        case .refused(let operation, let key, let status):
            "the ledger refused to \(operation) with key \(key): \(status). The refusal is recorded."
        case .malformedEnvelope(let reason): "this is not something KeyLedger encrypted: \(reason)."
        case .notAuthentic:
            "decryption failed: the ciphertext was changed, or it belongs to another tenant, key or context. "
                + "The attempt is recorded."
        case .foreignSpan(let tenant):
            "the span is not one of tenant \(tenant), whose key would sign it. The attempt is recorded."
        case .reasonRequired(let operation):
            "to \(operation) takes a reason, which is recorded; give one with --reason. The attempt is recorded."
        case .wrongMasterKey(let given, let needed):
            "the master key \(given) does not open this ledger; it was made with \(needed). Give the right key file "
                + "or passphrase."
        case .passphrase(let source, let reason): "the passphrase from \(source) cannot be used: \(reason)."
        case .rewrapUnfinished(let old, let new):
            "the change of the master key from \(old) to \(new) was interrupted, and both are needed to finish it: "
                + "run `keyledger custody rewrap` with the first as the master key and the second as the new one."
        case .tenantShredded(let tenant):
            "tenant \(tenant) was shredded: its keys and details are gone for good, and its name is not used again."
        case .logTooShort(let path, let eventCount, let highWaterMark, let keyCount):
            "\(path)/log has \(eventCount) events, and \(path)/material belongs to a log of at least \(highWaterMark) "
                + "(of what is in it \(keyCount) are unknown to this log). The log was probably restored from an older "
                + "backup. Nothing was changed. Put back the log that belongs to the material, or the material of the "
                + "same backup; or go on with `keyledger custody accept-log`, which keeps what is unknown."
        case .keyManagement(let error): error.description
        case .masterKeyFile(let path, let reason): "the master key file \(path) cannot be used: \(reason)."
        case .materialDamaged(let subject, let reason):
            "\(subject) cannot be used: \(reason). Run `keyledger verify`; restore the ledger from a backup."
        case .notInitialised(let path):
            "\(path) has no keys set up: `keyledger init` did not finish. Remove it and begin anew."
        case .store(let error): error.description
        case .crypto(let error): "\(error)."
        }
    }
}

extension KeyState.Destruction {
    fileprivate var suffix: String {
        switch self {
        case .notScheduled: ""
        case .waiting: ", its destruction is scheduled"
        case .due: ", its destruction is due"
        }
    }
}

extension KeyStoreError {
    /// What a `deny` event calls a refusal that came before the ledger was asked; nil for all other errors: the ledger
    /// records its own refusals, an invalid name is nobody's, and without a working store nothing can be recorded.
    var denial: String? {
        switch self {
        case .unknownTenant: "unknown-tenant"
        case .tenantExists: "tenant-exists"
        case .unknownKey: "unknown-key"
        case .unknownVersion: "unknown-version"
        case .keyExists: "key-exists"
        case .wrongAlgorithm: "wrong-algorithm"
        case .rotationInProgress: "rotation-in-progress"
        case .tenantShredded: "tenant-shredded"
        case .keyManagement: "key-management"
        case .malformedEnvelope: "malformed-envelope"
        case .notAuthentic: "not-authentic"
        case .foreignSpan: "foreign-span"
        case .reasonRequired: "reason-missing"
        case .materialDamaged: "material-damaged"
        case .unusableOffer: "unusable-offer"
        case .notUnwrapped: "not-unwrapped"
        case .malformedMaterial: "malformed-material"
        case .invalidName, .wrongState, .invalidOption, .notExportable, .refused, .wrongMasterKey, .masterKeyFile,
            .passphrase, .rewrapUnfinished, .logTooShort, .notInitialised,
            .store, .crypto:
            nil
        }
    }

    /// Whether whoever throws this has recorded it: as a `deny`, or as the ledger's own refusal.
    var isRecorded: Bool {
        switch self {
        case .refused, .wrongState: true
        default: denial != nil
        }
    }

    /// Runs a step of the layer below and passes its errors on under this layer's name.
    static func store<Result: ~Copyable>(_ body: () throws(StoreError) -> Result) throws(KeyStoreError) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            throw .store(error)
        }
    }

    /// Runs a cryptographic step and passes its errors on under this layer's name.
    static func crypto<Result: ~Copyable>(_ body: () throws(CryptoError) -> Result) throws(KeyStoreError) -> Result {
        do throws(CryptoError) {
            return try body()
        } catch {
            throw .crypto(error)
        }
    }
}
