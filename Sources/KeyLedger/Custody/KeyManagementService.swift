public import CryptoPrimitives

/// The port to a root of trust: it wraps and unwraps under a master key that never leaves it, and may do more.
///
/// A ledger asks it for what rests under the master key: its own root secret and one key per tenant. What it unwrapped is
/// kept in memory, so no use of a key waits for it. Whatever is secret crosses the port as `SecretBytes`, which is wiped.
///
/// Every service does the first group. The second is optional: ``capabilities`` says what a service can do before anything
/// is asked of it, and the rest is refused as `unsupported`.
///
/// An adapter repeats what is safe to repeat until its own deadline. A call whose request may have arrived and whose
/// answer never came is a `timeout`: whether it happened is not known.
public protocol KeyManagementService: Sendable {
    /// What the kind of service is called in configuration, logs and stored blobs: `local`, `aws`, `vault`, `gcp`, `azure`.
    var providerName: String { get }
    /// Which master key; not secret. An ARN, a path, a URL, the digest of a local key.
    var masterKeyID: String { get }
    /// What this service can do besides wrapping.
    var capabilities: Set<KeyManagementCapability> { get }

    /// A cheap proof that the service can be reached and lets us use the master key.
    func healthCheck() async throws(KeyManagementError)

    /// Encrypts a secret of up to 4,096 bytes under the master key, and authenticates `context` with it.
    func encrypt(
        _ plaintext: borrowing SecretBytes, context: EncryptionContext
    ) async throws(KeyManagementError) -> [UInt8]

    /// Decrypts what ``encrypt(_:context:)`` or ``generateDataKey(_:context:)`` returned.
    ///
    /// - Throws: `contextMismatch` or `invalidCiphertext` unless ciphertext and context are exactly those; services that
    ///   cannot tell which of the two say `invalidCiphertext`.
    func decrypt(_ ciphertext: [UInt8], context: EncryptionContext) async throws(KeyManagementError) -> SecretBytes

    /// Makes a new key, in plaintext and wrapped under the master key.
    func generateDataKey(
        _ spec: DataKeySpec, context: EncryptionContext
    ) async throws(KeyManagementError) -> DataKey

    // MARK: Optional

    /// Signs with a key that never leaves the service.
    func sign(
        _ message: [UInt8], keyID: String, algorithm: RemoteSigningAlgorithm
    ) async throws(KeyManagementError) -> RemoteSignature

    /// Whether a signature is of this message by this key.
    func verify(
        _ signature: [UInt8], of message: [UInt8], keyID: String, algorithm: RemoteSigningAlgorithm
    ) async throws(KeyManagementError) -> Bool

    /// The public half of a key that never leaves the service: X.509 SubjectPublicKeyInfo (RFC 5280, section 4.1), DER.
    func publicKey(keyID: String) async throws(KeyManagementError) -> [UInt8]

    /// Hands a symmetric key over for good (BYOK). The adapter wraps it as the service wants it.
    ///
    /// - Returns: The key's id.
    func importKey(_ material: borrowing SecretBytes, name: String) async throws(KeyManagementError) -> String

    /// What the service says about a key.
    func describeKey(keyID: String) async throws(KeyManagementError) -> RemoteKeyDescription

    /// Makes a key unusable until it is enabled again.
    func disableKey(keyID: String) async throws(KeyManagementError)

    /// Makes a disabled key usable again.
    func enableKey(keyID: String) async throws(KeyManagementError)

    /// Has a key deleted after a waiting time, in days, of which the service has its own limits.
    ///
    /// - Returns: When it will be deleted, in nanoseconds since 1970.
    func scheduleKeyDeletion(keyID: String, waitingDays: Int) async throws(KeyManagementError) -> UInt64

    /// Keeps a key whose deletion was scheduled; it is disabled afterwards.
    func cancelKeyDeletion(keyID: String) async throws(KeyManagementError)
}

/// What a wrapped secret is, for whom, and which: not secret, authenticated with it, recorded by services that keep an
/// audit log. Keys are `purpose`, `tenantId`, `origin`, `key_type`.
public typealias EncryptionContext = [String: String]

/// The kinds of data keys.
public enum DataKeySpec: String, Sendable, Hashable, CaseIterable {
    case aes256 = "AES_256"
    case aes128 = "AES_128"

    /// The key's length in bytes.
    public var byteCount: Int {
        switch self {
        case .aes256: 32
        case .aes128: 16
        }
    }
}

/// A new key, twice: to be used, and to be stored.
public struct DataKey: ~Copyable, Sendable {
    /// Wiped when this value goes away.
    public let plaintext: SecretBytes
    /// The same key, wrapped under the master key.
    public let wrapped: [UInt8]

    /// Both forms of one key.
    public init(plaintext: consuming SecretBytes, wrapped: [UInt8]) {
        self.plaintext = plaintext
        self.wrapped = wrapped
    }
}

/// What a service may be able to do besides wrapping.
public enum KeyManagementCapability: String, Sendable, Hashable, CaseIterable {
    case sign
    case verify
    case publicKey = "public-key"
    case importKey = "import"
    case describe
    case disable
    case scheduleDeletion = "schedule-deletion"
}

/// How a remote key signs.
public enum RemoteSigningAlgorithm: String, Sendable, Hashable, CaseIterable {
    case ed25519 = "Ed25519"
    case ecdsaP256SHA256 = "ECDSA-P256-SHA256"
}

/// A signature made elsewhere, and under which name the service has it in its own audit log.
public struct RemoteSignature: Sendable, Hashable {
    /// As the algorithm defines it.
    public let bytes: [UInt8]
    /// The service's request id, for reconciliation.
    public let requestID: String?

    /// A signature with its request.
    public init(bytes: [UInt8], requestID: String?) {
        self.bytes = bytes
        self.requestID = requestID
    }
}

/// What a service says about a key.
public struct RemoteKeyDescription: Sendable, Hashable {
    /// Whether a key can be used.
    public enum State: String, Sendable, Hashable {
        case enabled
        case disabled
        case pendingDeletion = "pending-deletion"
    }

    /// The key's id, in the form the service gives it.
    public let keyID: String
    /// Whether it can be used.
    public let state: State
    /// When it will be deleted, in nanoseconds since 1970; nil if it is not to be.
    public let deletesAt: UInt64?

    /// A description.
    public init(keyID: String, state: State, deletesAt: UInt64? = nil) {
        self.keyID = keyID
        self.state = state
        self.deletesAt = deletesAt
    }
}

extension KeyManagementService {
    /// What stored blobs and messages call the master key: `local:0123456789abcdef`.
    public var masterKeyName: String { "\(providerName):\(masterKeyID)" }

    /// The error for what a service cannot do.
    public func unsupported(_ operation: KeyManagementError.Operation) -> KeyManagementError {
        KeyManagementError(
            provider: providerName, operation: operation, category: .unsupported,
            message: "the service cannot do this; nothing was changed")
    }

    /// Refused.
    public func sign(
        _ message: [UInt8], keyID: String, algorithm: RemoteSigningAlgorithm
    ) async throws(KeyManagementError) -> RemoteSignature { throw unsupported(.sign) }

    /// Refused.
    public func verify(
        _ signature: [UInt8], of message: [UInt8], keyID: String, algorithm: RemoteSigningAlgorithm
    ) async throws(KeyManagementError) -> Bool { throw unsupported(.verify) }

    /// Refused.
    public func publicKey(keyID: String) async throws(KeyManagementError) -> [UInt8] { throw unsupported(.publicKey) }

    /// Refused.
    public func importKey(
        _ material: borrowing SecretBytes, name: String
    ) async throws(KeyManagementError) -> String { throw unsupported(.importKey) }

    /// Refused.
    public func describeKey(keyID: String) async throws(KeyManagementError) -> RemoteKeyDescription {
        throw unsupported(.describeKey)
    }

    /// Refused.
    public func disableKey(keyID: String) async throws(KeyManagementError) { throw unsupported(.disableKey) }

    /// Refused.
    public func enableKey(keyID: String) async throws(KeyManagementError) { throw unsupported(.enableKey) }

    /// Refused.
    public func scheduleKeyDeletion(keyID: String, waitingDays: Int) async throws(KeyManagementError) -> UInt64 {
        throw unsupported(.scheduleKeyDeletion)
    }

    /// Refused.
    public func cancelKeyDeletion(keyID: String) async throws(KeyManagementError) {
        throw unsupported(.cancelKeyDeletion)
    }
}
