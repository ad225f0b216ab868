internal import KeyLedger
internal import Testing

@Suite("Redaction rules")
struct RedactionRulesTests {
    @Test(
        "a star stands for any characters, and case does not matter",
        arguments: [
            ("user.email", "user.email", true), ("user.email", "User.Email", true),
            ("user.email", "user.emails", false),
            ("user.*", "user.email", true), ("user.*", "user.", true), ("user.*", "user", false),
            ("*.email", "a.b.email", true),
            ("*.email", "email", false), ("*", "", true), ("*", "anything", true), ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false), ("a*a", "a", false), ("a**b", "ab", true),
            ("*mail*", "e-mail-count", true), ("a*bc*bc", "abc", false), ("é*", "éa", true), ("a.b", "axb", false),
        ])
    func pattern(pattern: String, name: String, matches: Bool) throws {
        #expect(try #require(AttributePattern(pattern)).matches(name) == matches)
    }

    @Test func thereIsNoEmptyPattern() { #expect(AttributePattern("") == nil) }

    @Test func aRuleFileComesBeforeTheDefaults() throws {
        let rules = try RedactionRules(
            parsing: Array(
                #"""
                {
                  "rules": [ { "attribute": "claim.ref", "strategy": "keep" }, { "attribute": "claim.*", "strategy": "HASH_V1" } ],
                  "fields": { "email": "TOKENIZE" }, "texts": { "phone": "KEEP", "credit_card": "redact" }
                }
                """#.utf8))
        #expect(rules.rules.prefix(2).map(\.pattern.text) == ["claim.ref", "claim.*"])
        #expect(rules.rules.prefix(2).map(\.action) == [.keep, .apply(.hashPlain)])
        #expect(Array(rules.rules.dropFirst(2)) == RedactionRules.standard.rules)
        #expect(rules.fields[.email] == .tokenize)
        #expect(rules.fields[.name] == RedactionRules.standard.fields[.name])
        #expect(rules.texts[.phone] == nil)
        #expect(rules.texts[.creditCard] == .redact)
    }

    @Test func aRuleFileMayStandAlone() throws {
        let rules = try RedactionRules(parsing: Array(#"{"defaults":false,"texts":{"email":"MASK"}}"#.utf8))
        #expect(rules == RedactionRules(rules: [], fields: [:], texts: [.email: .mask]))
        #expect(try RedactionRules(parsing: Array("{}".utf8)) == .standard)
    }

    @Test(
        "an error names the entry",
        arguments: [
            ("[]", .notAnObject, ""),
            (#"{"rule":[]}"#, .unknownMember, "rule"),
            (#"{"rules":{}}"#, .notAnArray, "rules"),
            (#"{"rules":["x"]}"#, .notAnObject, "rules[0]"),
            (#"{"rules":[{"attribute":"a","strategy":"MASK"},{"strategy":"MASK"}]}"#, .missing, "rules[1].attribute"),
            (#"{"rules":[{"attribute":"","strategy":"MASK"}]}"#, .emptyPattern, "rules[0].attribute"),
            (#"{"rules":[{"attribute":1,"strategy":"MASK"}]}"#, .notAString, "rules[0].attribute"),
            (#"{"rules":[{"attribute":"a"}]}"#, .missing, "rules[0].strategy"),
            (#"{"rules":[{"attribute":"a","strategy":"MASKED"}]}"#, .unknownStrategy("MASKED"), "rules[0].strategy"),
            (#"{"rules":[{"attribute":"a","strategy":"MASK","n":4}]}"#, .unknownMember, "rules[0].n"),
            (#"{"fields":[]}"#, .notAnObject, "fields"),
            (#"{"fields":{"emial":"MASK"}}"#, .unknownKind, "fields.emial"),
            (#"{"texts":{"email":"DETECT"}}"#, .unknownStrategy("DETECT"), "texts.email"),
            (#"{"texts":{"email":null}}"#, .notAString, "texts.email"),
            (#"{"defaults":"yes"}"#, .notABool, "defaults"),
        ] as [(String, RedactionRulesError.Reason, String)])
    func refusal(file: String, reason: RedactionRulesError.Reason, entry: String) {
        let refusal = #expect(throws: RedactionRulesError.self) { try RedactionRules(parsing: Array(file.utf8)) }
        #expect(refusal?.reason == reason)
        #expect(refusal?.entry == entry)
    }

    @Test(
        "an error names the line",
        arguments: [
            (
                "{\n  \"rules\": [\n    {\"attribute\": \"a\", \"strategy\": \"MASK\"},\n    {\"attribute\": \"b\",\n     \"strategy\": \"MASKED\"}]}",
                5
            ),
            ("{\n  \"rules\": [\n    {\"attribute\": \"a\", \"strategy\": \"MASK\"},\n    {\"attribute\": \"b\"}]}", 4),
            ("{\n\"fields\": {\"email\": \"HASH\",\n\n\"n\\u0061me\": 1}}", 4),
            ("{\n\"texts\": {\"email\": \"HASH\",\n\"emial\": \"HASH\"}}", 3),
            ("\n\n[]", 3), ("{\"rules\":\n\n\"x\"}", 3), ("{\n\"rules\": [],\n\"rule\": []}", 3),
            ("{\n\"rules\": [\n", 3), ("{\n\"rules\":\n [}\n", 3),
        ])
    func line(file: String, line: Int) {
        let refusal = #expect(throws: RedactionRulesError.self) { try RedactionRules(parsing: Array(file.utf8)) }
        #expect(refusal?.line == line)
        #expect(refusal?.description.hasPrefix("line \(line): ") == true)
    }

    @Test func aFileThatIsNoJSONIsRefusedWithItsByte() {
        let refusal = #expect(throws: RedactionRulesError.self) { try RedactionRules(parsing: Array("{".utf8)) }
        #expect(refusal?.description.contains("at byte 1") == true)
        #expect(refusal?.entry == "")
    }

    @Test func noDamageStopsTheProgram() {
        var random = SeededDamage()
        let file = Array(
            #"{"rules":[{"attribute":"a.*","strategy":"MASK"}],"fields":{"email":"HASH"},"texts":{"ssn":"KEEP"},"defaults":true}"#
                .utf8)
        var readCount = 0
        for _ in 0..<5000 {
            if (try? RedactionRules(parsing: random.damage(file))) != nil { readCount += 1 }
        }
        #expect(readCount < 2500)
    }
}
