/// Personal data, recognised in texts by its shape and in fields by their names.
///
/// Shapes are tested byte by byte, without regular expressions: a stack trace of kilobytes is read once. Where a shape
/// is ambiguous, what could be a person's is taken for it; bare numbers are not, unless a check digit vouches for them,
/// because ports, times and request ids are numbers too. A first name in the middle of a sentence has no shape: it is
/// found only in a field that says so.
public enum PersonalData {
    /// What kind of personal data something is.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// An e-mail address.
        case email
        /// A social-security number, or another number a state knows a person by.
        case ssn
        /// The number of a payment card or account.
        case creditCard = "credit_card"
        /// A telephone number.
        case phone
        /// The name of a person.
        case name
        /// A postal address or a part of one.
        case address
    }

    /// A piece of a text that is personal.
    public struct Finding: Hashable, Sendable {
        /// What it is.
        public let kind: Kind
        /// Where it stands, in bytes of UTF-8; never inside a scalar.
        public let utf8Range: Range<Int>
    }

    /// The personal data in a text: in order, not overlapping.
    public static func findings(in text: String) -> [Finding] { findings(in: Array(text.utf8)) }

    static func findings(in text: [UInt8]) -> [Finding] {
        var scanner = TextScanner(text)
        scanner.scan()
        return merged(scanner.findings)
    }

    /// Overlapping findings become one, of the kind that begins first: nothing that anybody found is left standing.
    private static func merged(_ findings: [Finding]) -> [Finding] {
        guard findings.count > 1 else { return findings }
        let sorted = findings.sorted {
            ($0.utf8Range.lowerBound, -$0.utf8Range.upperBound) < ($1.utf8Range.lowerBound, -$1.utf8Range.upperBound)
        }
        var merged: [Finding] = []
        for finding in sorted {
            if let last = merged.last, finding.utf8Range.lowerBound < last.utf8Range.upperBound {
                let end = max(last.utf8Range.upperBound, finding.utf8Range.upperBound)
                merged[merged.count - 1] = Finding(kind: last.kind, utf8Range: last.utf8Range.lowerBound..<end)
            } else {
                merged.append(finding)
            }
        }
        return merged
    }

    /// Whether these digits end in their check digit (ISO/IEC 7812-1, annex B).
    static func hasLuhnCheckDigit(_ digits: some BidirectionalCollection<UInt8>) -> Bool {
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let value = Int(digit - UInt8(ascii: "0"))
            sum += place.isMultiple(of: 2) ? value : value * 2 - (value > 4 ? 9 : 0)
        }
        return sum.isMultiple(of: 10)
    }
}
