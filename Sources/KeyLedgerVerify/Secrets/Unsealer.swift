internal import CryptoPrimitives
internal import Transparency

/// Opens what is sealed, with the master key: key material to see that it is there and in its place, details to see that
/// they are those their events are committed to. Nothing that is opened is kept or shown, but public keys and names.
final class Unsealer {
    private let master: AES256GCM
    private let ledgerDetails: AES256GCM
    private let checkpoints: AES256GCM
    private let material: MaterialBlobs
    private var tenants: [UInt128: TenantKeys?] = [:]

    private final class TenantKeys {
        let wrapping: AES256GCM
        let details: AES256GCM

        init(wrapping: consuming AES256GCM, details: consuming AES256GCM) {
            self.wrapping = wrapping
            self.details = details
        }
    }

    /// Opens the ledger's own secret.
    ///
    /// - Returns: Nil, and a finding, if it does not open though it should.
    /// - Throws: ``Unreadable`` for another master key.
    static func open(
        _ material: MaterialBlobs, master secret: borrowing SecretBytes, origin: String, path: String,
        _ findings: inout Findings
    ) throws(Unreadable) -> Unsealer? {
        guard let blob = material.wrapped(.init(owner: 0, version: 0, kind: MaterialBlobs.Kind.root)) else {
            findings.add(.materialMissing, "the secret of the ledger is missing or malformed")
            return nil
        }
        do throws(CryptoError) {
            let id = try derived(secret, "keyledger master key id v1", count: 8).withBytes { $0.array.hexadecimal }
            guard blob.header.elementsEqual(id.utf8) || Self.names(blob.header, id) else {
                throw CryptoError.invalidKey(reason: "it is not the key that wraps this ledger's secret")
            }
            let master = try AES256GCM(key: try derived(secret, "keyledger master key wrap v1"))
            let context = context("root", [("origin", origin)])
            let root: SecretBytes
            do throws(CryptoError) {
                root = try unwrap(blob, context, under: master)
            } catch .authenticationFailed {
                findings.add(
                    .originForged,
                    "the secret of the ledger does not open under the name \(origin): the name or the secret was changed"
                )
                return nil
            }
            return Unsealer(
                master: master, ledgerDetails: try AES256GCM(key: try derived(root, "keyledger details v1")),
                checkpoints: try AES256GCM(key: try derived(root, "keyledger checkpoint wrap v1")), material: material)
        } catch {
            throw Unreadable(path, "\(error)")
        }
    }

    /// Whether a header names the master key with an id: canonical JSON with the member `key`.
    private static func names(_ header: [UInt8], _ id: String) -> Bool {
        (try? JSONValue(parsing: header))?["key"]?.string == "local:\(id)"
    }

    private init(
        master: consuming AES256GCM, ledgerDetails: consuming AES256GCM, checkpoints: consuming AES256GCM,
        material: MaterialBlobs
    ) {
        self.master = master
        self.ledgerDetails = ledgerDetails
        self.checkpoints = checkpoints
        self.material = material
    }

    /// Whether a tenant's details key is there.
    func opensDetails(of tenant: UInt128) -> Bool { keys(of: tenant) != nil }

    /// Why an event's details are not those it is committed to; nil if they are. Hands out what they say.
    func flaw(
        ofDetails sealed: [UInt8], event id: UInt128, tenant: UInt128?, commitment: SHA256Digest,
        _ body: (JSONObject) -> Void = { _ in }
    ) -> String? {
        guard sealed.first == 1 else { return "they have no known format" }
        let keys = tenant.flatMap { self.keys(of: $0) }
        let context = FieldBytes("keyledger details v1").appending(id).bytes
        let box = Array(sealed.dropFirst())
        let content: [UInt8]
        do throws(CryptoError) {
            let opened =
                if let keys {
                    try unsafe keys.details.open(box.span.bytes, authenticating: context.span.bytes)
                } else {
                    try unsafe ledgerDetails.open(box.span.bytes, authenticating: context.span.bytes)
                }
            content = opened.withBytes { $0.array }
        } catch {
            return "they were changed, or are those of another event"
        }
        var hash = SHA256()
        let label = FieldBytes("keyledger details v1").bytes
        unsafe hash.update(label.span.bytes)
        unsafe hash.update(content.span.bytes)
        guard hash.finalize() == commitment else { return "the event is committed to others" }
        guard content.count >= 32, let value = try? JSONValue(parsing: Array(content.dropFirst(32))),
            let details = value.object
        else { return "they are not what details look like" }
        body(details)
        return nil
    }

    /// Opens the material of a version, and says what is wrong with it.
    func flaw(ofMaterial version: RuleCheck.VersionID, isEncryption: Bool, tenant: UInt128) -> String? {
        guard
            let blob = material.wrapped(
                .init(owner: version.key, version: version.number, kind: MaterialBlobs.Kind.keyVersion))
        else {
            return "it is missing or malformed"
        }
        guard let keys = keys(of: tenant) else { return "its tenant's key is missing or does not open" }
        let context = Self.context(
            "key",
            [
                ("tenantId", "\(TextID(tenant))"), ("keyId", "\(TextID(version.key))"),
                ("version", String(version.number)), ("algorithm", isEncryption ? "AES-256-GCM" : "Ed25519"),
                ("publicKey", blob.header.hexadecimal),
            ])
        return Self.flaw(of: blob, context, under: keys.wrapping, isSigning: !isEncryption)
    }

    /// Opens a version of the checkpoint key, and says what is wrong with it.
    func flaw(ofCheckpointKey version: UInt32, origin: String, _ blob: MaterialBlobs.Wrapped) -> String? {
        let context = Self.context(
            "checkpoint",
            [("origin", origin), ("version", String(version)), ("publicKey", blob.header.hexadecimal)])
        return Self.flaw(of: blob, context, under: checkpoints, isSigning: true)
    }

    private static func flaw(
        of blob: MaterialBlobs.Wrapped, _ context: [UInt8], under key: borrowing AES256GCM, isSigning: Bool
    ) -> String? {
        do throws(CryptoError) {
            let secret = try unwrap(blob, context, under: key)
            guard isSigning else { return secret.count == 32 && blob.header.isEmpty ? nil : "it is no key" }
            let key = try Ed25519.PrivateKey(seed: secret)
            return key.publicKey.bytes == blob.header ? nil : "the public key is not its own"
        } catch {
            return "it was changed or belongs elsewhere"
        }
    }

    private func keys(of tenant: UInt128) -> TenantKeys? {
        if let known = tenants[tenant] { return known }
        let opened = try? open(tenant)
        tenants[tenant] = .some(opened ?? nil)
        return opened ?? nil
    }

    private func open(_ tenant: UInt128) throws(CryptoError) -> TenantKeys? {
        guard let tenantBlob = material.wrapped(.init(owner: tenant, version: 0, kind: MaterialBlobs.Kind.tenantKey)),
            let detailsBlob = material.wrapped(.init(owner: tenant, version: 0, kind: MaterialBlobs.Kind.detailsKey))
        else { return nil }
        let id = ("tenantId", "\(TextID(tenant))")
        let secret = try Self.unwrap(tenantBlob, Self.context("tenant", [id]), under: master)
        let wrapping = try AES256GCM(key: try Self.derived(secret, "keyledger tenant wrap v1"))
        let details = try Self.unwrap(detailsBlob, Self.context("details", [id]), under: wrapping)
        return TenantKeys(wrapping: wrapping, details: try AES256GCM(key: details))
    }

    private static func unwrap(
        _ blob: MaterialBlobs.Wrapped, _ context: [UInt8], under key: borrowing AES256GCM
    ) throws(CryptoError) -> SecretBytes {
        try unsafe key.open(blob.box.span.bytes, authenticating: context.span.bytes)
    }

    private static func derived(
        _ secret: borrowing SecretBytes, _ purpose: StaticString, count: Int = 32
    ) throws(CryptoError) -> SecretBytes {
        let info = Array(purpose.description.utf8)
        return try HKDFSHA256.derive(from: secret, salt: RawSpan(), info: unsafe info.span.bytes, count: count)
    }

    /// What a wrapped secret is bound to: canonical JSON (RFC 8785) of texts.
    private static func context(_ purpose: String, _ members: [(String, String)]) -> [UInt8] {
        var object: JSONObject = ["purpose": .string(purpose)]
        for (name, value) in members { object[name] = .string(value) }
        guard let bytes = try? JSONValue.object(object).canonical() else {
            preconditionFailure("an object of texts has a canonical form")
        }
        return bytes
    }
}
