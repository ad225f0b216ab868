import Foundation
import KeyLedger
import Testing

@testable import KeyLedgerVerify

/// What is written down twice on purpose says the same.
@Suite struct CatalogueTests {
    @Test(arguments: EventKind.allCases) func theVerifierKnowsEveryKindOfEvent(_ kind: EventKind) throws {
        let own = try #require(Catalogue.EventKind(rawValue: kind.rawValue), "\(kind) is missing in the verifier")
        #expect(!Catalogue.shapes(of: own).isEmpty)
    }

    @Test(arguments: AccountKind.allCases) func theVerifierKnowsEveryKindOfAccount(_ kind: AccountKind) throws {
        let own = try #require(Catalogue.AccountKind(rawValue: kind.rawValue), "\(kind) is missing in the verifier")
        #expect((1...3).contains { own.flags(on: $0) != nil })
    }

    /// Every name of a finding is in the list of attacks, and no other name is.
    @Test func everyFindingIsExplained() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Specs/THREATS.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let names = text.matches(of: /`([a-z]+(-[a-z]+)+)`/).map { String($0.1) }.filter { !$0.hasPrefix("keyledger") }
        #expect(Set(names) == Set(Finding.Kind.allCases.map(\.rawValue)))
        for kind in Finding.Kind.allCases { #expect(!kind.meaning.isEmpty) }
    }
}
