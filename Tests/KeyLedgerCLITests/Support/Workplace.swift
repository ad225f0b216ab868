import Foundation
import Glibc
import Synchronization
import Testing
import Transparency

/// A folder of its own with a ledger, a master key and whatever a test puts beside them; it goes away with this object.
///
/// `keyledger` is run there as a user would: the product that was built, in a process of its own.
final class Workplace: Sendable {
    let path: String

    var ledger: String { path + "/ledger" }
    var masterKey: String { path + "/master.key" }

    /// Where memory serves as a disk a commit costs microseconds; these tests make many.
    fileprivate static let disk =
        FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()

    /// An empty folder.
    init(in place: String? = nil) throws {
        path = (place ?? Self.disk) + "/keyledger-cli-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A folder with a ledger in which `acme` has a signing key `claims` and an encryption key `pii`, not used yet.
    static func furnished(in place: String? = nil) async throws -> Workplace {
        let original = try await model.value
        let workplace = try Workplace(in: place)
        for name in ["ledger", "master.key"] {
            try FileManager.default.copyItem(atPath: original.file(name), toPath: workplace.file(name))
        }
        return workplace
    }

    /// Made once; a ledger does not care where its folder is.
    private static let model = Task {
        let workplace = try Workplace()
        for command in [
            ["init", "--new-master-key", workplace.masterKey], ["tenant", "create", "acme"],
            ["key", "create", "--tenant", "acme", "claims"],
            ["key", "create", "--tenant", "acme", "--type", "aes-256", "pii"],
        ] {
            let result = try await workplace.run(command)
            try #require(result.status == 0, "\(command): \(result.complaints)")
        }
        return workplace
    }

    // MARK: Files

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: file(name)))
        return file(name)
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: file(name), encoding: .utf8) }

    func size(of name: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: file(name))[.size] as? Int) ?? 0
    }

    // MARK: Running

    /// The environment of `keyledger` here: where the ledger and its master key are.
    private var environment: [String: String] {
        ["KEYLEDGER_PATH": ledger, "KEYLEDGER_MASTER_KEY_FILE": masterKey, "PATH": "/usr/bin:/bin"]
    }

    /// Runs `keyledger` to its end.
    func run(_ arguments: [String], input: String? = nil, environment: [String: String] = [:]) async throws -> Outcome {
        try await start(arguments, input: input, environment: environment).outcome()
    }

    func run(_ arguments: String..., input: String? = nil) async throws -> Outcome {
        try await run(arguments, input: input)
    }

    /// Runs `keyledger --json` and reads the one object it prints.
    func json(_ arguments: String..., input: String? = nil) async throws -> JSONValue {
        let outcome = try await run(arguments + ["--json"], input: input)
        try #require(outcome.status == 0, "\(arguments): \(outcome.complaints)")
        return try JSONValue(parsing: outcome.output)
    }

    /// Runs `keyledger --json` and reads the objects it prints, one a line.
    func jsonLines(_ arguments: String...) async throws -> [JSONValue] {
        let outcome = try await run(arguments + ["--json"])
        try #require(outcome.status == 0, "\(arguments): \(outcome.complaints)")
        return try outcome.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    /// Starts `keyledger` and does not wait.
    func start(
        _ arguments: [String], input: String? = nil, environment: [String: String] = [:]
    ) throws -> RunningProcess {
        try RunningProcess(
            Self.executable(), arguments, input: input, environment: self.environment.merging(environment) { $1 },
            folder: path)
    }

    /// Runs a line of shell in which `keyledger` is the product.
    func shell(_ line: String) async throws -> Outcome {
        let folder = URL(filePath: try Self.executable()).deletingLastPathComponent().path()
        return try await RunningProcess(
            "/bin/sh", ["-c", line], input: nil,
            environment: environment.merging(["PATH": folder + ":/usr/bin:/bin"]) { $1 }, folder: path
        ).outcome()
    }

    /// The product, which is built next to the tests' own executable.
    static func executable() throws -> String {
        let own = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        let path = own.deletingLastPathComponent().appending(path: "keyledger").path()
        try #require(
            FileManager.default.isExecutableFile(atPath: path),
            "\(path) is missing: these tests run the product; build it with `swift build --build-tests`")
        return path
    }
}

/// How a process ended and what it said.
struct Outcome: Sendable {
    /// The exit code; that of a shell (128 + signal) if a signal ended it.
    let status: Int32
    let output: String
    /// Standard error.
    let complaints: String

    /// The complaints, one each.
    var complaintLines: [String] { complaints.split(separator: "\n").map(String.init) }
}

/// A process that was started.
///
/// Not Foundation's `Process`: on Linux its `run()` reads past the end of a directory entry, and with hundreds of processes
/// that ends in a crash now and then.
final class RunningProcess: Sendable {
    let pid: Int32
    private let files: (input: String, output: String, complaints: String)
    private let end = Ending()

    init(
        _ executable: String, _ arguments: [String], input: String?, environment: [String: String], folder: String
    ) throws {
        // Files, not pipes: however much it says, it never waits for us. Not where it works: that disk may be full.
        let name = Workplace.disk + "/keyledger-cli-tests-" + UUID().uuidString
        files = (name + ".in", name + ".out", name + ".err")
        for path in [files.output, files.complaints] { try Data().write(to: URL(filePath: path)) }
        try Data((input ?? "").utf8).write(to: URL(filePath: files.input))

        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, files.input, O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, files.output, O_WRONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, files.complaints, O_WRONLY, 0)
        // The shell only changes the folder, and becomes the program.
        let command = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder, executable] + arguments
        var argv = unsafe command.map { unsafe strdup($0) } + [nil]
        var envp = unsafe environment.map { unsafe strdup("\($0)=\($1)") } + [nil]
        defer {
            unsafe argv.forEach { unsafe free($0) }
            unsafe envp.forEach { unsafe free($0) }
        }
        var started = pid_t()
        let code = unsafe posix_spawn(&started, "/bin/sh", &actions, nil, &argv, &envp)
        try #require(code == 0, "\(executable) does not start: \(code)")
        let pid = started
        self.pid = pid
        Thread.detachNewThread { [end] in
            var status: Int32 = 0
            while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            end.come(with: signal == 0 ? status >> 8 & 0xFF : 128 + signal)
        }
    }

    deinit {
        if isRunning { Glibc.kill(pid, SIGKILL) }
        for path in [files.input, files.output, files.complaints] { try? FileManager.default.removeItem(atPath: path) }
    }

    var isRunning: Bool { end.status == nil }

    /// What it has said on standard error.
    var complaintsSoFar: String { (try? String(contentsOfFile: files.complaints, encoding: .utf8)) ?? "" }

    func send(_ signal: Int32) { Glibc.kill(pid, signal) }

    /// Waits for its end.
    func outcome() async throws -> Outcome {
        Outcome(
            status: await end.wait(),
            output: String(decoding: try Data(contentsOf: URL(filePath: files.output)), as: UTF8.self),
            complaints: String(decoding: try Data(contentsOf: URL(filePath: files.complaints)), as: UTF8.self))
    }
}

/// The end of a process with its exit code, which a task may wait for before or after it has come.
private final class Ending: Sendable {
    private enum State {
        case ahead([CheckedContinuation<Int32, Never>])
        case come(Int32)
    }

    private let state = Mutex(State.ahead([]))

    /// Nil while it has not come.
    var status: Int32? { state.withLock { if case .come(let status) = $0 { status } else { nil } } }

    func wait() async -> Int32 {
        await withCheckedContinuation { waiter in
            let status: Int32? = state.withLock { state in
                switch state {
                case .come(let status): return status
                case .ahead(let waiters):
                    state = .ahead(waiters + [waiter])
                    return nil
                }
            }
            if let status { waiter.resume(returning: status) }
        }
    }

    func come(with status: Int32) {
        let waiters = state.withLock { state in
            defer { state = .come(status) }
            if case .ahead(let waiters) = state { return waiters }
            return []
        }
        for waiter in waiters { waiter.resume(returning: status) }
    }
}

/// Waits until a condition holds that something else brings about; false if it does not within half a minute.
func eventually(_ condition: () throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(30)
    while try !condition() {
        if ContinuousClock.now > deadline { return false }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return true
}

extension JSONValue {
    /// The names of an object's members.
    var names: Set<String> { Set(object?.members.map(\.name) ?? []) }

    var integer: Int? { number?.integer(as: Int.self) }
}
