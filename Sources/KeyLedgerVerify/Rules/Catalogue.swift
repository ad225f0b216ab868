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
        case privateKeyCache = 3
        case tenant = 4
        case checkpoints = 5
        case masterKey = 6
        case erased = 7
        case encryptionKeyCache = 8
        case scheduler = 9
        case signingKeyVersion = 16
        case encryptionKeyVersion = 17
        case exportGate = 18

        /// Whether it is somebody's or something's: its `user_data_128` says whose.
        var hasOwner: Bool { isOfVersion || self == .tenant || self == .masterKey }

        /// Whether it is one of a version's accounts.
        var isOfVersion: Bool { rawValue >= 16 }

        /// The flags it has on a ledger; nil where there is none.
        func flags(on ledger: UInt32) -> Account.Flags? {
            switch (self, ledger) {
            case (.issuer, 1...3), (.tenant, 2...3), (.denials, 3), (.checkpoints, 3), (.masterKey, 3),
                (.erased, 3), (.scheduler, 3), (.signingKeyVersion, 1...2),
                (.encryptionKeyVersion, 2):
                []
            case (.privateKeyCache, 3), (.encryptionKeyCache, 3), (.tenant, 1): .creditsMustNotExceedDebits
            case (.encryptionKeyVersion, 1), (.signingKeyVersion, 3), (.encryptionKeyVersion, 3), (.exportGate, 3):
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
    enum EventKind: UInt32 {
        case sign = 0x101
        case encrypt = 0x102
        case budget = 0x110
        case cryptoperiod = 0x111
        case hold = 0x112
        case activate = 0x113
        case budgetWarning = 0x114
        case quota = 0x115
        case quotaWarning = 0x116
        case retire = 0x120
        case deactivate = 0x121
        case suspend = 0x122
        case resume = 0x123
        case release = 0x124
        case verify = 0x201
        case decrypt = 0x202
        case generate = 0x301
        case admit = 0x302
        case evict = 0x303
        case export = 0x304
        case allowExport = 0x305
        case importKey = 0x306
        case offerImport = 0x307
        case redeem = 0x308
        case deny = 0x310
        case compromise = 0x311
        case scheduleDestruction = 0x312
        case cancelDestruction = 0x313
        case destroy = 0x314
        case erase = 0x315
        case createTenant = 0x320
        case cacheCapacity = 0x321
        case rewrap = 0x330
        case rewrapTenant = 0x331
        case finishRewrap = 0x332
        case abandonRewrap = 0x333
        case shred = 0x334
        case shredded = 0x335
        case acceptLog = 0x336
        case rotationFailed = 0x340
        case rotationRun = 0x341
        case reveal = 0x350
        case checkpoint = 0x360
        case checkpointKey = 0x361
        case cosigned = 0x362
        case anchored = 0x363
        case evidence = 0x364

        /// The id it has if it can happen once for its subject.
        func onceID(_ ledger: UInt32, subject: UInt128, version: UInt32) -> UInt128 {
            FieldBytes("keyledger event v1").appending(rawValue).appending(ledger).appending(subject)
                .appending(version).derivedID
        }

        /// Whether a version does something that needs its secret.
        var needsSecret: Bool { [.sign, .encrypt, .decrypt, .export].contains(self) }

        /// Whether somebody asked for it, and so is named in its details.
        var hasDetails: Bool {
            switch self {
            case .sign, .encrypt, .verify, .decrypt, .export, .generate, .importKey, .createTenant, .cacheCapacity,
                .rotationRun, .checkpoint, .checkpointKey:
                true
            default: false
            }
        }

        /// Whether its closing is for good.
        var isFinal: Bool {
            switch self {
            case .retire, .deactivate, .compromise, .destroy, .erase, .shred: true
            default: false
            }
        }
    }

    /// What a transfer of a kind looks like. Beyond that it may be linked.
    struct Shape {
        var ledger: UInt32
        let debit: [AccountKind]
        let credit: [AccountKind]
        var amount = 1...UInt128(1)
        var flags: Transfer.Flags = []
        /// In seconds.
        var timeout = 0...UInt32(0)
        /// The kind from which its id is derived, for what can happen once.
        var once: EventKind?
        /// What it may give up.
        var voids: [EventKind] = []

        func fits(_ transfer: Transfer, _ from: AccountKind, _ to: AccountKind) -> Bool {
            transfer.ledger == ledger && debit.contains(from) && credit.contains(to)
                && amount.contains(transfer.amount) && transfer.flags.subtracting(.linked) == flags
                && timeout.contains(transfer.timeoutSeconds)
        }
    }

    private static let version: [AccountKind] = [.signingKeyVersion, .encryptionKeyVersion]
    private static let caches: [(version: AccountKind, cache: AccountKind)] = [
        (.signingKeyVersion, .privateKeyCache), (.encryptionKeyVersion, .encryptionKeyCache),
    ]
    private static let versionOrGate = version + [.exportGate]
    private static let budget: UInt128 = 1 << 32
    private static let anyAmount = 1...UInt128.max
    private static let anyTimeout = 1...UInt32.max

    /// Closes an account of a version, until it is voided or for good.
    private static func closing(
        _ ledger: UInt32, _ debit: [AccountKind] = version, amount: UInt128 = 0, timeout: ClosedRange<UInt32> = 0...0,
        once: EventKind? = nil
    ) -> Shape {
        Shape(
            ledger: ledger, debit: debit, credit: [.tenant], amount: amount...amount, flags: [.pending, .closingDebit],
            timeout: timeout, once: once)
    }

    /// Gives up what closes accounts of a version.
    private static func opening(_ ledgers: ClosedRange<UInt32>, _ voids: EventKind...) -> [Shape] {
        ledgers.map {
            Shape(
                ledger: $0, debit: versionOrGate, credit: [.tenant], amount: 0...0, flags: .voidPendingTransfer,
                voids: voids)
        }
    }

    private static func note(_ amount: ClosedRange<UInt128> = 0...0) -> Shape {
        Shape(ledger: 3, debit: [.issuer], credit: [.checkpoints], amount: amount)
    }

    /// From what everything was wrapped under to what it is.
    private static func masterKeys(flags: Transfer.Flags = [], once: EventKind? = nil) -> Shape {
        Shape(ledger: 3, debit: [.masterKey], credit: [.masterKey], flags: flags, once: once)
    }

    /// ``shapes(of:)`` of all kinds at hand, by number.
    static let table: [[Shape]] = (0...UInt32(0x3FF)).map { EventKind(rawValue: $0).map(shapes) ?? [] }

    static func shapes(of kind: EventKind) -> [Shape] {
        switch kind {
        case .sign: [Shape(ledger: 1, debit: [.signingKeyVersion], credit: [.tenant])]
        case .encrypt: [Shape(ledger: 1, debit: [.encryptionKeyVersion], credit: [.tenant], amount: 1...budget)]
        case .budget:
            [
                Shape(
                    ledger: 1, debit: [.issuer], credit: [.encryptionKeyVersion], amount: budget...budget, once: .budget
                )
            ]
        case .cryptoperiod:
            [
                Shape(
                    ledger: 1, debit: [.issuer], credit: version, amount: 0...UInt128(UInt32.max), flags: .pending,
                    timeout: 0 ... .max, once: .cryptoperiod)
            ]
        case .hold: [1, 2].map { closing($0, timeout: anyTimeout, once: .hold) }
        case .activate: opening(1...2, .hold)
        case .budgetWarning, .quotaWarning: [Shape(ledger: 1, debit: [.issuer], credit: [.tenant], amount: 0...0)]
        case .quota:
            [
                Shape(ledger: 1, debit: [.tenant], credit: [.issuer], amount: anyAmount),
                Shape(ledger: 1, debit: [.issuer], credit: [.tenant], amount: anyAmount),
            ]
        case .retire, .deactivate, .suspend: [closing(1)]
        case .resume: opening(1...1, .suspend)
        case .release: opening(1...3, .suspend, .hold, .scheduleDestruction)
        case .verify: [Shape(ledger: 2, debit: [.signingKeyVersion], credit: [.tenant])]
        case .decrypt: [Shape(ledger: 2, debit: [.encryptionKeyVersion], credit: [.tenant])]
        case .generate, .importKey: [Shape(ledger: 3, debit: [.tenant], credit: version, once: .generate)]
        case .admit: caches.map { Shape(ledger: 3, debit: [$0], credit: [$1], flags: .pending, timeout: anyTimeout) }
        case .evict:
            caches.map { Shape(ledger: 3, debit: [$0], credit: [$1], flags: .voidPendingTransfer, voids: [.admit]) }
        case .rotationFailed: [Shape(ledger: 3, debit: [.tenant], credit: [.denials])]
        case .rotationRun: [Shape(ledger: 3, debit: [.issuer], credit: [.scheduler], amount: 0 ... .max)]
        case .export: [Shape(ledger: 3, debit: [.exportGate], credit: [.tenant])]
        case .allowExport:
            [Shape(ledger: 3, debit: [.issuer], credit: [.exportGate], amount: budget...budget, once: .allowExport)]
        case .reveal: [Shape(ledger: 3, debit: [.tenant], credit: [.issuer], amount: anyAmount)]
        case .offerImport:
            [Shape(ledger: 3, debit: [.issuer], credit: [.tenant], amount: 0...0, flags: .pending, timeout: anyTimeout)]
        case .redeem:
            [
                Shape(
                    ledger: 3, debit: [.issuer], credit: [.tenant], amount: 0...0, flags: .postPendingTransfer)
            ]
        case .deny: [Shape(ledger: 3, debit: [.tenant, .issuer], credit: [.denials])]
        case .compromise: [closing(1), closing(3, [.exportGate])]
        case .scheduleDestruction: [closing(2), closing(3, [.exportGate]), closing(3, timeout: anyTimeout)]
        case .cancelDestruction: opening(2...3, .scheduleDestruction)
        case .destroy:
            [
                closing(2), closing(3, [.exportGate]),
                Shape(ledger: 3, debit: version, credit: [.tenant], amount: 0...0),
            ]
        case .erase: [closing(3, amount: 1)]
        case .createTenant: [Shape(ledger: 3, debit: [.issuer], credit: [.tenant], once: .createTenant)]
        case .cacheCapacity:
            [
                Shape(ledger: 3, debit: caches.map(\.cache), credit: [.issuer], amount: anyAmount),
                Shape(ledger: 3, debit: [.issuer], credit: caches.map(\.cache), amount: anyAmount),
            ]
        case .rewrap: [masterKeys(flags: .pending, once: .rewrap)]
        case .rewrapTenant: [masterKeys(once: .rewrapTenant)]
        case .finishRewrap: [masterKeys(flags: .postPendingTransfer)]
        case .abandonRewrap: [masterKeys(flags: .voidPendingTransfer)]
        case .shred:
            (1...3).map {
                Shape(
                    ledger: $0, debit: [.tenant], credit: [.issuer], amount: 0...0, flags: [.pending, .closingDebit],
                    once: .shred)
            }
        case .shredded:
            [Shape(ledger: 3, debit: [.issuer], credit: [.erased], amount: 0 ... .max, once: .shredded)]
        case .acceptLog: [Shape(ledger: 3, debit: [.issuer], credit: [.denials])]
        case .checkpoint: [note(anyAmount)]
        case .checkpointKey, .cosigned, .anchored, .evidence: [note()]
        }
    }
}
