import ArgumentParser
import CryptoPrimitives
import FoundationEssentials
import KeyLedger
import Transparency

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Create, list, show and rotate keys.",
        subcommands: [Create.self, List.self, Show.self, Rotate.self])

    enum KeyType: String, ExpressibleByArgument, CaseIterable {
        case ed25519
        case aes256 = "aes-256"
    }

    struct Create: Command {
        static let configuration = CommandConfiguration(
            abstract: "Create a key.",
            discussion: """
                  keyledger key create --tenant acme claims
                  keyledger key create --tenant acme --type aes-256 pii

                With --json: as `keyledger key list`.
                """)

        @OptionGroup var options: StoreOptions
        @Option(name: .long, help: "Whose key it is.") var tenant: String
        @Option(name: .long, help: "ed25519 signs, aes-256 encrypts.") var type = KeyType.ed25519
        @Argument(help: "The key's name, unique within the tenant.") var name: String

        func perform() async throws {
            let row = try await options.withStore { store in
                let owner = try await store.tenant(tenant)
                let handle =
                    switch type {
                    case .ed25519: try await owner.createSigningKey(name).handle
                    case .aes256: try await owner.createEncryptionKey(name).handle
                    }
                return try KeyRow(handle.id, try LedgerView(store.audit))
            }
            try Terminal.print(
                options.ledger.json
                    ? line(row.json)
                    : "Created \(row.record.algorithm) key \(name) of \(tenant) (\(row.id)), version 1.")
        }
    }

    struct List: Command {
        static let configuration = CommandConfiguration(
            abstract: "List keys.",
            discussion: """
                Without the master key tenants and keys are listed by their ids.

                With --json, a line for each: tenant, key, keyId, algorithm, versions (version, state, activated, \
                overdue, usage, budget, publicKey in base64). That output is what \
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
            guard let number = keyVersion ?? row.record.activeVersion, let key = row.publicKeys[number] else {
                throw KeyStoreError.unknownVersion(key: name, version: keyVersion ?? 0)
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

/// A key as lists show it.
struct KeyRow {
    let id: KeyID
    let name: String
    let tenant: String
    let record: LedgerProjection.KeyRecord
    /// By version.
    let publicKeys: [UInt32: Ed25519.PublicKey]

    init(_ id: KeyID, _ view: LedgerView) throws {
        guard let record = view.projection.keys[id] else { throw Failure("there is no key \(id).", .refused) }
        self.id = id
        self.record = record
        name = try view.name(of: id)
        tenant = try view.name(of: record.tenant)
        publicKeys = try view.publicKeys(of: id)
    }

    /// Finds a key by the names its events carry.
    init(named name: String, tenant: String, _ view: LedgerView) throws {
        var isKnownTenant = false
        for (id, record) in view.projection.keys where try view.name(of: record.tenant) == tenant {
            isKnownTenant = true
            if try view.name(of: id) == name {
                try self.init(id, view)
                return
            }
        }
        isKnownTenant = try isKnownTenant || view.projection.tenants.keys.contains { try view.name(of: $0) == tenant }
        throw isKnownTenant ? KeyStoreError.unknownKey(tenant: tenant, key: name) : KeyStoreError.unknownTenant(tenant)
    }

    static let headings = ["TENANT", "KEY", "ALGORITHM", "VERSION", "USES", "ACTIVE SINCE", "ID"]
    var cells: [String] {
        let uses = record.versions.reduce(UInt64(0)) { $0 + $1.usage.sign + $1.usage.encrypt }
        return [
            tenant, name, record.algorithm.description, record.activeVersion.map { String($0) } ?? "none", uses.grouped,
            record.versions.last.map { Time(nanoseconds: $0.activatedAt).description } ?? "", id.description,
        ]
    }

    static let versionHeadings = ["VERSION", "STATE", "PROTECTED", "PROCESSED", "BUDGET", "SINCE", "PUBLIC KEY"]
    var versionCells: [[String]] {
        record.versions.enumerated().map { index, version in
            [
                String(index + 1), version.state.description + (version.isOverdue ? " (overdue)" : ""),
                (version.usage.sign + version.usage.encrypt).grouped,
                (version.usage.verify + version.usage.decrypt).grouped, version.budget.map { $0.grouped } ?? "no limit",
                Time(nanoseconds: version.activatedAt).description,
                publicKeys[UInt32(index + 1)].map { Data($0.bytes).base64EncodedString() } ?? "none",
            ]
        }
    }

    var json: JSONObject {
        var object: JSONObject = [
            "tenant": .string(tenant), "key": .string(name), "keyId": .string(id.description),
            "algorithm": .string(record.algorithm.description),
        ]
        object["versions"] = .array(
            record.versions.enumerated().map { index, version in
                var row: JSONObject = [
                    "version": KeyLedgerCLI.json(index + 1), "state": .string(version.state.description),
                ]
                row["activated"] = .string(Time(nanoseconds: version.activatedAt).description)
                row["overdue"] = .bool(version.isOverdue)
                row["usage"] = .object(version.usage.json)
                if let budget = version.budget { row["budget"] = KeyLedgerCLI.json(budget) }
                if let key = publicKeys[UInt32(index + 1)] {
                    row["publicKey"] = .string(Data(key.bytes).base64EncodedString())
                }
                return .object(row)
            })
        return object
    }
}

extension Ed25519.PublicKey {
    /// SubjectPublicKeyInfo (RFC 8410, section 4) in PEM, as OpenSSL reads it.
    var pem: String {
        let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
        return """
            -----BEGIN PUBLIC KEY-----
            \(Data(prefix + bytes).base64EncodedString())
            -----END PUBLIC KEY-----
            """
    }
}
