internal import Ledger

/// What `Specs/EVENTS.md` says of accounts and transfers, as data. Written down once more, not shared with the code that
/// makes them.
enum Catalogue {
    /// The code of every account and transfer.
    static let code: UInt16 = 8

    /// What an account stands for; its `user_data_32`.
    enum AccountKind: UInt32 {
        case issuer = 1
        case denials = 2
        case keyCache = 3
        case tenant = 4
        case signingKeyVersion = 16
        case encryptionKeyVersion = 17

        var isVersion: Bool { self == .signingKeyVersion || self == .encryptionKeyVersion }

        /// The flags it has on a ledger; nil where there is none.
        func flags(on ledger: UInt32) -> Account.Flags? {
            switch (self, ledger) {
            case (.issuer, 1...3), (.tenant, 1...3), (.denials, 3), (.signingKeyVersion, 1...2),
                (.encryptionKeyVersion, 2):
                []
            case (.keyCache, 3): .creditsMustNotExceedDebits
            case (.encryptionKeyVersion, 1), (.signingKeyVersion, 3), (.encryptionKeyVersion, 3):
                .debitsMustNotExceedCredits
            default: nil
            }
        }

        /// The id it has: derived from all that it stands for.
        func id(ledger: UInt32, owner: UInt128, version: UInt32) -> UInt128 {
            FieldBytes("keyledger account v1").appending(rawValue).appending(ledger).appending(owner)
                .appending(version).derivedID
        }
    }

    /// What a transfer records; its `user_data_32`.
    enum EventKind: UInt32, CaseIterable {
        case sign = 0x101
        case encrypt = 0x102
        case budget = 0x110
        case cryptoperiod = 0x111
        case retire = 0x120
        case verify = 0x201
        case decrypt = 0x202
        case generate = 0x301
        case admit = 0x302
        case evict = 0x303
        case deny = 0x310
        case createTenant = 0x320
        case cacheCapacity = 0x321

        /// The id it has if it can happen once for its subject.
        func onceID(subject: UInt128, version: UInt32) -> UInt128 {
            FieldBytes("keyledger event v1").appending(rawValue).appending(rawValue >> 8).appending(subject)
                .appending(version).derivedID
        }
    }

    /// What a transfer of a kind looks like. Beyond that it may be linked.
    struct Shape {
        let debit: [AccountKind]
        let credit: [AccountKind]
        var amount = 1...UInt128(1)
        var flags: Transfer.Flags = []
        /// In seconds.
        var timeout = 0...UInt32(0)
        var isOnce = false
        /// What a void gives up.
        var voids: EventKind?
    }

    private static let versions: [AccountKind] = [.signingKeyVersion, .encryptionKeyVersion]
    private static let budget: UInt128 = 1 << 32

    static func shape(of kind: EventKind) -> Shape {
        switch kind {
        case .sign, .verify: Shape(debit: [.signingKeyVersion], credit: [.tenant])
        case .encrypt: Shape(debit: [.encryptionKeyVersion], credit: [.tenant], amount: 1...budget)
        case .decrypt: Shape(debit: [.encryptionKeyVersion], credit: [.tenant])
        case .budget:
            Shape(debit: [.issuer], credit: [.encryptionKeyVersion], amount: budget...budget, isOnce: true)
        case .cryptoperiod:
            Shape(debit: [.issuer], credit: versions, amount: 0...0, flags: .pending, timeout: 0 ... .max, isOnce: true)
        case .retire:
            Shape(debit: versions, credit: [.tenant], amount: 0...0, flags: [.pending, .closingDebit], isOnce: true)
        case .generate: Shape(debit: [.tenant], credit: versions, isOnce: true)
        case .admit: Shape(debit: versions, credit: [.keyCache], flags: .pending, timeout: 1 ... .max)
        case .evict: Shape(debit: versions, credit: [.keyCache], flags: .voidPendingTransfer, voids: .admit)
        case .deny: Shape(debit: [.tenant, .issuer], credit: [.denials])
        case .createTenant: Shape(debit: [.issuer], credit: [.tenant], isOnce: true)
        case .cacheCapacity:
            Shape(debit: [.keyCache, .issuer], credit: [.issuer, .keyCache], amount: 1 ... .max)
        }
    }

    /// Closings that nothing may take back.
    static let finalClosings: Set<EventKind> = [.retire]
}
