import ArgumentParser
import CryptoPrimitives
import KeyLedger
import LedgerStore
import Transparency

/// Why a command did not do what it was asked: one line for a person, a code for a script.
struct Failure: Error {
    let message: String
    let code: Code

    /// Documented in `keyledger --help`.
    enum Code: Int32 {
        case checkFailed = 1
        case inputSkipped = 2
        case refused = 3
        case cannotOpen = 4
        case inputOutput = 5
        case interrupted = 130

        /// Ends a command whose messages were said already.
        var exit: ExitCode { ExitCode(rawValue) }
    }

    init(_ message: String, _ code: Code) {
        self.message = message
        self.code = code
    }

    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as KeyStoreError: self.init(error.description, Self.code(error))
        case let error as StoreError: self.init(error.description, Self.code(error))
        case let error as ProofError: self.init(error.description, error.exitCode)
        case let error as CryptoError: self.init(error.description, .refused)
        default: self.init("\(error)", .inputOutput)
        }
    }

    private static func code(_ error: KeyStoreError) -> Code {
        switch error {
        case .store(let error): code(error)
        case .wrongMasterKey, .masterKeyFile, .passphrase, .rewrapUnfinished, .logTooShort, .notInitialised: .cannotOpen
        case .keyManagement(let error) where error.category.isTransient: .inputOutput
        case .materialDamaged: .checkFailed
        default: .refused
        }
    }

    private static func code(_ error: StoreError) -> Code {
        switch error {
        case .notALedger, .unsupportedFormat, .locked: .cannotOpen
        case .damaged, .stateDamaged: .checkFailed
        case .alreadyExists, .overloaded, .batchTooLarge: .refused
        case .readOnly, .diskFull, .closed, .failed, .system: .inputOutput
        }
    }
}

/// A command that says what went wrong in one line and ends with a documented code.
protocol Command: AsyncParsableCommand {
    func perform() async throws
}

extension Command {
    func run() async throws {
        do {
            try await perform()
        } catch let error as ExitCode {
            throw error
        } catch let error as ValidationError {
            throw error
        } catch {
            let failure = Failure(error)
            Terminal.complain(failure.message)
            throw failure.code.exit
        }
    }
}
