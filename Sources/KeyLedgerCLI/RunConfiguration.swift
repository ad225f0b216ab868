import ArgumentParser
import FoundationEssentials
import KeyLedger
import Synchronization

/// How this run is configured: by flags, the environment and a file, read once before anything else happens.
enum RunConfiguration {
    private static let loaded = Mutex<Configuration?>(nil)

    /// The most bytes of a file.
    private static let fileSizeMax = 1 << 20

    /// What was loaded; what is built in, before that.
    static var current: Configuration { loaded.withLock { $0 } ?? .builtIn }

    static func load(_ options: LedgerOption) throws {
        let environment = ProcessInfo.processInfo.environment
        var flags: [(name: String, value: String)] = []
        if let ledger = options.ledger { flags.append((Setting.ledgerPath.name, ledger)) }
        for setting in options.settings {
            let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw ValidationError("--set \(setting) has to be name=value.") }
            flags.append((String(parts[0]), String(parts[1])))
        }
        let path = options.config ?? environment["KEYLEDGER_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let configuration = try Configuration(
            file: try path.map { ($0, try text(of: $0)) }, environment: environment, flags: flags)
        loaded.withLock { $0 = configuration }
    }

    private static func text(of path: String) throws -> String {
        let bytes: [UInt8]
        do {
            bytes = try readInput(path)
        } catch let failure as Failure {
            throw ValidationError(failure.message)
        }
        guard bytes.count <= fileSizeMax else {
            throw ConfigurationError.unreadable(path: path, reason: "it has more than \(fileSizeMax.grouped) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError.unreadable(path: path, reason: "it is not UTF-8")
        }
        return text
    }
}
