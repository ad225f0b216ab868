internal import CryptoPrimitives
internal import KeyLedger
internal import Testing
internal import Transparency

/// The recorded file under the default rules, checked by means that have nothing to do with the code under test:
/// regular expressions, and the names of the people in the file.
@Suite("Redacting the sample file")
struct SampleRedactionTests {
    /// The eight invented users, as `enduser.id` has them.
    private static let people = ["ana", "chidi", "fatima", "john", "lars", "mária", "noor", "wei"]

    private func redactedLines(_ rules: RedactionRules) throws -> [ExportLine] {
        let tenants = try SampleFile.tenants()
        let key = try redactionKey()
        return try SampleFile.lines().map { bytes in
            var line = try ExportLine(parsing: bytes)
            for index in line.indices {
                guard let tenant = tenants.tenant(of: line[index]) else {
                    line[index] = rules.redact(withoutTenant: line[index])
                    continue
                }
                let pending = rules.collect(line[index], tenant: tenant, key: key)
                guard !pending.isUnchanged else { continue }
                line[index] = pending.apply(
                    pending.plaintexts.map { _ in
                        .encrypted(EncryptedValue(tenant: tenant, keyVersion: 1, box: [UInt8](repeating: 0, count: 40)))
                    })
            }
            return line
        }
    }

    /// What looks personal in these lines. Each text is looked at once, however often it stands there.
    private func survivors(in lines: [[UInt8]]) throws -> [String] {
        let shapes = try [
            #"[\p{L}0-9._%+-]+(@|%40)[\p{L}0-9-]+\.[\p{L}0-9.-]+"#, #"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"#,
            #"\+[0-9][0-9 ().-]{7,}"#, #"\b\(?[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}\b"#,
            #"\b([0-9]{4}[ -]){3}[0-9]{4}\b"#,
        ].map { try Regex($0) }
        var texts: [String: Int] = [:]
        for line in lines {
            for text in strings(in: try JSONValue(parsing: line)) { texts[text, default: 0] += 1 }
        }
        return texts.flatMap { text, count in
            // No shape fits letters and digits alone, and most texts here are ids.
            let isWord = text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) }
            var found = isWord ? [] : shapes.flatMap { shape in text.matches(of: shape).map { String(text[$0.range]) } }
            found += text.lowercased().split { !$0.isLetter }.map(String.init).filter(Self.people.contains)
            return repeatElement(found, count: count).flatMap { $0 }
        }
    }

    private func strings(in value: JSONValue) -> [String] {
        if let text = value.string { return [text] }
        if let elements = value.array { return elements.flatMap(strings) }
        return value.object?.members.flatMap { [$0.name] + strings(in: $0.value) } ?? []
    }

    @Test func noPersonalDataSurvives() throws {
        let before = try survivors(in: try SampleFile.lines()).count
        // The check finds what is there to be found: 288 e-mail addresses, and their owners' names in them and beside.
        #expect(before == 288 + 2 * 288)
        #expect(try survivors(in: try redactedLines(.standard).map { $0.serialized() }) == [])
    }

    /// Nothing but two attributes of 288 spans is touched: everything technical is as it was.
    @Test func nothingTechnicalIsHarmed() throws {
        var changes: [String: Int] = [:]
        for (original, redacted) in zip(try SampleFile.lines(), try redactedLines(.standard)) {
            let before = try ExportLine(parsing: original)
            let after = try ExportLine(parsing: redacted.serialized())
            #expect(before.count == after.count)
            for (old, new) in zip(before, after) where old != new {
                #expect(old.attributes.count == new.attributes.count)
                for (attribute, replaced) in zip(old.attributes, new.attributes) where attribute != replaced {
                    #expect(attribute["key"] == replaced["key"])
                    changes[attribute["key"]?.string ?? "", default: 0] += 1
                }
                var (oldRest, newRest) = (old.object, new.object)
                oldRest["attributes"] = nil
                newRest["attributes"] = nil
                #expect(oldRest == newRest)
            }
        }
        #expect(changes == ["enduser.id": 288, "user.email": 288])
    }

    @Test func pseudonymsTellPeopleApartWithinATenant() throws {
        var pseudonyms: Set<String> = []
        for line in try redactedLines(.standard) {
            for span in line {
                for attribute in span.attributes where attribute["key"]?.string == "enduser.id" {
                    pseudonyms.insert(attribute["value"]?["stringValue"]?.string ?? "")
                }
            }
        }
        // One key stands for all tenants here.
        #expect(pseudonyms.count == Self.people.count)
        #expect(pseudonyms.allSatisfy { $0.hasPrefix("hash:v2:") && $0.utf8.count == 40 })
    }

    /// The tests above can fail: without rules everything is still there.
    @Test func withoutRulesEverythingSurvives() throws {
        let nothing = RedactionRules(rules: [], fields: [:], texts: [:])
        for (original, line) in zip(try SampleFile.lines(), try redactedLines(nothing)) {
            #expect(try JSONValue(parsing: line.serialized()) == (try JSONValue(parsing: original)))
        }
    }
}
