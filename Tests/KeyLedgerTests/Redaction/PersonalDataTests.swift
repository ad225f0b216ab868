internal import KeyLedger
internal import Testing

@Suite("Recognising personal data")
struct PersonalDataTests {
    /// Findings written into the text: `‹kind:piece›`.
    private func marked(_ text: String) -> String {
        var result = ""
        let bytes = Array(text.utf8)
        var copied = 0
        for finding in PersonalData.findings(in: text) {
            result += String(decoding: bytes[copied..<finding.utf8Range.lowerBound], as: UTF8.self)
            result += "‹\(finding.kind.rawValue):" + String(decoding: bytes[finding.utf8Range], as: UTF8.self) + "›"
            copied = finding.utf8Range.upperBound
        }
        return result + String(decoding: bytes[copied...], as: UTF8.self)
    }

    @Test(
        "e-mail addresses are found where they stand",
        arguments: [
            "‹email:john@example.com›", "User ‹email:mária@example.com› not found.",
            "<‹email:john.doe+x@mail.example.co.uk›>,",
            "mailto:‹email:john@example.com›?subject=x", "http://h/p?q=‹email:john%40example.com›&x=1",
            "http://h/?q=‹email:john%2Btag%40example.com›", "'‹email:o'brien@example.com›'", "(‹email:a_b@x.io›)",
            "‹email:用户@例子.公司›", "‹email:a@b.co›@c.de",
            "a,‹email:john@example.com›;‹email:ana@example.com›", "x=‹email:john@example.com›.",
            "q%3D‹email:john%40example.com›",
        ])
    func email(text: String) {
        let plain = text.replacing("‹email:", with: "").replacing("›", with: "")
        #expect(marked(plain) == text)
    }

    @Test(
        "cards, social-security numbers and telephones are found where they stand",
        arguments: [
            "‹credit_card:4111111111111111›", "card ‹credit_card:4111 1111 1111 1111›.",
            "‹credit_card:4111-1111-1111-1111›,",
            "‹credit_card:378282246310005›", "‹credit_card:3782 822463 10005›", "‹credit_card:5555555555554444›",
            "‹credit_card:6011111111111117›", "‹credit_card:30569309025904›", "‹credit_card:4222222222222›",
            "‹credit_card:6304000000000000000›",
            "‹credit_card:1234 5678 1234 5670› 2026",
            "SSN ‹ssn:123-45-6789›!", "‹ssn:078 05 1120›", "‹ssn:987-65-4321›;",
            "‹phone:555-123-4567›", "call ‹phone:(555) 123-4567›", "‹phone:+1 (555) 123-4567›",
            "‹phone:1-800-555-1234›",
            "‹phone:555.123.4567›x9", "‹phone:+43 664 1234567›", "‹phone:+442079460958›", "‹phone:0664 1234567›",
            "‹phone:030/1234567›", "‹phone:0043 664 1234567›", "to ‹phone:%2B15551234567›",
            "‹phone:+44 20 7946 0958›, 1",
        ])
    func number(text: String) {
        var plain = text
        for kind in PersonalData.Kind.allCases { plain = plain.replacing("‹\(kind.rawValue):", with: "") }
        #expect(marked(plain.replacing("›", with: "")) == text)
    }

    @Test(
        "names and addresses are found by their shape, or by the word before them",
        arguments: [
            "Dear Mrs. ‹name:Ana Silva›, hello", "Dr ‹name:John Q. Public›", "Herr ‹name:Übermut-Öl› kommt",
            "claim of patient: ‹name:John Smith› denied", "customer_name=‹name:Fatima O'Neil›;",
            "at ‹address:221B Baker Street›, ok", "‹address:1600 Pennsylvania Avenue NW, Washington, DC 20500›.",
            "‹address:350 5th Ave, New York, NY 10118›", "‹address:12 Main St. Apt 4B, Springfield, IL 62704›",
            "q=‹address:12+Main+St›&x", "‹address:Mariahilfer Straße 5›", "‹address:Hauptstraße 12a› 1. Stock",
            "ssn: ‹ssn:123456789›", "Social Security Number: ‹ssn:123456789›", "phone=‹phone:5551234567›",
            "Home address: ‹address:Rue de Rivoli 12, 75001 Paris›",
            #"{"name":"‹name:john›","age":7,"ssn":‹ssn:123456789›}"#, #"{'user_name': '‹name:noor›', 'ok': True}"#,
            #"body={\"email\":\"‹email:x›\",\"city\":\"a\"}"#, #"{"user.name":"‹name:cut off›"#,
            "name=‹name:john›&x=1", "/p?user.name=‹name:John%20Smith›&phone=‹phone:5551234567›#f",
            "/p?ssn=‹ssn:1›&&=&name=",
            "https://‹name:john:secret›@example.com/x",
        ])
    func nameOrAddress(text: String) {
        var plain = text
        for kind in PersonalData.Kind.allCases { plain = plain.replacing("‹\(kind.rawValue):", with: "") }
        #expect(marked(plain.replacing("›", with: "")) == text)
    }

    @Test(
        "what is technical is left alone",
        arguments: [
            "259e8656-de42-4ac8-ab31-f2a6e946288e", "12345678-1234-1234-1234-123456789012",
            "b2c2f8b7e61bef3454e8adafbb4c5dd0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "Ek0C7INctg3Zd418coz4ZD7XfIRccidFYOM2uZfcqubx0ULGKgOq",
            "1795495373298500290", "1795495373298", "1795495373", "2026-11-24T20:46:08.123456789Z", "20261124204608",
            "127.0.0.1:5056", "192.168.100.200", "[2001:db8::1]:443",
            "http://127.0.0.1:5056/claims/c0027?page=2&size=10",
            "python-requests/2.34.2",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)",
            "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", "lodash@4.17.21",
            "Object@1a2b3c",
            "@app.route('/x')", "git commit 3f22d08", "48.208174, 16.373819", "0.4111111111111111", "3.14159265358979",
            "4111111111111112", "4111 1111 1111 1112", "a4111111111111111", "41111111111111111111", "0000000000000000",
            "File \"/root/.pyenv/versions/3.11.7/lib/python3.11/site-packages/botocore/client.py\", line 1094, in _make_api_call",
            "b = s3.get_object(Bucket=\"claims\", Key=f\"{t}/{cid}\")[\"Body\"].read()",
            "def f(name: str, address: Optional[str] = None)",
            "with user_name=None", "at address=0x7fff5fbff8a8", "Address: 127.0.0.1:5055", "address: 10 more lines",
            "KeyError: 'address'",
            "An error occurred (NoSuchKey) when calling the GetObject operation: The specified key does not exist.",
            "MS Windows", "cache Miss Rate", "404 Not Found", "HTTP/1.1 503 Service Unavailable",
            "{\"service.name\":\"claims\"}",
            "x+12345678", "retry 3 of 5", "12-123-45-6789", "GET /claims/<cid>", "urn:oid:1.2.840.113549", "",
        ])
    func technical(text: String) {
        #expect(marked(text) == text)
    }

    @Test(
        "a field's name says what it holds",
        arguments: [
            ("email", .email), ("customer.email", .email), ("customerEmail", .email), ("user.email_address", .email),
            ("contact.email.address", .email), ("EMAIL2", .email), ("user[email]", .email), ("e-mail", .email),
            ("ssn", .ssn), ("patient.SSN", .ssn), ("userSSN", .ssn), ("social_security_number", .ssn), ("tax_id", .ssn),
            ("passport.number", .ssn), ("payment.card_number", .creditCard), ("creditCard", .creditCard),
            ("card.number", .creditCard), ("customer.iban", .creditCard), ("phone", .phone), ("phoneNumber", .phone),
            ("contact.phone.number", .phone), ("user.mobile_number", .phone), ("fax", .phone), ("home-phone", .phone),
            ("name", .name), ("user.name", .name), ("customer.full_name", .name), ("firstName", .name),
            ("username", .name),
            ("claim.holder.name", .name), ("patient.name.family", .name), ("claim.claimant", .name),
            ("billing.name", .name),
            ("address", .address), ("customer.address", .address), ("billing_address_line1", .address),
            ("street", .address),
            ("address.city", .address), ("zip_code", .address), ("postalCode", .address), ("claim.address", .address),
        ] as [(String, PersonalData.Kind)])
    func fieldName(name: String, kind: PersonalData.Kind) {
        #expect(PersonalData.kind(ofFieldNamed: name) == kind)
    }

    @Test(
        "a field's name that says nothing of a person is not taken for one",
        arguments: [
            "service.name", "http.server_name", "net.host.name", "net.peer.name", "telemetry.sdk.name", "thread.name",
            "aws.dynamodb.table_names", "db.name", "code.function.name", "user_agent.name", "user_agent.original",
            "http.user_agent", "server.address", "client.address", "network.peer.address", "net.sock.peer.addr",
            "ip_address",
            "macAddress", "email.count", "emailVerified", "card.type", "phone_type", "tenant.id", "rpc.service",
            "rpc.method",
            "aws.request_id", "http.status_code", "net.peer.port", "compliance.control", "pii.kind", "enduser.role",
            "claim.id", "customer.plan.name", "span_name", "filename", "hostname", "", ".", "...", "_",
        ])
    func technicalFieldName(name: String) {
        #expect(PersonalData.kind(ofFieldNamed: name) == nil)
    }

    @Test func noTextStopsTheProgramOrSplitsAScalar() {
        var random = SeededDamage()
        let seeds = [
            "user ‹mária@example.com› +43 (664) 123-4567 ssn: 123-45-6789, 4111 1111 1111 1111 Mrs. Ána Silva-Öz 12 Main St, X",
            #"/p?name=Jo%C3%A9&email=a%40b.co {"user.name": \"é\", 'ssn':"1"} Straße 5 https://ü:p@h/ address: 1 Élan Way"#,
        ]
        for _ in 0..<8000 {
            let damaged = random.damage(Array((seeds.randomElement(using: &random) ?? "").utf8))
            let text = String(decoding: damaged, as: UTF8.self)
            let bytes = Array(text.utf8)
            var end = 0
            for finding in PersonalData.findings(in: text) {
                let range = finding.utf8Range
                #expect(range.lowerBound >= end && range.lowerBound < range.upperBound, "seed \(random.seed)")
                let isWhole = String(validating: bytes[range], as: UTF8.self) != nil
                #expect(isWhole, "seed \(random.seed): \(text)")
                end = range.upperBound
            }
            #expect(end <= bytes.count)
        }
    }

    /// Texts made to be read again and again from the same place.
    @Test(
        "no text takes more than linear time",
        arguments: [
            "@", "a@", "a@b.", "a.", "%40", "?name=", "&name=a", "\"name\":\"", "\"name\": \\", "name: ", "1 ", "1-",
            "+1",
            "(1) ", "1 A ", "4111 ", "Dr ", "A", "é", "=", "'", "\\", "a://", "12 Main ", "ssn:1", "address: 1 A",
            "Straße 1",
        ])
    func time(piece: String) {
        let text = String(repeating: piece, count: 100_000 / piece.utf8.count)
        let clock = ContinuousClock()
        let elapsed = clock.measure { _ = PersonalData.findings(in: text) }
        #expect(elapsed < .seconds(10))
    }
}
