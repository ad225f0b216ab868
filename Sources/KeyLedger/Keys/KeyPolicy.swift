/// What a key is to be, fixed when it is made.
public struct KeyPolicy: Sendable, Hashable {
    /// When the first version becomes active, in nanoseconds since 1970; nil for at once.
    public var notBefore: UInt64?
    /// Whether the material of its versions may leave.
    public var isExportable: Bool
    /// How long each version is to apply protection, in seconds; nil for the key store's default.
    public var cryptoperiodSeconds: UInt32?

    /// A policy; without arguments the usual one.
    public init(notBefore: UInt64? = nil, isExportable: Bool = false, cryptoperiodSeconds: UInt32? = nil) {
        self.notBefore = notBefore
        self.isExportable = isExportable
        self.cryptoperiodSeconds = cryptoperiodSeconds
    }

    /// How long a version that is made `now` is held back, in seconds: never too short.
    ///
    /// - Throws: ``KeyStoreError/invalidOption(name:reason:)`` for a date that has passed or is beyond 136 years.
    func holdSeconds(now: UInt64) throws(KeyStoreError) -> UInt32 {
        guard let notBefore else { return 0 }
        guard notBefore > now else {
            throw .invalidOption(
                name: "not-before", reason: "the date has passed; leave it out for a key to use at once")
        }
        guard let seconds = UInt32(exactly: (notBefore - now + 999_999_999) / 1_000_000_000) else {
            throw .invalidOption(name: "not-before", reason: "the date is more than 136 years away")
        }
        return seconds
    }

    /// The timeout of the cryptoperiod: from the activation on, which `hold` puts off. 0 means without limit.
    func periodSeconds(default period: UInt32, hold: UInt32) throws(KeyStoreError) -> UInt32 {
        if cryptoperiodSeconds == 0 {
            throw .invalidOption(name: "cryptoperiod", reason: "it must be at least a second")
        }
        let period = cryptoperiodSeconds ?? period
        if period == 0 { return 0 }
        let (sum, overflows) = period.addingReportingOverflow(hold)
        guard !overflows else {
            throw .invalidOption(name: "cryptoperiod", reason: "it ends more than 136 years from now")
        }
        return sum
    }
}
