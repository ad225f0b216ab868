import KeyLedgerVerify

/// What the command line asks for. Read by hand: this program links nothing that its auditors would have to read too.
struct Arguments {
    enum Task {
        case ledger(String, Verification.Options)
        case bundle(String, keys: [String])
        case help
    }

    let task: Task
    var isJSON = false

    /// What is wrong with the command line.
    struct UsageError: Error {
        let message: String
    }

    init(_ arguments: [String]) throws(UsageError) {
        var options = Verification.Options()
        var paths: [String] = []
        var isHelp = false
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            func value() throws(UsageError) -> String {
                guard let value = rest.popFirst() else { throw UsageError(message: "\(argument) needs a value") }
                return value
            }
            switch argument {
            case "--help", "-h": isHelp = true
            case "--json": isJSON = true
            case "--master-key": options.masterKeyFile = try value()
            case "--checkpoint": options.checkpointFiles.append(try value())
            case "--key": options.keys.append(try value())
            case _ where argument.hasPrefix("-") && argument != "-":
                throw UsageError(message: "there is no option \(argument)")
            default: paths.append(argument)
            }
        }
        if isHelp {
            task = .help
            return
        }
        if paths.first == "bundle" {
            guard paths.count == 2 else { throw UsageError(message: "which bundle? Give one file") }
            guard options.masterKeyFile == nil, options.checkpointFiles.isEmpty else {
                throw UsageError(message: "a bundle is checked with --key alone")
            }
            guard !options.keys.isEmpty else { throw UsageError(message: "who may have signed the bundle? Give --key") }
            task = .bundle(paths[1], keys: options.keys)
            return
        }
        guard paths.count == 1 else {
            throw UsageError(message: paths.isEmpty ? "which ledger? Give its folder" : "one ledger at a time")
        }
        guard options.checkpointFiles.isEmpty || !options.keys.isEmpty else {
            throw UsageError(message: "--checkpoint needs --key: who may have signed it?")
        }
        task = .ledger(paths[0], options)
    }

    static let help = """
        keyledger-verify: checks a ledger from its bytes, with none of the code that wrote them.

        usage: keyledger-verify [options] LEDGER
               keyledger-verify bundle --key VKEY [--json] FILE

        Recomputes everything: checksums, order, time, the chain of blocks, every answer by deciding all events again,
        conservation on every ledger, the rules for keys, the Merkle tree, every checkpoint. Reads only; works while the
        ledger is written.

        A bundle is evidence of one tenant's events, checked offline against the checkpoint in it.

          --master-key FILE    open details and key material as well: whether they are those the events speak of
          --checkpoint FILE    a checkpoint of this ledger that was kept elsewhere; may be repeated
          --key VKEY           a key that checkpoints may be signed with (name+id+base64); may be repeated. Without it the
                               keys in the folder are believed
          --json               print JSON; Specs/VERIFY.md has the members
          --help               this text

        Exit codes: 0 nothing found; 1 findings, each with its name, event, time and what can still be relied on, or a
        bundle that does not hold; 2 the ledger or file cannot be read, or the command line is wrong.
        """
}
