public import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Transparency

/// What somebody needs to wrap a key for import: a public key that is good once.
public struct ImportOffer: Sendable, Hashable {
    /// Names the offer; the import has to name it too.
    public let id: EventID
    /// Encrypts the key that is to be imported (RSA-OAEP with SHA-256).
    public let publicKey: RSAOAEP.PublicKey
    /// Until when it is good, in nanoseconds since 1970.
    public let expiresAt: UInt64
}

extension Tenant {
    /// How long an offer is good: 24 hours.
    static var importOfferSeconds: UInt32 { 86400 }

    /// Makes a key pair for one import. Its private half rests wrapped in custody until the import, or the first opening
    /// after the expiry.
    ///
    /// That it is used once, and in time, is the ledger's decision: the offer is a pending transfer with a timeout, the
    /// import posts it.
    ///
    /// - Parameter bitCount: The size of the RSA modulus: 3,072 or 4,096.
    public func offerImport(bitCount: Int = 3072) async throws(KeyStoreError) -> ImportOffer {
        guard [3072, 4096].contains(bitCount) else {
            throw .invalidOption(name: "RSA size", reason: "\(bitCount) bits; 3072 or 4096 are possible")
        }
        let event = try store.newEventID()
        let publicKey = try store.custody.createImportKey(for: event, tenant: id, bitCount: bitCount)
        let fingerprint = SHA256.hash(unsafe publicKey.der.span.bytes)
        try await store.record(
            linked: [
                store.transfer(
                    .offerImport, id: event, from: AccountID.issuer(.custody), to: AccountID.tenant(id, .custody),
                    amount: 0, flags: .pending, timeoutSeconds: Self.importOfferSeconds, subject: id.value)
            ],
            details: [
                try store.seal(
                    caller.details(["publicKey": .string("sha256:" + fingerprint.description)]), of: event, tenant: id)
            ], of: name.description)
        let expiresAt = store.live.read { $0.importOffers[event]?.expiresAt }
        return ImportOffer(id: event, publicKey: publicKey, expiresAt: expiresAt ?? 0)
    }

    /// Makes a key out of material from outside: 32 bytes of AES-256, or an Ed25519 key as seed or PKCS #8.
    ///
    /// - Throws: ``KeyStoreError/keyExists(tenant:key:)``; ``KeyStoreError/unusableOffer(id:)`` for an offer that is used,
    ///   expired or another tenant's; ``KeyStoreError/notUnwrapped`` for what was wrapped under another key or changed; and
    ///   ``KeyStoreError/malformedMaterial(reason:)``. Each is recorded.
    public func importKey(
        _ name: String, _ algorithm: KeyAlgorithm, _ incoming: IncomingKey, policy: KeyPolicy = KeyPolicy()
    ) async throws(KeyStoreError) -> KeyHandle {
        let entity = try EntityName(name)
        let version = KeyVersion(key: store.custody.id(ofKey: entity, of: id), number: 1)
        let material: ImportedMaterial
        do throws(KeyStoreError) {
            if try hasKey(name) { throw .keyExists(tenant: self.name.description, key: name) }
            material = try unwrap(incoming, algorithm)
        } catch {
            throw await store.recorded(error, tenant: id, details: caller.details(["key": .string(name)]))
        }
        do throws(KeyStoreError) {
            let handle = try await create(name, algorithm, policy, importing: material)
            if case .rsaOAEP(_, let offer) = incoming { try store.custody.eraseImportKey(for: offer) }
            return handle
        } catch .refused(operation: let operation, let key, let status) {
            // Nobody is to take it for material that was made here.
            if store.live.read({ $0[version] == nil }) { try store.custody.eraseMaterial(of: version) }
            if operation == .redeem, case .rsaOAEP(_, let offer) = incoming {
                throw .unusableOffer(id: offer.description)
            }
            throw .refused(operation: operation, key: key, status: status)
        }
    }

    private func unwrap(_ incoming: IncomingKey, _ algorithm: KeyAlgorithm) throws(KeyStoreError) -> ImportedMaterial {
        var details: JSONObject = ["wrapping": .string(incoming.name)]
        var redemption: Transfer?
        let encoded: SecretBytes
        switch incoming {
        case .rsaOAEP(let ciphertext, let offer):
            guard let open = store.live.read({ $0.importOffers[offer] }), open.tenant == id else {
                throw .unusableOffer(id: offer.description)
            }
            let key = try store.custody.importKey(for: offer, tenant: id)
            encoded = try unwrapped { () throws(CryptoError) in try key.decrypt(unsafe ciphertext.span.bytes) }
            redemption = store.post(.redeem, of: offer, id: try store.newEventID(), tenant: id)
            details["offer"] = .string(offer.description)
        case .aesKWP(let wrapped, let key):
            encoded = try unwrapped { () throws(CryptoError) in try key.cipher.unwrap(unsafe wrapped.span.bytes) }
        case .cleartext(let clear):
            encoded = try KeyStoreError.crypto { () throws(CryptoError) in try clear.bytes.copy() }
        }
        return ImportedMaterial(
            try KeyEncoding.decode(encoded, algorithm), details: details, redemption: redemption)
    }

    private func unwrapped(_ body: () throws(CryptoError) -> SecretBytes) throws(KeyStoreError) -> SecretBytes {
        do throws(CryptoError) {
            return try body()
        } catch .authenticationFailed {
            throw .notUnwrapped
        } catch {
            throw .crypto(error)
        }
    }
}
