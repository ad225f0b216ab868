internal import LedgerStore
internal import CryptoPrimitives
internal import Ledger

/// Which account stands for what. Ids are digests of what they stand for, so the same thing always meets the same
/// account: creating it again is refused by the ledger, not by a table of ours.
enum AccountID {
    static func issuer(_ ledger: LedgerKind) -> UInt128 { derive(.issuer, ledger) }
    static let denials = derive(.denials, .custody)
    static let scheduler = derive(.scheduler, .custody)
    static func keyCache(_ algorithm: KeyAlgorithm) -> UInt128 { derive(algorithm.cacheKind, .custody) }
    static let erased = derive(.erased, .custody)
    /// By the first 16 bytes of SHA-256 of the master key's name.
    static func masterKey(_ digest: UInt128) -> UInt128 { derive(.masterKey, .custody, digest) }
    static let checkpoints = derive(.checkpoints, .custody)
    static func tenant(_ tenant: TenantID, _ ledger: LedgerKind) -> UInt128 { derive(.tenant, ledger, tenant.value) }
    static func version(_ version: KeyVersion, _ algorithm: KeyAlgorithm, _ ledger: LedgerKind) -> UInt128 {
        derive(algorithm.accountKind, ledger, version.key.value, version.number)
    }

    static func exportGate(_ version: KeyVersion) -> UInt128 {
        derive(.exportGate, .custody, version.key.value, version.number)
    }

    private static func derive(
        _ kind: AccountKind, _ ledger: LedgerKind, _ owner: UInt128 = 0, _ version: UInt32 = 0
    ) -> UInt128 {
        UInt128(digestOf: "keyledger account v1", kind.rawValue, ledger.rawValue, owner, version)
    }
}

extension EventID {
    /// The id of an event that can happen once for its subject: a second one meets the first.
    ///
    /// Not for what the ledger may refuse for the moment: an id that was refused so stays refused.
    ///
    /// - Parameter ledger: For kinds that happen on several.
    init(once kind: EventKind, _ subject: UInt128, version: UInt32 = 0, on ledger: LedgerKind? = nil) {
        value = UInt128(
            digestOf: "keyledger event v1", kind.rawValue, (ledger ?? kind.ledger).rawValue, subject, version)
    }

    /// ``init(once:_:version:on:)`` of a version of a key.
    init(once kind: EventKind, _ version: KeyVersion, on ledger: LedgerKind? = nil) {
        self.init(once: kind, version.key.value, version: version.number, on: ledger)
    }
}

/// One version of a key. Versions are numbered from 1.
public struct KeyVersion: Hashable, Sendable, Comparable {
    /// Whose version it is.
    public let key: KeyID
    /// From 1.
    public let number: UInt32

    /// A version by its number.
    public init(key: KeyID, number: UInt32) {
        self.key = key
        self.number = number
    }

    /// By key, then number.
    public static func < (a: Self, b: Self) -> Bool { (a.key, a.number) < (b.key, b.number) }
}

extension UInt128 {
    /// The first 16 bytes of SHA-256 over a label and fixed-width fields, as a big-endian number.
    fileprivate init(digestOf label: StaticString, _ a: UInt32, _ b: UInt32, _ c: UInt128, _ d: UInt32) {
        var bytes = LittleEndianBytes()
        bytes.append(Array(label.description.utf8))
        bytes.append(a)
        bytes.append(b)
        bytes.append(c)
        bytes.append(d)
        self = SHA256.hash(unsafe bytes.bytes.span.bytes).leadingNumber
    }
}

extension SHA256Digest {
    /// The first 16 bytes as a big-endian number.
    var leadingNumber: UInt128 { bytes.prefix(16).reduce(0) { $0 << 8 | UInt128($1) } }
}
