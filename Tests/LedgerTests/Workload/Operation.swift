import Ledger

/// One step of a history that the engine and the naive model go through together.
enum Operation: Hashable, Sendable {
    case createAccounts([Account], timestamp: UInt64)
    case createTransfers([Transfer], timestamp: UInt64)
    case expire(timestamp: UInt64)
    /// The engine hands what is recent to its history, and may start afresh from what was flushed.
    case flush(reopening: Bool)
    case lookupAccounts([UInt128])
    case lookupTransfers([UInt128])
    case accountTransfers(AccountFilter)
    case accountBalances(AccountFilter)
    case queryAccounts(QueryFilter)
    case queryTransfers(QueryFilter)

    /// The time the operation takes place at, and the time before which the one before it must have.
    var span: (after: UInt64, at: UInt64)? {
        switch self {
        case .createAccounts(let events, let timestamp): (timestamp &- UInt64(events.count), timestamp)
        case .createTransfers(let events, let timestamp): (timestamp &- UInt64(events.count), timestamp)
        case .expire(let timestamp): (timestamp &- 1, timestamp)
        default: nil
        }
    }

    var eventCount: Int {
        switch self {
        case .createAccounts(let events, _): events.count
        case .createTransfers(let events, _): events.count
        default: 1
        }
    }
}

// MARK: - As source

/// What can be pasted into a test.
protocol SourceRepresentable {
    var source: String { get }
}

extension [Operation]: SourceRepresentable {
    var source: String { "[\n" + map { "    \($0.source),\n" }.joined() + "]" }
}

extension Operation: SourceRepresentable {
    var source: String {
        switch self {
        case .createAccounts(let events, let timestamp):
            ".createAccounts(\(list(events.map(\.source))), timestamp: \(timestamp))"
        case .createTransfers(let events, let timestamp):
            ".createTransfers(\(list(events.map(\.source))), timestamp: \(timestamp))"
        case .expire(let timestamp): ".expire(timestamp: \(timestamp))"
        case .flush(let reopening): ".flush(reopening: \(reopening))"
        case .lookupAccounts(let ids): ".lookupAccounts([\(ids.map(number).joined(separator: ", "))])"
        case .lookupTransfers(let ids): ".lookupTransfers([\(ids.map(number).joined(separator: ", "))])"
        case .accountTransfers(let filter): ".accountTransfers(\(filter.source))"
        case .accountBalances(let filter): ".accountBalances(\(filter.source))"
        case .queryAccounts(let filter): ".queryAccounts(\(filter.source))"
        case .queryTransfers(let filter): ".queryTransfers(\(filter.source))"
        }
    }

    private func list(_ events: [String]) -> String {
        events.count == 1
            ? "[\(events[0])]" : "[\n" + events.map { "        \($0),\n" }.joined() + "    ]"
    }
}

extension Account: SourceRepresentable {
    var source: String {
        var call = Call("Account")
        call.add("id", id, whenZero: true)
        call.add("ledger", ledger, whenZero: true)
        call.add("code", code, whenZero: true)
        call.add("flags", Int(flags.rawValue), as: names(of: flags.rawValue, Self.flagNames))
        call.add("userData128", userData128)
        call.add("userData64", userData64)
        call.add("userData32", userData32)
        call.add("timestamp", timestamp)
        var source = call.source
        for (name, value) in [
            ("debitsPending", debitsPending), ("debitsPosted", debitsPosted), ("creditsPending", creditsPending),
            ("creditsPosted", creditsPosted), ("reserved", UInt128(reserved)),
        ] where value != 0 { source += ".with(\\.\(name), \(number(value)))" }
        return source
    }

    private static let flagNames = [
        "linked", "debitsMustNotExceedCredits", "creditsMustNotExceedDebits", "history", "imported", "closed",
    ]

    /// The same account with one field changed that an initialiser does not set.
    func with<Value>(_ field: WritableKeyPath<Account, Value>, _ value: Value) -> Account {
        var copy = self
        copy[keyPath: field] = value
        return copy
    }
}

extension Transfer: SourceRepresentable {
    var source: String {
        var call = Call("Transfer")
        call.add("id", id, whenZero: true)
        call.add("debit", debitAccountID)
        call.add("credit", creditAccountID)
        call.add("amount", amount)
        call.add("pendingID", pendingID)
        call.add("ledger", ledger)
        call.add("code", code)
        call.add("flags", Int(flags.rawValue), as: names(of: flags.rawValue, Self.flagNames))
        call.add("timeoutSeconds", timeoutSeconds)
        call.add("userData128", userData128)
        call.add("userData64", userData64)
        call.add("userData32", userData32)
        call.add("timestamp", timestamp)
        return call.source
    }

    private static let flagNames = [
        "linked", "pending", "postPendingTransfer", "voidPendingTransfer", "balancingDebit", "balancingCredit",
        "closingDebit", "closingCredit", "imported",
    ]
}

extension AccountFilter: SourceRepresentable {
    var source: String {
        var call = Call("AccountFilter")
        call.add("accountID", accountID, whenZero: true)
        call.add("fields", fields == FieldFilter() ? 0 : 1, as: fields.source)
        call.add("window", 1, as: window.source)
        call.add("includesDebits", includesDebits ? 0 : 1, as: "false")
        call.add("includesCredits", includesCredits ? 0 : 1, as: "false")
        return call.source
    }
}

extension QueryFilter: SourceRepresentable {
    var source: String {
        var call = Call("QueryFilter")
        call.add("fields", fields == FieldFilter() ? 0 : 1, as: fields.source)
        call.add("window", 1, as: window.source)
        return call.source
    }
}

extension FieldFilter: SourceRepresentable {
    var source: String {
        var call = Call("FieldFilter")
        call.add("userData128", userData128)
        call.add("userData64", userData64)
        call.add("userData32", userData32)
        call.add("ledger", ledger)
        call.add("code", code)
        return call.source
    }
}

extension Window: SourceRepresentable {
    var source: String {
        var call = Call("Window")
        call.add("timestampMin", timestampMin)
        call.add("timestampMax", timestampMax)
        call.add("limit", limit, whenZero: true)
        call.add("isReversed", isReversed ? 1 : 0, as: "true")
        return call.source
    }
}

/// A call of an initialiser in which arguments that are zero are left out.
private struct Call {
    private let name: String
    private var arguments: [String] = []

    init(_ name: String) { self.name = name }

    mutating func add<Value: FixedWidthInteger>(
        _ label: String, _ value: Value, as text: String? = nil, whenZero: Bool = false
    ) {
        if value != 0 || whenZero { arguments.append("\(label): \(text ?? number(value))") }
    }

    var source: String { "\(name)(\(arguments.joined(separator: ", ")))" }
}

private func number<Value: FixedWidthInteger>(_ value: Value) -> String {
    Value.bitWidth > 32 && value == .max ? ".max" : "\(value)"
}

private func names(of rawValue: UInt16, _ names: [String]) -> String {
    if rawValue >> names.count != 0 { return ".init(rawValue: \(rawValue))" }
    return "[" + names.indices.filter { rawValue >> $0 & 1 == 1 }.map { ".\(names[$0])" }.joined(separator: ", ") + "]"
}
