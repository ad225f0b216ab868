import ArgumentParser
import KeyLedger
import Transparency

/// What a key is to be, fixed when it is made.
struct PolicyOptions: ParsableArguments {
    @Option(
        name: .long,
        help: .init("When it becomes active: 2030-01-01 or 2030-01-01T08:00:00Z. Default: at once.", valueName: "date"))
    var notBefore: Time?

    @Flag(name: .long, help: "Its material may leave with `keyledger key export`. Cannot be changed later.")
    var exportable = false

    @Option(
        name: .long,
        help: .init(
            "How long each version is to apply protection: 90d, 12h, 30m or 60s. Default: the ledger's.",
            valueName: "time"))
    var cryptoperiod: Seconds?

    var policy: KeyPolicy {
        KeyPolicy(
            notBefore: notBefore?.nanoseconds, isExportable: exportable, cryptoperiodSeconds: cryptoperiod?.count)
    }
}

/// Which key, and which of its versions.
struct KeyOptions: ParsableArguments {
    @OptionGroup var store: StoreOptions
    @Option(name: .long, help: "Whose key it is.") var tenant: String
    @Option(name: .long, help: .init("Which version.", valueName: "number")) var keyVersion: UInt32?
    @Argument(help: "The key's name.") var name: String

    /// Opens the ledger, changes the versions of the key that `choose` names, and says what they are then.
    fileprivate func change(
        _ done: String, choosing choose: (LedgerProjection.KeyRecord) -> [UInt32] = { [$0.currentVersion] },
        _ body: (KeyHandle, UInt32) async throws -> Void
    ) async throws {
        let (numbers, states) = try await store.withStore { store in
            let key = try await store.tenant(tenant).key(name)
            let numbers = keyVersion.map { [$0] } ?? key.record.map(choose) ?? []
            for number in numbers { try await body(key, number) }
            return (numbers, numbers.map { key.record?.versions[Int($0) - 1].state })
        }
        for (number, state) in zip(numbers, states) {
            try Terminal.print(
                store.ledger.json
                    ? line([
                        "tenant": .string(tenant), "key": .string(name), "version": json(number),
                        "state": .string(state?.description ?? "unknown"),
                    ]) : "\(done) key \(name) of \(tenant), version \(number).")
        }
    }
}

extension KeyCommand {
    struct Activate: Command {
        static let configuration = CommandConfiguration(
            abstract: "Make a key active before its date.",
            discussion: """
                  keyledger key activate --tenant acme next

                With --json: tenant, key, version, state.
                """)
        @OptionGroup var key: KeyOptions
        func perform() async throws { try await key.change("Activated") { try await $0.activate(version: $1) } }
    }

    struct Suspend: Command {
        static let configuration = CommandConfiguration(
            abstract: "Stop a key from signing and encrypting until it is resumed.",
            discussion: """
                It still verifies and decrypts; each such event says that the key was suspended.

                  keyledger key suspend --tenant acme claims --reason INC-7

                With --json: tenant, key, version, state.
                """)
        @OptionGroup var key: KeyOptions
        func perform() async throws { try await key.change("Suspended") { try await $0.suspend(version: $1) } }
    }

    struct Resume: Command {
        static let configuration = CommandConfiguration(
            abstract: "End a suspension.",
            discussion: """
                  keyledger key resume --tenant acme claims

                With --json: tenant, key, version, state.
                """)
        @OptionGroup var key: KeyOptions
        func perform() async throws { try await key.change("Resumed") { try await $0.resume(version: $1) } }
    }

    struct Deactivate: Command {
        static let configuration = CommandConfiguration(
            abstract: "Stop a key from signing and encrypting, for good.",
            discussion: """
                It still verifies and decrypts. `keyledger key rotate` gives the key a new version.

                  keyledger key deactivate --tenant acme claims

                With --json: tenant, key, version, state.
                """)
        @OptionGroup var key: KeyOptions
        func perform() async throws { try await key.change("Deactivated") { try await $0.deactivate(version: $1) } }
    }

    struct Compromise: Command {
        static let configuration = CommandConfiguration(
            abstract: "Record that somebody else may know a key.",
            discussion: """
                It signs, encrypts and is exported no more, for good. It still verifies and decrypts; each such event \
                says that the key was compromised. `keyledger key rotate` gives the key a new version.

                  keyledger key compromise --tenant acme claims --reason INC-7

                With --json: tenant, key, version, state.
                """)
        @OptionGroup var key: KeyOptions
        func perform() async throws {
            try await key.change("Marked as compromised:") { try await $0.compromise(version: $1) }
        }
    }

    struct Destroy: Command {
        static let configuration = CommandConfiguration(
            abstract: "Destroy a key with all its versions, after a waiting time.",
            discussion: """
                Nothing can be done with the key from now on. Until the waiting time is over, `keyledger key \
                cancel-destroy` takes it back; the first opening of the ledger after that erases the material.

                  keyledger key destroy --tenant acme pii --in 30d
                  keyledger key destroy --tenant acme pii --key-version 1 --now

                With --json, a line for each version: tenant, key, version, state.
                """)
        @OptionGroup var key: KeyOptions
        @Option(name: .customLong("in"), help: .init("The waiting time: 30d, 12h, 30m or 60s.", valueName: "time"))
        var waiting = Seconds(count: KeyHandle.destructionWaitingSeconds)
        @Flag(name: .long, help: "Do not wait. What the key encrypted is lost at once.") var now = false

        func validate() throws {
            if waiting.count == 0, !now { throw ValidationError("To destroy a key without a waiting time, say --now.") }
        }

        func perform() async throws {
            try await key.change(now ? "Destroyed" : "Scheduled the destruction of") { record in
                // Those that it can still be asked of; if there are none, the ledger says why.
                let open = record.versions.indices.filter {
                    record.versions[$0].state != .destroyed && record.versions[$0].destruction == nil
                }
                return open.isEmpty ? [record.currentVersion] : open.map { UInt32($0 + 1) }
            } _: { key, version in
                if now {
                    try await key.destroyImmediately(version: version)
                } else {
                    try await key.scheduleDestruction(version: version, waitingSeconds: waiting.count)
                }
            }
        }
    }

    struct CancelDestroy: Command {
        static let configuration = CommandConfiguration(
            abstract: "Take a scheduled destruction back.",
            discussion: """
                All versions that wait for their destruction verify and decrypt again. They sign and encrypt nothing \
                more; `keyledger key rotate` gives the key a new version.

                  keyledger key cancel-destroy --tenant acme pii

                With --json, a line for each version: tenant, key, version, state.
                """)
        @OptionGroup var key: KeyOptions

        func perform() async throws {
            try await key.change("Cancelled the destruction of") { record in
                let waiting = record.versions.indices.filter { record.versions[$0].destruction != nil }
                return waiting.isEmpty ? [record.currentVersion] : waiting.map { UInt32($0 + 1) }
            } _: {
                try await $0.cancelDestruction(version: $1)
            }
        }
    }
}
