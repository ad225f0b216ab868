internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Statements (in-toto Statement v1)")
struct InTotoStatementTests {
    @Test func theVectorsStatementIsReadAndWrittenAgain() throws {
        let text = try Vectors.load("dsse").text("envelope_payload_text")
        let statement = try InTotoStatement(parsing: text.bytes)
        #expect(statement.predicateType == "https://ledger.example/key-audit/v1")
        #expect(statement.subjects.map(\.name) == ["ledger.example/keys@1000"])
        let root = try Vectors.load("merkle_events_big").member("roots").digest("1000")
        #expect(statement.subjects.map(\.sha256) == [root])
        #expect(statement.predicate["controls"]?[0]?["result"] == "satisfied")
        let envelope = try statement.envelope()
        #expect(envelope.payloadType == "application/vnd.in-toto+json")
        #expect(String(decoding: envelope.payload, as: UTF8.self) == text)
    }

    @Test(
        "other documents are refused",
        arguments: [
            ("[]", .malformedMember("_type")),
            (#"{"_type":"https://in-toto.io/Statement/v0.1"}"#, .malformedMember("_type")),
            (#"{"_type":"https://in-toto.io/Statement/v1"}"#, .malformedMember("subject")),
            (#"{"_type":"https://in-toto.io/Statement/v1","subject":[]}"#, .malformedMember("predicateType")),
            (
                #"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"p"}"#,
                .malformedMember("predicate")
            ),
            (
                #"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"n","digest":{"sha256":"00"}}],"#
                    + #""predicateType":"p","predicate":{}}"#, .malformedMember("subject")
            ),
        ] as [(String, EnvelopeError)])
    func otherDocument(text: String, expected: EnvelopeError) {
        #expect(throws: expected) { try InTotoStatement(parsing: text.bytes) }
    }
}
