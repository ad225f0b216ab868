import LedgerStore
import Testing

@testable import KeyLedger

@Suite("Names")
struct NamesTests {
    @Test(arguments: [
        "a", "0", "acme", "Acme-2.test_x", "user@example.com", "urn:tenant:4711", "a..b",
        String(repeating: "x", count: 128),
    ])
    func areLettersDigitsAndAFewSigns(name: String) throws {
        #expect(try EntityName(name).description == name)
    }

    static let bad = [
        "", "/", "a/b", "../acme", "..", ".", ".hidden", "-rf", "_x", "@x", ":x", " ", "a b", " acme", "acme ",
        "acme\n",
        "acme\u{0}", "\u{0}", "acme\u{7}", "a\\b", "a%2Fb", "a\u{202E}b", "a\u{200B}b", "аcme", "ａcme", "acmé",
        "acme\u{301}", "👍", "a\u{FEFF}", "~", "$HOME", "a;b", "a|b", "a=b", "a'b", "a\"b", "<a>", "a,b", "a+b", "a*",
        String(repeating: "x", count: 129), String(repeating: "x", count: 10_240),
    ].map(Text.init)

    @Test(arguments: bad)
    func areNothingElse(name: Text) throws {
        let error = try #require(throws: KeyStoreError.self) { _ = try EntityName(name.text) }
        guard case .invalidName(_, let reason) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(!reason.isEmpty)
        // Whatever was given, the message is one printable line of sensible length.
        #expect(error.description.count < 250)
        #expect(error.description.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }

    @Test func thatAreBadAreRefusedBeforeAnythingIsWritten() async throws {
        let ledger = try TestLedger()
        try await ledger.withStore { store in
            let tenant = try await store.createTenant("acme")
            let before = try store.eventCount
            let material = try store.audit.material.names()
            for name in Self.bad.map(\.text) {
                let refusals: [() async throws -> Void] = [
                    { _ = try await store.createTenant(name) }, { _ = try await store.tenant(name) },
                    { _ = try store.hasTenant(name) }, { _ = try await tenant.createSigningKey(name) },
                    { _ = try await tenant.createEncryptionKey(name) }, { _ = try await tenant.signingKey(name) },
                    { _ = try await tenant.encryptionKey(name) }, { _ = try await tenant.key(name) },
                    { _ = try tenant.hasKey(name) },
                ]
                for refusal in refusals {
                    let error = await #expect(throws: KeyStoreError.self) { try await refusal() }
                    guard case .invalidName = error else {
                        Issue.record("\(name.debugDescription): \(error.map(String.init(describing:)) ?? "accepted")")
                        continue
                    }
                }
            }
            #expect(try store.eventCount == before)
            #expect(try store.audit.material.names() == material)
        }
    }
}
