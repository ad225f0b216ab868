internal import CryptoPrimitives
internal import Glibc
public import Transparency

extension Verification {
    /// Whether nothing is wrong.
    public var isIntact: Bool { findings.isEmpty }

    /// As JSON; `Specs/VERIFY.md` has the members.
    public var json: JSONObject {
        var counts = JSONObject()
        for kind in Finding.Kind.allCases {
            if let count = findingCounts[kind] { counts[kind.rawValue] = .count(UInt64(count)) }
        }
        return [
            "verdict": isIntact ? "intact" : "tampered", "origin": .string(origin), "events": .count(eventCount),
            "trustworthyEvents": .count(trustworthyEventCount), "blocks": .count(blockCount),
            "rootHash": .string(rootHash.description), "detailsOpened": .bool(openedDetails),
            "findings": .array(findings.map { .object($0.json(trustworthyEventCount)) }),
            "findingCounts": .object(counts), "notes": .array(notes.map { .string($0) }),
        ]
    }

    private static let shownOfEachKind = 3

    /// For a person.
    public var text: String {
        var lines = ["\(origin): \(eventCount) events in \(blockCount) blocks", "root hash \(rootHash)"]
        lines += openedDetails ? ["details and key material opened"] : ["details and key material left sealed"]
        lines += notes.map { "note: \($0)" }
        // The first few of each kind: JSON has more.
        var shown: [Finding.Kind: Int] = [:]
        for finding in findings {
            shown[finding.kind, default: 0] += 1
            if shown[finding.kind, default: 0] > Self.shownOfEachKind { continue }
            lines += ["", "✘ \(finding.kind.rawValue): \(finding.kind.meaning)", "  \(finding.detail)"]
            if let since = finding.since { lines.append("  since \(Instant(nanoseconds: since))") }
            lines.append("  still trustworthy: \(finding.trustworthy(trustworthyEventCount))")
        }
        for (kind, count) in findingCounts.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where count > Self.shownOfEachKind {
            lines += ["", "✘ \(kind.rawValue): \(count - Self.shownOfEachKind) more like these"]
        }
        lines.append("")
        let total = findingCounts.values.reduce(0, +)
        lines.append(
            isIntact
                ? "Intact." : "Tampered with or damaged: \(total) \(total == 1 ? "finding" : "findings").")
        return lines.joined(separator: "\n")
    }
}

extension Finding {
    func trustworthy(_ count: UInt64) -> String {
        guard kind.endsTrust else { return kind.trustworthy }
        return count == 0 ? "nothing" : "the \(count) events before event \(count)"
    }

    fileprivate func json(_ trustworthyCount: UInt64) -> JSONObject {
        var object: JSONObject = ["kind": .string(kind.rawValue), "meaning": .string(kind.meaning)]
        if let event { object["event"] = .count(event) }
        if let since { object["since"] = .string(Instant(nanoseconds: since).description) }
        object["detail"] = .string(detail)
        object["trustworthy"] = .string(trustworthy(trustworthyCount))
        return object
    }
}

extension JSONValue {
    /// A count: a number, or from 2^53 on a string (RFC 8785).
    static func count(_ value: UInt64) -> JSONValue {
        JSONNumber(exactly: value).map(JSONValue.number) ?? .string(String(value))
    }
}

/// An instant as people write it: RFC 3339, UTC, with nanoseconds.
struct Instant: CustomStringConvertible {
    let nanoseconds: UInt64

    var description: String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var fields = unsafe tm()
        guard unsafe gmtime_r(&seconds, &fields) != nil else { return "\(nanoseconds) ns" }
        func digits(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = unsafe [digits(fields.tm_year + 1900, 4), digits(fields.tm_mon + 1, 2), digits(fields.tm_mday, 2)]
        let time = unsafe [digits(fields.tm_hour, 2), digits(fields.tm_min, 2), digits(fields.tm_sec, 2)]
        return "\(date.joined(separator: "-"))T\(time.joined(separator: ":"))."
            + "\(digits(nanoseconds % 1_000_000_000, 9))Z"
    }
}
