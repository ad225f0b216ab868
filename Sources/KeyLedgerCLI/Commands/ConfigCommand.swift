import ArgumentParser
import KeyLedger
import Transparency

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show how a ledger is configured, and by whom.",
        discussion: """
            A setting is taken from --set, else from the environment, else from the file that --config or \
            KEYLEDGER_CONFIG names, else it is built in. The names are the same everywhere; in the environment they are \
            in upper case with _ for . and -. FLUO's names are understood too: fluo.… and FLUO_….

              keyledger.kms.rotation.age-days = 30            # in the file
              export KEYLEDGER_KMS_ROTATION_AGE_DAYS=30
              keyledger rotation due --set kms.rotation.age-days=30

            Settings:
            \(Setting.allCases.map { "  \($0.name)\n      \($0.meaning)" }.joined(separator: "\n"))

            Durations are written 90s, 60m, 24h, 7d or 1h30m. A name that is none and a value that is none are errors.
            """, subcommands: [Show.self], defaultSubcommand: Show.self)

    struct Show: Command {
        static let configuration = CommandConfiguration(
            abstract: "Show every setting with where it comes from.",
            discussion: """
                With --json, a line for each: setting, value, from.
                """)

        @OptionGroup var ledger: LedgerOption

        func perform() async throws {
            let values = RunConfiguration.current.values
            var rows: [[String]] = []
            for setting in Setting.allCases {
                guard let value = values[setting] else { continue }
                if ledger.json {
                    try Terminal.print(
                        line([
                            "setting": .string(setting.name), "value": .string(value.text),
                            "from": .string(value.origin.description),
                        ]))
                } else {
                    rows.append([setting.name, value.text.isEmpty ? "(none)" : value.text, value.origin.description])
                }
            }
            if !ledger.json { try Terminal.print(Terminal.table(["SETTING", "VALUE", "FROM"], rows)) }
        }
    }
}
