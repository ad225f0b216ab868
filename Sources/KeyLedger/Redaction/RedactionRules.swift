/// Which attribute is redacted, and how.
///
/// For the name of an attribute the first rule that matches decides. Where none does, or the rule says to look closer,
/// a name that conventionally holds personal data decides (``PersonalData/kind(ofFieldNamed:)``); and where that says
/// nothing, personal data is looked for inside the value and replaced where it stands.
public struct RedactionRules: Hashable, Sendable {
    /// What a rule says about an attribute.
    public enum Action: Hashable, Sendable {
        /// Leave it as it is, and do not look into it.
        case keep
        /// Decide by conventions and by what is in it, as if there were no rule: an exception from a wider rule below.
        case detect
        /// Replace the value.
        case apply(RedactionStrategy)
    }

    /// One entry of the list.
    public struct Rule: Hashable, Sendable {
        /// The attributes it is about.
        public let pattern: AttributePattern
        /// What is done with them.
        public let action: Action

        /// A rule.
        public init(_ pattern: AttributePattern, _ action: Action) {
            self.pattern = pattern
            self.action = action
        }
    }

    /// The rules, in the order in which they are tried.
    public var rules: [Rule]
    /// What replaces the value of an attribute that holds this kind of data by convention. A kind that is missing
    /// here is looked for inside the value.
    public var fields: [PersonalData.Kind: RedactionStrategy]
    /// What replaces this kind of data where it stands inside a longer text. A kind that is missing here stays.
    public var texts: [PersonalData.Kind: RedactionStrategy]

    /// Rules and what is done with what is detected.
    public init(
        rules: [Rule], fields: [PersonalData.Kind: RedactionStrategy], texts: [PersonalData.Kind: RedactionStrategy]
    ) {
        self.rules = rules
        self.fields = fields
        self.texts = texts
    }
}

// MARK: - Deciding

extension RedactionRules {
    /// What happens to the value of one attribute.
    enum Treatment: Hashable {
        case keep
        case replace(RedactionStrategy)
        case search
    }

    func treatment(of name: String) -> Treatment {
        let lowercased = name.utf8.map(\.lowercasedASCII)
        switch rules.first(where: { $0.pattern.matches(lowercased: lowercased) })?.action {
        case .keep: return .keep
        case .apply(let strategy): return .replace(strategy)
        case .detect, nil: break
        }
        guard let strategy = PersonalData.kind(ofFieldNamed: name).flatMap({ fields[$0] }) else { return .search }
        return .replace(strategy)
    }
}

// MARK: - Defaults

extension RedactionRules {
    /// The rules without a rule file.
    ///
    /// What the tenant may need again is encrypted (addresses, e-mail and postal; social-security numbers), what has to
    /// be told apart is hashed (names, user ids), what people compare by sight is masked (cards, telephones). Inside a
    /// text nothing is encrypted: messages and URLs stay readable and short.
    public static let standard = RedactionRules(
        rules: standardRules,
        fields: [
            .email: .encrypt, .ssn: .encrypt, .creditCard: .mask, .phone: .mask, .name: .hash, .address: .encrypt,
        ],
        texts: [
            .email: .mask, .ssn: .redact, .creditCard: .mask, .phone: .mask, .name: .hash, .address: .redact,
        ])

    private static let standardRules: [Rule] =
        // Metadata of calls is written by callers.
        rules(.detect, "rpc.*.metadata.*")
        + rules(
            .apply(.redact),
            "http.request.header.authorization", "http.request.header.proxy-authorization",
            "http.request.header.cookie",
            "http.response.header.set-cookie", "*.password", "password", "*.passphrase", "*.secret", "*.api_key")
        + rules(.apply(.hash), "enduser.id", "user.id", "user.login")
        + rules(.apply(.encrypt), "*birth_date", "*birthdate", "*date_of_birth", "*.dob", "dob")
        + rules(
            .keep,
            // Whose it is and what it proves.
            "tenant.id", "compliance.*", "service.*", "telemetry.*", "deployment.*",
            // Identifiers made by machines, in which anything may be found by chance.
            "aws.request_id", "aws.extended_request_id", "*request_id", "*request.id", "*trace_id", "*trace.id",
            "*span_id", "*span.id", "*.port", "*.status_code", "http.flavor", "exception.type", "exception.escaped",
            // Names of things.
            "rpc.*", "cloud.*", "k8s.*", "container.*", "host.*", "os.*", "faas.*", "code.*", "thread.*", "process.pid",
            "process.runtime.*", "db.system", "db.operation", "db.name", "network.*", "server.address",
            "messaging.system", "messaging.operation", "otel.*")

    private static func rules(_ action: Action, _ patterns: String...) -> [Rule] {
        patterns.compactMap { AttributePattern($0) }.map { Rule($0, action) }
    }
}
