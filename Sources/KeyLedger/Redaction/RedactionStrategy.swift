internal import CryptoPrimitives

/// What stands in the place of a value that must not be seen.
///
/// The forms are FLUO's, byte for byte. ``hash`` and ``tokenize`` are keyed, because a digest of an e-mail address or a
/// social-security number is found by trying all of them; the plain forms exist for data that must match FLUO's, and
/// only under their own names.
public enum RedactionStrategy: String, Hashable, Sendable, CaseIterable {
    /// `[REDACTED]`
    case exclude = "EXCLUDE"
    /// `[REDACTED]`
    case redact = "REDACT"
    /// `hash:v2:` and the first 32 hexadecimal digits of HMAC-SHA256(hashing key, value).
    case hash = "HASH"
    /// `hash:` and the first 32 hexadecimal digits of SHA-256(value).
    case hashPlain = "HASH_V1"
    /// The first four characters, `...`, the last four; `***` for up to eight characters.
    case truncate = "TRUNCATE"
    /// `TOK-` and the first 16 hexadecimal digits of HMAC-SHA256(tokenization key, tenant `:` value).
    case tokenize = "TOKENIZE"
    /// `TOK-` and the first 12 hexadecimal digits of SHA-256(tenant `:` value).
    case tokenizePlain = "TOKENIZE_V1"
    /// `u***@e***.com` for an e-mail address; else the first character, `***`, the last; `****` for up to four.
    case mask = "MASK"
    /// An ``EncryptedValue``, which the caller makes.
    case encrypt = "ENCRYPT"

    /// The strategy of this name in any case, such as `MASK` or `hash_v1`; nil if there is none.
    public init?(named name: String) {
        guard let found = Self.allCases.first(where: { $0.rawValue.isEqualIgnoringASCIICase(to: name) }) else {
            return nil
        }
        self = found
    }

    /// What stands for a value that is empty, missing, or could not be treated.
    public static let redacted = "[REDACTED]"
}

// MARK: - Replacing a value

extension RedactionStrategy {
    /// What stands for `value`, or nil for ``encrypt``.
    ///
    /// Characters are Unicode scalars: the same on every platform and in every version of Unicode, which neither
    /// grapheme clusters (their borders move) nor UTF-16 code units (they split scalars) are. An accent that is written
    /// as a scalar of its own is one more character.
    ///
    /// - Parameters:
    ///   - value: the value to hide.
    ///   - tenant: the tenant it belongs to.
    ///   - key: the tenant's redaction key, for the forms that belong to a tenant; without one, what needs it is
    ///     `[REDACTED]`.
    /// - Returns: the text that may be seen.
    public func replacement(for value: String, tenant: String, key: RedactionKey?) -> String? {
        guard !value.isEmpty else { return Self.redacted }
        switch self {
        case .exclude, .redact: return Self.redacted
        case .hashPlain: return "hash:" + Self.digest(of: value).prefix(32)
        case .truncate: return Self.truncated(value)
        case .mask: return Self.masked(value)
        case .hash, .tokenize, .tokenizePlain, .encrypt: break
        }
        guard let key else { return Self.redacted }
        return switch self {
        case .hash: "hash:v2:" + Self.digest(of: value, under: key.hashing).prefix(32)
        case .tokenize: "TOK-" + Self.digest(of: "\(tenant):\(value)", under: key.tokenization).prefix(16)
        case .tokenizePlain: "TOK-" + Self.digest(of: "\(tenant):\(value)").prefix(12)
        default: nil
        }
    }

    private static func digest(of text: String, under key: borrowing SecretBytes) -> String {
        let bytes = Array(text.utf8)
        return HMACSHA256.code(for: unsafe bytes.span.bytes, key: key).description
    }

    private static func digest(of text: String) -> String {
        let bytes = Array(text.utf8)
        return SHA256.hash(unsafe bytes.span.bytes).description
    }

    private static func truncated(_ value: String) -> String {
        let scalars = value.unicodeScalars
        guard scalars.count > 8 else { return "***" }
        return String(scalars.prefix(4)) + "..." + String(scalars.suffix(4))
    }

    private static func masked(_ value: String) -> String {
        let scalars = value.unicodeScalars
        guard scalars.count > 4, let first = scalars.first, let last = scalars.last else { return "****" }
        return maskedAddress(scalars) ?? "\(first)***\(last)"
    }

    /// The masked form of an e-mail address: something, an `@`, and a domain of two labels or more.
    private static func maskedAddress(_ scalars: String.UnicodeScalarView) -> String? {
        guard let at = scalars.lastIndex(of: "@"), let first = scalars[..<at].first else { return nil }
        let domain = scalars[scalars.index(after: at)...]
        guard let dot = domain.lastIndex(of: "."), let initial = domain[..<dot].first, initial != "." else {
            return nil
        }
        let label = domain[domain.index(after: dot)...]
        guard !label.isEmpty, !scalars.contains(where: \.properties.isWhitespace) else { return nil }
        return "\(first)***@\(initial)***." + String(label)
    }
}

// MARK: - Recognising redacted values

extension RedactionStrategy {
    /// Whether this is what a strategy wrote, so that redacting a file twice does no more than redacting it once.
    /// Masked and truncated values need no such check: they come out the same or shorter.
    static func isReplacement(_ text: String) -> Bool {
        if text == redacted { return true }
        if text.hasPrefix("hash:") {
            return text.dropFirst(text.hasPrefix("hash:v2:") ? 8 : 5).isLowercaseHexadecimal(count: 32)
        }
        if text.hasPrefix("TOK-") {
            return text.dropFirst(4).isLowercaseHexadecimal(count: text.utf8.count == 20 ? 16 : 12)
        }
        return text.hasPrefix("enc:") && (try? EncryptedValue(parsing: text)) != nil
    }
}

extension Substring {
    fileprivate func isLowercaseHexadecimal(count: Int) -> Bool {
        utf8.count == count
            && utf8.allSatisfy { (0x30...0x39).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }
}

extension String {
    /// Names of strategies and fields are ASCII; other letters have no case here.
    func isEqualIgnoringASCIICase(to other: String) -> Bool {
        utf8.elementsEqual(other.utf8) { $0.lowercasedASCII == $1.lowercasedASCII }
    }
}

extension UInt8 {
    /// The lower-case letter for an upper-case one; everything else as it is.
    var lowercasedASCII: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }
}
