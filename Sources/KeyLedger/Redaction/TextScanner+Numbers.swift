// Numbers of people: payment cards, social-security numbers, telephones.

extension TextScanner {
    /// Digits that stand together, and what separates them from the digits before.
    private struct Group {
        let range: Range<Int>
        let separator: Separator

        enum Separator { case none, space, hyphen, dot, slash, parenthesis }
    }

    /// Tries a number that begins here, with a digit, a plus sign or a parenthesis.
    mutating func scanNumber(at offset: Int) -> Int {
        let first = firstDigit(of: offset)
        let runEnd = end(from: first, \.isASCIIDigit)
        guard runEnd > first else { return offset + 1 }
        guard !isInsideWord(offset) else { return runEnd }
        let groups = groups(from: first)
        // A sign or a parenthesis can only begin a telephone number.
        let isBare = first == offset
        if isBare, let match = cardEnd(groups) {
            found(.creditCard, first..<match)
            return match
        }
        if isBare, let match = socialSecurityNumberEnd(groups) {
            found(.ssn, first..<match)
            return match
        }
        if let match = phoneEnd(groups, sign: offset) {
            found(.phone, offset..<match)
            return match
        }
        if isBare, let match = streetAddressEnd(from: first, number: runEnd) {
            found(.address, first..<match)
            return match
        }
        return isBare ? runEnd : offset + 1
    }

    /// Whether what begins here goes on from a letter or digit, or from the digits of a larger number.
    private func isInsideWord(_ offset: Int) -> Bool {
        let before = byte(offset - 1)
        if before.isASCIIAlphanumeric || before == UInt8(ascii: "_") { return true }
        return (before == UInt8(ascii: ".") || before == UInt8(ascii: "-")) && byte(offset - 2).isASCIIDigit
    }

    /// Behind a plus sign, which in a URL may be written `%2B`, or a parenthesis, or both.
    private func firstDigit(of offset: Int) -> Int {
        var first = offset
        if bytes[first] == UInt8(ascii: "%") { first += 3 } else if bytes[first] == UInt8(ascii: "+") { first += 1 }
        if byte(first) == UInt8(ascii: "(") { first += 1 }
        return first
    }

    private func groups(from start: Int) -> [Group] {
        var groups: [Group] = []
        var separator = Group.Separator.none
        var offset = start
        while groups.count < 8 {
            let end = end(from: offset, \.isASCIIDigit)
            guard end > offset else { break }
            groups.append(Group(range: offset..<end, separator: separator))
            guard let (kind, next) = self.separator(at: end) else { break }
            separator = kind
            offset = next
        }
        return groups
    }

    /// One sign between two groups, with a parenthesis before or behind it or instead of it.
    private func separator(at offset: Int) -> (Group.Separator, next: Int)? {
        var offset = offset
        var kind: Group.Separator?
        for _ in 0..<3 {
            switch byte(offset) {
            case UInt8(ascii: "("), UInt8(ascii: ")"): kind = .parenthesis
            case UInt8(ascii: " ") where kind == nil || kind == .parenthesis: kind = kind ?? .space
            case UInt8(ascii: "-") where kind == nil || kind == .parenthesis: kind = kind ?? .hyphen
            case UInt8(ascii: ".") where kind == nil: kind = .dot
            case UInt8(ascii: "/") where kind == nil: kind = .slash
            default: return kind.map { ($0, offset) }
            }
            offset += 1
        }
        return kind.map { ($0, offset) }
    }

    /// Whether a number may end here: nothing goes on, neither a word nor a larger number.
    private func mayEnd(at end: Int) -> Bool {
        let after = byte(end)
        if after.isASCIIAlphanumeric || after == UInt8(ascii: "_") { return false }
        return !((after == UInt8(ascii: ".") || after == UInt8(ascii: "-")) && byte(end + 1).isASCIIDigit)
    }
}

// MARK: - Payment cards

extension TextScanner {
    /// The end of the longest card number that begins with these groups.
    private func cardEnd(_ groups: [Group]) -> Int? {
        var digits: [UInt8] = []
        var sizes: [Int] = []
        var longest: Int?
        for group in groups {
            let isSeparated = group.separator == .space || group.separator == .hyphen
            guard sizes.isEmpty || isSeparated, digits.count + group.range.count <= 19 else { break }
            digits += bytes[group.range]
            sizes.append(group.range.count)
            let end = group.range.upperBound
            if digits.count >= 13, mayEnd(at: end), Self.isLayout(sizes, of: digits),
                PersonalData.hasLuhnCheckDigit(digits)
            {
                longest = end
            }
        }
        return longest
    }

    /// Whether cards are printed like this: in groups beginning with four digits (or six, for two groups), or in one
    /// group that begins as the networks' numbers do. Of other numbers of this length one in ten has a valid check
    /// digit by chance, and times in milliseconds or microseconds have this length.
    private static func isLayout(_ sizes: [Int], of digits: [UInt8]) -> Bool {
        if sizes.count == 1 { return isIssued(digits) }
        if sizes == [4, 4, 4, 4] { return digits[0] != UInt8(ascii: "0") }
        let isGrouped = sizes.dropFirst().dropLast().allSatisfy { (3...7).contains($0) }
        return isGrouped && (sizes[0] == 4 || sizes.count == 2 && sizes[0] == 6) && isIssued(digits)
    }

    /// ISO/IEC 7812-1: the first digits name the network, and each network has its lengths.
    static func isIssued(_ digits: [UInt8]) -> Bool {
        let prefix = digits.prefix(2).reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return switch (prefix, digits.count) {
        case (21...27, 15...16): true
        case (30...39, 14...19): true
        case (40...49, 13), (40...49, 16), (40...49, 19): true
        case (50...69, 13...19): true
        default: false
        }
    }
}

// MARK: - Social-security numbers and telephones

extension TextScanner {
    /// `123-45-6789` or `123 45 6789`. Numbers the administration never gave out count too: tests and frauds use them.
    private func socialSecurityNumberEnd(_ groups: [Group]) -> Int? {
        let number = groups.prefix(3)
        guard number.map(\.range.count) == [3, 2, 4], number[1].separator == number[2].separator,
            number[1].separator == .hyphen || number[1].separator == .space, mayEnd(at: number[2].range.upperBound)
        else { return nil }
        return number[2].range.upperBound
    }

    private func phoneEnd(_ groups: [Group], sign: Int) -> Int? {
        let hasPlus = bytes[sign] == UInt8(ascii: "+") || bytes[sign] == UInt8(ascii: "%")
        if hasPlus || isDoubleZero(groups[0]) { return internationalEnd(groups, hasPlus: hasPlus) }
        let isParenthesis = bytes[sign] == UInt8(ascii: "(")
        if isParenthesis, groups.count < 2 || groups[1].separator != .parenthesis { return nil }
        return northAmericanEnd(groups) ?? trunkEnd(groups)
    }

    /// `00` and a country: the international prefix of most networks.
    private func isDoubleZero(_ group: Group) -> Bool {
        matches("00", at: group.range.lowerBound) && group.range.count > 2 && byte(group.range.lowerBound + 2) != 0x30
    }

    /// `+43 664 1234567`: up to 15 digits (E.164), 11 in North America.
    private func internationalEnd(_ groups: [Group], hasPlus: Bool) -> Int? {
        let isNorthAmerican = hasPlus && byte(groups[0].range.lowerBound) == UInt8(ascii: "1")
        let countMax = hasPlus ? (isNorthAmerican ? 11 : 15) : 17
        var count = 0
        var end: Int?
        for group in groups {
            count += group.range.count
            guard count <= countMax else { break }
            if count >= (hasPlus ? 8 : 11), mayEndPhone(at: group.range.upperBound) { end = group.range.upperBound }
        }
        guard let end, hasPlus || end > groups[0].range.upperBound else { return nil }
        return end
    }

    /// An extension may follow: `555-123-4567x89`. Behind a plus sign, so may more than belongs to the number.
    private func mayEndPhone(at end: Int) -> Bool {
        let after = byte(end)
        return after == UInt8(ascii: "x") || !(after.isASCIIAlphanumeric || after == UInt8(ascii: "_"))
    }

    /// `(555) 123-4567`, `555-123-4567`, `1.555.123.4567`. Ten digits without a separator are rather a time.
    private func northAmericanEnd(_ groups: [Group]) -> Int? {
        let hasCountry = groups[0].range.count == 1 && byte(groups[0].range.lowerBound) == UInt8(ascii: "1")
        let number = groups.dropFirst(hasCountry ? 1 : 0).prefix(3)
        guard number.map(\.range.count) == [3, 3, 4], let last = number.last,
            mayEnd(at: last.range.upperBound) || byte(last.range.upperBound) == UInt8(ascii: "x"),
            number.dropFirst().allSatisfy({ $0.separator != .slash })
        else { return nil }
        return last.range.upperBound
    }

    /// `0664 1234567`, `030/123456`: with a trunk prefix, 9 to 12 digits.
    private func trunkEnd(_ groups: [Group]) -> Int? {
        let area = groups[0].range
        guard byte(area.lowerBound) == UInt8(ascii: "0"), byte(area.lowerBound + 1) != UInt8(ascii: "0"),
            (3...5).contains(area.count)
        else { return nil }
        var count = 0
        var end: Int?
        for group in groups {
            guard group.separator != .dot, group.range.count > 1 else { break }
            count += group.range.count
            guard count <= 12 else { return nil }
            if count >= 9, group.range != area { end = group.range.upperBound }
        }
        guard let end, mayEnd(at: end) else { return nil }
        return end
    }
}
