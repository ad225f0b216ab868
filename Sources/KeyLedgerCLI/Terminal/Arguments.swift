import ArgumentParser

/// A length of time as people write it: a number and `s`, `m`, `h` or `d`.
struct Seconds: ExpressibleByArgument {
    let count: UInt32

    init(count: UInt32) { self.count = count }

    init?(argument: String) {
        let units: [Character: UInt32] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        guard let unit = argument.last.flatMap({ units[$0] }),
            argument.dropLast().utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = UInt32(argument.dropLast())
        else { return nil }
        let (count, overflows) = number.multipliedReportingOverflow(by: unit)
        if overflows { return nil }
        self.count = count
    }

    var defaultValueDescription: String {
        count % 86400 == 0 ? "\(count / 86400)d" : "\(count)s"
    }
}

extension Time: ExpressibleByArgument {
    /// Reads a date, or a date and time in UTC: `2030-01-01`, `2030-01-01T08:00Z`, `2030-01-01T08:00:00Z`.
    init?(argument: String) {
        let full =
            switch argument.utf8.count {
            case 10: argument + "T00:00:00Z"
            case 17: String(argument.dropLast()) + ":00Z"
            default: argument
            }
        let digits = Array(full.utf8)
        guard digits.count == 20 else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            digits[range].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                ? Int(String(decoding: digits[range], as: UTF8.self)) : nil
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1970...2262).contains(year), (1...12).contains(month), hour < 24, minute < 60, second < 60
        else { return nil }
        // A civil date to days since 1970, in eras of 400 years that begin on 1 March.
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        let seconds = days * 86400 + hour * 3600 + minute * 60 + second
        guard seconds >= 0, seconds < Int(Int64.max / 1_000_000_000) else { return nil }
        self.init(nanoseconds: UInt64(seconds) * 1_000_000_000)
        // Dates that do not exist, and other characters between the digits, come out as another text.
        guard description.dropLast(5) + "Z" == full else { return nil }
    }
}
