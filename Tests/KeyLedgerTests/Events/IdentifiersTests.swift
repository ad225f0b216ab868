import CryptoPrimitives
import Testing

@testable import KeyLedger

@Suite("Identifiers")
struct IdentifiersTests {
    @Test func haveATextOf26DigitsThatReadsBack() {
        var random = SeededRandom()
        let values =
            [0, 1, UInt128.max, 1 << 127] + (0..<1000).map { _ in UInt128.random(in: 0 ... .max, using: &random) }
        for value in values {
            let text = EventID(value).description
            #expect(text.utf8.count == 26)
            #expect(EventID(text)?.value == value)
            #expect(EventID(text.lowercased())?.value == value)
        }
        #expect(EventID(0).description == "00000000000000000000000000")
        #expect(EventID(.max).description == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
    }

    @Test(arguments: [
        "", "0", "0000000000000000000000000", "000000000000000000000000000", "80000000000000000000000000",
        "0000000000000000000000000U", "0000000000000000000000000I", "0000000000000000000000000-",
        "0000000000000000000000000 ",
        // 26 bytes that upper case would make 25 or 26 valid digits: a ligature, and the long s.
        "00000000000000000000000ﬀ", "000000000000000000000000ſ",
    ])
    func haveNoOtherText(text: String) {
        #expect(EventID(text) == nil)
    }

    @Test func sortByTextAsByValue() {
        var random = SeededRandom()
        let ids = (0..<100).map { _ in KeyID(.random(in: 0 ... .max, using: &random)) }
        #expect(ids.sorted().map(\.description) == ids.map(\.description).sorted())
    }

    @Test func ofEventsAscendWithTimeAlsoWhenTheClockStandsOrGoesBack() throws {
        let clock = TestClock()
        let generator = EventIDGenerator(clock: { clock.now })
        var ids: [EventID] = []
        for step in [0, 0, 0, 0.0001, 1, 0, -100, 0, 5, 3600.0] {
            if step < 0 { clock.goBack(seconds: -step) } else { clock.advance(seconds: step) }
            ids.append(try generator.next())
        }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == ids.count)
        // The first 48 bits are the milliseconds.
        #expect(try #require(ids.last).value >> 80 == UInt128(clock.now / 1_000_000))
    }

    @Test func ofNamesDifferByLedgerTenantAndKindAndSayNothing() async throws {
        let (one, other) = (try TestLedger(), try TestLedger())
        let first = try await one.withStore { store in
            let tenant = try await store.createTenant("acme")
            let key = try await tenant.createSigningKey("acme")
            let globex = try await store.createTenant("globex").createSigningKey("acme")
            #expect(tenant.id.value != key.handle.id.value)
            #expect(key.handle.id != globex.handle.id)
            return tenant.id
        }
        let second = try await other.withStore { try await $0.createTenant("acme").id }
        #expect(first != second)
    }
}
