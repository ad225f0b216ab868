import ArgumentParser
import Glibc
import KeyLedger
import LedgerStore
import Transparency

/// Where the ledger is.
struct LedgerOption: ParsableArguments {
    @Option(
        name: .long,
        help: .init("The ledger's folder. Default: $KEYLEDGER_PATH, else ./ledger.", valueName: "folder"))
    var ledger: String?

    @Flag(name: .long, help: "Print JSON, for programs.")
    var json = false

    var path: String { ledger ?? environment("KEYLEDGER_PATH") ?? "ledger" }
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
    func withStore<Result>(_ body: (KeyStore) async throws -> Result) async throws -> Result {
        let store = try await open()
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

    private func open() async throws -> KeyStore {
        let bar = ProgressBar("opening", unit: "events")
        defer { bar.finish() }
        return try await KeyStore.open(
            ledger.path, masterKey: try masterKey.read(for: ledger), options: KeyStore.Options(caller: caller)
        ) { bar.update($0, of: $1) }
    }
}

/// The value of an environment variable, or nil if it is unset or empty.
func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
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
