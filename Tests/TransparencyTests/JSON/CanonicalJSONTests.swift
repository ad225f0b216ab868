internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Canonical JSON (RFC 8785)")
struct CanonicalJSONTests {
    @Test func vectorsHaveTheirCanonicalForm() throws {
        let cases = try Vectors.load("jcs").list("cases")
        #expect(cases.count == 8)
        for vector in cases {
            let name = try vector.text("name")
            let canonical = try JSONValue(parsing: try vector.text("input")).canonical()
            #expect(String(decoding: canonical, as: UTF8.self) == (try vector.text("canonical")), "\(name)")
            let digest = SHA256.hash(unsafe canonical.span.bytes)
            #expect(digest.description == (try vector.text("canonical_sha256")), "\(name)")
        }
    }

    @Test func vectorsThatAreNotIJSONAreRefused() throws {
        let cases = try Vectors.load("jcs").list("must_reject")
        #expect(cases.count == 4)
        for vector in cases {
            let input = try vector.text("input")
            let reason = try vector.text("reason")
            #expect(throws: JSONError.self, "\(reason)") { try JSONValue(parsing: input) }
        }
    }

    @Test func doublesArePrintedAsECMAScriptDoes() throws {
        let cases = try Vectors.load("jcs").list("ieee754_to_text")
        #expect(cases.count == 24)
        for vector in cases {
            let digits = try #require(vector[0]?.string)
            let bits = try #require(UInt64(digits, radix: 16))
            let number = try #require(JSONNumber(Double(bitPattern: bits)))
            #expect(number.text == vector[1]?.string)
            #expect(try JSONValue.number(number).canonical() == Array(number.text.utf8))
        }
    }

    @Test func everyDoubleReadsBackAsItself() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            let value = Double(bitPattern: random.next())
            guard let number = JSONNumber(value) else { continue }
            #expect(number.double == value, "seed \(seed)")
            #expect(JSONNumber(text: number.text) != nil, "seed \(seed)")
        }
    }

    @Test func namesAreOrderedAsUTF16() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let alphabet: [Unicode.Scalar] = [
            "a", "b", "\u{7f}", "é", "\u{7ff}", "€", "\u{d7ff}", "\u{e000}", "\u{ffff}", "😀", "\u{10ffff}",
        ]
        for _ in 0..<500 {
            var object = JSONObject()
            for _ in 0..<8 {
                var name = String.UnicodeScalarView()
                for _ in 0..<Int.random(in: 0...4, using: &random) {
                    name.append(alphabet.randomElement(using: &random) ?? "a")
                }
                object.append(String(name), 0)
            }
            let canonical = try JSONValue(parsing: try JSONValue.object(object).canonical())
            let names = try #require(canonical.object).members.map { Array($0.name.utf16) }
            #expect(names == names.sorted { $0.lexicographicallyPrecedes($1) }, "seed \(seed)")
        }
    }

    @Test func whatCouldNotBeReadBackIsNotWritten() {
        var value: JSONValue = 1
        for _ in 0...JSONValue.depthLimit { value = [value] }
        #expect(throws: JSONError.self) { try value.canonical() }
    }
}
