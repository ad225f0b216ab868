internal import CryptoPrimitives
internal import Transparency

/// Hides personal data of a tenant, and shows auditors what was only encrypted.
///
/// ```swift
/// let service = RedactionService(store)
/// let redacted = try await service.redact(spans, of: acme).items
/// acme.caller = Caller(actor: "auditor", reason: "ticket 4711")
/// let revelations = try await service.reveal(texts, of: acme)
/// ```
///
/// What cannot be treated becomes `[REDACTED]`, never the value, and never a digest that could not be undone.
public struct RedactionService: Sendable {
    let store: KeyStore
    /// Which attribute is replaced, and how.
    public var rules: RedactionRules
    /// The name of each tenant's encryption key.
    public var encryptionKey = "pii"
    /// Creates encryption keys that do not exist. Otherwise what they should encrypt becomes `[REDACTED]`.
    public var createsMissingKeys = false

    /// A service with the keys of a key store, each tenant's named `pii`.
    public init(_ store: KeyStore, rules: RedactionRules = .standard) {
        self.store = store
        self.rules = rules
    }

    /// What came of redacting several things.
    public struct Redacted<Item: Sendable>: Sendable {
        /// What may be seen, in the order in which it was given.
        public var items: [Item]
        /// How many values were replaced by each strategy.
        public var counts: [RedactionStrategy: Int]
        /// How many values are `[REDACTED]` because they could not be encrypted. The refusal is an event.
        public var failureCount: Int

        /// Items that may be seen.
        public init(items: [Item], counts: [RedactionStrategy: Int] = [:], failureCount: Int = 0) {
            self.items = items
            self.counts = counts
            self.failureCount = failureCount
        }
    }

    /// Redacts spans of one tenant. All that is encrypted is one event.
    ///
    /// - Throws: What keeps the ledger from doing its work. A value whose encryption is refused becomes `[REDACTED]`.
    public func redact(
        _ spans: [TelemetrySpan], of tenant: Tenant
    ) async throws(KeyStoreError) -> Redacted<TelemetrySpan> {
        let key = try store.custody.secrets(of: tenant.id).redaction
        let pending = spans.map { rules.collect($0, tenant: tenant.name.description, key: key) }
        let outcomes = try await encrypt(pending.flatMap(\.plaintexts), for: tenant)
        var redacted = Redacted<TelemetrySpan>(items: [], failureCount: outcomes.count { $0 == .failed })
        var rest = outcomes[...]
        for span in pending {
            redacted.items.append(span.apply(Array(rest.prefix(span.plaintexts.count))))
            redacted.counts.merge(span.counts, uniquingKeysWith: +)
            rest = rest.dropFirst(span.plaintexts.count)
        }
        return redacted
    }

    /// Redacts texts of one tenant as if each were the value of an attribute with this name; without a name, only what
    /// is found in them.
    ///
    /// - Throws: As ``redact(_:of:)``.
    public func redact(
        _ texts: [String], ofAttribute name: String = "", of tenant: Tenant
    ) async throws(KeyStoreError) -> Redacted<String> {
        let key = try store.custody.secrets(of: tenant.id).redaction
        let pending = rules.collect(texts, ofAttribute: name, tenant: tenant.name.description, key: key)
        let outcomes = try await encrypt(pending.pending.plaintexts, for: tenant)
        return Redacted(
            items: pending.apply(outcomes), counts: pending.pending.counts,
            failureCount: outcomes.count { $0 == .failed })
    }

    // MARK: - Encrypting

    /// Encrypts values in one event, or fails closed, having recorded why.
    private func encrypt(
        _ plaintexts: [String], for tenant: Tenant
    ) async throws(KeyStoreError) -> [PendingRedaction.Outcome] {
        if plaintexts.isEmpty { return [] }
        do throws(KeyStoreError) {
            return try await encrypt(plaintexts, with: try await key(of: tenant))
        } catch {
            // Without a working ledger the refusal cannot be recorded, so nothing may go on as if it had been.
            if case .store = error { throw error }
            if !error.isRecorded {
                try await recordFailure(error, valueCount: plaintexts.count, of: tenant)
            }
            return plaintexts.map { _ in .failed }
        }
    }

    private func encrypt(
        _ plaintexts: [String], with key: EncryptionKey
    ) async throws(KeyStoreError) -> [PendingRedaction.Outcome] {
        let tenant = key.handle.tenant.name.description
        let (version, boxes) = try await key.encrypt(
            plaintexts.map { Array($0.utf8) }, details: ["purpose": .string(EncryptedValue.purpose)]
        ) { version in
            EncryptedValue.associatedData(tenant: tenant, keyID: version.key.description, keyVersion: version.number)
        }
        return boxes.map { .encrypted(EncryptedValue(tenant: tenant, keyVersion: version.number, box: $0)) }
    }

    private func key(of tenant: Tenant) async throws(KeyStoreError) -> EncryptionKey {
        if createsMissingKeys, try !tenant.hasKey(encryptionKey) {
            do throws(KeyStoreError) {
                return try await tenant.createEncryptionKey(encryptionKey)
            } catch .keyExists {
                // Another task was faster.
            }
        }
        return try await tenant.encryptionKey(encryptionKey)
    }

    private func recordFailure(
        _ error: KeyStoreError, valueCount: Int, of tenant: Tenant
    ) async throws(KeyStoreError) {
        let details: JSONObject = [
            "cause": .string(error.description), "purpose": .string(EncryptedValue.purpose),
            "values": .number(JSONNumber(integerLiteral: Int64(valueCount))),
        ]
        let recorded = await store.recorded(
            error, as: "encryption-failed", tenant: tenant.id, details: tenant.caller.details(details))
        if recorded != error { throw recorded }
    }
}
