/// Why a key management service did not do what it was asked. Nothing in it is secret.
public struct KeyManagementError: Error, Hashable, Sendable {
    /// The service's ``KeyManagementService/providerName``.
    public let provider: String
    /// What was asked of it.
    public let operation: Operation
    /// What a caller can act on.
    public let category: Category
    /// What the service, or the adapter, says about it.
    public let message: String

    /// An error of a service.
    public init(provider: String, operation: Operation, category: Category, message: String) {
        self.provider = provider
        self.operation = operation
        self.category = category
        self.message = message
    }

    /// What can be asked of a service.
    public enum Operation: String, Sendable, Hashable, CaseIterable {
        case healthCheck = "health check"
        case encrypt
        case decrypt
        case generateDataKey = "generate data key"
        case sign
        case verify
        case publicKey = "get public key"
        case importKey = "import key"
        case describeKey = "describe key"
        case disableKey = "disable key"
        case enableKey = "enable key"
        case scheduleKeyDeletion = "schedule key deletion"
        case cancelKeyDeletion = "cancel key deletion"
    }

    /// Kinds of failure, by what can be done about them.
    public enum Category: String, Sendable, Hashable, CaseIterable {
        /// The service cannot be reached, or says that it cannot answer now.
        case unavailable
        /// The service does not let us: credentials or permissions.
        case denied
        /// There is no such key.
        case notFound
        /// The key is disabled.
        case disabled
        /// The key waits for its deletion.
        case pendingDeletion
        /// The context is not the one the ciphertext was made with.
        case contextMismatch
        /// The ciphertext was changed, or belongs to another key or context.
        case invalidCiphertext
        /// Too many requests.
        case throttled
        /// No answer in time: whether it happened is not known.
        case timeout
        /// An argument that the service does not take.
        case invalidArgument
        /// The adapter's configuration is wrong or incomplete.
        case misconfigured
        /// The service cannot do this at all.
        case unsupported
        /// The service failed in a way that has no reason.
        case internalError = "internal error"

        /// Whether the same call may succeed later without anybody doing anything.
        public var isTransient: Bool {
            switch self {
            case .unavailable, .throttled, .timeout, .internalError: true
            case .denied, .notFound, .disabled, .pendingDeletion, .contextMismatch, .invalidCiphertext,
                .invalidArgument, .misconfigured, .unsupported:
                false
            }
        }

        fileprivate var advice: String {
            switch self {
            case .unavailable: "check that the service can be reached, and try again"
            case .denied: "check the credentials and what they allow"
            case .notFound: "check the id of the master key"
            case .disabled: "enable the key at the service"
            case .pendingDeletion: "cancel the deletion at the service while there is time"
            case .contextMismatch, .invalidCiphertext: "run `keyledger verify`; restore `material/` from a backup"
            case .throttled: "try again later, or raise the quota at the service"
            case .timeout: "look into the service's audit log whether it happened"
            case .invalidArgument, .misconfigured: "correct the configuration"
            case .unsupported: "choose a provider that can: `keyledger custody provider` lists what each can do"
            case .internalError: "try again; report it if it stays"
            }
        }
    }
}

extension KeyManagementError: CustomStringConvertible {
    /// Who refused what, why, and what to do.
    public var description: String {
        "key management (\(provider)) refused to \(operation.rawValue): \(message) [\(category.rawValue)]; "
            + "\(category.advice)."
    }
}
