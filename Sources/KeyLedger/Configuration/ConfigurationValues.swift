// How texts become values.
extension [Setting: Configuration.Value] {
    private func value(of setting: Setting) -> Configuration.Value {
        self[setting] ?? .init(text: setting.defaultText, origin: .builtIn)
    }

    func text(of setting: Setting) -> String { value(of: setting).text }

    /// Nil where nothing is said, or nothing but an empty text.
    func textIfGiven(of setting: Setting) -> String? {
        let text = text(of: setting)
        return text.isEmpty ? nil : text
    }

    func numberIfGiven(of setting: Setting, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
        textIfGiven(of: setting) == nil ? nil : try number(of: setting, in: range)
    }

    private func invalid(_ setting: Setting, _ reason: String) -> ConfigurationError {
        let value = value(of: setting)
        return .invalidValue(value.text, of: setting.name, at: value.origin, reason: reason)
    }

    func flag(of setting: Setting) throws(ConfigurationError) -> Bool {
        switch text(of: setting).lowercased() {
        case "true": return true
        case "false": return false
        default: throw invalid(setting, "it has to be true or false")
        }
    }

    func number(of setting: Setting, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        let text = text(of: setting)
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), range.contains(number)
        else { throw invalid(setting, "it has to be a number from \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    func cron(of setting: Setting) throws(ConfigurationError) -> CronExpression {
        do throws(CronError) {
            return try CronExpression(parsing: text(of: setting))
        } catch {
            throw invalid(setting, (error.field.map { "in the \($0), " } ?? "") + error.reason)
        }
    }

    /// A duration in whole seconds, such as `90`, `60m`, `1h30m` or `PT24H`; a ledger's timeouts have 32 bits of them.
    func seconds(of setting: Setting) throws(ConfigurationError) -> UInt32 {
        guard let seconds = durationSeconds(text(of: setting)) else {
            throw invalid(setting, "it has to be a duration such as 90s, 60m, 24h, 7d or 1h30m")
        }
        guard (1...UInt64(UInt32.max)).contains(seconds) else {
            throw invalid(setting, "it has to be between a second and \(UInt32.max) seconds")
        }
        return UInt32(seconds)
    }

    func checkProvider() throws(ConfigurationError) {
        switch text(of: .provider) {
        case "local": return
        case "aws", "vault", "gcp", "azure":
            throw .providerNotBuiltIn(text(of: .provider), at: value(of: .provider).origin)
        default: throw invalid(.provider, "it has to be local, aws, vault, gcp or azure")
        }
    }
}

/// Seconds of `90`, `90s`, `60m`, `24h`, `7d`, descending combinations such as `1h30m`, and ISO 8601's `PT1H30M`; nil for
/// anything else, and for what is beyond 64 bits.
private func durationSeconds(_ text: String) -> UInt64? {
    var rest = text.lowercased()[...]
    if rest.hasPrefix("pt") { rest = rest.dropFirst(2) }
    if let plain = number(rest) { return plain }
    var units: ArraySlice<(Character, UInt64)> = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]
    var total: UInt64 = 0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
        guard let end = rest.firstIndex(where: \.isLetter), let count = number(rest[..<end]),
            let place = units.firstIndex(where: { $0.0 == rest[end] })
        else { return nil }
        let (product, isTooMuch) = count.multipliedReportingOverflow(by: units[place].1)
        let (sum, isStillTooMuch) = total.addingReportingOverflow(product)
        if isTooMuch || isStillTooMuch { return nil }
        total = sum
        units = units[(place + 1)...]
        rest = rest[rest.index(after: end)...]
    }
    return total
}

/// Digits of ASCII only.
private func number(_ text: Substring) -> UInt64? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
}
