import Glibc
import Synchronization

/// Standard output for results, standard error for people.
enum Terminal {
    /// Writes to standard output. A reader that went away ends the program, as it does for other tools.
    static func write(_ bytes: [UInt8]) throws {
        try write(bytes, to: STDOUT_FILENO, "standard output")
    }

    /// Writes bytes in place, without another copy of them.
    static func write(_ bytes: RawSpan) throws { try write(bytes, to: STDOUT_FILENO, "standard output") }

    static func write(_ bytes: [UInt8], to file: Int32, _ name: String) throws {
        try write(unsafe bytes.span.bytes, to: file, name)
    }

    static func write(_ bytes: RawSpan, to file: Int32, _ name: String) throws {
        var rest = bytes
        while rest.byteCount > 0 {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                let reason = unsafe String(cString: strerror(errno))
                throw Failure("\(name) cannot be written: \(reason).", .inputOutput)
            }
            rest = rest.extracting(droppingFirst: count)
        }
    }

    static func print(_ line: String) throws { try write(Array((line + "\n").utf8)) }

    /// Says something to the person, beside the results.
    static func note(_ line: String) { try? write(Array((line + "\n").utf8), to: STDERR_FILENO, "standard error") }

    static func complain(_ message: String) { note("keyledger: \(message)") }

    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Columns under headings, the last one ragged.
    static func table(_ headings: [String], _ rows: [[String]]) -> String {
        let widths = headings.indices.map { column in ([headings] + rows).map { $0[column].count }.max() ?? 0 }
        func line(_ row: [String]) -> String {
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            return cells.joined(separator: "  ")
        }
        return ([headings] + rows).map(line).joined(separator: "\n")
    }
}

/// Says what is wrong with parts of something, and after so many only how many more there are.
final class Complaints {
    /// How many are said in full.
    static let countMax = 20
    private(set) var count = 0

    func add(_ message: String) {
        count += 1
        if count <= Self.countMax { Terminal.complain(message) }
    }

    /// Says how many were not said.
    func finish() {
        if count > Self.countMax { Terminal.complain("… and \((count - Self.countMax).grouped) more.") }
    }
}

/// A bar on the terminal for what takes longer than a second; nothing anywhere else.
final class ProgressBar {
    private let label: String
    private let unit: String
    private let started = ContinuousClock.now
    private var shown = ContinuousClock.now
    private var isVisible = false

    init(_ label: String, unit: String) {
        self.label = label
        self.unit = unit
    }

    func update(_ done: UInt64, of total: UInt64) {
        let now = ContinuousClock.now
        guard Terminal.errorIsTerminal, now - started > .seconds(1), now - shown > .milliseconds(100) else { return }
        shown = now
        isVisible = true
        let fraction = total == 0 ? 0 : min(1, Double(done) / Double(total))
        let filled = Int(fraction * 30)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        let line = "\r\(label) \(bar) \(Int(fraction * 100)) %  \(done.grouped)/\(total.grouped) \(unit)\u{1B}[K"
        try? Terminal.write(Array(line.utf8), to: STDERR_FILENO, "standard error")
    }

    func finish() {
        if isVisible { try? Terminal.write(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO, "standard error") }
    }
}

/// Ctrl-C: the first asks the command to stop between two steps, the second ends the process at once. Either way the
/// ledger opens afterwards.
enum Interruption {
    private static let isRequested = Atomic<Bool>(false)

    static func watch() {
        signal(SIGINT) { _ in
            Interruption.isRequested.store(true, ordering: .relaxed)
            signal(SIGINT, SIG_DFL)
        }
    }

    static var requested: Bool { isRequested.load(ordering: .relaxed) }
}

extension BinaryInteger {
    /// Digits in groups of three.
    var grouped: String {
        let digits = Array(String(self).reversed())
        let groups = stride(from: 0, to: digits.count, by: 3).map {
            String(digits[$0..<Swift.min($0 + 3, digits.count)])
        }
        return String(groups.joined(separator: ",").reversed())
    }
}
