import CryptoPrimitives
import Glibc
import KeyLedger

/// Passphrases from files, standard input and people.
enum Passphrase {
    static func read(file path: String) throws -> SecretBytes {
        path == "-"
            ? try MasterKey.readPassphrase(from: STDIN_FILENO, source: "standard input")
            : try MasterKey.readPassphrase(file: path)
    }

    /// Whether somebody sits there.
    static var canAsk: Bool { isatty(STDIN_FILENO) == 1 && Terminal.errorIsTerminal }

    /// Asks on the terminal, where what is typed does not show.
    static func ask(_ question: String) throws -> SecretBytes {
        guard canAsk else {
            throw Failure("there is no terminal to ask for a passphrase; give --passphrase-file.", .inputOutput)
        }
        var settings = termios()
        guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else {
            throw Failure("the terminal cannot be asked: \(unsafe String(cString: strerror(errno))).", .inputOutput)
        }
        var silent = settings
        // Signals too: a program that ends here must not leave a terminal that shows nothing.
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG | ICANON)
        silent.c_lflag |= tcflag_t(ECHONL)
        guard unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 else {
            throw Failure("the terminal cannot be silenced: \(unsafe String(cString: strerror(errno))).", .inputOutput)
        }
        defer { unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) }
        try Terminal.write(Array(question.utf8), to: STDERR_FILENO, "the terminal")
        defer { Terminal.note("") }
        return try typed()
    }

    static func askForNew() throws -> SecretBytes {
        let first = try ask("New passphrase: ")
        let second = try ask("Once more: ")
        guard first.isEqual(to: second) else {
            throw Failure("the two passphrases differ; nothing was changed.", .refused)
        }
        return first
    }

    /// Reads key by key, into locked memory, to the end of the line.
    private static func typed() throws -> SecretBytes {
        let (interrupt, endOfFile, backspace, delete): (UInt8, UInt8, UInt8, UInt8) = (3, 4, 8, 127)
        var count = 0
        var isInterrupted = false
        let buffer = try SecretBytes(count: MasterKey.passphraseByteCountMax) { (span: inout MutableRawSpan) in
            while count < MasterKey.passphraseByteCountMax {
                var byte: UInt8 = 0
                let got = unsafe Glibc.read(STDIN_FILENO, &byte, 1)
                if got < 0, errno == EINTR { continue }
                switch byte {
                case _ where got <= 0, endOfFile, UInt8(ascii: "\n"), UInt8(ascii: "\r"): return
                case interrupt:
                    isInterrupted = true
                    return
                case backspace, delete: count = max(0, count - 1)
                default:
                    span.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
                    count += 1
                }
            }
        }
        if isInterrupted { throw Failure("interrupted; nothing was changed.", .interrupted) }
        guard count > 0 else { throw KeyStoreError.passphrase(source: "the terminal", reason: "it is empty") }
        return try buffer.withBytes { (bytes: RawSpan) throws(CryptoError) in
            try SecretBytes(copying: bytes.extracting(0..<count))
        }
    }
}
