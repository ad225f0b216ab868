import ArgumentParser
import KeyLedger
import Transparency

struct TenantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant", abstract: "Create, list, limit and end tenants.",
        subcommands: [Create.self, List.self, Quota.self, Shred.self])

    struct Create: Command {
        static let configuration = CommandConfiguration(
            abstract: "Create tenants.",
            discussion: """
                  keyledger tenant create acme globex

                With --json, a line for each: tenant, id.
                """)

        @OptionGroup var options: StoreOptions
        @Argument(help: .init("Letters and digits of ASCII and . _ - @ : – 128 at most.", valueName: "name")) var names:
            [String]

        func perform() async throws {
            try await options.withStore { store in
                for name in names {
                    let tenant = try await store.createTenant(name)
                    try Terminal.print(
                        options.ledger.json
                            ? line(["tenant": .string(name), "id": .string(tenant.id.description)])
                            : "Created tenant \(name) (\(tenant.id)).")
                }
            }
        }
    }

    struct Shred: Command {
        static let configuration = CommandConfiguration(
            abstract: "Erase a tenant's keys and details for good.",
            discussion: """
                Nothing of the tenant can be read or used by anybody afterwards: what its keys encrypted is lost, its names \
                and details are unreadable, its name is not used again. Its events stay, and every proof over them stays \
                valid. There is no way back.

                  keyledger tenant shred acme --reason "contract ended, ticket 4711"

                With --json: tenant (its id).
                """)

        @OptionGroup var options: StoreOptions
        @Argument(help: "The tenant's name.") var name: String

        func perform() async throws {
            guard options.reason != nil else { throw ValidationError("Give the reason with --reason; it is recorded.") }
            let id = try await options.withStore { store in
                let tenant = try await store.tenant(name)
                try await tenant.shred()
                return tenant.id
            }
            try Terminal.print(
                options.ledger.json
                    ? line(["tenant": .string(id.description)])
                    : "Shredded tenant \(name): its events say \(id) from now on.")
        }
    }

    struct List: Command {
        static let configuration = CommandConfiguration(
            abstract: "List all tenants with what they used.",
            discussion: """
                Without the master key tenants are listed by their ids.

                With --json, a line for each: tenant, id, created, keys (their number), quota (null without one), usage \
                (sign, verify, encrypt, decrypt).
                """)

        @OptionGroup var ledger: LedgerOption
        @OptionGroup var masterKey: MasterKeyOption

        func perform() async throws {
            let view = try LedgerView(ledger, masterKey)
            var rows: [[String]] = []
            for (id, tenant) in view.projection.tenants.sorted(by: { $0.value.createdBy < $1.value.createdBy }) {
                let name = try view.name(of: id)
                let keyCount = view.projection.keys.values.count { $0.tenant == id }
                if ledger.json {
                    var object: JSONObject = ["tenant": .string(name), "id": .string(id.description)]
                    object["created"] = .string(Time(nanoseconds: tenant.createdAt).description)
                    object["keys"] = json(keyCount)
                    object["quota"] = tenant.limit.map { json($0) } ?? .null
                    object["usage"] = .object(tenant.usage.json)
                    try Terminal.print(line(object))
                } else {
                    rows.append([
                        name, String(keyCount), tenant.usage.sign.grouped, tenant.usage.verify.grouped,
                        tenant.usage.encrypt.grouped, tenant.usage.decrypt.grouped,
                        tenant.limit?.grouped ?? "none",
                        Time(nanoseconds: tenant.createdAt).description,
                    ])
                }
            }
            if !ledger.json {
                try Terminal.print(
                    rows.isEmpty
                        ? "No tenants yet. Create one with `keyledger tenant create NAME`."
                        : Terminal.table(
                            ["TENANT", "KEYS", "SIGNED", "VERIFIED", "ENCRYPTED", "DECRYPTED", "QUOTA", "CREATED"], rows
                        ))
            }
            try view.finish()
        }
    }
}

extension TenantCommand {
    struct Quota: Command {
        static let configuration = CommandConfiguration(
            abstract: "Limit how often a tenant may sign and encrypt, or show the limit.",
            discussion: """
                The limit counts from the tenant's first use on, over all its keys; the ledger refuses what goes \
                beyond. For a limit a month, raise it every month.

                  keyledger tenant quota acme --limit 1000000
                  keyledger tenant quota acme --unlimited

                With --json: tenant, quota (null without one), used.
                """)

        @OptionGroup var options: StoreOptions
        @Option(name: .long, help: .init("How often, over all time.", valueName: "number")) var limit: UInt64?
        @Flag(name: .long, help: "As often as it likes.") var unlimited = false
        @Argument(help: "The tenant's name.") var name: String

        func validate() throws {
            if limit != nil, unlimited { throw ValidationError("--unlimited is instead of --limit.") }
        }

        func perform() async throws {
            let record = try await options.withStore { store in
                let tenant = try await store.tenant(name)
                if limit != nil || unlimited { try await tenant.setQuota(limit) }
                return tenant.record
            }
            let used = record?.usage.protections ?? 0
            if options.ledger.json {
                var object: JSONObject = ["tenant": .string(name)]
                object["quota"] = record?.limit.map { json($0) } ?? .null
                object["used"] = json(used)
                try Terminal.print(line(object))
            } else {
                try Terminal.print(
                    "Tenant \(name) used \(used.grouped) of "
                        + (record?.limit.map { "\($0.grouped)." } ?? "an unlimited quota."))
            }
        }
    }
}

extension LedgerProjection.TenantRecord {
    /// The quota, if it is a limit.
    fileprivate var limit: UInt128? { quota == LedgerProjection.unlimitedQuota ? nil : quota }
}

extension LedgerProjection.Usage {
    var json: JSONObject {
        [
            "sign": KeyLedgerCLI.json(sign), "verify": KeyLedgerCLI.json(verify),
            "encrypt": KeyLedgerCLI.json(encrypt), "decrypt": KeyLedgerCLI.json(decrypt),
        ]
    }
}
