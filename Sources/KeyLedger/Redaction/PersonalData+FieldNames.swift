extension PersonalData {
    /// The kind of personal data that a field of this name holds by convention: `customer.email`, `user.name`, `ssn`,
    /// `billing_address`, `phoneNumber`. Nil for names of things: `service.name`, `server.address`, `card.type`.
    ///
    /// A name is read as words, whether they are separated by punctuation or by capital letters.
    public static func kind(ofFieldNamed name: String) -> Kind? {
        let words = FieldWords(name)
        guard let last = words.leaf.last, !FieldWords.aspects.contains(last) else { return nil }
        if words.isEmail { return .email }
        if words.isGovernmentNumber { return .ssn }
        if words.isCardNumber { return .creditCard }
        if words.isPhone { return .phone }
        if words.isName { return .name }
        if words.isAddress { return .address }
        return nil
    }
}

/// The words of a field's name, in lower case and without trailing digits (`address_line1`, `phone2`).
private struct FieldWords {
    /// All of them.
    var all: [String] = []
    /// Those of the last dotted part; together with those of the part before it, if they only say which one
    /// (`email.primary`, `phone.number`, `name.first`).
    var leaf: [String] = []
    /// Those of the last two dotted parts: whose it is, is said next to what it is.
    var near: [String] = []

    init(_ name: String) {
        var parts: [[String]] = [[]]
        var word: [UInt8] = []
        let bytes = Array(name.utf8)
        for (index, byte) in bytes.enumerated() {
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            switch byte {
            case _ where byte.isASCIIUppercase:
                // customerEmail, userSSN, HTTPServer.
                let previous = index > 0 ? bytes[index - 1] : 0
                let isStart = !previous.isASCIIUppercase || next != 0 && next.isASCIILetter && !next.isASCIIUppercase
                if isStart { Self.end(&word, of: &parts) }
                word.append(byte.lowercasedASCII)
            case _ where byte.isASCIIAlphanumeric || byte >= 0x80:
                word.append(byte)
            default:
                Self.end(&word, of: &parts)
                if byte == UInt8(ascii: "."), parts.last?.isEmpty == false { parts.append([]) }
            }
        }
        Self.end(&word, of: &parts)
        if parts.last?.isEmpty == true { parts.removeLast() }
        all = parts.flatMap { $0 }
        near = parts.suffix(2).flatMap { $0 }
        leaf = parts.last ?? []
        if parts.count > 1, leaf.allSatisfy(Self.selectors.contains) { leaf = parts[parts.count - 2] + leaf }
    }

    private static func end(_ word: inout [UInt8], of parts: inout [[String]]) {
        while word.count > 1, word.last?.isASCIIDigit == true { word.removeLast() }
        // The user agent is a program, not a user.
        if word == Array("agent".utf8), parts[parts.count - 1].last == "user" { parts[parts.count - 1].removeLast() }
        if !word.isEmpty { parts[parts.count - 1].append(String(decoding: word, as: UTF8.self)) }
        word.removeAll(keepingCapacity: true)
    }

    // MARK: - Words

    /// Last words that make a name one of something about the value, not the value.
    static let aspects: Set<String> = [
        "count", "type", "kind", "length", "size", "status", "verified", "valid", "validated", "enabled", "hash",
        "hashed", "present", "format", "provider", "template", "version", "brand", "port", "domain",
    ]
    private static let selectors: Set<String> = [
        "address", "value", "primary", "secondary", "home", "work", "number", "raw", "text", "first", "last", "given",
        "family", "middle", "full", "line", "city", "state", "county", "country", "region", "zip", "house", "0", "1",
        "2", "3",
    ]
    private static let people: Set<String> = [
        "user", "enduser", "customer", "person", "patient", "member", "employee", "claimant", "contact", "holder",
        "policyholder", "cardholder", "accountholder", "owner", "subscriber", "beneficiary", "insured", "applicant",
        "guardian", "driver", "passenger", "recipient", "sender", "payee", "payer", "buyer", "seller", "student",
        "teacher", "doctor", "physician", "nurse", "author", "reviewer", "assignee", "adjuster", "witness", "spouse",
        "dependent", "billing", "shipping",
    ]
    /// People who are named by their role alone: `claim.claimant`.
    private static let roles: Set<String> = [
        "claimant", "policyholder", "cardholder", "accountholder", "patient", "beneficiary", "insured", "applicant",
        "guardian", "payee", "signatory",
    ]
    private static let givenNames: Set<String> = [
        "firstname", "lastname", "fullname", "surname", "username", "forename", "familyname", "givenname", "middlename",
        "maidenname", "nickname",
    ]
    private static let nameParts: Set<String> = [
        "first", "last", "full", "given", "family", "middle", "maiden", "preferred", "legal",
    ]
    /// What has an address without living there.
    private static let machines: Set<String> = [
        "server", "client", "network", "net", "source", "destination", "peer", "host", "local", "remote", "ip", "ipv",
        "mac", "socket", "sock", "memory", "mem", "broker", "node", "listen", "bind", "url", "web", "dns", "proxy",
        "upstream", "downstream", "gateway", "interface", "bluetooth", "virtual", "return", "contract", "wallet",
        "http", "rpc", "grpc", "service", "endpoint", "cluster", "container", "pod", "code", "thread", "process", "db",
    ]
    private static let streets: Set<String> = ["street", "postcode", "postalcode", "zipcode", "zip", "streetaddress"]

    // MARK: - Kinds

    var isEmail: Bool {
        leaf.contains("email") || leaf.contains("emails") || leaf.last == "mail" || leaf.contains("emailaddress")
    }

    var isGovernmentNumber: Bool {
        leaf.contains("ssn") || leaf.contains("passport") || leaf.contains("itin") || leaf.has("social", "security")
            || leaf.contains { $0.hasPrefix("socialsecurity") } || leaf.has("tax", "id") || leaf.contains("taxid")
            || leaf.has("national", "id") || leaf.has("national", "insurance") || leaf.contains("nationalid")
    }

    var isCardNumber: Bool {
        if leaf.contains("creditcard") || leaf.contains("cardnumber") || leaf.contains("ccnumber") { return true }
        if leaf.contains("iban") || leaf == ["pan"] || leaf.has("cc", "number") { return true }
        return leaf.has("card", "number") || leaf.has("credit", "card") || leaf.has("debit", "card")
            || leaf.last == "cc"
    }

    var isPhone: Bool {
        leaf.contains("phone") || leaf.contains("telephone") || leaf.contains("cellphone") || leaf.contains("msisdn")
            || leaf.contains("phonenumber") || leaf.contains("mobilephone") || leaf.last == "tel" || leaf.last == "fax"
            || leaf.has("mobile", "number") || leaf.has("cell", "number")
    }

    var isName: Bool {
        if leaf.contains(where: Self.givenNames.contains) { return true }
        guard let last = leaf.last else { return false }
        if Self.roles.contains(last) { return true }
        guard leaf.contains("name"), last == "name" || Self.nameParts.contains(last) else { return false }
        return all == ["name"] || near.contains(where: Self.people.contains)
            || leaf.contains(where: Self.nameParts.contains)
    }

    var isAddress: Bool {
        if leaf.contains(where: Self.streets.contains) || leaf.has("postal", "code") || leaf.has("zip", "code") {
            return true
        }
        guard leaf.contains("address") || leaf.contains("addr") || leaf.contains("residence") else { return false }
        return !all.contains(where: Self.machines.contains)
    }
}

extension [String] {
    /// Whether these two words stand side by side.
    fileprivate func has(_ first: String, _ second: String) -> Bool {
        zip(self, dropFirst()).contains { $0 == first && $1 == second }
    }
}
