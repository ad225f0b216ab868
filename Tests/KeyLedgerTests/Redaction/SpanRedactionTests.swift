internal import CryptoPrimitives
internal import KeyLedger
internal import Testing
internal import Transparency

@Suite("Redacting a span")
struct SpanRedactionTests {
    private static let box = [UInt8](repeating: 7, count: 30)

    /// A span with these attributes after redaction; each encryption of a value gives a box of its own length.
    private func redacted(
        _ attributes: String, rules: RedactionRules = .standard,
        encrypt: (String) -> PendingRedaction.Outcome = encrypted
    ) throws -> TelemetrySpan {
        let line = try exportLine(span(1, attributes: attributes))
        let pending = rules.collect(line[0], tenant: "t", key: try redactionKey())
        return pending.apply(pending.plaintexts.map(encrypt))
    }

    private static func encrypted(_ value: String) -> PendingRedaction.Outcome {
        .encrypted(EncryptedValue(tenant: "t", keyVersion: 1, box: [UInt8](repeating: 0, count: 28 + value.utf8.count)))
    }

    private func text(_ span: TelemetrySpan, _ index: Int = 0) -> String? {
        span.attributes[index]["value"]?["stringValue"]?.string
    }

    private func rules(_ list: [(String, RedactionRules.Action)]) -> RedactionRules {
        var rules = RedactionRules.standard
        rules.rules = list.compactMap { entry in AttributePattern(entry.0).map { RedactionRules.Rule($0, entry.1) } }
        return rules
    }

    @Test func theDefaultsEncryptHashAndMask() throws {
        let span = try redacted(
            [
                attribute("user.email", "john@example.com"), attribute("enduser.id", "john"),
                attribute("phone", "555-123-4567"),
                attribute("note", "ask john@example.com"), attribute("tenant.id", "john@example.com"),
            ].joined(separator: ","))
        #expect(text(span, 0)?.hasPrefix("enc:v2:dA==:1:") == true)
        #expect(text(span, 1)?.hasPrefix("hash:v2:") == true)
        #expect(text(span, 2) == "5***7")
        #expect(text(span, 3) == "ask j***@e***.com")
        #expect(text(span, 4) == "john@example.com")
    }

    @Test func theFirstRuleThatMatchesDecides() throws {
        let rules = rules([("a.b", .keep), ("a.c", .detect), ("a.*", .apply(.redact))])
        let span = try redacted(
            [
                attribute("a.b", "x@example.com"), attribute("a.c", "x@example.com"), attribute("a.d", "x"),
                attribute("b", "x"),
            ]
            .joined(separator: ","), rules: rules)
        #expect((0..<4).map { text(span, $0) } == ["x@example.com", "x***@e***.com", "[REDACTED]", "x"])
    }

    /// The services behind encryption may fail; the value may not come back, and not become a hash either.
    @Test func aFailedEncryptionLeavesNothing() throws {
        let span = try redacted(attribute("user.email", "john@example.com"), encrypt: { _ in .failed })
        #expect(text(span) == "[REDACTED]")
        #expect(try redacted(attribute("user.email", ""), encrypt: { _ in .failed }).attributes.count == 1)
    }

    @Test func outcomesGoToTheirValues() throws {
        let line = try exportLine(
            span(
                1,
                attributes: [
                    attribute("a", "one@example.com and two@example.com"), attribute("b", "-"),
                    attribute("user.email", "3@x.com"),
                ]
                .joined(separator: ",")))
        var rules = RedactionRules.standard
        rules.texts[.email] = .encrypt
        let pending = rules.collect(line[0], tenant: "t", key: try redactionKey())
        #expect(pending.plaintexts == ["one@example.com", "two@example.com", "3@x.com"])
        #expect(pending.counts == [.encrypt: 3])
        let values = (0..<3).map { EncryptedValue(tenant: "t", keyVersion: $0, box: Self.box) }
        let span = pending.apply([.encrypted(values[0]), .failed, .encrypted(values[2])])
        #expect(text(span, 0) == "\(values[0].text) and [REDACTED]")
        #expect(text(span, 1) == "-")
        #expect(text(span, 2) == values[2].text)
    }

    @Test func valuesOfAllTypesAreReplacedByName() throws {
        let values = [
            #"{"stringValue":""}"#, "{}", "null", #"{"intValue":"123456789"}"#, #"{"intValue":123456789}"#,
            #"{"doubleValue":1.5}"#, #"{"boolValue":true}"#, #"{"bytesValue":"AAECAwQF"}"#,
            #"{"stringValue":{"x":"y"}}"#,
            #"{"stringValue":"a","intValue":"1"}"#, #"{"kvlistValue":{"values":{}}}"#,
        ]
        let attributes = values.map { #"{"key":"a","value":\#($0)}"# } + [#"{"key":"a"}"#]
        let span = try redacted(attributes.joined(separator: ","), rules: rules([("a", .apply(.mask))]))
        let texts = span.attributes.map { $0["value"]?.description }
        let expected = [
            "[REDACTED]", "[REDACTED]", "[REDACTED]", "1***9", "1***9", "****", "****", "A***F", "{***}", "{***}",
            "{***}",
            "[REDACTED]",
        ]
        #expect(texts == expected.map { #"{"stringValue":"\#($0)"}"# })
    }

    @Test func nestedValuesAreWalked() throws {
        let span = try redacted(
            #"""
            {"key":"customer","value":{"kvlistValue":{"values":[
              {"key":"email","value":{"stringValue":"john@example.com"}},
              {"key":"plan","value":{"stringValue":"gold, see ana@example.com"}},
              {"key":"name","value":{"kvlistValue":{"values":[{"key":"first","value":{"stringValue":"John"}},
                {"key":"x","value":{"stringValue":"Smith"}}]}}},
              {"key":"phones","value":{"arrayValue":{"values":[{"stringValue":"call 555-123-4567"},{"kvlistValue":{"values":[
                {"key":"phone","value":{"arrayValue":{"values":[{"intValue":"5551234567"},{}]}}}]}}]}}}]}}}
            """#)
        let text = span.attributes[0].description
        for value in ["john", "John", "ana@", "Smith", "4567"] { #expect(!text.contains(value), "\(value) in \(text)") }
        #expect(text.contains(#"{"key":"email","value":{"stringValue":"enc:v2:"#))
        #expect(text.contains(#"{"key":"plan","value":{"stringValue":"gold, see a***@e***.com"}}"#))
        #expect(text.contains(#"{"stringValue":"call 5***7"}"#))
        #expect(text.contains(#"[{"stringValue":"5***7"},{"stringValue":"[REDACTED]"}]"#))
    }

    @Test func cardNumbersAreFoundInIntegersToo() throws {
        let span = try redacted(
            #"{"key":"a","value":{"intValue":"4111111111111111"}},{"key":"b","value":{"intValue":"4111111111111112"}},"#
                + #"{"key":"c","value":{"intValue":4111111111111111}}"#)
        #expect(
            span.attributes.map { $0["value"]?.description } == [
                #"{"stringValue":"4***1"}"#, #"{"intValue":"4111111111111112"}"#, #"{"stringValue":"4***1"}"#,
            ])
    }

    @Test func everyPartOfASpanIsSearched() throws {
        let email = "john@example.com"
        let text = #"""
            {"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"mail \#(email)",
            "attributes":[{"key":"\#(email)","value":{"stringValue":"\#(email)"},"x":"\#(email)"},{"key":"a","value":{"x":["\#(email)"]}}],
            "events":[{"name":"to \#(email)","attributes":[{"key":"exception.message","value":{"stringValue":"no \#(email)"}},
              {"key":"exception.stacktrace","value":{"stringValue":"Error: no \#(email)\n  at x.py, line 1136"}}],"y":{"z":"\#(email)"}}],
            "links":[{"traceId":"x","attributes":[{"key":"http.url","value":{"stringValue":"http://h/p?user=\#(email)&page=2"}}]}],
            "status":{"code":2,"message":"no \#(email)"},"new":[[{"deep":"\#(email)"}]]}
            """#
        let line = try exportLine(text)
        let pending = RedactionRules.standard.collect(line[0], tenant: "t", key: try redactionKey())
        let span = pending.apply(pending.plaintexts.map { _ in .failed })
        let redacted = JSONValue.object(span.object).description
        #expect(!redacted.contains("john"))
        #expect(redacted == JSONValue.object(line[0].object).description.replacing(email, with: "j***@e***.com"))
        #expect(pending.counts == [.mask: 12])
    }

    @Test func redactingTwiceIsRedactingOnce() throws {
        let attributes = [
            attribute("user.email", "john@example.com"), attribute("enduser.id", "john"),
            attribute("phone", "555-123-4567"),
            attribute("note", "ask Mr. John Smith, john@example.com"),
            attribute("url.query", "name=john&phone=5551234567"),
        ].joined(separator: ",")
        let once = try redacted(attributes)
        let again = RedactionRules.standard.collect(once, tenant: "t", key: try redactionKey())
        #expect(again.plaintexts == [])
        #expect(again.apply([]) == once)
    }

    @Test func aSpanWithoutATenantIsRedactedWithoutKeys() throws {
        let attributes = [
            attribute("user.email", "a@example.com"), attribute("enduser.id", "ana"),
            attribute("note", "a@example.com"),
        ]
        let span = RedactionRules.standard.redact(
            withoutTenant: try exportLine(span(1, attributes: attributes.joined(separator: ",")))[0])
        #expect((0..<3).map { text(span, $0) } == ["[REDACTED]", "[REDACTED]", "a***@e***.com"])
    }

    @Test func noDamageStopsTheProgram() throws {
        var random = SeededDamage()
        let line =
            #"{"resourceSpans":[{"scopeSpans":[{"spans":["#
            + span(
                1,
                attributes: attribute("user.email", "john@example.com")
                    + #",{"key":"a","value":{"kvlistValue":{"values":[{"key":"b","value":{"arrayValue":{"values":[{"stringValue":"x@y.com"}]}}}]}}}"#
            )
            + #"]}]}]}"#
        let key = try redactionKey()
        var readCount = 0
        for _ in 0..<10_000 {
            guard let line = try? ExportLine(parsing: random.damage(Array(line.utf8))) else { continue }
            readCount += 1
            for span in line {
                let pending = RedactionRules.standard.collect(span, tenant: "t", key: key)
                let redacted = pending.apply(pending.plaintexts.map { _ in .failed })
                #expect(redacted.spanID == span.spanID)
            }
        }
        #expect(readCount > 100)
    }
}
