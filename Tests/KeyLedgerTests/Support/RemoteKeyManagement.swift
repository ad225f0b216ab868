import CryptoPrimitives
import Synchronization

@testable import KeyLedger

/// A service elsewhere, as an adapter for one would be: it answers later, counts what it is asked, and can be away.
final class RemoteKeyManagement: KeyManagementService {
    let masterKeyID: String
    private let key: LocalKeyManagementService
    private let calls = Mutex<[KeyManagementError.Operation: Int]>([:])
    private let failure = Mutex<KeyManagementError.Category?>(nil)

    init(_ seed: UInt8, id: String = "key/1") throws {
        key = LocalKeyManagementService(try TestLedger.masterKey(seed))
        masterKeyID = id
    }

    var providerName: String { "remote" }
    var capabilities: Set<KeyManagementCapability> { [] }

    func count(_ operation: KeyManagementError.Operation) -> Int { calls.withLock { $0[operation, default: 0] } }

    func fail(_ category: KeyManagementError.Category?) { failure.withLock { $0 = category } }

    private func answer(_ operation: KeyManagementError.Operation) async throws(KeyManagementError) {
        await Task.yield()
        calls.withLock { $0[operation, default: 0] += 1 }
        if let category = failure.withLock({ $0 }) {
            throw KeyManagementError(
                provider: providerName, operation: operation, category: category, message: "as the test wants it")
        }
    }

    func healthCheck() async throws(KeyManagementError) { try await answer(.healthCheck) }

    func encrypt(
        _ plaintext: borrowing SecretBytes, context: EncryptionContext
    ) async throws(KeyManagementError) -> [UInt8] {
        try await answer(.encrypt)
        return try await key.encrypt(plaintext, context: context)
    }

    func decrypt(_ ciphertext: [UInt8], context: EncryptionContext) async throws(KeyManagementError) -> SecretBytes {
        try await answer(.decrypt)
        return try await key.decrypt(ciphertext, context: context)
    }

    func generateDataKey(
        _ spec: DataKeySpec, context: EncryptionContext
    ) async throws(KeyManagementError) -> DataKey {
        try await answer(.generateDataKey)
        return try await key.generateDataKey(spec, context: context)
    }
}
