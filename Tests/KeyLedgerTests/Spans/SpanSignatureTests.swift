internal import CryptoPrimitives
internal import KeyLedger
internal import Testing
internal import Transparency

@Suite("The signature of a span")
struct SpanSignatureTests {
    typealias Verdict = SpanVerdict

    /// Signs every span of the sample whose tenant is known; then checks them all with public keys alone.
    @Test func everySpanOfTheSampleCanBeSignedAndVerified() throws {
        let tenants = try SampleFile.tenants()
        let keys = try Keys()
        var verified = 0
        for bytes in try SampleFile.lines() {
            let signed = try keys.sign(try ExportLine(parsing: bytes), tenants: tenants)
            let line = try ExportLine(parsing: signed.serialized())
            for index in line.indices {
                let verdict = line.verify(spanAt: index, publicKey: keys.publicKey)
                guard let tenant = tenants.tenant(of: line[index]) else {
                    #expect(verdict == .unsigned)
                    continue
                }
                #expect(verdict == .valid(try #require(keys.signatures[line[index].spanID])))
                #expect(keys.signatures[line[index].spanID]?.signer.tenant == tenant)
                verified += 1
            }
        }
        #expect(verified == 2377)
    }

    /// The message as an independent program (Python's json and hashlib) builds it from the text above.
    @Test func theMessageIsWhatTheDocumentationSays() throws {
        let line = try ExportLine(parsing: Self.document)
        let message = try line.messageToSign(forSpanAt: 0, by: Keys.signer(tenant: "t"))
        #expect(
            String(decoding: message, as: UTF8.self) == """
                keyledger/span/v1
                {"algorithm":"Ed25519","event":"01JDEVENT","keyId":"01JDKEY0000000000000000000","keyVersion":3,\
                "requestSha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",\
                "resourceSha256":"fcf3bbc413fc4ee14f1bb3b79530c0d3dcdd00fa23951645cf50638bcc18b016",\
                "scopeSha256":"1e1bb5f28d77428d37fa4a3e5462429784f573d2200db20bd951873c00a06bb1",\
                "span":{"attributes":[{"key":"a","value":{"intValue":"1"}}],"name":"é","spanId":"0000000000000001",\
                "traceId":"00000000000000000000000000000001"},"tenant":"t"}
                """)
    }

    private static let document = Array(
        #"""
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"claims"}}]},
        "scopeSpans":[{"scope":{"name":"s","version":"1.0"},"spans":[{"traceId":"00000000000000000000000000000001",
        "spanId":"0000000000000001","name":"\u00e9","attributes":[{"key":"a","value":{"intValue":"1"}}]}]}]}]}
        """#.utf8)

    @Test func aSpanWithoutAttributesCanBeSigned() throws {
        let keys = try Keys()
        for text in [span(1), span(1, attributes: "")] {
            var line = try exportLine(text)
            try keys.sign(&line, at: 0, tenant: "t")
            let read = try ExportLine(parsing: line.serialized())
            #expect(read.verify(spanAt: 0, publicKey: keys.publicKey).isValid)
            #expect(read[0].attributes.count == 6)
        }
    }

    @Test func signingAgainReplacesTheSignature() throws {
        let keys = try Keys()
        var line = try exportLine(
            span(1, attributes: attribute("a", "b") + "," + attribute("compliance.signature", "x")))
        try keys.sign(&line, at: 0, tenant: "t")
        let once = line[0]
        try keys.sign(&line, at: 0, tenant: "t")
        #expect(line[0] == once)
        #expect(line[0].attributes.count == 7)
        try keys.sign(&line, at: 0, tenant: "u")
        #expect(line.verify(spanAt: 0, publicKey: keys.publicKey).isValid)
        #expect(line[0].attributes.count == 7)
    }

    @Test func aSignatureIsForOneSpanOneKeyAndOneEvent() throws {
        let keys = try Keys()
        var line = try exportLine(span(1), span(2))
        try keys.sign(&line, at: 0, tenant: "t")
        guard case .signed(let signature) = SpanSignature.read(from: line[0]) else {
            Issue.record("the span is signed")
            return
        }
        #expect(line[1].signed(with: signature).verdict(in: line, keys) == .invalid(signature))
        let signer = signature.signer
        for other in [
            SpanSignature.Signer(tenant: "u", keyID: signer.keyID, keyVersion: signer.keyVersion, event: signer.event),
            SpanSignature.Signer(tenant: "t", keyID: "01JDKEY0000000000000000001", keyVersion: 3, event: signer.event),
            SpanSignature.Signer(tenant: "t", keyID: signer.keyID, keyVersion: 4, event: signer.event),
            SpanSignature.Signer(tenant: "t", keyID: signer.keyID, keyVersion: 3, event: "01JDEVENU"),
        ] {
            let moved = SpanSignature(signer: other, bytes: signature.bytes)
            #expect(line[0].signed(with: moved).verdict(in: line, keys) == .invalid(moved))
        }
    }

    @Test func theSurroundingsAreSigned() throws {
        let keys = try Keys()
        var line = try ExportLine(parsing: Self.document)
        try keys.sign(&line, at: 0, tenant: "t")
        let text = String(decoding: line.serialized(), as: UTF8.self)
        for (part, replacement) in [
            ("claims", "claimz"), (#""version":"1.0""#, #""version":"1.1""#),
            (#"{"resourceSpans""#, #"{"x":1,"resourceSpans""#),
            (#"[{"resource":"#, #"[{"schemaUrl":"u","resource":"#), (#""name":"s""#, #""name":"s","x":null"#),
        ] {
            let changed = text.replacing(part, with: replacement, maxReplacements: 1)
            #expect(changed != text)
            let read = try ExportLine(parsing: Array(changed.utf8))
            guard case .invalid = read.verify(spanAt: 0, publicKey: keys.publicKey) else {
                Issue.record("\(replacement) went unnoticed")
                continue
            }
        }
    }

    /// RFC 8785 would round these timestamps to one double.
    @Test func numbersThatCanonicalJSONRoundsAreSignedDigitByDigit() throws {
        let keys = try Keys()
        let text = String(decoding: Self.document, as: UTF8.self)
        func line(_ number: String, resource: String = "1") throws -> ExportLine {
            let changed = text.replacing(#""name":"\u00e9""#, with: #""name":"\u00e9","a/~b":[0,\#(number)]"#)
            return try ExportLine(
                parsing: Array(changed.replacing("[{\"resource\"", with: "[{\"n\":\(resource),\"resource\"").utf8))
        }
        let signer = Keys.signer(tenant: "t")
        let message = try line("1795495373298500290").messageToSign(forSpanAt: 0, by: signer)
        let end = "\n" + #"[["/span/a~1~0b/1","1795495373298500290"]]"#
        #expect(String(decoding: message, as: UTF8.self).hasSuffix(end))
        for (number, other, isOne) in [
            ("1795495373298500290", "1795495373298500291", false), ("9007199254740993", "9007199254740992", false),
            ("0.1", "0.10000000000000001", false), ("-0", "0", false), ("1e-400", "0", false),
            ("1e-400", "1e-99999999999999999999", false), ("123456789012345678901e-20", "1.2345678901234567", false),
            ("1", "1.0", true), ("100", "1e2", true), ("0.10", "1E-1", true),
            ("9007199254740992", "90071992547409920e-1", true),
            ("-15e-1", "-1.50", true), ("0", "0.00e7", true),
        ] {
            let messages = try [number, other].map { try line($0).messageToSign(forSpanAt: 0, by: signer) }
            #expect((messages[0] == messages[1]) == isOne, "\(number) and \(other)")
        }
        var signed = try line("1", resource: "1795495373298500290")
        try keys.sign(&signed, at: 0, tenant: "t")
        let original = String(decoding: signed.serialized(), as: UTF8.self)
        let rounded = original.replacing("1795495373298500290", with: "1795495373298500291")
        let verdict = try ExportLine(parsing: Array(rounded.utf8)).verify(spanAt: 0, publicKey: keys.publicKey)
        guard case .invalid = verdict else {
            Issue.record("a changed number in the resource went unnoticed: \(verdict)")
            return
        }
    }

    @Test func aSpanOfAnotherTenantIsNotSigned() throws {
        for declared in [attribute("tenant.id", "b"), attribute("tenant.id", "a") + "," + attribute("tenant.id", "b")] {
            let line = try exportLine(span(1, attributes: declared))
            let refusal = #expect(throws: SpanSigningRefusal.self) {
                try line.messageToSign(forSpanAt: 0, by: Keys.signer(tenant: "a"))
            }
            #expect(refusal == .tenantContradicted)
        }
    }

    @Test func aKeyNobodyKnowsIsSaidToBeUnknown() throws {
        let keys = try Keys()
        var line = try exportLine(span(1))
        try keys.sign(&line, at: 0, tenant: "t")
        guard case .unknownKey(let signature) = line.verify(spanAt: 0, publicKey: { _, _, _ in nil }) else {
            Issue.record("there is no key")
            return
        }
        #expect(signature.signer == Keys.signer(tenant: "t"))
    }

    @Test(
        "attributes that are no signature are malformed, never half a signature",
        arguments: [
            (#""compliance.signature.alg""#, #""x""#, .missing(.algorithm)),
            (#"{"key":"compliance.signature.event","#, #"{"key":"event","#, .missing(.event)),
            (
                #"{"key":"a","value":{"stringValue":"b"}}"#, attribute("compliance.signature.tenant", "t"),
                .repeated(.tenant)
            ),
            (
                #"{"key":"a","value":{"stringValue":"b"}}"#, attribute("compliance.signature", "AAAA"),
                .repeated(.signature)
            ),
            (#"{"stringValue":"Ed25519"}"#, #"{"stringValue":"ed25519"}"#, .unsupportedAlgorithm("ed25519")),
            (#"{"stringValue":"Ed25519"}"#, #"{"stringValue":"none"}"#, .unsupportedAlgorithm("none")),
            (#"{"intValue":"3"}"#, #"{"intValue":"03"}"#, .unreadable(.keyVersion)),
            (#"{"intValue":"3"}"#, #"{"intValue":"4294967296"}"#, .unreadable(.keyVersion)),
            (#"{"intValue":"3"}"#, #"{"stringValue":"3"}"#, .unreadable(.keyVersion)),
            (#"{"intValue":"3"}"#, #"{"intValue":"3","x":"3"}"#, .unreadable(.keyVersion)),
            (#"{"intValue":"3"}"#, #"{"intValue":"3"},"x":1"#, .unreadable(.keyVersion)),
            (#"{"stringValue":"01JDEVENT"}"#, #"{"stringValue":""}"#, .unreadable(.event)),
            (#"{"stringValue":"01JDEVENT"}"#, "null", .unreadable(.event)),
            (#"=="}}"#, #""}}"#, .unreadable(.signature)),
            (#"=="}}"#, #"== "}}"#, .unreadable(.signature)),
            (
                #"{"key":"a","value":{"stringValue":"b"}}"#, attribute("tenant.id", "b"),
                .unacceptable(.tenantContradicted)
            ),
        ] as [(String, String, SpanSignature.Malformation)])
    func malformed(part: String, replacement: String, malformation: SpanSignature.Malformation) throws {
        let keys = try Keys()
        var line = try exportLine(span(1, attributes: attribute("a", "b")))
        try keys.sign(&line, at: 0, tenant: "t")
        let text = String(decoding: line.serialized(), as: UTF8.self)
        let changed = text.replacing(part, with: replacement)
        #expect(changed != text)
        let read = try ExportLine(parsing: Array(changed.utf8))
        #expect(read.verify(spanAt: 0, publicKey: keys.publicKey) == .malformed(malformation))
    }

    @Test func theUnusedBitsOfTheLastDigitAreNotFree() throws {
        let keys = try Keys()
        var line = try exportLine(span(1))
        try keys.sign(&line, at: 0, tenant: "t")
        let text = line.serialized()
        let end = try #require(text.indices.first { text[$0...].starts(with: "==\"".utf8) })
        for digit in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
        where digit != text[end - 1] {
            var changed = text
            changed[end - 1] = digit
            #expect(!(try ExportLine(parsing: changed).verify(spanAt: 0, publicKey: keys.publicKey).isValid))
        }
    }

    /// One changed byte anywhere in a line whose spans are all signed: refused, or the JSON value is the same.
    @Test func noChangedByteGoesUnnoticed() throws {
        var random = SeededDamage()
        let keys = try Keys()
        let tenants = try SampleFile.tenants()
        let bytes = try keys.sign(try ExportLine(parsing: try SampleFile.lines()[1]), tenants: tenants).serialized()
        var small = try exportLine(
            span(1, attributes: attribute("a", "\\u00e9")),
            span(2, parent: 1, attributes: #"{"key":"n","value":{"doubleValue":1e3}}"#))
        for index in small.indices { try keys.sign(&small, at: index, tenant: "t") }
        let rounds = [(small.serialized(), 8000), (bytes, 60)]
        for (bytes, count) in rounds {
            let original = try JSONValue(parsing: bytes).canonical()
            let spanCount = try ExportLine(parsing: bytes).count
            var unnoticed = 0
            for _ in 0..<count {
                let damaged = random.changeOneByte(of: bytes)
                guard let line = try? ExportLine(parsing: damaged), line.count == spanCount,
                    line.indices.allSatisfy({ line.verify(spanAt: $0, publicKey: keys.publicKey).isValid })
                else { continue }
                unnoticed += 1
                #expect(try JSONValue(parsing: damaged).canonical() == original, "seed \(random.seed)")
            }
            #expect(unnoticed < count / 20)
        }
    }
}

// MARK: - Keys

extension SpanVerdict {
    var isValid: Bool { if case .valid = self { true } else { false } }
}

extension TelemetrySpan {
    fileprivate func verdict(in line: ExportLine, _ keys: Keys) -> SpanVerdict {
        verify(in: line.surroundings(ofSpanAt: 0), publicKey: keys.publicKey)
    }
}

/// One key for all tenants: which key signed is a matter of names here.
final class Keys {
    private let key: Ed25519.PrivateKey
    private(set) var signatures: [SpanID: SpanSignature] = [:]

    init() throws {
        let seed = [UInt8](repeating: 7, count: 32)
        key = try Ed25519.PrivateKey(seed: try SecretBytes(copying: unsafe seed.span.bytes))
    }

    static func signer(tenant: String) -> SpanSignature.Signer {
        SpanSignature.Signer(tenant: tenant, keyID: "01JDKEY0000000000000000000", keyVersion: 3, event: "01JDEVENT")
    }

    func publicKey(tenant: String, keyID: String, version: UInt32) -> Ed25519.PublicKey? { key.publicKey }

    func sign(_ line: inout ExportLine, at index: Int, tenant: String) throws {
        let signer = Self.signer(tenant: tenant)
        let message = try line.messageToSign(forSpanAt: index, by: signer)
        let signature = SpanSignature(signer: signer, bytes: try key.signature(for: unsafe message.span.bytes))
        line[index] = line[index].signed(with: signature)
        signatures[line[index].spanID] = signature
    }

    func sign(_ line: ExportLine, tenants: SpanTenants) throws -> ExportLine {
        var signed = line
        for index in line.indices {
            guard let tenant = tenants.tenant(of: line[index]) else { continue }
            try sign(&signed, at: index, tenant: tenant)
        }
        return signed
    }
}
