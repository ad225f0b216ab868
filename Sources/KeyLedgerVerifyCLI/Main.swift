import Glibc
import KeyLedgerVerify
import Transparency

/// The program `keyledger-verify`.
@main
enum Main {
    private enum ExitCode: Int32 {
        case intact = 0
        case findings = 1
        case unreadable = 2
    }

    static func main() async {
        exit(await run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    private static func run(_ commandLine: [String]) async -> ExitCode {
        let arguments: Arguments
        do throws(Arguments.UsageError) {
            arguments = try Arguments(commandLine)
        } catch {
            complain("\(error.message). `keyledger-verify --help` explains the command.")
            return .unreadable
        }
        switch arguments.task {
        case .help:
            print(Arguments.help)
            return .intact
        case .bundle(let path, let keys):
            do throws(Unreadable) {
                let verification = try BundleVerification(of: path, keys: keys)
                print(arguments.isJSON ? line(verification.json) : verification.text)
                return verification.refusal == nil ? .intact : .findings
            } catch {
                return refuse(error, arguments)
            }
        case .ledger(let path, let options):
            do throws(Unreadable) {
                let verification = try await Verification(of: path, options)
                print(arguments.isJSON ? line(verification.json) : verification.text)
                return verification.isIntact ? .intact : .findings
            } catch {
                return refuse(error, arguments)
            }
        }
    }

    private static func refuse(_ error: Unreadable, _ arguments: Arguments) -> ExitCode {
        if arguments.isJSON { print(line(["verdict": "unreadable", "reason": .string(error.description)])) }
        complain(error.description)
        return .unreadable
    }

    private static func complain(_ message: String) {
        let bytes = Array("keyledger-verify: \(message)\n".utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }

    private static func line(_ object: JSONObject) -> String {
        String(decoding: JSONValue.object(object).serialized(), as: UTF8.self)
    }
}
