internal import Transparency

/// A span that has been redacted but for the values to be encrypted.
///
/// Encryption belongs to whoever holds the key and accounts for its use; many spans can be encrypted in one go:
///
/// ```swift
/// let pending = rules.collect(span, tenant: tenant, key: key)
/// let outcomes = encryptAll(pending.plaintexts)
/// let redacted = pending.apply(outcomes)
/// ```
///
/// Until then each of these values is `[REDACTED]`, and stays so if its encryption fails: there is no path from a
/// failure back to the value, and none to a digest that could not be undone.
public struct PendingRedaction: Sendable {
    /// The values to be encrypted, in order. The only place where personal data is left.
    public let plaintexts: [String]
    /// How many values were replaced by each strategy, those to be encrypted included.
    public let counts: [RedactionStrategy: Int]
    /// The span with `[REDACTED]` where ciphertexts will be.
    let span: TelemetrySpan
    let slots: [Slot]

    /// Whether nothing in the span had to be replaced.
    public var isUnchanged: Bool { counts.isEmpty }

    /// What came of one encryption.
    public enum Outcome: Hashable, Sendable {
        /// It succeeded.
        case encrypted(EncryptedValue)
        /// It did not. The value is gone from this span: `[REDACTED]`.
        case failed
    }

    /// A text of the span that has ciphertexts in it.
    struct Slot: Sendable {
        let path: [Step]
        let pieces: [Piece]
    }

    /// A step from an object or array to what it contains.
    enum Step: Sendable {
        case member(String)
        case element(Int)
    }

    enum Piece: Sendable {
        case literal(String)
        case plaintext(Int)
    }

    /// The redacted span. There must be one outcome for each of ``plaintexts``, in their order.
    public func apply(_ outcomes: [Outcome]) -> TelemetrySpan {
        precondition(outcomes.count == plaintexts.count, "there is one outcome for each plaintext")
        guard !slots.isEmpty else { return span }
        return span.changing { object in
            var value = JSONValue.object(object)
            for slot in slots {
                let text = slot.pieces.map { $0.text(outcomes) }.joined()
                value.replace(at: slot.path[...], with: .string(text))
            }
            object = value.object ?? object
        }
    }
}

extension PendingRedaction.Piece {
    fileprivate func text(_ outcomes: [PendingRedaction.Outcome]) -> String {
        switch self {
        case .literal(let text): text
        case .plaintext(let index):
            if case .encrypted(let value) = outcomes[index] { value.text } else { RedactionStrategy.redacted }
        }
    }
}

extension JSONValue {
    fileprivate mutating func replace(at path: ArraySlice<PendingRedaction.Step>, with value: JSONValue) {
        switch (path.first, self) {
        case (nil, _): self = value
        case (.member(let name), .object(var object)):
            var child = object[name] ?? .null
            child.replace(at: path.dropFirst(), with: value)
            object[name] = child
            self = .object(object)
        case (.element(let index), .array(var elements)) where elements.indices.contains(index):
            elements[index].replace(at: path.dropFirst(), with: value)
            self = .array(elements)
        case (.member, _), (.element, _): preconditionFailure("the path was recorded in this span")
        }
    }
}
