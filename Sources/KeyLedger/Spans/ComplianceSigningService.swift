internal import CryptoPrimitives

/// Signs compliance spans with a tenant's key, and verifies them with public keys alone.
///
/// ```swift
/// let service = ComplianceSigningService(try await acme.signingKey("spans"))
/// let evidence = try await service.sign(span)
/// try service.verify(evidence)                    // here, or anywhere with `evidence.span.verify(publicKey:…)`
/// ```
public struct ComplianceSigningService: Sendable {
    private let key: SigningKey

    /// A service that signs with this key.
    public init(_ key: SigningKey) { self.key = key }

    /// A span with its signature, and what a verifier needs to know of it.
    public struct Evidence: Sendable, Hashable {
        /// The span; its ``ComplianceSpan/signature`` is set.
        public let span: ComplianceSpan
        /// The key that signed.
        public let keyID: String
        /// The version of the key.
        public let keyVersion: UInt32
        /// The event that allowed the signature.
        public let event: EventID
    }

    /// Signs a span of the key's tenant.
    ///
    /// - Throws: ``KeyStoreError/foreignSpan(tenant:)`` for a span of another tenant, after recording the attempt, and
    ///   whatever keeps the key from signing.
    public func sign(_ span: ComplianceSpan) async throws(KeyStoreError) -> Evidence {
        let tenant = key.handle.tenant.name.description
        guard span.tenantID.isExactly(tenant) else {
            throw await key.handle.recorded(.foreignSpan(tenant: tenant))
        }
        let keyID = key.handle.id.description
        let signature = try await key.sign(count: 1) { intent in
            [span.messageToSign(keyID: keyID, keyVersion: intent.version)]
        }[0]
        return Evidence(
            span: span.signed(with: signature.bytes), keyID: keyID, keyVersion: signature.version,
            event: signature.event)
    }

    /// Whether a version of the service's key signed exactly this span. No event: verifying takes no secret.
    ///
    /// - Throws: ``KeyStoreError/unknownVersion(key:version:)``.
    public func verify(_ evidence: Evidence) throws(KeyStoreError) -> Bool {
        let keyID = key.handle.id.description
        guard evidence.keyID.isExactly(keyID), evidence.span.tenantID.isExactly(key.handle.tenant.name.description)
        else { return false }
        return evidence.span.verify(
            publicKey: try key.publicKey(version: evidence.keyVersion), keyID: keyID, keyVersion: evidence.keyVersion)
    }
}
