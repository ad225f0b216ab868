internal import KeyLedger
internal import Testing
internal import Transparency

@Suite("A line of OTLP/JSON")
struct ExportLineTests {
    @Test func theSampleHasItsSpans() throws {
        let lines = try SampleFile.lines().map { try ExportLine(parsing: $0) }
        #expect(lines.count == 38)
        #expect(lines.map(\.count).reduce(0, +) == 2380)
    }

    @Test func whatIsNotTouchedComesBackByteForByte() throws {
        for bytes in try SampleFile.lines() {
            #expect(try ExportLine(parsing: bytes).serialized() == bytes)
            #expect(try ExportLine(parsing: bytes + [0x0d, 0x0a]).serialized() == bytes + [0x0d, 0x0a])
        }
    }

    /// White space, escapes, odd numbers, unknown members and their order belong to those who wrote them.
    @Test func onlyReplacedSpansChange() throws {
        let first = #"{ "spanId":"00000000000000Aa", "traceId":"0000000000000000000000000000000B", "x":1.0e+2 }"#
        let second = #"{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"\u00e1\/"}"#
        let text =
            #" { "later" : [ {"spans":[1,"]}"]} , -0 ] , "\u0072esourceSpans" : [ { "scopeSpans" : [ { "spans" : [ "#
            + first + " ,\t" + second + #" ] , "schemaUrl":"é\"[" } ,{"spans":[]}] } , {"scopeSpans":[]} ] }"# + "\n"
        var line = try ExportLine(parsing: Array(text.utf8))
        #expect(line.count == 2)
        #expect(line[0].traceID.description == "0000000000000000000000000000000b")
        #expect(line[0].spanID.description == "00000000000000aa")

        line[1] = try TelemetrySpan(["traceId": "00000000000000000000000000000001", "spanId": "0000000000000002"])
        let replaced = #"{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002"}"#
        #expect(String(decoding: line.serialized(), as: UTF8.self) == text.replacing(second, with: replaced))
    }

    @Test func aSpanMayLackEverythingButItsIDs() throws {
        let line = try exportLine(
            span(1),
            #"{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002","parentSpanId":"","attributes":null}"#,
            #"{"traceId":"00000000000000000000000000000001","spanId":"0000000000000003","parentSpanId":"0000000000000000","#
                + #""attributes":[{"key":"k"},{"key":"k","value":{}}],"events":[{}],"status":{}}"#)
        #expect(line.map(\.parentSpanID) == [nil, nil, nil])
        #expect(line.map(\.attributes.count) == [0, 0, 2])
    }

    private static let ids = #""traceId":"00000000000000000000000000000001","spanId":"0000000000000001""#

    @Test(
        "a line that is no trace data is refused, saying where",
        arguments: [
            ("[]", .notAnObject, ""),
            ("{}", .missing, "resourceSpans"),
            (#"{"resourceMetrics":[]}"#, .missing, "resourceSpans"),
            (#"{"resourceSpans":{}}"#, .notAnArray, "resourceSpans"),
            (#"{"resourceSpans":null}"#, .notAnArray, "resourceSpans"),
            (#"{"resourceSpans":[1]}"#, .notAnObject, "resourceSpans[0]"),
            (#"{"resourceSpans":[{}]}"#, .missing, "resourceSpans[0].scopeSpans"),
            (#"{"resourceSpans":[{"scopeSpans":"x"}]}"#, .notAnArray, "resourceSpans[0].scopeSpans"),
            (#"{"resourceSpans":[{"scopeSpans":[[]]}]}"#, .notAnObject, "resourceSpans[0].scopeSpans[0]"),
            (#"{"resourceSpans":[{"scopeSpans":[{"Spans":[]}]}]}"#, .missing, "resourceSpans[0].scopeSpans[0].spans"),
            (#"{"resourceSpans":[{"scopeSpans":[{"spans":1}]}]}"#, .notAnArray, "resourceSpans[0].scopeSpans[0].spans"),
        ] as [(String, ExportLineError.Reason, String)])
    func malformedLine(text: String, reason: ExportLineError.Reason, path: String) {
        let refusal = #expect(throws: ExportLineError.self) { try ExportLine(parsing: Array(text.utf8)) }
        #expect(refusal?.reason == reason)
        #expect(refusal?.path == path)
    }

    @Test(
        "a span that is none is refused, saying where",
        arguments: [
            ("1", .notAnObject, ""),
            ("{}", .notAnIdentifier(byteCount: 16), ".traceId"),
            (#"{"traceId":1}"#, .notAString, ".traceId"),
            (#"{"traceId":"0000000000000000000000000000001"}"#, .notAnIdentifier(byteCount: 16), ".traceId"),
            (#"{"traceId":"0000000000000000000000000000000g"}"#, .notAnIdentifier(byteCount: 16), ".traceId"),
            (#"{"traceId":"+0000000000000000000000000000001"}"#, .notAnIdentifier(byteCount: 16), ".traceId"),
            (#"{"traceId":"00000000000000000000000000000000"}"#, .notAnIdentifier(byteCount: 16), ".traceId"),
            (#"{"traceId":"00000000000000000000000000000001"}"#, .notAnIdentifier(byteCount: 8), ".spanId"),
            ("{\(ids),\"parentSpanId\":\"1\"}", .notAnIdentifier(byteCount: 8), ".parentSpanId"),
            ("{\(ids),\"attributes\":{}}", .notAnArray, ".attributes"),
            ("{\(ids),\"attributes\":[null]}", .notAnObject, ".attributes[0]"),
            ("{\(ids),\"attributes\":[{}]}", .missing, ".attributes[0].key"),
            ("{\(ids),\"attributes\":[{\"key\":1}]}", .notAString, ".attributes[0].key"),
            (#"{\#(ids),"attributes":[{"key":"k","value":"v"}]}"#, .notAnObject, ".attributes[0].value"),
            ("{\(ids),\"events\":[7]}", .notAnObject, ".events[0]"),
            ("{\(ids),\"links\":[{},{\"attributes\":[0]}]}", .notAnObject, ".links[1].attributes[0]"),
            ("{\(ids),\"status\":2}", .notAnObject, ".status"),
        ] as [(String, ExportLineError.Reason, String)])
    func malformedSpan(text: String, reason: ExportLineError.Reason, path: String) {
        let refusal = #expect(throws: ExportLineError.self) { try exportLine(span(1), text) }
        #expect(refusal?.reason == reason)
        #expect(refusal?.path == "resourceSpans[0].scopeSpans[0].spans[1]\(path)")
    }

    @Test func whatIsNotJSONIsRefusedWithItsByte() {
        for (text, offset) in [("", 0), ("{\"resourceSpans\":[}", 18), ("{\"a\":1,\"a\":2}", 7)] {
            let refusal = #expect(throws: ExportLineError.self) { try ExportLine(parsing: Array(text.utf8)) }
            guard case .notJSON(let error) = refusal?.reason else {
                Issue.record("\(text) is not JSON")
                continue
            }
            #expect(error.byteOffset == offset)
        }
    }

    /// Damaged lines are refused or read; what is read is found at its place and written back unharmed.
    @Test func noDamageStopsTheProgram() throws {
        var random = SeededDamage()
        let line =
            #"{"a":[{"b":"\"}]"}],"resourceSpans":[{"resource":{"attributes":[]},"scopeSpans":[{"scope":{},"spans":["#
            + span(1, attributes: attribute("a", #"\\\"[{"#)) + "," + span(2, parent: 1) + #"]}]}],"z":-1.5e+2}"#
        var readCount = 0
        for _ in 0..<10_000 {
            let damaged = random.damage(Array(line.utf8))
            guard var line = try? ExportLine(parsing: damaged) else { continue }
            readCount += 1
            #expect(line.serialized() == damaged, "seed \(random.seed)")
            for index in line.indices { line[index] = line[index] }
            let rewritten = try JSONValue(parsing: line.serialized())
            #expect(rewritten == (try JSONValue(parsing: damaged)), "seed \(random.seed)")
        }
        #expect(readCount > 100)
    }
}
