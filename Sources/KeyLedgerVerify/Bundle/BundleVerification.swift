internal import CryptoPrimitives
public import Transparency

/// A check of a bundle of evidence (`Specs/EVIDENCE.md`): one file, offline, without the ledger.
public struct BundleVerification: Sendable {
    /// Why it is evidence of nothing; nil if it holds.
    public let refusal: String?
    private let bundle: EvidenceBundle?

    /// Checks a bundle.
    ///
    /// - Parameter keys: The verifier keys of the ledger's checkpoints, known from elsewhere; their name is the ledger's.
    /// - Throws: ``Unreadable`` for a file that cannot be read, and for keys that are none.
    public init(of path: String, keys: [String]) throws(Unreadable) {
        let file = try SmallFile.read(path, limit: 1 << 30)
        var logKeys: [VerifierKey] = []
        for text in keys { logKeys.append(try VerifierKey(given: text)) }
        guard let name = logKeys.first?.name.description, let origin = Origin(name) else {
            throw Unreadable(path, "who may have signed it? Give --key")
        }
        let policy: CheckpointPolicy
        do throws(PolicyError) {
            policy = try CheckpointPolicy(origin: origin, logKeys: logKeys)
        } catch {
            throw Unreadable("--key", "\(error)")
        }
        do throws(EvidenceError) {
            bundle = try EvidenceBundle.verify(file, policy: policy).bundle
            refusal = nil
        } catch {
            bundle = nil
            refusal = "\(error)"
        }
    }

    /// As JSON; `Specs/VERIFY.md` has the members.
    public var json: JSONObject {
        guard let bundle else { return ["verdict": "refused", "reason": .string(refusal ?? "")] }
        return [
            "verdict": "holds", "origin": .string(bundle.origin), "tenant": .string(bundle.tenant.name),
            "tenantId": .string("\(TextID(bundle.tenant.id))"), "from": .count(bundle.range.lowerBound),
            "to": .count(bundle.range.upperBound), "events": .count(UInt64(bundle.events.count)),
            "eventsWithDetails": .count(UInt64(detailsCount(of: bundle))),
            "publicKeys": .count(UInt64(bundle.publicKeys.count)),
            "timestampsUnchecked": .count(UInt64(bundle.timestamps.count)),
        ]
    }

    /// For a person.
    public var text: String {
        guard let bundle else { return "✘ \(refusal ?? "")\n\nEvidence of nothing." }
        var lines = [
            "\(bundle.origin): \(bundle.events.count) events of tenant \(bundle.tenant.name) (\(TextID(bundle.tenant.id)))",
            "from event \(bundle.range.lowerBound) to before event \(bundle.range.upperBound), "
                + "\(detailsCount(of: bundle)) with their details, \(bundle.publicKeys.count) public keys",
        ]
        if !bundle.timestamps.isEmpty {
            lines.append(
                "note: \(bundle.timestamps.count) timestamps are not checked: that takes their authority's key")
        }
        lines += ["", "Holds: these events are part of the history that the checkpoint commits to."]
        return lines.joined(separator: "\n")
    }

    private func detailsCount(of bundle: EvidenceBundle) -> Int { bundle.events.count { $0.details != nil } }
}

extension VerifierKey {
    /// A key from the command line.
    init(given text: String) throws(Unreadable) {
        do throws(VerifierKeyError) {
            try self.init(parsing: text)
        } catch {
            throw Unreadable("--key \(text)", "\(error)")
        }
    }
}
