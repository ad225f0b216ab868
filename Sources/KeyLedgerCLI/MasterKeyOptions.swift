import ArgumentParser
import CryptoPrimitives
import Glibc
import KeyLedger

/// What opens the ledger's secrets: a key file or a passphrase. A secret is never an argument, which others can see.
struct MasterKeyOption: ParsableArguments {
    @Option(
        name: [.customLong("master-key-file"), .customLong("master-key")],
        help: .init("The file with the master key. Default: $KEYLEDGER_MASTER_KEY_FILE.", valueName: "file"))
    var masterKey: String?

    @Option(
        name: .long,
        help: .init(
            "The file with the passphrase, - for standard input. Default: $KEYLEDGER_PASSPHRASE_FILE; else it is asked for "
                + "on the terminal where the ledger is opened with one.", valueName: "file"))
    var passphraseFile: String?

    func validate() throws {
        if masterKey != nil, passphraseFile != nil {
            throw ValidationError("Give --master-key-file or --passphrase-file, not both.")
        }
    }

    private enum Source {
        case keyFile(String)
        case passphraseFile(String)
    }

    /// What was given, options before the configuration.
    private var source: Source? {
        if let masterKey { return .keyFile(masterKey) }
        if let passphraseFile { return .passphraseFile(passphraseFile) }
        let configured = RunConfiguration.current
        return configured.masterKeyFile.map { .keyFile($0) } ?? configured.passphraseFile.map { .passphraseFile($0) }
    }

    /// Whether there is something to open secrets with, without asking anybody.
    var isGiven: Bool { source != nil }

    /// The key file that was given, to make a ledger with.
    func readKeyFile() throws -> MasterKey {
        guard case .keyFile(let path) = source else { throw ValidationError(Self.advice) }
        return try MasterKey(readingFile: path)
    }

    /// The master key of a ledger.
    func read(for ledger: LedgerOption) throws -> MasterKey {
        switch source {
        case .keyFile(let path): return try MasterKey(readingFile: path)
        case .passphraseFile(let path):
            return try derive(for: ledger, source: path) { try Passphrase.read(file: path) }
        case nil:
            // Nobody is asked for what would not help.
            guard Passphrase.canAsk, try KeyStore.masterKeyNeeded(ledger.path).derivation != nil else {
                throw ValidationError(Self.advice)
            }
            return try derive(for: ledger, source: "the terminal") { try Passphrase.ask("Passphrase: ") }
        }
    }

    /// ``read(for:)``, or nil where nothing was given.
    func readIfGiven(for ledger: LedgerOption) throws -> MasterKey? {
        guard isGiven else { return nil }
        return try read(for: ledger)
    }

    private func derive(
        for ledger: LedgerOption, source: String, _ read: () throws -> SecretBytes
    ) throws -> MasterKey {
        guard let derivation = try KeyStore.masterKeyNeeded(ledger.path).derivation else {
            throw KeyStoreError.passphrase(
                source: source, reason: "the ledger is opened with a key file; give it with --master-key-file")
        }
        return try MasterKey(passphrase: try read(), derivation: derivation)
    }

    private static let advice =
        "Give the master key's file with --master-key-file or in KEYLEDGER_MASTER_KEY_FILE, or the file with the passphrase "
        + "with --passphrase-file or in KEYLEDGER_PASSPHRASE_FILE."
}

/// A master key that a ledger is to be put under.
struct NewMasterKeyOption: ParsableArguments {
    @Option(
        name: .long,
        help: .init("Make a new master key and write it to this file, which must not exist.", valueName: "file"))
    var newMasterKey: String?

    @Option(
        name: .long,
        help: .init(
            "Open the ledger with the passphrase in this file from now on; - for standard input.", valueName: "file"))
    var newPassphraseFile: String?

    @Flag(name: .long, help: "Open the ledger with a passphrase from now on; asks for it twice.")
    var newPassphrase = false

    var isGiven: Bool { newMasterKey != nil || newPassphraseFile != nil || newPassphrase }

    func validate() throws {
        if [newMasterKey != nil, newPassphraseFile != nil, newPassphrase].count(where: { $0 }) > 1 {
            throw ValidationError("Give one of --new-master-key, --new-passphrase-file and --new-passphrase.")
        }
    }

    /// The key; nil if none was asked for.
    ///
    /// - Parameters:
    ///   - derivation: How it came out of the passphrase in an attempt that was interrupted.
    ///   - takesExisting: Whether the key's file may be there already.
    func make(derivation: PassphraseDerivation? = nil, takesExisting: Bool = false) throws -> MasterKey? {
        if let newMasterKey {
            let isThere = unsafe access(newMasterKey, F_OK) == 0
            if !takesExisting || !isThere { try MasterKey.create(file: newMasterKey) }
            return try MasterKey(readingFile: newMasterKey)
        }
        guard isGiven else { return nil }
        let passphrase =
            if let newPassphraseFile { try Passphrase.read(file: newPassphraseFile) } else {
                try Passphrase.askForNew()
            }
        guard passphrase.count >= MasterKey.passphraseByteCountMin else {
            throw KeyStoreError.passphrase(
                source: newPassphraseFile ?? "the terminal",
                reason: "a new one has at least \(MasterKey.passphraseByteCountMin) characters")
        }
        return try MasterKey(passphrase: passphrase, derivation: try derivation ?? PassphraseDerivation())
    }
}
