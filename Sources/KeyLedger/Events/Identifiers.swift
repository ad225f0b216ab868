internal import CryptoPrimitives
internal import LedgerStore
internal import Synchronization
internal import Transparency

/// A tenant, as its events name it. Derived from its name under the ledger's secret, so that one name is one tenant
/// and the name cannot be read back.
public struct TenantID: Hashable, Sendable, Comparable {
    let value: UInt128
    /// The tenant that a record names in `user_data_128`.
    public init(_ value: UInt128) { self.value = value }
    /// By value.
    public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

/// A key, over all of its versions. Derived from tenant and name as ``TenantID`` is.
public struct KeyID: Hashable, Sendable, Comparable {
    let value: UInt128
    /// The key that a record names in `user_data_128`.
    public init(_ value: UInt128) { self.value = value }
    /// By value.
    public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

/// An event, as its caller names it: repeating an operation under the same id never counts twice.
public struct EventID: Hashable, Sendable, Comparable {
    let value: UInt128
    /// The event of a transfer with this id.
    public init(_ value: UInt128) { self.value = value }
    /// By value.
    public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

/// Ids whose text form is 26 digits of Crockford's base 32, as in ULIDs.
protocol TextIdentifier: LosslessStringConvertible {
    var value: UInt128 { get }
    init(_ value: UInt128)
}

extension TextIdentifier {
    /// 26 digits, most significant first.
    public var description: String { CrockfordBase32.text(of: value) }

    /// Reads what ``description`` writes, in either case; nil for anything else.
    public init?(_ description: String) {
        guard let value = CrockfordBase32.value(of: description) else { return nil }
        self.init(value)
    }
}

extension TenantID: TextIdentifier {}
extension KeyID: TextIdentifier {}
extension EventID: TextIdentifier {}

/// Makes ids that ascend with time: 48 bits of milliseconds, 80 random bits.
final class EventIDGenerator: Sendable {
    private let last = Mutex<UInt128>(0)
    private let clock: LedgerWriter.WallClock

    init(clock: @escaping LedgerWriter.WallClock) { self.clock = clock }

    /// The next id; within one millisecond, or when the clock stands or goes back, the one after the last.
    func next() throws(CryptoError) -> EventID {
        let random = try SecureRandom.bytes(count: 10).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        let fresh = UInt128(clock() / 1_000_000) << 80 | random
        return EventID(
            last.withLock { last in
                last = fresh >> 80 > last >> 80 ? fresh : last + 1
                return last
            })
    }
}
