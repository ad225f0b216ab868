import ArgumentParser
import CryptoPrimitives
import KeyLedger
import Transparency

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Create, import, list, rotate, suspend, export and destroy keys.",
        discussion: """
            A version of a key is in one of the states of NIST SP 800-57: pre-activation, active, suspended, \
            deactivated, compromised, destroyed. The ledger refuses what a state does not allow, and records it.

            Without --key-version the active version is meant, or else the newest.
            """,
        subcommands: [
            Create.self, List.self, Show.self, Rotate.self, Activate.self, Suspend.self, Resume.self, Deactivate.self,
            Compromise.self, Destroy.self, CancelDestroy.self, ImportParameters.self, Import.self, Export.self,
        ])

    enum KeyType: String, ExpressibleByArgument, CaseIterable {
        case ed25519
        case aes256 = "aes-256"

        var algorithm: KeyAlgorithm {
            switch self {
            case .ed25519: .ed25519
            case .aes256: .aes256GCM
            }
        }
    }

    struct Create: Command {
        static let configuration = CommandConfiguration(
            abstract: "Create a key.",
            discussion: """
                  keyledger key create --tenant acme claims
                  keyledger key create --tenant acme --type aes-256 pii
                  keyledger key create --tenant acme --not-before 2030-01-01 --cryptoperiod 365d next

                With --json: as `keyledger key list`.
                """)

        @OptionGroup var options: StoreOptions
        @Option(name: .long, help: "Whose key it is.") var tenant: String
        @Option(name: .long, help: "ed25519 signs, aes-256 encrypts.") var type = KeyType.ed25519
        @OptionGroup var policy: PolicyOptions
        @Argument(help: "The key's name, unique within the tenant.") var name: String

        func perform() async throws {
            let row = try await options.withStore { store in
                let owner = try await store.tenant(tenant)
                let handle =
                    switch type {
                    case .ed25519: try await owner.createSigningKey(name, policy: policy.policy).handle
                    case .aes256: try await owner.createEncryptionKey(name, policy: policy.policy).handle
                    }
                return try KeyRow(handle.id, try LedgerView(store.audit))
            }
            try Terminal.print(
                options.ledger.json
                    ? line(row.json)
                    : "Created \(row.record.algorithm) key \(name) of \(tenant) (\(row.id)), version 1"
                        + (row.record.activeVersion == nil ? ", \(row.state)." : "."))
        }
    }

    struct List: Command {
        static let configuration = CommandConfiguration(
            abstract: "List keys.",
            discussion: """
                Without the master key tenants and keys are listed by their ids.

                With --json, a line for each: tenant, key, keyId, algorithm, versions (version, state, activated, \
                origin, exportable, overdue, usage, budget, destruction with due and isDue, erased, publicKey in base64). That output is what \
                `keyledger spans verify --public-keys FILE` reads, on any machine.
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var masterKey: MasterKeyOption
        @Option(name: .long, help: "Only this tenant's keys (by name, which needs the master key).") var tenant: String?

        func perform() async throws {
            // Without the master key tenants have no names.
            if tenant != nil { _ = try masterKey.read(for: ledger).id }
            let view = try LedgerView(ledger, masterKey)
            if let tenant, try !view.projection.tenants.keys.contains(where: { try view.name(of: $0) == tenant }) {
                throw KeyStoreError.unknownTenant(tenant)
            }
            var rows: [KeyRow] = []
            for (id, _) in view.projection.keys.sorted(by: { $0.value.createdBy < $1.value.createdBy }) {
                let row = try KeyRow(id, view)
                if tenant == nil || row.tenant == tenant { rows.append(row) }
            }
            if ledger.json {
                for row in rows { try Terminal.print(line(row.json)) }
            } else if rows.isEmpty {
                try Terminal.print(
                    "No keys\(tenant.map { " of \($0)" } ?? "") yet. Create one with `keyledger key create`.")
            } else {
                try Terminal.print(Terminal.table(KeyRow.headings, rows.map(\.cells)))
            }
            try view.finish()
        }
    }

    struct Show: Command {
        static let configuration = CommandConfiguration(
            abstract: "Show a key with its versions.",
            discussion: """
                  keyledger key show --tenant acme claims
                  keyledger key show --tenant acme claims --pem > claims.pem
                  openssl pkeyutl -verify -pubin -inkey claims.pem -rawin -in contract.pdf \\
                    -sigfile contract.sig.bin

                With --json: as `keyledger key list`.
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var masterKey: MasterKeyOption
        @Option(name: .long, help: "Whose key it is.") var tenant: String
        @Flag(name: .long, help: "Print a public key as PEM, and nothing else.") var pem = false
        @Option(
            name: .long, help: .init("The version to print with --pem. Default: the active one.", valueName: "number"))
        var keyVersion: UInt32?
        @Argument(help: "The key's name.") var name: String

        func validate() throws {
            if keyVersion != nil, !pem { throw ValidationError("--key-version chooses the key that --pem prints.") }
        }

        func perform() async throws {
            // Without the master key neither tenants nor keys have names.
            _ = try masterKey.read(for: ledger).id
            let view = try LedgerView(ledger, masterKey)
            let row = try KeyRow(named: name, tenant: tenant, view)
            if pem {
                try Terminal.print(try publicKey(row).pem)
            } else if ledger.json {
                try Terminal.print(line(row.json))
            } else {
                try Terminal.print(
                    """
                    key        \(row.name)
                    tenant     \(row.tenant)
                    id         \(row.id)
                    algorithm  \(row.record.algorithm)

                    """)
                try Terminal.print(Terminal.table(KeyRow.versionHeadings, row.versionCells))
            }
            try view.finish()
        }

        private func publicKey(_ row: KeyRow) throws -> Ed25519.PublicKey {
            guard row.record.algorithm == .ed25519 else {
                throw Failure("key \(name) has no public key: it is an \(row.record.algorithm) key.", .refused)
            }
            let number = keyVersion ?? row.record.currentVersion
            guard let key = row.publicKeys[number] else {
                throw KeyStoreError.unknownVersion(key: name, version: number)
            }
            return key
        }
    }

    struct Rotate: Command {
        static let configuration = CommandConfiguration(
            abstract: "Make a new version of a key the active one.",
            discussion: """
                Old versions still verify and decrypt.

                  keyledger key rotate --tenant acme claims

                With --json: tenant, key, version.
                """)

        @OptionGroup var options: StoreOptions
        @Option(name: .long, help: "Whose key it is.") var tenant: String
        @Argument(help: "The key's name.") var name: String

        func perform() async throws {
            let version = try await options.withStore { store in
                try await store.tenant(tenant).key(name).rotate()
            }
            try Terminal.print(
                options.ledger.json
                    ? line(["tenant": .string(tenant), "key": .string(name), "version": json(version)])
                    : "Rotated key \(name) of \(tenant): version \(version) is active.")
        }
    }
}
