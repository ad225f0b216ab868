import Testing

@testable import KeyLedger

@Suite("A cron expression in the grammar of Quartz")
struct CronExpressionTests {
    /// The next instants after one, as text.
    private func instants(_ expression: String, after start: String, count: Int) throws -> [String] {
        let cron = try CronExpression(parsing: expression)
        var instants: [String] = []
        var last = try nanoseconds(start)
        for _ in 0..<count {
            guard let next = cron.next(after: last) else { break }
            instants.append(text(next))
            last = next
        }
        return instants
    }

    private func nanoseconds(_ text: String) throws -> UInt64 {
        let parts = text.split { !$0.isNumber }.compactMap { Int($0) }
        try #require(parts.count == 6)
        let days = CivilDate(year: parts[0], month: parts[1], day: parts[2]).daysSince1970
        return UInt64(days * 86400 + parts[3] * 3600 + parts[4] * 60 + parts[5]) * 1_000_000_000
    }

    private func text(_ nanoseconds: UInt64) -> String {
        let seconds = Int(nanoseconds / 1_000_000_000)
        let date = CivilDate(daysSince1970: seconds / 86400)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let time = [seconds % 86400 / 3600, seconds % 3600 / 60, seconds % 60].map(two).joined(separator: ":")
        return "\(date.year)-\(two(date.month))-\(two(date.day)) \(time)"
    }

    @Test(
        arguments: [
            // Every day at midnight, across the end of a year and a leap day.
            ("0 0 0 * * ?", "2027-12-30 23:59:59", ["2027-12-31 00:00:00", "2028-01-01 00:00:00"]),
            ("0 0 0 * * ?", "2028-02-28 00:00:00", ["2028-02-29 00:00:00", "2028-03-01 00:00:00"]),
            ("0 0 0 * * ?", "2026-02-28 00:00:00", ["2026-03-01 00:00:00"]),
            // The instant itself is not after itself, the second before is.
            ("30 5 2 * * ?", "2026-01-01 02:05:29", ["2026-01-01 02:05:30", "2026-01-02 02:05:30"]),
            // 29 February: 2100 is no leap year, 2000 was one.
            ("0 0 12 29 2 ?", "2096-02-29 12:00:00", ["2104-02-29 12:00:00"]),
            ("0 0 12 29 2 ?", "1999-01-01 00:00:00", ["2000-02-29 12:00:00"]),
            // Where clocks change elsewhere, nothing happens twice or not at all.
            ("0 30 2 * * ?", "2026-03-28 03:00:00", ["2026-03-29 02:30:00", "2026-03-30 02:30:00"]),
            ("0 30 2 * * ?", "2026-10-24 03:00:00", ["2026-10-25 02:30:00", "2026-10-26 02:30:00"]),
            // Lists, ranges, steps.
            (
                "0 0/20 8,20 * * ?", "2026-01-01 00:00:00",
                [
                    "2026-01-01 08:00:00", "2026-01-01 08:20:00", "2026-01-01 08:40:00", "2026-01-01 20:00:00",
                ]
            ),
            (
                "0 10-20/5 0 * * ?", "2026-01-01 00:10:00",
                ["2026-01-01 00:15:00", "2026-01-01 00:20:00", "2026-01-02 00:10:00"]
            ),
            (
                "*/30 59 23 31 12 ?", "2026-01-01 00:00:00",
                ["2026-12-31 23:59:00", "2026-12-31 23:59:30", "2027-12-31 23:59:00"]
            ),
            ("0 /30 0 * * ?", "2026-01-01 00:00:00", ["2026-01-01 00:30:00"]),
            // Past the end of the range and on from its beginning.
            (
                "0 0 22-2/2 * * ?", "2026-01-01 03:00:00",
                ["2026-01-01 22:00:00", "2026-01-02 00:00:00", "2026-01-02 02:00:00", "2026-01-02 22:00:00"]
            ),
            (
                "0 0 0 ? * FRI-MON", "2026-01-01 00:00:00",
                [
                    "2026-01-02 00:00:00", "2026-01-03 00:00:00", "2026-01-04 00:00:00", "2026-01-05 00:00:00",
                    "2026-01-09 00:00:00",
                ]
            ),
            // Names, in either case, and numbers: 1 is Sunday.
            ("0 0 0 ? jan,JUL 2-3", "2026-01-01 00:00:00", ["2026-01-05 00:00:00", "2026-01-06 00:00:00"]),
            ("0 0 0 ? * 1", "2026-01-01 00:00:00", ["2026-01-04 00:00:00"]),
            ("0 0 0 ? * L", "2026-01-01 00:00:00", ["2026-01-03 00:00:00"]),
            // The last day, and days before it.
            (
                "0 0 0 L * ?", "2028-01-31 00:00:00",
                ["2028-02-29 00:00:00", "2028-03-31 00:00:00", "2028-04-30 00:00:00"]
            ),
            (
                "0 0 0 L-2 2 ?", "2026-01-01 00:00:00",
                ["2026-02-26 00:00:00", "2027-02-26 00:00:00", "2028-02-27 00:00:00"]
            ),
            // 29 days before the last: not in February, but for leap years not either; on the 1st of a month with 30.
            ("0 0 0 L-29 * ?", "2026-01-02 12:00:00", ["2026-03-02 00:00:00", "2026-04-01 00:00:00"]),
            // The nearest weekday, never in another month: 1 August 2026 is a Saturday, 15 November a Sunday.
            ("0 0 0 1W 8 ?", "2026-01-01 00:00:00", ["2026-08-03 00:00:00"]),
            ("0 0 0 15W 11 ?", "2026-01-01 00:00:00", ["2026-11-16 00:00:00"]),
            ("0 0 0 15W 8 ?", "2026-01-01 00:00:00", ["2026-08-14 00:00:00"]),
            ("0 0 0 31W 5 ?", "2026-01-01 00:00:00", ["2026-05-29 00:00:00"]),
            ("0 0 0 31W * ?", "2026-03-31 00:00:00", ["2026-05-29 00:00:00"]),
            (
                "0 0 0 LW * ?", "2026-01-01 00:00:00",
                ["2026-01-30 00:00:00", "2026-02-27 00:00:00", "2026-03-31 00:00:00"]
            ),
            ("0 0 0 L-1W 5 ?", "2026-01-01 00:00:00", ["2026-05-29 00:00:00"]),
            // The last Friday, the third Friday, the fifth where there is one.
            ("0 0 0 ? * 6L", "2026-01-01 00:00:00", ["2026-01-30 00:00:00", "2026-02-27 00:00:00"]),
            ("0 0 0 ? * FRIL", "2026-01-01 00:00:00", ["2026-01-30 00:00:00"]),
            ("0 0 0 ? * 6#3", "2026-01-01 00:00:00", ["2026-01-16 00:00:00", "2026-02-20 00:00:00"]),
            ("0 0 0 ? * FRI#5", "2026-01-01 00:00:00", ["2026-01-30 00:00:00", "2026-05-29 00:00:00"]),
            // Years.
            ("0 0 0 1 1 ? 2028-2030/2", "2026-01-01 00:00:00", ["2028-01-01 00:00:00", "2030-01-01 00:00:00"]),
            ("0 0 0 1 1 ? 2028", "2028-01-01 00:00:00", []),
            ("0 0 0 * * ?", "2199-12-31 00:00:00", []),
        ] as [(String, String, [String])])
    func happens(expression: String, start: String, expected: [String]) throws {
        #expect(try instants(expression, after: start, count: max(1, expected.count)) == expected)
    }

    @Test(
        arguments: [
            ("", nil, "0 fields"), ("0 0 * * ?", nil, "5 fields"), ("0 0 0 * * ? 2030 x", nil, "8 fields"),
            ("0 0 0 * * *", nil, "one of the two day fields has to be ?"),
            ("0 0 0 ? * ?", nil, "one of the two day fields has to say"),
            ("60 0 0 * * ?", "seconds", "0 to 59"), ("0 60 0 * * ?", "minutes", "0 to 59"),
            ("0 0 24 * * ?", "hours", "0 to 23"), ("0 0 0 0 * ?", "day of month", "1 to 31"),
            ("0 0 0 32 * ?", "day of month", "1 to 31"), ("0 0 0 * 13 ?", "month", "JAN to DEC"),
            ("0 0 0 ? * 8", "day of week", "SUN to SAT"), ("0 0 0 ? * FRY", "day of week", "SUN to SAT"),
            ("0 0 0 ? * FRI#6", "day of week", "1 to 5"), ("0 0 0 ? * #1", "day of week", "SUN to SAT"),
            ("0 0 0 L-31 * ?", "day of month", "1 to 30"), ("0 0 0 L-W * ?", "day of month", "1 to 30"),
            ("0 0 0 W * ?", "day of month", "1 to 31"), ("0 0 0 1,15W * ?", "day of month", "15W"),
            ("0 0 ? * * ?", "hours", "0 to 23"), ("0 0/0 0 * * ?", "minutes", "step"),
            ("0 0/61 0 * * ?", "minutes", "step"), ("0 0/ 0 * * ?", "minutes", "a step is missing"),
            ("0 1, 0 * * ?", "minutes", "0 to 59"), ("0 1-2-3 0 * * ?", "minutes", "2-3"),
            ("0 -1 0 * * ?", "minutes", "0 to 59"), ("0 +1 0 * * ?", "minutes", "0 to 59"),
            ("0 ١ 0 * * ?", "minutes", "0 to 59"), ("0 99999999999999999999 0 * * ?", "minutes", "0 to 59"),
            ("0 0 0 1 1 ? 1969", "year", "1970 to 2199"), ("0 0 0 1 1 ? 2030-2028", "year", "backwards"),
            ("0 0 0 30 2 ?", nil, "no such day"), ("0 0 0 29 2 ? 2027", nil, "no such day"),
        ] as [(String, String?, String)])
    func isRefused(expression: String, field: String?, reason: String) {
        do throws(CronError) {
            let cron = try CronExpression(parsing: expression)
            Issue.record("\(expression) was read as \(cron)")
        } catch {
            #expect(error.field == field)
            #expect(error.description.contains(reason), "\(error)")
        }
    }

    @Test func countsEveryDayOfFourHundredYears() {
        var year = 1970, month = 1, day = 1
        for days in 0..<146_097 {
            let date = CivilDate(daysSince1970: days)
            #expect(date == CivilDate(year: year, month: month, day: day))
            #expect(date.daysSince1970 == days)
            #expect(date.weekday == (days + 4) % 7 + 1)
            day += 1
            if day > CivilDate.dayCount(year: year, month: month) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    /// Looks at every second of a day or two, and asks the fields directly.
    @Test func agreesWithAWalkThroughEverySecond() throws {
        var random = SeededRandom()
        for _ in 0..<40 {
            let second = Int.random(in: 0...59, using: &random), step = Int.random(in: 1...30, using: &random)
            let hours = [Int.random(in: 0...11, using: &random), Int.random(in: 12...23, using: &random)]
            let cron = try CronExpression(parsing: "\(second) 0/\(step) \(hours[0]),\(hours[1]) * * ?")
            let start = UInt64.random(in: 0...4_000_000_000, using: &random)
            let walked = (start + 1...start + 86_400).first { instant in
                let time = Int(instant % 86_400)
                return time % 60 == second && time / 60 % 60 % step == 0 && hours.contains(time / 3600)
            }
            #expect(cron.next(after: start * 1_000_000_000).map { $0 / 1_000_000_000 } == walked)
        }
    }

    @Test func isWrittenAsItIsRead() throws {
        let cron = try CronExpression(parsing: "  0  0 0 ?\tjan fri#1 ")
        #expect(cron.description == "0 0 0 ? JAN FRI#1")
        #expect(CronExpression(cron.description) == cron)
        #expect(CronExpression("nonsense") == nil)
        #expect(try CronExpression(parsing: "0 0 0 * * ?") == .daily)
    }
}
