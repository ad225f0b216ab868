import CryptoPrimitives
import Foundation
import Glibc
import Testing

@testable import KeyLedger

@Suite("The master key from a passphrase")
struct PassphraseTests {
    private static func secret(_ text: String) throws -> SecretBytes {
        let bytes = Array(text.utf8)
        return try SecretBytes(copying: unsafe bytes.span.bytes)
    }

    /// Costs that a test can afford.
    private static let derivation = PassphraseDerivation(
        parameters: Scrypt.Parameters(n: 1 << 10, r: 8, p: 1), salt: Array(0..<32))

    private func file(_ content: String, mode: mode_t = 0o600) throws -> String {
        let path = NSTemporaryDirectory() + "/keyledger-tests-" + UUID().uuidString
        try Data(content.utf8).write(to: URL(filePath: path))
        try #require(unsafe chmod(path, mode) == 0)
        return path
    }

    @Test func isScryptOfPassphraseAndSalt() throws {
        let key = try MasterKey(passphrase: try Self.secret("correct horse"), derivation: Self.derivation)
        #expect(key.derivation == Self.derivation)
        #expect(try MasterKey(passphrase: Self.secret("correct horse"), derivation: Self.derivation).id == key.id)
        #expect(try MasterKey(passphrase: Self.secret("correct house"), derivation: Self.derivation).id != key.id)
        let other = PassphraseDerivation(parameters: Self.derivation.parameters, salt: Array(1..<33))
        #expect(try MasterKey(passphrase: Self.secret("correct horse"), derivation: other).id != key.id)
        // The secret is what RFC 7914 says, nothing of our own.
        let salt = Self.derivation.salt
        let derived = try Scrypt.derive(
            passphrase: try Self.secret("correct horse"), salt: unsafe salt.span.bytes,
            parameters: Self.derivation.parameters, count: 32)
        #expect(try MasterKey(derived).id == key.id)
    }

    @Test func costsTheStandardUnlessToldOtherwiseAndHasASaltOfItsOwn() throws {
        let (one, other) = (try PassphraseDerivation(), try PassphraseDerivation())
        #expect(one.parameters == Scrypt.Parameters(n: 1 << 17, r: 8, p: 1))
        #expect(one.salt.count == 32 && one.salt != other.salt)
    }

    @Test func opensTheLedgerThatRemembersItsSalt() async throws {
        let ledger = try TestLedger(withoutLedger: ())
        try KeyStore.create(
            ledger.path, origin: "ledger.example/test", created: "2026",
            masterKey: try MasterKey(passphrase: Self.secret("correct horse"), derivation: Self.derivation))
        let needed = try KeyStore.masterKeyNeeded(ledger.path)
        #expect(needed.derivation == Self.derivation)
        let derivation = try #require(needed.derivation)
        let store = try await KeyStore.open(
            ledger.path, masterKey: MasterKey(passphrase: Self.secret("correct horse"), derivation: derivation),
            options: ledger.options())
        _ = try await store.createTenant("acme").createSigningKey("claims").sign([1])
        try await store.close()
        let wrong = try MasterKey(passphrase: Self.secret("wrong"), derivation: derivation)
        await #expect(throws: KeyStoreError.wrongMasterKey(given: "local:\(wrong.id)", needed: needed.name)) {
            _ = try await KeyStore.open(
                ledger.path,
                keyManagement: LocalKeyManagementService(
                    try MasterKey(passphrase: Self.secret("wrong"), derivation: derivation)),
                options: ledger.options())
        }
        // From a passphrase to a key, and to another passphrase.
        let file = LocalKeyManagementService(try TestLedger.masterKey(4))
        let first = LocalKeyManagementService(
            try MasterKey(passphrase: Self.secret("correct horse"), derivation: derivation))
        try await KeyStore.rewrap(ledger.path, from: first, to: file, options: ledger.options())
        #expect(try KeyStore.masterKeyNeeded(ledger.path).derivation == nil)
        let second = LocalKeyManagementService(
            try MasterKey(passphrase: Self.secret("battery staple"), derivation: Self.derivation))
        try await KeyStore.rewrap(ledger.path, from: file, to: second, options: ledger.options())
        #expect(try KeyStore.masterKeyNeeded(ledger.path).derivation == Self.derivation)
        let again = try await ledger.open(keyManagement: second)
        _ = try await again.tenant("acme").signingKey("claims").sign([1])
        try await again.close()
    }

    // MARK: Files

    @Test(arguments: ["secret words", "secret words\n"])
    func isAllOfAFileButALineFeed(content: String) throws {
        let path = try file(content)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try MasterKey.readPassphrase(file: path).revealed() == Array("secret words".utf8))
    }

    @Test(arguments: [
        ("", 0o600, "it is empty"), ("\n", 0o600, "it is empty"),
        (String(repeating: "x", count: 1025), 0o600, "it is longer than 1024 bytes"),
        (String(repeating: "x", count: 5000), 0o600, "it is longer than 1024 bytes"),
        ("secret words", 0o640, "others may read it (mode 640)"),
        ("secret words", 0o604, "others may read it (mode 604)"),
    ])
    func isRefusedWhenItIsNone(content: String, mode: Int, reason: String) throws {
        let path = try file(content, mode: mode_t(mode))
        defer { try? FileManager.default.removeItem(atPath: path) }
        do throws(KeyStoreError) {
            let count = try MasterKey.readPassphrase(file: path).count
            Issue.record("\(count) bytes were read")
        } catch .passphrase(let source, let found) {
            #expect(source == path && found.hasPrefix(reason), "\(found)")
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func mayBeAsLongAsTheLimit() throws {
        let path = try file(String(repeating: "x", count: 1024) + "\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try MasterKey.readPassphrase(file: path).count == 1024)
    }

    @Test func isReadFromAFileThatIsThere() throws {
        for path in [NSTemporaryDirectory() + "/missing-" + UUID().uuidString, "/"] {
            #expect(throws: KeyStoreError.self) { _ = try MasterKey.readPassphrase(file: path).count }
        }
    }
}
