public import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Transparency

/// What an auditor is told about one encrypted value.
public enum Revelation: Sendable {
    /// The value, in locked memory that is wiped when the last holder lets go of it.
    case plaintext(Plaintext, keyVersion: UInt32)
    /// Why not. The refusal is an event.
    case refused(KeyStoreError)

    /// A decrypted value.
    public final class Plaintext: Sendable {
        /// The bytes of the text that was redacted.
        public let bytes: SecretBytes
        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }
}

extension RedactionService {
    /// How many values one call reveals at most.
    public static let revealCountMax = 1000

    /// Decrypts values that redaction encrypted, for somebody who says why: the tenant's caller, with a reason.
    ///
    /// One `reveal` event with actor, reason and number of values is on disk before anything is decrypted, and each
    /// decryption is a `decrypt` event of its key version. A value of the versioned form is opened with its version;
    /// FLUO's form is tried with all versions, newest first.
    ///
    /// - Returns: One answer for each text, in their order.
    /// - Throws: ``KeyStoreError/reasonRequired(operation:)`` without a reason, after recording the attempt;
    ///   ``KeyStoreError/unknownKey(tenant:key:)``; `StoreError.batchTooLarge` for more than ``revealCountMax``.
    public func reveal(_ texts: [String], of tenant: Tenant) async throws(KeyStoreError) -> [Revelation] {
        guard texts.count <= Self.revealCountMax else {
            throw .store(.batchTooLarge(count: texts.count, limit: Self.revealCountMax))
        }
        guard tenant.caller.reason?.contains(where: { !$0.isWhitespace }) == true else {
            throw await store.recorded(
                .reasonRequired(operation: .reveal), tenant: tenant.id, details: tenant.caller.details())
        }
        if texts.isEmpty { return [] }
        var disclosure = Disclosure(key: try await tenant.encryptionKey(encryptionKey), texts: texts)
        await disclosure.read()
        if !disclosure.values.isEmpty {
            try await disclosure.announce()
            try await disclosure.openVersioned()
            try await disclosure.openUnversioned()
        }
        return disclosure.answers
    }
}

/// One call of `reveal`, step by step.
private struct Disclosure {
    let key: EncryptionKey
    let texts: [String]
    /// What may be opened, by its place among the texts.
    private(set) var values: [(place: Int, value: EncryptedValue)] = []
    private var found: [Int: Revelation] = [:]

    init(key: EncryptionKey, texts: [String]) {
        self.key = key
        self.texts = texts
    }

    private var handle: KeyHandle { key.handle }

    /// One for each text.
    var answers: [Revelation] { texts.indices.map { found[$0] ?? .refused(.notAuthentic) } }

    /// Sorts out what is no value of this tenant.
    mutating func read() async {
        for (place, text) in texts.enumerated() {
            do throws(EncryptedValueError) {
                let value = try EncryptedValue(parsing: text)
                if value.tenant.isExactly(handle.tenant.name.description) {
                    values.append((place, value))
                } else {
                    // The same error as for a value that was changed: whether there is such a tenant is not said.
                    found[place] = .refused(await handle.recorded(.notAuthentic, as: "foreign-envelope"))
                }
            } catch {
                found[place] = .refused(
                    await handle.recorded(.malformedEnvelope(reason: error.description)))
            }
        }
    }

    /// Records who wants to know how much, and why.
    func announce() async throws(KeyStoreError) {
        let store = handle.store
        let event = try store.newEventID()
        let details: JSONObject = ["key": .string(handle.name.description)]
        try await store.record(
            linked: [
                store.transfer(
                    .reveal, id: event, from: AccountID.tenant(handle.tenant.id, .custody),
                    to: AccountID.issuer(.custody), amount: UInt128(values.count), subject: handle.id.value)
            ],
            details: [
                try store.seal(handle.tenant.caller.details(details), of: event, tenant: handle.tenant.id)
            ], of: handle.name.description)
    }

    /// Opens each value with the version it names.
    mutating func openVersioned() async throws(KeyStoreError) {
        var places: [UInt32: [(Int, EncryptedValue)]] = [:]
        for (place, value) in values {
            if case .versioned(let version) = value.form { places[version, default: []].append((place, value)) }
        }
        for (number, values) in places.sorted(by: { $0.key < $1.key }) {
            do throws(KeyStoreError) {
                let version = try await handle.version(number)
                for place in try await open(values, with: version) { try await refuse(.notAuthentic, place, version) }
            } catch {
                if case .store = error { throw error }
                for (place, _) in values { found[place] = .refused(error) }
            }
        }
    }

    /// Tries each value of FLUO's form with one version after the other: it does not say which.
    mutating func openUnversioned() async throws(KeyStoreError) {
        var rest = values.filter { $0.value.form == .unversioned }.map { ($0.place, $0.value) }
        var failure: KeyStoreError?
        for number in (0..<UInt32(handle.record?.versions.count ?? 0)).reversed() where !rest.isEmpty {
            do throws(KeyStoreError) {
                let failed = try await open(rest, with: KeyVersion(key: handle.id, number: number + 1))
                rest = rest.filter { failed.contains($0.0) }
            } catch {
                // A version that may not decrypt any more: another one may be the right one.
                if case .store = error { throw error }
                failure = error
            }
        }
        for (place, _) in rest { try await refuse(failure ?? .notAuthentic, place, nil) }
    }

    private mutating func refuse(
        _ error: KeyStoreError, _ place: Int, _ version: KeyVersion?
    ) async throws(KeyStoreError) {
        let recorded = error == .notAuthentic ? await handle.recorded(error, version) : error
        if case .store = recorded { throw recorded }
        found[place] = .refused(recorded)
    }

    /// Opens values with a version, in one event that counts them all.
    ///
    /// - Returns: The places of those that do not open.
    private mutating func open(
        _ values: [(Int, EncryptedValue)], with version: KeyVersion
    ) async throws(KeyStoreError) -> [Int] {
        let use = KeyHandle.Use(
            id: try handle.store.newEventID(), amount: UInt64(values.count),
            details: ["purpose": .string(EncryptedValue.purpose)])
        let tenant = handle.tenant.name.description
        let work = KeyHandle.Work(stepCount: values.count, stepsPerTurn: 128) {
            (material, index) throws(KeyStoreError) -> Revelation.Plaintext? in
            let value = values[index].1
            // FLUO authenticated nothing beside the value; whose it is follows from whose key opens it.
            let associatedData =
                value.form == .unversioned
                ? []
                : EncryptedValue.associatedData(
                    tenant: tenant, keyID: version.key.description, keyVersion: version.number)
            do throws(KeyStoreError) {
                return Revelation.Plaintext(try EncryptionKey.open(value.box, with: material, associatedData))
            } catch .notAuthentic {
                return nil
            }
        }
        let opened: [Revelation.Plaintext?]
        do throws(KeyStoreError) {
            opened = try await handle.use(.decrypt, version, [use], work).outcomes
        } catch .refused(_, _, .debitAccountAlreadyClosed) {
            throw handle.wrongState(.decrypt, version)
        }
        var failed: [Int] = []
        for ((place, _), plaintext) in zip(values, opened) {
            if let plaintext {
                found[place] = .plaintext(plaintext, keyVersion: version.number)
            } else {
                failed.append(place)
            }
        }
        return failed
    }
}
