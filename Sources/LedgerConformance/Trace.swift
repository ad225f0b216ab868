internal import FoundationEssentials
public import Ledger

/// A recording of requests to an account/transfer server and everything it answered: JSON Lines, the first line
/// a header, every other one an operation. Numbers may be strings; fields that are zero are left out.
public struct Trace: Sendable {
    /// One request with its answer.
    public enum Step: Sendable {
        case createAccounts([Account], timestamp: UInt64, results: [CreateAccountResult])
        case createTransfers([Transfer], timestamp: UInt64, results: [CreateTransferResult])
        case expire(timestamp: UInt64)
        case lookupAccounts([UInt128], results: [Account])
        case lookupTransfers([UInt128], results: [Transfer])
        case getAccountTransfers(AccountFilter, isValid: Bool, results: [Transfer])
        case getAccountBalances(AccountFilter, isValid: Bool, results: [AccountBalance])
        case queryAccounts(QueryFilter, isValid: Bool, results: [Account])
        case queryTransfers(QueryFilter, isValid: Bool, results: [Transfer])
    }

    /// Steps in order, with the number of their line (the header is line 1).
    public let steps: [(line: Int, step: Step)]

    /// Why a recording could not be read.
    public struct Malformed: Error, CustomStringConvertible {
        /// The number of the line, from 1.
        public let line: Int
        /// What is wrong with it.
        public let reason: String
        /// Both, for a person.
        public var description: String { "line \(line): \(reason)" }
    }

    /// Reads a recording.
    public init(parsing bytes: [UInt8]) throws(Malformed) {
        var steps: [(Int, Step)] = []
        var line = 0
        for text in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            line += 1
            if text.isEmpty { continue }
            do {
                let row = try JSONDecoder().decode(Row.self, from: Data(text))
                guard row.op != nil || line > 1 else { continue }
                steps.append((line, try row.step()))
            } catch let reason as Row.Invalid {
                throw Malformed(line: line, reason: reason.reason)
            } catch {
                throw Malformed(line: line, reason: "not an operation of a recorded trace (\(error))")
            }
        }
        self.steps = steps
    }
}

/// An unsigned number, written as a JSON number or as a decimal string.
private struct Number: Decodable {
    let value: UInt128

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            guard let value = UInt128(text) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is not a number")
            }
            self.value = value
        } else {
            value = UInt128(try container.decode(UInt64.self))
        }
    }
}

/// A line, as it stands.
private struct Row: Decodable {
    struct Invalid: Error { let reason: String }

    let op: String?
    let timestamp: Number?
    let events: [[String: Number]]?
    let ids: [Number]?
    let filter: [String: Number]?
    let results: Results?

    enum Results: Decodable {
        case statuses([[Number]])
        case records([[String: Number]])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let statuses = try? container.decode([[Number]].self) {
                self = .statuses(statuses)
            } else {
                self = .records(try container.decode([[String: Number]].self))
            }
        }
    }

    func step() throws -> Trace.Step {
        let fields = Fields(values: filter ?? [:])
        switch op {
        case "create_accounts":
            return .createAccounts(
                try events?.map { try Fields(values: $0).account() } ?? [], timestamp: try time(),
                results: try answers { CreateAccountStatus(rawValue: $0) })
        case "create_transfers":
            return .createTransfers(
                try events?.map { try Fields(values: $0).transfer() } ?? [], timestamp: try time(),
                results: try answers { CreateTransferStatus(rawValue: $0) })
        case "expire": return .expire(timestamp: try time())
        case "lookup_accounts":
            return .lookupAccounts(ids?.map(\.value) ?? [], results: try records().map { try $0.account() })
        case "lookup_transfers":
            return .lookupTransfers(ids?.map(\.value) ?? [], results: try records().map { try $0.transfer() })
        case "get_account_transfers":
            let flags = try fields.number("flags", as: UInt32.self)
            return .getAccountTransfers(
                try fields.accountFilter(flags), isValid: flags >> 3 == 0,
                results: try records().map { try $0.transfer() })
        case "get_account_balances":
            let flags = try fields.number("flags", as: UInt32.self)
            return .getAccountBalances(
                try fields.accountFilter(flags), isValid: flags >> 3 == 0,
                results: try records().map { try $0.balance() })
        case "query_accounts":
            let flags = try fields.number("flags", as: UInt32.self)
            return .queryAccounts(
                try fields.queryFilter(flags), isValid: flags >> 1 == 0, results: try records().map { try $0.account() }
            )
        case "query_transfers":
            let flags = try fields.number("flags", as: UInt32.self)
            return .queryTransfers(
                try fields.queryFilter(flags), isValid: flags >> 1 == 0,
                results: try records().map { try $0.transfer() })
        default: throw Invalid(reason: "unknown operation \(op ?? "(none)")")
        }
    }

    private func time() throws -> UInt64 {
        guard let timestamp, let value = UInt64(exactly: timestamp.value) else {
            throw Invalid(reason: "no valid timestamp")
        }
        return value
    }

    private func answers<Status>(_ status: (UInt32) -> Status?) throws -> [EventResult<Status>] {
        guard case .statuses(let pairs) = results ?? .statuses([]) else {
            throw Invalid(reason: "results are not statuses")
        }
        return try pairs.map { pair in
            guard pair.count == 2, let raw = UInt32(exactly: pair[0].value), let status = status(raw),
                let timestamp = UInt64(exactly: pair[1].value)
            else { throw Invalid(reason: "a result is not [status, timestamp] with a known status") }
            return EventResult(status: status, timestamp: timestamp)
        }
    }

    private func records() throws -> [Fields] {
        switch results {
        case .records(let records)?: return records.map(Fields.init)
        case .statuses(let statuses)? where !statuses.isEmpty: throw Invalid(reason: "results are not records")
        default: return []
        }
    }
}

/// A record's or filter's fields by name; what is missing is zero.
private struct Fields {
    let values: [String: Number]

    func number<Value: FixedWidthInteger>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        guard let number = values[name] else { return 0 }
        guard let value = Value(exactly: number.value) else { throw Row.Invalid(reason: "\(name) is out of range") }
        return value
    }

    func account() throws -> Account {
        var account = Account(
            id: try number("id"), ledger: try number("ledger"), code: try number("code"),
            flags: Account.Flags(rawValue: try number("flags")), userData128: try number("user_data_128"),
            userData64: try number("user_data_64"), userData32: try number("user_data_32"),
            timestamp: try number("timestamp"))
        account.debitsPending = try number("debits_pending")
        account.debitsPosted = try number("debits_posted")
        account.creditsPending = try number("credits_pending")
        account.creditsPosted = try number("credits_posted")
        account.reserved = try number("reserved")
        return account
    }

    func transfer() throws -> Transfer {
        Transfer(
            id: try number("id"), debit: try number("debit_account_id"), credit: try number("credit_account_id"),
            amount: try number("amount"), pendingID: try number("pending_id"), ledger: try number("ledger"),
            code: try number("code"), flags: Transfer.Flags(rawValue: try number("flags")),
            timeoutSeconds: try number("timeout"), userData128: try number("user_data_128"),
            userData64: try number("user_data_64"), userData32: try number("user_data_32"),
            timestamp: try number("timestamp"))
    }

    func balance() throws -> AccountBalance {
        AccountBalance(of: try account(), timestamp: try number("timestamp"))
    }

    func accountFilter(_ flags: UInt32) throws -> AccountFilter {
        AccountFilter(
            accountID: try number("account_id"), fields: try fieldFilter(),
            window: try window(isReversed: flags & 4 != 0),
            includesDebits: flags & 1 != 0, includesCredits: flags & 2 != 0)
    }

    func queryFilter(_ flags: UInt32) throws -> QueryFilter {
        QueryFilter(fields: try fieldFilter(), window: try window(isReversed: flags & 1 != 0))
    }

    private func fieldFilter() throws -> FieldFilter {
        FieldFilter(
            userData128: try number("user_data_128"), userData64: try number("user_data_64"),
            userData32: try number("user_data_32"), ledger: try number("ledger"), code: try number("code"))
    }

    private func window(isReversed: Bool) throws -> Window {
        Window(
            timestampMin: try number("timestamp_min"), timestampMax: try number("timestamp_max"),
            limit: try number("limit"), isReversed: isReversed)
    }
}
