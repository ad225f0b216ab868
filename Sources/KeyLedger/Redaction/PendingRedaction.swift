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
    private let span: TelemetrySpan
    private let pending: PendingObject

    init(span: TelemetrySpan, _ pending: PendingObject) {
        self.span = span
        self.pending = pending
    }

    /// The values to be encrypted, in order. The only place where personal data is left.
    public var plaintexts: [String] { pending.plaintexts }
    /// How many values were replaced by each strategy, those to be encrypted included.
    public var counts: [RedactionStrategy: Int] { pending.counts }
    /// Whether nothing in the span had to be replaced.
    public var isUnchanged: Bool { pending.counts.isEmpty }

    /// What came of one encryption.
    public enum Outcome: Hashable, Sendable {
        /// It succeeded.
        case encrypted(EncryptedValue)
        /// It did not. The value is gone from this span: `[REDACTED]`.
        case failed
    }

    /// The redacted span. There must be one outcome for each of ``plaintexts``, in their order.
    public func apply(_ outcomes: [Outcome]) -> TelemetrySpan {
        guard let object = pending.apply(outcomes) else { return span }
        return span.changing { $0 = object }
    }
}

/// Texts that have been redacted but for the values to be encrypted.
struct PendingTexts {
    let texts: [String]
    let pending: PendingObject

    init(texts: [String], _ pending: PendingObject) {
        self.texts = texts
        self.pending = pending
    }

    /// The redacted texts, in their order.
    func apply(_ outcomes: [PendingRedaction.Outcome]) -> [String] {
        guard let entries = pending.apply(outcomes)?["attributes"]?.array else { return texts }
        return entries.map { $0["value"]?["stringValue"]?.string ?? RedactionStrategy.redacted }
    }
}

/// An object of a span that has been redacted but for the values to be encrypted.
struct PendingObject: Sendable {
    let plaintexts: [String]
    let counts: [RedactionStrategy: Int]
    /// The object with `[REDACTED]` where ciphertexts will be; nil if nothing had to be replaced.
    let object: JSONObject?
    let slots: [Slot]

    /// A text of the object that has ciphertexts in it.
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

    /// The redacted object; nil if nothing had to be replaced.
    func apply(_ outcomes: [PendingRedaction.Outcome]) -> JSONObject? {
        precondition(outcomes.count == plaintexts.count, "there is one outcome for each plaintext")
        guard let object, !slots.isEmpty else { return object }
        return JSONValue.object(object).filled(slots[...], depth: 0, outcomes).object ?? object
    }
}

extension PendingObject.Piece {
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
        _ slots: ArraySlice<PendingObject.Slot>, depth: Int, _ outcomes: [PendingRedaction.Outcome]
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
