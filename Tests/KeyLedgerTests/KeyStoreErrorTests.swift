import CryptoPrimitives
import Ledger
import LedgerStore
import Testing

@testable import KeyLedger

@Suite("What an error says")
struct KeyStoreErrorTests {
    static let all: [KeyStoreError] = [
        .invalidName("a/b", reason: "only ASCII letters are allowed"), .unknownTenant("acme"), .tenantExists("acme"),
        .unknownKey(tenant: "acme", key: "claims"), .unknownVersion(key: "claims", version: 3),
        .keyExists(tenant: "acme", key: "claims"), .wrongAlgorithm(key: "claims", is: .ed25519, needs: .aes256GCM),
        .rotationInProgress(key: "claims"),
        .refused(operation: .sign, key: "claims", status: .debitAccountAlreadyClosed),
        .refused(operation: .encrypt, key: "pii", status: .exceedsCredits),
        .refused(operation: .sign, key: "claims", status: .exceedsDebits),
        .refused(operation: .quota, key: "acme", status: .exceedsDebits),
        .wrongState(operation: .sign, key: "claims", version: 1, state: .suspended, destruction: .notScheduled),
        .wrongState(
            operation: .cancelDestruction, key: "claims", version: 1, state: .deactivated, destruction: .due),
        .wrongState(operation: .decrypt, key: "pii", version: 1, state: .compromised, destruction: .waiting),
        .invalidOption(name: "not-before", reason: "the date has passed"), .notExportable(key: "pii"),
        .unusableOffer(id: "01M881ETK0DA3V28Q9CDQ30CS9"), .notUnwrapped,
        .malformedMaterial(reason: "it has 16 bytes; an AES-256 key has 32"),
        .malformedEnvelope(reason: "it is not base64"),
        .notAuthentic, .wrongMasterKey(given: "0011223344556677", needed: "8899aabbccddeeff"),
        .masterKeyFile(path: "/k", reason: "there is no such file"),
        .materialDamaged(subject: "the material of key K version 1", reason: "it is missing"),
        .notInitialised(path: "/ledger"), .store(.diskFull(path: "/ledger/log")), .crypto(.secureMemoryExhausted),
    ]

    @Test(arguments: all)
    func isOneSentenceOrTwoOnOneLine(error: KeyStoreError) {
        #expect(!error.description.contains("\n"))
        #expect(error.description.hasSuffix("."))
        #expect(error.description.count < 200)
        #expect(!error.description.contains("KeyStoreError"))
    }

    @Test func whatIsRefusedBeforeTheLedgerHasANameInTheLog() {
        #expect(
            Self.all.compactMap(\.denial) == [
                "unknown-tenant", "tenant-exists", "unknown-key", "unknown-version", "key-exists", "wrong-algorithm",
                "rotation-in-progress", "unusable-offer", "not-unwrapped", "malformed-material", "malformed-envelope",
                "not-authentic", "material-damaged",
            ])
    }
}
