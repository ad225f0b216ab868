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

        func isSame(as other: Step) -> Bool {
            switch (self, other) {
            case (.member(let name), .member(let other)): name.isExactly(other)
            case (.element(let index), .element(let other)): index == other
            case (.member, .element), (.element, .member): false
            }
        }
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
            object = JSONValue.object(object).filled(slots[...], depth: 0, outcomes).object ?? object
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
    /// This value with the texts of all slots below it. The walk that found them went depth first, so slots that share
    /// a container stand together: each container is copied once, not once for every slot.
    fileprivate func filled(
        _ slots: ArraySlice<PendingRedaction.Slot>, depth: Int, _ outcomes: [PendingRedaction.Outcome]
    ) -> JSONValue {
        guard let first = slots.first, depth < first.path.count else {
            return .string(slots.first?.pieces.map { $0.text(outcomes) }.joined() ?? RedactionStrategy.redacted)
        }
        var object = self.object
        var elements = self.array
        var rest = slots
        while let next = rest.first {
            let step = next.path[depth]
            let group = rest.prefix { $0.path[depth].isSame(as: step) }
            rest = rest.dropFirst(group.count)
            switch step {
            case .member(let name):
                let child = object?[name] ?? .null
                object?[name] = child.filled(group, depth: depth + 1, outcomes)
            case .element(let index):
                let child = elements?[index] ?? .null
                elements?[index] = child.filled(group, depth: depth + 1, outcomes)
            }
        }
        return object.map { .object($0) } ?? elements.map { .array($0) } ?? self
    }
}
