/// What a cryptographic operation refuses. No case ever carries key or message bytes.
public enum CryptoError: Error, Hashable, Sendable {
    /// A tag or signature does not belong to these bytes, this key and this context.
    case authenticationFailed
    /// A key has the wrong length, or an encoding that must be refused.
    case invalidKey(reason: String)
    /// A parameter is outside what the algorithm allows.
    case invalidParameter(reason: String)
    /// The locked heap for secrets is full; secrets are never put anywhere else.
    case secureMemoryExhausted
    /// OpenSSL failed in an operation that has no reason to fail.
    case backend(operation: String)
}

extension CryptoError: CustomStringConvertible {
    /// What was refused and, where a person can do something about it, what.
    public var description: String {
        switch self {
        case .authenticationFailed:
            "authentication failed: the bytes, the key or the context are not the ones that were protected"
        case .invalidKey(let reason): "the key is not acceptable: \(reason)"
        case .invalidParameter(let reason): "a parameter is not acceptable: \(reason)"
        case .secureMemoryExhausted:
            "the locked memory for secrets is full; reduce the number of cached keys or concurrent operations"
        case .backend(let operation): "OpenSSL failed in \(operation)"
        }
    }
}
