public import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Transparency

/// An Ed25519 key of a tenant. It signs and verifies, and can do nothing else.
public struct SigningKey: Sendable {
    /// The key as such: its record, its rotation.
    public var handle: KeyHandle

    init(_ handle: KeyHandle) { self.handle = handle }

    /// A signature, and where its event is.
    public struct Signature: Sendable, Hashable {
        /// The 64 bytes of RFC 8032.
        public let bytes: [UInt8]
        /// The version that signed.
        public let version: UInt32
        /// The event that allowed it.
        public let event: EventID
        /// The event's number in the log.
        public let sequence: UInt64
    }

    /// What is known before signing: messages may name it.
    public struct Intent: Sendable {
        /// The version that will sign.
        public let version: UInt32
        /// One event per message.
        public let events: [EventID]
    }

    /// Signs a message with the active version.
    ///
    /// - Throws: ``KeyStoreError/refused(operation:key:status:)`` if the ledger does not allow it. The refusal is recorded.
    public func sign(_ message: [UInt8]) async throws(KeyStoreError) -> Signature {
        try await sign(count: 1) { _ in [message] }[0]
    }

    /// Signs several messages in one commit, all or none of them. An event each.
    ///
    /// - Parameters:
    ///   - count: How many, at most ``countMax``.
    ///   - messages: Makes the messages for the version and events they will be signed under; called again if the key is
    ///     rotated meanwhile.
    /// - Throws: ``KeyStoreError/refused(operation:key:status:)`` if the ledger does not allow it, and
    ///   `StoreError.batchTooLarge` for more than ``countMax``.
    public func sign(
        count: Int, messages: (Intent) throws(KeyStoreError) -> [[UInt8]]
    ) async throws(KeyStoreError) -> [Signature] {
        if count == 0 { return [] }
        guard count <= Self.countMax else { throw .store(.batchTooLarge(count: count, limit: Self.countMax)) }
        return try await handle.withActiveVersion { (version) async throws(KeyStoreError) in
            var events: [EventID] = []
            for _ in 0..<count { events.append(try handle.store.newEventID()) }
            let messages = try messages(Intent(version: version.number, events: events))
            precondition(messages.count == count, "as many messages as announced")
            let uses = zip(events, messages).map { KeyHandle.Use(id: $0, details: Self.details(of: $1)) }
            let work = KeyHandle.Work(stepCount: count) { (material, index) throws(KeyStoreError) in
                try Self.sign(messages[index], with: material)
            }
            let (signatures, first) = try await handle.use(.sign, version, uses, work)
            return signatures.indices.map {
                Signature(
                    bytes: signatures[$0], version: version.number, event: events[$0], sequence: first + UInt64($0))
            }
        }
    }

    /// The most messages of one call: a block, less room for the key's coming into memory.
    public static let countMax = Block.eventCountMax - 1024

    /// Verifies a signature made by a version of this key, as an event.
    ///
    /// Anyone can do the same with the public key alone: `Ed25519.PublicKey.isValidSignature`.
    ///
    /// - Parameter version: The version that signed; the active one if nil.
    public func verify(
        _ signature: [UInt8], of message: [UInt8], version: UInt32? = nil
    ) async throws(KeyStoreError) -> Bool {
        let version = try await handle.version(version)
        let publicKey = try await handle.publicKey(of: version)
        let event = try handle.store.newEventID()
        let use = handle.store.transfer(
            .verify, id: event, from: AccountID.version(version, .ed25519, .process),
            to: AccountID.tenant(handle.tenant.id, .process), amount: 1, version: version)
        let beginning = try await handle.store.admission.turn(of: handle.tenant.id)
        let isValid = publicKey.isValidSignature(unsafe signature.span.bytes, for: unsafe message.span.bytes)
        let submission = submit(use, version, of: message, isValid: isValid)
        beginning.end()

        let ticket = try submission.get()
        let ending = await handle.store.admission.turn(of: handle.tenant.id, toFinish: ticket)
        defer { ending.end() }
        do throws(KeyStoreError) {
            try handle.store.check(
                try await handle.store.reply(ticket).results, of: [use], key: handle.name.description)
        } catch .refused(_, _, .debitAccountAlreadyClosed) {
            throw handle.wrongState(.verify, version)
        }
        return isValid
    }

    private func submit(
        _ use: Transfer, _ version: KeyVersion, of message: [UInt8], isValid: Bool
    ) -> Result<Ticket<CreateTransferStatus>, KeyStoreError> {
        do throws(KeyStoreError) {
            var details = Self.details(of: message).merging(handle.stateDetails(version))
            details["valid"] = .bool(isValid)
            let sealed = try handle.store.seal(
                handle.tenant.caller.details(details), of: EventID(use.id), tenant: handle.tenant.id)
            return .success(try handle.store.submit(linked: [use], details: [sealed]))
        } catch {
            return .failure(error)
        }
    }

    /// The public key of a version, for verifiers elsewhere.
    ///
    /// Asking is no event: public keys are for everybody.
    ///
    /// - Parameter version: The active one if nil.
    /// - Throws: ``KeyStoreError/unknownVersion(key:version:)``, and ``KeyStoreError/materialDamaged(subject:reason:)`` if
    ///   what is stored is not the key that was generated.
    public func publicKey(version: UInt32? = nil) throws(KeyStoreError) -> Ed25519.PublicKey {
        let version =
            if let version { KeyVersion(key: handle.id, number: version) } else { try handle.currentVersion() }
        guard handle.store.live.read({ $0[version] != nil }) else {
            throw .unknownVersion(key: handle.name.description, version: version.number)
        }
        return try handle.store.publicKey(of: version)
    }

    private static func sign(_ message: [UInt8], with material: KeyMaterial) throws(KeyStoreError) -> [UInt8] {
        guard case .signing(let signing) = material else { preconditionFailure("a signing key's material signs") }
        do throws(CryptoError) {
            return try signing.key.signature(for: unsafe message.span.bytes)
        } catch {
            throw .crypto(error)
        }
    }

    private static func details(of message: [UInt8]) -> JSONObject {
        ["messageDigest": .string("sha256:" + SHA256.hash(unsafe message.span.bytes).description)]
    }
}
