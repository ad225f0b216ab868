public import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Transparency

/// An AES-256-GCM key of a tenant. It encrypts and decrypts, and can do nothing else.
public struct EncryptionKey: Sendable {
    /// The key as such: its record, its rotation.
    public var handle: KeyHandle

    init(_ handle: KeyHandle) { self.handle = handle }

    /// Encrypts with the active version.
    ///
    /// - Parameter context: Authenticated with the ciphertext and recorded; decryption needs the same. Not secret.
    /// - Returns: An envelope that names tenant, key and version.
    public func encrypt(_ plaintext: [UInt8], context: [String: String] = [:]) async throws(KeyStoreError) -> [UInt8] {
        let purpose = Envelope.canonical(context)
        let (version, boxes) = try await encrypt(
            [plaintext], details: ["context": .object(Envelope.object(context))]
        ) { version in
            Envelope(tenant: handle.tenant.id, version: version).header + purpose
        }
        return Envelope(tenant: handle.tenant.id, version: version).header + boxes[0]
    }

    /// Encrypts values in one commit and one event that counts them all, all or none of them.
    ///
    /// - Parameter associatedData: What to authenticate with each for a version; called again if the key is rotated
    ///   meanwhile.
    /// - Returns: The version, and a sealed box for each value.
    func encrypt(
        _ plaintexts: [[UInt8]], details: JSONObject, associatedData: (KeyVersion) -> [UInt8]
    ) async throws(KeyStoreError) -> (version: KeyVersion, boxes: [[UInt8]]) {
        try await handle.withActiveVersion { (version) async throws(KeyStoreError) in
            let associatedData = associatedData(version)
            let use = KeyHandle.Use(
                id: try handle.store.newEventID(), amount: UInt64(plaintexts.count), details: details)
            let work = KeyHandle.Work(stepCount: plaintexts.count, stepsPerTurn: 128) {
                (material, index) throws(KeyStoreError) in
                try Self.seal(plaintexts[index], with: material, associatedData)
            }
            let boxes = try await handle.use(.encrypt, version, [use], work).outcomes
            return (version, boxes)
        }
    }

    /// Decrypts an envelope of this key.
    ///
    /// - Throws: ``KeyStoreError/notAuthentic`` if anything was changed or the context differs,
    ///   ``KeyStoreError/malformedEnvelope(reason:)`` for bytes that are no envelope, and
    ///   ``KeyStoreError/unknownVersion(key:version:)``, each after recording the attempt.
    public func decrypt(_ envelope: [UInt8], context: [String: String] = [:]) async throws(KeyStoreError) -> SecretBytes
    {
        guard let (parsed, box) = Envelope.parse(envelope) else {
            throw await handle.recorded(.malformedEnvelope(reason: "the header is missing"))
        }
        guard parsed.tenant == handle.tenant.id, parsed.version.key == handle.id else {
            throw await handle.recorded(
                .notAuthentic, as: "foreign-envelope",
                details: [
                    "envelopeKey": .string(parsed.version.key.description),
                    "envelopeTenant": .string(parsed.tenant.description),
                ])
        }
        let version = try await handle.version(parsed.version.number)
        return try await decrypt(
            Array(box), version: version, associatedData: parsed.header + Envelope.canonical(context),
            details: ["context": .object(Envelope.object(context))])
    }

    /// Decrypts a sealed box of a version.
    func decrypt(
        _ box: [UInt8], version: KeyVersion, associatedData: [UInt8], details: JSONObject
    ) async throws(KeyStoreError) -> SecretBytes {
        let use = KeyHandle.Use(id: try handle.store.newEventID(), details: details)
        do throws(KeyStoreError) {
            let work = KeyHandle.Work { (material, _) throws(KeyStoreError) in
                Revelation.Plaintext(try Self.open(box, with: material, associatedData))
            }
            let plaintext = try await handle.use(.decrypt, version, [use], work).outcomes[0]
            return try KeyStoreError.crypto { () throws(CryptoError) in try plaintext.bytes.copy() }
        } catch .notAuthentic {
            throw await handle.recorded(.notAuthentic, version)
        } catch .refused(_, _, .debitAccountAlreadyClosed) {
            throw handle.wrongState(.decrypt, version)
        }
    }

    private static func seal(
        _ plaintext: [UInt8], with material: KeyMaterial, _ associatedData: [UInt8]
    ) throws(KeyStoreError) -> [UInt8] {
        guard case .encryption(let encryption) = material else {
            preconditionFailure("an encryption key's material encrypts")
        }
        do throws(CryptoError) {
            return try encryption.key.seal(
                unsafe plaintext.span.bytes, authenticating: unsafe associatedData.span.bytes)
        } catch {
            throw .crypto(error)
        }
    }

    static func open(
        _ box: [UInt8], with material: KeyMaterial, _ associatedData: [UInt8]
    ) throws(KeyStoreError) -> SecretBytes {
        guard case .encryption(let encryption) = material else {
            preconditionFailure("an encryption key's material decrypts")
        }
        do throws(CryptoError) {
            return try encryption.key.open(unsafe box.span.bytes, authenticating: unsafe associatedData.span.bytes)
        } catch .authenticationFailed {
            throw .notAuthentic
        } catch {
            throw .crypto(error)
        }
    }
}

/// What stands before the sealed box of an encrypted message.
///
/// ```
/// 0 "KLE1"   4 tenant (16)   20 key (16)   36 version (4)   40 nonce (12) ‖ ciphertext ‖ tag (16)
/// ```
/// The header, little-endian, is authenticated together with the canonical JSON of the context.
struct Envelope {
    let tenant: TenantID
    let version: KeyVersion

    private static let magic = Array("KLE1".utf8)

    var header: [UInt8] {
        var writer = LittleEndianBytes()
        writer.append(Self.magic)
        writer.append(tenant.value)
        writer.append(version.key.value)
        writer.append(version.number)
        return writer.bytes
    }

    static func parse(_ bytes: [UInt8]) -> (Envelope, box: ArraySlice<UInt8>)? {
        var reader = ByteReader(bytes)
        guard reader.next(count: 4).map(Array.init) == magic, let tenant: UInt128 = reader.next(),
            let key: UInt128 = reader.next(), let number: UInt32 = reader.next()
        else { return nil }
        return (
            Envelope(tenant: TenantID(tenant), version: KeyVersion(key: KeyID(key), number: number)),
            bytes.dropFirst(40)
        )
    }

    static func object(_ context: [String: String]) -> JSONObject {
        var object = JSONObject()
        for (name, value) in context.sorted(by: { $0.key < $1.key }) { object[name] = .string(value) }
        return object
    }

    static func canonical(_ context: [String: String]) -> [UInt8] { object(context).canonicalBytes }
}
