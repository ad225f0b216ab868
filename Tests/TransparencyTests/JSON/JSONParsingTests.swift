internal import Testing
internal import Transparency

@Suite("JSON parsing (RFC 8259, RFC 7493)")
struct JSONParsingTests {
    @Test(
        "what is parsed and written again is the same document without white space",
        arguments: [
            #"{"b":2,"a":1,"":0}"#,
            #"[1.0,1,1e0,-0,0.10,12345678901234567890,1E+2]"#,
            #"{"a":{"z":[[],{}],"y":null},"é":"😀","ê":true}"#,
            #"["\u0000\b\t\n\f\r\u001f\"\\/"]"#,
            #""""#, "null", "true", "false", "-1.5e-3",
        ])
    func parsingIsLossless(document: String) throws {
        let value = try JSONValue(parsing: document)
        #expect(value.description == document)
        #expect(try JSONValue(parsing: value.serialized()) == value)
    }

    @Test func escapesAreDecoded() throws {
        let value = try JSONValue(parsing: #""a\u0041\ud83d\ude00\/\\\"\b\f\n\r\t\u20AC""#)
        #expect(value.string == "aA😀/\\\"\u{8}\u{c}\n\r\t€")
    }

    @Test(
        "refusals say what and where",
        arguments: [
            ("", .unexpectedEnd, 0),
            ("  ", .unexpectedEnd, 2),
            ("[1,2", .unexpectedEnd, 4),
            (#"{"a""#, .unexpectedEnd, 4),
            (#""abc"#, .unexpectedEnd, 4),
            (#""\"#, .unexpectedEnd, 2),
            (#""\u12"#, .unexpectedEnd, 5),
            ("-", .unexpectedEnd, 1),
            ("1e", .unexpectedEnd, 2),
            ("tru", .unexpectedEnd, 3),
            ("NaN", .unexpectedByte(0x4e), 0),
            ("nul1", .unexpectedByte(0x31), 3),
            ("[1,]", .unexpectedByte(0x5d), 3),
            (#"{"a":1,}"#, .unexpectedByte(0x7d), 7),
            (#"{a:1}"#, .unexpectedByte(0x61), 1),
            (#"{"a" 1}"#, .unexpectedByte(0x31), 5),
            ("[1 2]", .unexpectedByte(0x32), 3),
            ("+1", .unexpectedByte(0x2b), 0),
            (".5", .unexpectedByte(0x2e), 0),
            ("1.", .unexpectedEnd, 2),
            ("1.e5", .unexpectedByte(0x65), 2),
            ("\u{feff}1", .unexpectedByte(0xef), 0),
            ("01", .trailingBytes, 1),
            ("1 1", .trailingBytes, 2),
            ("{}]", .trailingBytes, 2),
            ("\"a\u{1}\"", .controlCharacter(1), 2),
            ("\"\n\"", .controlCharacter(10), 1),
            (#""\x""#, .invalidEscape, 1),
            (#""\u12g4""#, .invalidEscape, 5),
            (#"["\ud800"]"#, .loneSurrogate, 2),
            (#""a\udc00""#, .loneSurrogate, 2),
            (#""\ud83dx""#, .loneSurrogate, 1),
            (#""\ud83d\u0041""#, .loneSurrogate, 1),
            (#""\ud83d\ud83d""#, .loneSurrogate, 1),
            ("[1e400]", .numberOutOfRange, 1),
            ("-1e309", .numberOutOfRange, 0),
            (String(repeating: "9", count: 400), .numberOutOfRange, 0),
            (#"{"a":1,"b":2,"a":3}"#, .duplicateName("a"), 13),
            (#"{"a":1,"\u0061":3}"#, .duplicateName("a"), 7),
        ] as [(String, JSONError.Reason, Int)])
    func refusal(document: String, reason: JSONError.Reason, byteOffset: Int) {
        let refusal = #expect(throws: JSONError.self) { try JSONValue(parsing: document) }
        #expect(refusal?.reason == reason)
        #expect(refusal?.byteOffset == byteOffset)
    }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [
            ([0x22, 0x80, 0x22], 1), ([0x22, 0xc0, 0xaf, 0x22], 1), ([0x22, 0xed, 0xa0, 0x80, 0x22], 1),
            ([0x22, 0x61, 0xf5, 0x80, 0x80, 0x80, 0x22], 2), ([0x22, 0xe2, 0x82], 1), ([0xff], 0),
        ] as [([UInt8], Int)])
    func encodingIsChecked(document: [UInt8], byteOffset: Int) {
        let refusal = #expect(throws: JSONError.self) { try JSONValue(parsing: document) }
        #expect(refusal?.reason == .invalidUTF8)
        #expect(refusal?.byteOffset == byteOffset)
    }

    @Test func namesThatAreOnlyUnicodeEquivalentAreTwoNames() throws {
        let value = try JSONValue(parsing: #"{"\u00e9":1,"e\u0301":2}"#)
        #expect(value.object?.members.count == 2)
        #expect(value["e\u{301}"] == 2)
        #expect(JSONValue.string("\u{e9}") != .string("e\u{301}"))
    }

    @Test func largeObjectsAreStillCheckedForDuplicates() throws {
        let members = (0..<1000).map { "\"n\($0)\":\($0)" }
        #expect(try JSONValue(parsing: "{" + members.joined(separator: ",") + "}")["n999"] == 999)
        for repeated in [0, 15, 16, 17, 999] {
            let document = "{" + (members + [members[repeated]]).joined(separator: ",") + "}"
            let refusal = #expect(throws: JSONError.self) { try JSONValue(parsing: document) }
            #expect(refusal?.reason == .duplicateName("n\(repeated)"))
        }
    }

    @Test func nestingIsLimited() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try JSONValue(parsing: nested(JSONValue.depthLimit)).array?.count == 1)
        let refusal = #expect(throws: JSONError.self) { try JSONValue(parsing: nested(JSONValue.depthLimit + 1)) }
        #expect(refusal?.reason == .nestedTooDeeply)
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "{\"a\":[", count: 1_000_000)) }
    }

    @Test func noDamageStopsTheParser() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let document = Array(
            #"{"resourceSpans":[{"k":"\ud83d\ude00é","n":-1.5e+10,"b":[true,false,null,{"":"\\\""}]}],"z":[[[]]]}"#.utf8
        )
        for _ in 0..<20_000 {
            let damaged = random.damage(document)
            guard let value = try? JSONValue(parsing: damaged) else { continue }
            let written = value.serialized()
            #expect(try JSONValue(parsing: written) == value, "seed \(seed)")
            let canonical = try value.canonical()
            #expect(try JSONValue(parsing: canonical).canonical() == canonical, "seed \(seed)")
        }
    }
}
