internal import Transparency

/// Redacts spans of telemetry and signs them with the keys of their tenants, one event of the ledger each.
public struct ComplianceSpanSigner: Sendable {
    /// How spans are signed.
    public struct Options: Sendable {
        /// The name of each tenant's signing key.
        public var signingKey = "spans"
        /// Whose key signs spans that belong to no tenant; nil leaves them unsigned.
        public var defaultTenant: String?
        /// The name of each tenant's encryption key, for what redaction encrypts.
        public var encryptionKey = "pii"
        /// What is redacted before signing; nil leaves spans as they are.
        public var redaction: RedactionRules? = .standard
        /// Creates tenants and keys that do not exist. Otherwise spans of unknown tenants are refused.
        public var createsMissing = false

        /// Keys named `spans` and `pii`, the standard rules, nothing created.
        public init() {}
    }

    /// What became of a line.
    public struct Outcome: Sendable {
        /// The line with the signed spans in place of the others.
        public var line: ExportLine
        /// How many spans were signed.
        public var signedCount = 0
        /// How many values were replaced, by strategy.
        public var redactions: [RedactionStrategy: Int] = [:]
        /// How many values are `[REDACTED]` because they could not be encrypted. The refusal is an event.
        public var encryptionFailureCount = 0
        /// The spans that were not, by their index in the line.
        public var refusals: [Refusal] = []
    }

    /// A span that was not signed. What is personal in it is redacted all the same.
    public struct Refusal: Sendable {
        /// The span's index in its line.
        public let index: Int
        /// Why, for a person.
        public let reason: String
    }

    private let store: KeyStore
    private let options: Options

    /// A signer with the keys of a key store.
    public init(_ store: KeyStore, options: Options) {
        self.store = store
        self.options = options
    }

    /// Redacts and signs all spans of a line. Tenants are worked on side by side, and their events share commits.
    ///
    /// A span that cannot be signed does not keep the others from it; an error means that the ledger itself could not
    /// do its work, and then nothing of the line was signed as far as the caller is concerned.
    public func sign(_ line: ExportLine, tenants: SpanTenants) async throws(KeyStoreError) -> Outcome {
        var outcome = Outcome(line: line)
        var indices: [String: [Int]] = [:]
        for index in line.indices {
            if let tenant = tenants.tenant(of: line[index]) ?? options.defaultTenant {
                indices[tenant, default: []].append(index)
            } else {
                outcome.refusals.append(Refusal(index: index, reason: "the span belongs to no tenant"))
            }
        }
        let results = await withTaskGroup(of: Result<Part, KeyStoreError>.self) { group in
            for (tenant, indices) in indices {
                group.addTask {
                    do throws(KeyStoreError) {
                        return .success(try await sign(indices, of: line, tenant: tenant))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for result in results {
            let part = try result.get()
            for (index, span) in part.signed { outcome.line[index] = span }
            outcome.signedCount += part.signed.count
            outcome.refusals += part.refusals
            outcome.redactions.merge(part.redactions, uniquingKeysWith: +)
            outcome.encryptionFailureCount += part.encryptionFailureCount
        }
        for refusal in outcome.refusals {
            if let rules = options.redaction {
                outcome.line[refusal.index] = rules.redact(withoutTenant: line[refusal.index])
            }
        }
        outcome.refusals.sort { $0.index < $1.index }
        return outcome
    }

    /// One tenant's share of a line.
    private struct Part: Sendable {
        var signed: [(Int, TelemetrySpan)] = []
        var refusals: [Refusal] = []
        var redactions: [RedactionStrategy: Int] = [:]
        var encryptionFailureCount = 0
    }

    private func sign(_ indices: [Int], of line: ExportLine, tenant: String) async throws(KeyStoreError) -> Part {
        let key: SigningKey
        do throws(KeyStoreError) {
            key = try await signingKey(of: tenant)
        } catch  where error.isAboutTheCaller {
            return Part(refusals: indices.map { Refusal(index: $0, reason: error.description) })
        }
        var part = Part()
        let line = try await redact(indices, of: line, for: key.handle.tenant, counting: &part)
        var acceptable: [Int] = []
        for index in indices {
            // Whether a span can be signed does not depend on the event, so a dry run tells.
            do throws(SpanSigningRefusal) {
                _ = try line.messageToSign(
                    forSpanAt: index, by: .init(tenant: tenant, keyID: "", keyVersion: 0, event: ""))
                acceptable.append(index)
            } catch {
                part.refusals.append(Refusal(index: index, reason: error.description))
            }
        }
        let keyID = key.handle.id.description
        func signer(_ version: UInt32, _ event: EventID) -> SpanSignature.Signer {
            SpanSignature.Signer(tenant: tenant, keyID: keyID, keyVersion: version, event: event.description)
        }
        for start in stride(from: 0, to: acceptable.count, by: SigningKey.countMax) {
            let chunk = acceptable[start..<min(start + SigningKey.countMax, acceptable.count)]
            let signatures = try await key.sign(count: chunk.count) { intent in
                zip(chunk, intent.events).map { index, event in
                    guard let message = try? line.messageToSign(forSpanAt: index, by: signer(intent.version, event))
                    else {
                        preconditionFailure("a span that could be signed a moment ago cannot be signed now")
                    }
                    return message
                }
            }
            for (index, signature) in zip(chunk, signatures) {
                let signed = SpanSignature(signer: signer(signature.version, signature.event), bytes: signature.bytes)
                part.signed.append((index, line[index].signed(with: signed)))
            }
        }
        return part
    }

    /// Redacts a tenant's spans. Values that cannot be encrypted become `[REDACTED]`; the ledger has the refusal.
    private func redact(
        _ indices: [Int], of line: ExportLine, for tenant: Tenant, counting part: inout Part
    ) async throws(KeyStoreError) -> ExportLine {
        guard let rules = options.redaction else { return line }
        var service = RedactionService(store, rules: rules)
        service.encryptionKey = options.encryptionKey
        service.createsMissingKeys = options.createsMissing
        let redacted = try await service.redact(indices.map { line[$0] }, of: tenant)
        part.redactions = redacted.counts
        part.encryptionFailureCount = redacted.failureCount
        var changed = line
        for (index, span) in zip(indices, redacted.items) where span != line[index] { changed[index] = span }
        return changed
    }

    private func signingKey(of name: String) async throws(KeyStoreError) -> SigningKey {
        let isMissing = options.createsMissing ? try !store.hasTenant(name) : false
        let tenant = isMissing ? try await store.createTenant(name) : try await store.tenant(name)
        if options.createsMissing, try !tenant.hasKey(options.signingKey) {
            return try await tenant.createSigningKey(options.signingKey)
        }
        return try await tenant.signingKey(options.signingKey)
    }
}

extension KeyStoreError {
    /// Whether the error is about what was asked for, so that something else may still be asked.
    fileprivate var isAboutTheCaller: Bool {
        switch self {
        case .invalidName, .unknownTenant, .unknownKey, .wrongAlgorithm, .refused: true
        default: false
        }
    }
}
