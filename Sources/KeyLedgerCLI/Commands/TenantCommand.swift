import ArgumentParser
import KeyLedger
import Transparency

struct TenantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant", abstract: "Create and list tenants.", subcommands: [Create.self, List.self, Shred.self])

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

                With --json, a line for each: tenant, id, created, keys (their number), usage (sign, verify, encrypt, \
                decrypt).
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
                    object["usage"] = .object(tenant.usage.json)
                    try Terminal.print(line(object))
                } else {
                    rows.append([
                        name, String(keyCount), tenant.usage.sign.grouped, tenant.usage.verify.grouped,
                        tenant.usage.encrypt.grouped, tenant.usage.decrypt.grouped,
                        Time(nanoseconds: tenant.createdAt).description,
                    ])
                }
            }
            if !ledger.json {
                try Terminal.print(
                    rows.isEmpty
                        ? "No tenants yet. Create one with `keyledger tenant create NAME`."
                        : Terminal.table(
                            ["TENANT", "KEYS", "SIGNED", "VERIFIED", "ENCRYPTED", "DECRYPTED", "CREATED"], rows))
            }
            try view.finish()
        }
    }
}

extension LedgerProjection.Usage {
    var json: JSONObject {
        [
            "sign": KeyLedgerCLI.json(sign), "verify": KeyLedgerCLI.json(verify),
            "encrypt": KeyLedgerCLI.json(encrypt), "decrypt": KeyLedgerCLI.json(decrypt),
        ]
    }
}
