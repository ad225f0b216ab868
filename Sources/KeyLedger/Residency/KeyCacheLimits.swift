/// How long keys stay in memory, and how many.
public struct KeyCacheLimits: Hashable, Sendable {
    /// How long a private key stays in memory in plaintext, in seconds; at least one.
    public var privateKeySeconds: UInt32 = 3600
    /// How long an encryption key stays in memory in plaintext, in seconds; at least one.
    public var encryptionKeySeconds: UInt32 = 3600
    /// How long a public key is believed before it is read and checked again, in seconds; at least one.
    public var publicKeySeconds: UInt32 = 86_400
    /// How many keys of each of these kinds are in memory at most; at least one.
    public var entryCountMax = 1000

    /// 60 minutes, 60 minutes, 24 hours, 1,000 of each.
    public init() {}

    func check() {
        precondition(
            privateKeySeconds > 0 && encryptionKeySeconds > 0 && publicKeySeconds > 0,
            "a key that may not stay in memory at all cannot be used")
        precondition(entryCountMax > 0, "without room for a key none can be used")
    }

    /// How long a plaintext key of a kind stays.
    func seconds(for algorithm: KeyAlgorithm) -> UInt32 {
        switch algorithm {
        case .ed25519: privateKeySeconds
        case .aes256GCM: encryptionKeySeconds
        }
    }
}
