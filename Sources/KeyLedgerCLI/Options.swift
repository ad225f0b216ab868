import ArgumentParser
import Glibc
import KeyLedger
import LedgerStore
import Transparency

/// Where the ledger is, and how it is configured.
struct LedgerOption: ParsableArguments {
    @Option(
        name: .long,
        help: .init("The ledger's folder. Default: $KEYLEDGER_PATH, else ./ledger.", valueName: "folder"))
    var ledger: String?

    @Option(
        name: .long,
        help: .init(
            "A .properties file with settings; see `keyledger config --help`. Default: $KEYLEDGER_CONFIG.",
            valueName: "file"))
    var config: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: .init("A setting, before what the environment and the file say.", valueName: "name=value"))
    var settings: [String] = []

    @Flag(name: .long, help: "Print JSON, for programs.")
    var json = false

    var path: String { RunConfiguration.current.ledgerPath }

    /// Every command has this option, so this is where a run learns how it is configured.
    func validate() throws {
        do {
            try RunConfiguration.load(self)
        } catch let error as ConfigurationError {
            throw ValidationError(error.description)
        }
    }
}

/// A ledger that is used, not only read.
struct StoreOptions: ParsableArguments {
    @OptionGroup var ledger: LedgerOption
    @OptionGroup var masterKey: MasterKeyOption

    @Option(name: .long, help: .init("In whose name to act; recorded. Default: the user's name.", valueName: "name"))
    var actor: String?

    @Option(name: .long, help: .init("Why; recorded.", valueName: "text"))
    var reason: String?

    var caller: Caller { Caller(actor: actor ?? "os:\(userName)", reason: reason) }

    private var userName: String {
        guard let entry = unsafe getpwuid(geteuid()), let name = unsafe entry.pointee.pw_name else {
            return "uid \(geteuid())"
        }
        return unsafe String(cString: name)
    }

    /// Opens the ledger, lets `body` use it and closes it, also when `body` fails.
    func withStore<Result>(
        _ change: (inout KeyStore.Options) -> Void = { _ in }, _ body: (KeyStore) async throws -> Result
    ) async throws -> Result {
        let store = try await open(change)
        let result: Result
        do {
            result = try await body(store)
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
        return result
    }

    private func open(_ change: (inout KeyStore.Options) -> Void) async throws -> KeyStore {
        var options = KeyStore.Options(caller: caller, configuration: RunConfiguration.current)
        options.reportProofFailure = { Terminal.complain($0.description) }
        change(&options)
        let bar = ProgressBar("opening", unit: "events")
        defer { bar.finish() }
        return try await KeyStore.open(
            ledger.path, masterKey: try masterKey.read(for: ledger), options: options
        ) { bar.update($0, of: $1) }
    }
}

/// A file's bytes; standard input for `-`.
func readInput(_ path: String) throws -> [UInt8] {
    let file = path == "-" ? STDIN_FILENO : unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
        throw Failure("\(path) cannot be read: \(unsafe String(cString: strerror(errno))).", .inputOutput)
    }
    defer { if path != "-" { close(file) } }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = unsafe read(file, &buffer, buffer.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw Failure("\(path) cannot be read: \(unsafe String(cString: strerror(errno))).", .inputOutput)
        }
        if count == 0 { return bytes }
        bytes += buffer[..<count]
    }
}

/// An object, written one to a line.
func line(_ object: JSONObject) -> String { String(decoding: JSONValue.object(object).serialized(), as: UTF8.self) }

/// A value in JSON; numbers beyond 2^53 − 1 become strings, as RFC 8785 wants them.
func json(_ value: some BinaryInteger) -> JSONValue {
    JSONNumber(exactly: value).map(JSONValue.number) ?? .string(String(value))
}
