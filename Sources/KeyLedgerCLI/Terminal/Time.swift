/// An instant as people write it: RFC 3339, UTC.
struct Time: CustomStringConvertible {
    /// Since 1970.
    let nanoseconds: UInt64

    /// With milliseconds.
    var description: String {
        let (days, rest) = (nanoseconds / 1_000_000_000).quotientAndRemainder(dividingBy: 86400)
        // Days since 1970 to a civil date, in eras of 400 years that begin on 1 March.
        let shifted = Int(days) + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func padded(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let time = "\(padded(rest / 3600, 2)):\(padded(rest % 3600 / 60, 2)):\(padded(rest % 60, 2))"
        return "\(date)T\(time).\(padded(nanoseconds / 1_000_000 % 1000, 3))Z"
    }
}
