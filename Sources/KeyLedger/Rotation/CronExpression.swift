/// When something is to happen, again and again: an expression in the grammar of Quartz, read in UTC.
///
/// Six or seven fields: seconds, minutes, hours, day of month, month, day of week, and perhaps the year.
///
/// | in a field | means |
/// |---|---|
/// | `*` | every value |
/// | `?` | the other day field decides; in exactly one of the two |
/// | `5,20` `8-17` `0/15` `8-17/3` | lists, ranges, steps; a range may pass the end: `22-2`, `FRI-MON` |
/// | `JAN`–`DEC`, `SUN`–`SAT` | names; days of the week are numbered from 1, Sunday |
/// | `L` `L-3` | the month's last day, three days before it |
/// | `15W` `LW` | the weekday nearest the 15th, the month's last weekday; never in another month |
/// | `6L` `6#3` | the month's last Friday, its third Friday |
///
/// UTC has no daylight saving: nothing happens twice or not at all.
public struct CronExpression: Hashable, Sendable, LosslessStringConvertible {
    /// As it was written, with single spaces.
    public let description: String
    /// Ascending, as are all of these.
    let seconds: [Int]
    let minutes: [Int]
    let hours: [Int]
    let days: Days
    let months: [Int]
    let years: [Int]

    /// The days of a month on which it happens.
    enum Days: Hashable, Sendable {
        case daysOfMonth([Int])
        /// So many days before the last; on the nearest weekday if asked for.
        case fromEnd(offset: Int, isWeekday: Bool)
        case nearestWeekday(Int)
        case weekdays([Int])
        case lastWeekday(Int)
        case nthWeekday(Int, nth: Int)
    }

    /// The years an expression speaks of.
    static let yearRange = 1970...2199

    /// Midnight, every day.
    public static let daily = CronExpression(
        description: "0 0 0 * * ?", seconds: [0], minutes: [0], hours: [0], days: .daysOfMonth(Array(1...31)),
        months: Array(1...12), years: Array(yearRange))

    init(
        description: String, seconds: [Int], minutes: [Int], hours: [Int], days: Days, months: [Int], years: [Int]
    ) {
        self.description = description
        self.seconds = seconds
        self.minutes = minutes
        self.hours = hours
        self.days = days
        self.months = months
        self.years = years
    }

    /// Nil for anything that ``init(parsing:)`` refuses.
    public init?(_ description: String) {
        do throws(CronError) {
            try self.init(parsing: description)
        } catch {
            return nil
        }
    }

    /// The first instant later than `instant` at which it happens, both in nanoseconds since 1970; nil if there is none
    /// before the year 2200.
    public func next(after instant: UInt64) -> UInt64? {
        let (firstDay, firstSecond) = Int(instant / 1_000_000_000 + 1).quotientAndRemainder(dividingBy: 86400)
        let first = CivilDate(daysSince1970: firstDay)
        for year in years where year >= first.year {
            for month in months where year > first.year || month >= first.month {
                let beforeMonth = CivilDate(year: year, month: month, day: 1).daysSince1970 - 1
                for day in days.ofMonth(year: year, month: month) where beforeMonth + day >= firstDay {
                    let earliest = beforeMonth + day == firstDay ? firstSecond : 0
                    guard let second = secondOfDay(notBefore: earliest) else { continue }
                    return UInt64((beforeMonth + day) * 86400 + second) * 1_000_000_000
                }
            }
        }
        return nil
    }

    private func secondOfDay(notBefore earliest: Int) -> Int? {
        for hour in hours where hour >= earliest / 3600 {
            for minute in minutes where hour * 60 + minute >= earliest / 60 {
                for second in seconds {
                    let candidate = hour * 3600 + minute * 60 + second
                    if candidate >= earliest { return candidate }
                }
            }
        }
        return nil
    }
}

extension CronExpression.Days {
    /// Ascending; empty for a month that has no such day.
    func ofMonth(year: Int, month: Int) -> [Int] {
        let last = CivilDate.dayCount(year: year, month: month)
        func weekday(_ day: Int) -> Int { CivilDate(year: year, month: month, day: day).weekday }
        func nearestWeekday(to day: Int) -> Int {
            switch weekday(day) {
            case 7: day == 1 ? 3 : day - 1
            case 1: day == last ? day - 2 : day + 1
            default: day
            }
        }
        switch self {
        case .daysOfMonth(let days): return days.filter { $0 <= last }
        case .fromEnd(let offset, let isWeekday):
            guard offset < last else { return [] }
            return [isWeekday ? nearestWeekday(to: last - offset) : last - offset]
        case .nearestWeekday(let day): return day <= last ? [nearestWeekday(to: day)] : []
        case .weekdays(let weekdays): return (1...last).filter { weekdays.contains(weekday($0)) }
        case .lastWeekday(let wanted): return [last - (weekday(last) - wanted + 7) % 7]
        case .nthWeekday(let wanted, let nth):
            let day = 1 + (wanted - weekday(1) + 7) % 7 + 7 * (nth - 1)
            return day <= last ? [day] : []
        }
    }
}
