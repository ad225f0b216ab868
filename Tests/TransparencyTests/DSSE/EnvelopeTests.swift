internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Envelopes (DSSE)")
struct EnvelopeTests {
    private static let inToto = "application/vnd.in-toto+json"
    private let key: TestKey

    init() throws { key = try TestKey(try Vectors.load("dsse").member("signing_key")) }

    @Test func whatIsSignedNamesTypeAndLengths() throws {
        let cases = try Vectors.load("dsse").list("pae")
        #expect(cases.count == 6)
        for vector in cases {
            let encoding = Envelope.preAuthenticationEncoding(
                payloadType: try vector.text("payloadType"), payload: try vector.bytes("payload_hex"))
            #expect(encoding == (try vector.bytes("pae_hex")))
        }
    }

    @Test func theSignedStatementVerifies() throws {
        let vectors = try Vectors.load("dsse")
        let envelope = try Envelope(parsing: try vectors.member("envelope").serialized())
        let payload = try envelope.verifiedPayload(type: Self.inToto, keys: [key.verifierKey.publicKey])
        #expect(String(decoding: payload, as: UTF8.self) == (try vectors.text("envelope_payload_text")))
        let statement = try JSONValue(parsing: payload)
        #expect(statement["_type"] == "https://in-toto.io/Statement/v1")
        #expect(try statement.canonical() == payload)
    }

    @Test func vectorsToRejectAreRefused() throws {
        let cases = try Vectors.load("dsse").list("must_reject")
        #expect(cases.count == 4)
        for vector in cases {
            let reason = try vector.text("reason")
            let envelope = try Envelope(parsing: try vector.member("envelope").serialized())
            for type in [Self.inToto, envelope.payloadType] {
                #expect(throws: EnvelopeError.self, "\(reason)") {
                    try envelope.verifiedPayload(type: type, keys: [key.verifierKey.publicKey])
                }
            }
        }
    }

    @Test func signingMakesTheVectorsEnvelope() throws {
        let vector = try Vectors.load("dsse").member("envelope")
        let read = try Envelope(parsing: vector.serialized())
        var made = Envelope(payloadType: read.payloadType, payload: read.payload)
        try made.sign(with: try key.privateKey(), keyID: read.signatures[0].keyID)
        #expect(made.serialized() == vector.serialized())
        #expect(made.signatures == read.signatures)
    }

    @Test func aThresholdCountsKeysNotSignatures() throws {
        let other = try TestKey("log")
        let keys = [key.verifierKey.publicKey, other.verifierKey.publicKey]
        var envelope = Envelope(payloadType: "text/plain", payload: [1, 2, 3])
        #expect(throws: EnvelopeError.notEnoughSignatures(needed: 1, found: 0)) {
            try envelope.verifiedPayload(type: "text/plain", keys: keys)
        }
        try envelope.sign(with: try key.privateKey())
        try envelope.sign(with: try key.privateKey(), keyID: "again")
        #expect(throws: EnvelopeError.notEnoughSignatures(needed: 2, found: 1)) {
            try envelope.verifiedPayload(type: "text/plain", keys: keys + keys, threshold: 2)
        }
        try envelope.sign(with: try other.privateKey())
        #expect(try envelope.verifiedPayload(type: "text/plain", keys: keys, threshold: 2) == [1, 2, 3])
        #expect(throws: EnvelopeError.otherPayloadType(expected: "text/html", found: "text/plain")) {
            try envelope.verifiedPayload(type: "text/html", keys: keys)
        }
    }

    @Test("both alphabets of base64 are read, unknown members ignored", arguments: ["+/8=", "-_8="])
    func lenientReading(payload: String) throws {
        let document = #"{"new":1,"payloadType":"t","payload":"\#(payload)","signatures":[{"sig":"","keyid":null}]}"#
        #expect(try Envelope(parsing: document.bytes).payload == [0xfb, 0xff])
    }

    @Test(
        "malformed envelopes",
        arguments: [
            ("[]", .malformedMember("payloadType")), ("{}", .malformedMember("payloadType")),
            (#"{"payloadType":1}"#, .malformedMember("payloadType")),
            (#"{"payloadType":"t"}"#, .malformedMember("payload")),
            (#"{"payloadType":"t","payload":"+_8="}"#, .malformedMember("payload")),
            (#"{"payloadType":"t","payload":"A"}"#, .malformedMember("payload")),
            (#"{"payloadType":"t","payload":""}"#, .malformedMember("signatures")),
            (#"{"payloadType":"t","payload":"","signatures":{}}"#, .malformedMember("signatures")),
            (#"{"payloadType":"t","payload":"","signatures":[1]}"#, .malformedMember("sig")),
            (#"{"payloadType":"t","payload":"","signatures":[{"sig":"","keyid":1}]}"#, .malformedMember("keyid")),
            (
                #"{"payloadType":"t","payload":"","payload":""}"#,
                .json(JSONError(.duplicateName("payload"), byteOffset: 32))
            ),
        ] as [(String, EnvelopeError)])
    func malformedEnvelope(document: String, expected: EnvelopeError) {
        #expect(throws: expected) { try Envelope(parsing: document.bytes) }
    }

    @Test func signaturesAreLimited() {
        let signatures = [String](repeating: #"{"sig":""}"#, count: 101).joined(separator: ",")
        #expect(throws: EnvelopeError.tooManySignatures(count: 101)) {
            try Envelope(parsing: #"{"payloadType":"t","payload":"","signatures":[\#(signatures)]}"#.bytes)
        }
    }
}
