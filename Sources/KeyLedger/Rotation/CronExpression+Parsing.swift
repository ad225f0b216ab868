/// Why a text is no cron expression.
public struct CronError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was to be read.
    public let expression: String
    /// Where in it, such as `hours`; nil for the expression as a whole.
    public let field: String?
    /// What is wrong there, and what would be right.
    public let reason: String

    /// For a person.
    public var description: String {
        "\"\(expression)\" is no cron expression: \(field.map { "in the \($0), " } ?? "")\(reason)"
    }
}

extension CronExpression {
    /// Reads an expression in the grammar of Quartz.
    public init(parsing text: String) throws(CronError) {
        let fields = text.split(whereSeparator: \.isWhitespace).map { String($0).uppercased() }
        let expression = fields.joined(separator: " ")
        func fail(_ reason: String) -> CronError { CronError(expression: expression, field: nil, reason: reason) }
        guard (6...7).contains(fields.count) else {
            throw fail("it has \(fields.count) fields and needs 6 or 7, beginning with the seconds")
        }
        func values(_ kind: CronField) throws(CronError) -> [Int] {
            let text = kind == .year && fields.count == 6 ? "*" : fields[kind.rawValue]
            return try FieldReader(kind, text, of: expression).values()
        }
        let ofMonth = FieldReader(.dayOfMonth, fields[CronField.dayOfMonth.rawValue], of: expression)
        let ofWeek = FieldReader(.dayOfWeek, fields[CronField.dayOfWeek.rawValue], of: expression)
        let days: Days
        switch (ofMonth.text, ofWeek.text) {
        case ("?", "?"): throw fail("one of the two day fields has to say which days")
        case (_, "?"): days = try ofMonth.daysOfMonth()
        case ("?", _): days = try ofWeek.daysOfWeek()
        default: throw fail("one of the two day fields has to be ?, since the other decides")
        }
        self.init(
            description: expression, seconds: try values(.seconds), minutes: try values(.minutes),
            hours: try values(.hours), days: days, months: try values(.month), years: try values(.year))
        guard next(after: 0) != nil else { throw fail("there is no such day") }
    }
}

/// In the order in which they are written.
private enum CronField: Int {
    case seconds, minutes, hours, dayOfMonth, month, dayOfWeek, year

    var name: String {
        switch self {
        case .seconds: "seconds"
        case .minutes: "minutes"
        case .hours: "hours"
        case .dayOfMonth: "day of month"
        case .month: "month"
        case .dayOfWeek: "day of week"
        case .year: "year"
        }
    }

    var range: ClosedRange<Int> {
        switch self {
        case .seconds, .minutes: 0...59
        case .hours: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .dayOfWeek: 1...7
        case .year: CronExpression.yearRange
        }
    }

    /// Names of values, from the lowest on.
    var valueNames: [String] {
        switch self {
        case .month: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        case .dayOfWeek: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
        default: []
        }
    }
}

/// Reads one field.
private struct FieldReader {
    let field: CronField
    let text: String
    private let expression: String

    init(_ field: CronField, _ text: String, of expression: String) {
        self.field = field
        self.text = text
        self.expression = expression
    }

    private func fail(_ reason: String) -> CronError {
        CronError(expression: expression, field: field.name, reason: reason)
    }

    /// A list of values, ranges and steps; ascending.
    func values() throws(CronError) -> [Int] {
        var found: Set<Int> = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            found.formUnion(try values(of: item))
        }
        return found.sorted()
    }

    private func values(of item: Substring) throws(CronError) -> [Int] {
        let parts = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = parts.first, parts.count == 1 || !parts[1].isEmpty else { throw fail("a step is missing") }
        var step = 1
        if parts.count == 2 {
            guard let given = number(parts[1]), (1...field.range.count).contains(given) else {
                throw fail("the step \"\(parts[1])\" has to be a number from 1 to \(field.range.count)")
            }
            step = given
        }
        let (first, last): (Int, Int)
        let ends = base.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        if base == "*" || (base.isEmpty && parts.count == 2) {
            (first, last) = (field.range.lowerBound, field.range.upperBound)
        } else if ends.count == 2 {
            (first, last) = (try value(ends[0]), try value(ends[1]))
        } else {
            first = try value(base)
            last = parts.count == 2 ? field.range.upperBound : first
        }
        if first <= last { return Array(stride(from: first, through: last, by: step)) }
        guard field != .year else { throw fail("the years \"\(base)\" run backwards") }
        // Past the end, and on from the beginning.
        let count = field.range.count
        return stride(from: first, through: last + count, by: step).map {
            ($0 - field.range.lowerBound) % count + field.range.lowerBound
        }
    }

    private func value(_ text: some StringProtocol) throws(CronError) -> Int {
        if let name = field.valueNames.firstIndex(of: String(text)) { return field.range.lowerBound + name }
        let names = field.valueNames
        let alternative = names.isEmpty ? "" : " or \(names[0]) to \(names[names.count - 1])"
        guard let value = number(text), field.range.contains(value) else {
            throw fail(
                "\"\(text)\" has to be \(field.range.lowerBound) to \(field.range.upperBound)\(alternative)")
        }
        return value
    }

    /// Digits of ASCII only.
    private func number(_ text: some StringProtocol) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }

    func daysOfMonth() throws(CronError) -> CronExpression.Days {
        if text == "L" { return .fromEnd(offset: 0, isWeekday: false) }
        if text == "LW" { return .fromEnd(offset: 0, isWeekday: true) }
        if text.hasPrefix("L-") {
            let isWeekday = text.hasSuffix("W")
            guard let offset = number(text.dropFirst(2).dropLast(isWeekday ? 1 : 0)), (1...30).contains(offset) else {
                throw fail("\"\(text)\" has to be L- and a number from 1 to 30")
            }
            return .fromEnd(offset: offset, isWeekday: isWeekday)
        }
        if text.hasSuffix("W") { return .nearestWeekday(try value(text.dropLast())) }
        return .daysOfMonth(try values())
    }

    func daysOfWeek() throws(CronError) -> CronExpression.Days {
        // Alone it is the week's last day.
        if text == "L" { return .weekdays([7]) }
        if text.hasSuffix("L") { return .lastWeekday(try value(text.dropLast())) }
        let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard let nth = number(parts[1]), (1...5).contains(nth) else {
                throw fail("\"\(text)\" has to be a day, # and a number from 1 to 5")
            }
            return .nthWeekday(try value(parts[0]), nth: nth)
        }
        return .weekdays(try values())
    }
}
