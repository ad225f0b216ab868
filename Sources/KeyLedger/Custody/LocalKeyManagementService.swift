public import CryptoPrimitives

/// The port over a master key of this machine: AES-256-GCM in this process, the context as canonical JSON in the
/// associated data. It answers at once and cannot be away.
public final class LocalKeyManagementService: KeyManagementService {
    let masterKey: MasterKey

    /// The service that wraps under a master key.
    public init(_ masterKey: consuming MasterKey) { self.masterKey = masterKey }

    /// `local`.
    public var providerName: String { Self.provider }
    /// The master key's ``MasterKey/id``.
    public var masterKeyID: String { masterKey.id }
    /// Describes its one key; whatever else there is to do with keys, the ledger itself does.
    public var capabilities: Set<KeyManagementCapability> { [.describe] }

    static let provider = "local"

    /// Wraps and unwraps a few bytes.
    public func healthCheck() async throws(KeyManagementError) {
        do throws(CryptoError) {
            let secret = try SecretBytes(randomCount: 32)
            let context: EncryptionContext = ["purpose": "health check"]
            let opened = try open(try seal(secret, context), context)
            guard opened.isEqual(to: secret) else { throw .backend(operation: "a round trip") }
        } catch {
            throw failure(.healthCheck, error)
        }
    }

    /// See ``KeyManagementService/encrypt(_:context:)``.
    public func encrypt(
        _ plaintext: borrowing SecretBytes, context: EncryptionContext
    ) async throws(KeyManagementError) -> [UInt8] {
        do throws(CryptoError) {
            return try seal(plaintext, context)
        } catch {
            throw failure(.encrypt, error)
        }
    }

    /// See ``KeyManagementService/decrypt(_:context:)``.
    public func decrypt(
        _ ciphertext: [UInt8], context: EncryptionContext
    ) async throws(KeyManagementError) -> SecretBytes {
        try decryptAtOnce(ciphertext, context: context)
    }

    /// See ``KeyManagementService/generateDataKey(_:context:)``.
    public func generateDataKey(
        _ spec: DataKeySpec, context: EncryptionContext
    ) async throws(KeyManagementError) -> DataKey {
        do throws(CryptoError) {
            let key = try SecretBytes(randomCount: spec.byteCount)
            let wrapped = try seal(key, context)
            return DataKey(plaintext: key, wrapped: wrapped)
        } catch {
            throw failure(.generateDataKey, error)
        }
    }

    /// Its one key is always there.
    public func describeKey(keyID: String) async throws(KeyManagementError) -> RemoteKeyDescription {
        guard keyID == masterKeyID else {
            throw KeyManagementError(
                provider: providerName, operation: .describeKey, category: .notFound,
                message: "its only key is \(masterKeyID)")
        }
        return RemoteKeyDescription(keyID: keyID, state: .enabled)
    }

    /// ``decrypt(_:context:)`` for callers that cannot wait.
    func decryptAtOnce(
        _ ciphertext: [UInt8], context: EncryptionContext
    ) throws(KeyManagementError) -> SecretBytes {
        do throws(CryptoError) {
            return try open(ciphertext, context)
        } catch {
            throw failure(.decrypt, error)
        }
    }

    /// Encrypts at once, for the making of a ledger.
    func seal(_ plaintext: borrowing SecretBytes, _ context: EncryptionContext) throws(CryptoError) -> [UInt8] {
        let context = WrapContext(context).bytes
        return try plaintext.withBytes { (plaintext: RawSpan) throws(CryptoError) in
            try masterKey.seal(plaintext, authenticating: unsafe context.span.bytes)
        }
    }

    private func open(_ ciphertext: [UInt8], _ context: EncryptionContext) throws(CryptoError) -> SecretBytes {
        let context = WrapContext(context).bytes
        return try masterKey.open(unsafe ciphertext.span.bytes, authenticating: unsafe context.span.bytes)
    }

    private func failure(_ operation: KeyManagementError.Operation, _ error: CryptoError) -> KeyManagementError {
        KeyManagementError(
            provider: providerName, operation: operation,
            category: error == .authenticationFailed ? .invalidCiphertext : .internalError, message: error.description)
    }
}
