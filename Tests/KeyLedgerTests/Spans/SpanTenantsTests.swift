internal import KeyLedger
internal import Testing
internal import Transparency

@Suite("The tenant of a span")
struct SpanTenantsTests {
    /// The tenants of the spans of one line, in their order.
    private func tenants(_ spans: String...) throws -> [String?] {
        var collector = SpanTenants.Collector()
        var lines: [ExportLine] = []
        for span in spans {
            lines.append(try exportLine(span))
            collector.collect(try exportLine(span))
        }
        let tenants = collector.resolve()
        return lines.map { tenants.tenant(of: $0[0]) }
    }

    private let a = attribute("tenant.id", "a")
    private let b = attribute("tenant.id", "b")

    @Test func everySpanOfTheSampleButTheSetUpHasATenant() throws {
        let tenants = try SampleFile.tenants()
        #expect(tenants.names.count == 12)
        #expect(tenants.names.sorted() == (0..<12).map { $0 < 10 ? "tenant-00\($0)" : "tenant-0\($0)" })
        var withoutTenant: [String] = []
        for line in try SampleFile.lines() {
            for span in try ExportLine(parsing: line) where tenants.tenant(of: span) == nil {
                withoutTenant.append(span.object["name"]?.string ?? "")
            }
        }
        #expect(withoutTenant.sorted() == ["DynamoDB.CreateTable", "KMS.CreateKey", "S3.CreateBucket"])
    }

    @Test func childrenInheritEvenIfTheyComeFirst() throws {
        #expect(try tenants(span(3, parent: 2), span(2, parent: 1), span(1, attributes: a)) == ["a", "a", "a"])
    }

    @Test func theNearestAncestorCounts() throws {
        #expect(
            try tenants(
                span(1, attributes: a), span(2, parent: 1, attributes: b), span(3, parent: 2), span(4, parent: 1))
                == ["a", "b", "b", "a"])
    }

    @Test func aRootTakesTheTenantItsTraceAgreesOn() throws {
        #expect(try tenants(span(1), span(2, parent: 1, attributes: a), span(3, parent: 9)) == ["a", "a", "a"])
        #expect(
            try tenants(span(1), span(2, parent: 1, attributes: a), span(3, parent: 1, attributes: b)) == [
                nil, "a", "b",
            ])
    }

    @Test func anotherTraceSaysNothing() throws {
        #expect(try tenants(span(1, trace: 1, attributes: a), span(2, parent: 1, trace: 2)) == ["a", nil])
    }

    @Test func aCycleOfParentsEnds() throws {
        #expect(try tenants(span(1, parent: 2), span(2, parent: 1)) == [nil, nil])
        #expect(try tenants(span(1, parent: 1)) == [nil])
        #expect(
            try tenants(span(1, parent: 2), span(2, parent: 1), span(3, parent: 1), span(4, attributes: a))
                == ["a", "a", "a", "a"])
    }

    @Test func aSpanThatContradictsItselfHasNoTenantAndPassesNoneOn() throws {
        #expect(try tenants(span(1, attributes: "\(a),\(b)"), span(2, parent: 1)) == [nil, nil])
        #expect(try tenants(span(1, attributes: "\(a),\(a)"), span(2, parent: 1)) == ["a", "a"])
        let number = #"{"key":"tenant.id","value":{"intValue":"7"}}"#
        #expect(try tenants(span(1, attributes: number), span(2, parent: 1)) == [nil, nil])
        #expect(try tenants(span(1, attributes: attribute("tenant.id", ""))) == [nil])
    }

    @Test func twoSpansUnderOneIDHaveNoTenant() throws {
        #expect(try tenants(span(1, attributes: a), span(1, attributes: b)) == [nil, nil])
        #expect(try tenants(span(1, attributes: a), span(1, attributes: a)) == ["a", "a"])
    }

    @Test func tenantsAreComparedByBytes() throws {
        let composed = attribute("tenant.id", "\u{e9}")
        let decomposed = attribute("tenant.id", "e\u{301}")
        var collector = SpanTenants.Collector()
        collector.collect(try exportLine(span(1, attributes: composed), span(2, attributes: decomposed), span(3)))
        let tenants = collector.resolve()
        #expect(tenants.names.map { Array($0.utf8) } == [[0xc3, 0xa9], [0x65, 0xcc, 0x81]])
        #expect(tenants.tenant(of: try exportLine(span(3))[0]) == nil)
    }

    @Test func aSpanThatWasNotCollectedHasNoTenant() throws {
        let tenants = SpanTenants.Collector().resolve()
        #expect(tenants.tenant(of: try exportLine(span(1, attributes: a))[0]) == nil)
    }

    /// Quadratic work, or a stack frame for each ancestor, would not come back from this.
    @Test func aChainOfAHundredThousandSpansIsNoTrouble() throws {
        var collector = SpanTenants.Collector()
        let count = 100_000
        for id in 1...count {
            collector.collect(try exportLine(span(id, parent: id + 1, attributes: id == count ? a : nil))[0])
        }
        let tenants = collector.resolve()
        #expect(tenants.tenant(of: try exportLine(span(1))[0]) == "a")
    }
}
