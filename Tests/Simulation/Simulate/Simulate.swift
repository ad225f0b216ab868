internal import CryptoPrimitives
internal import Glibc

/// `keyledger-simulate [--seed N] [--crashes N] [--crash POINT]`
///
/// Without `--seed` the seed is chosen by chance, and printed. Lives with the seeds N, N + 1 and so on are explored until
/// there were as many crashes as asked for. With `--crash` one crash of the life with the seed is repeated, and what
/// reached the disk is printed.
@main struct Simulate {
    static func main() {
        var arguments = CommandLine.arguments.dropFirst()
        var seed = UInt64.random(in: 0..<1_000_000_000)
        var crashCount = 10_000
        var crashes: [CrashPoint]?
        while let option = arguments.popFirst() {
            let value = arguments.popFirst() ?? ""
            switch option {
            case "--seed": seed = number(value)
            case "--crashes": crashCount = number(value)
            case "--crash": crashes = points(value)
            default: usage()
            }
        }
        exit(run(seed, crashCount, crashes) ? 0 : 1)
    }

    private static func number<Value: FixedWidthInteger>(_ text: String) -> Value {
        guard let value = Value(text) else { usage() }
        return value
    }

    private static func points(_ text: String) -> [CrashPoint] {
        text.split(separator: ",").map { point in
            let parts = point.split(separator: "/")
            guard parts.count <= 2, let entry = parts.first else { usage() }
            return CrashPoint(entry: number(String(entry)), choice: parts.count == 2 ? number(String(parts[1])) : 0)
        }
    }

    private static func usage() -> Never {
        print("usage: simulate [--seed N] [--crashes N] [--crash ENTRY/CHOICE[,ENTRY/CHOICE...]]")
        exit(2)
    }

    private static func run(_ seed: UInt64, _ crashCount: Int, _ crashes: [CrashPoint]?) -> Bool {
        let isTerminal = isatty(STDERR_FILENO) == 1
        let start = ContinuousClock.now
        var exploration = Exploration(limit: crashes == nil ? crashCount : .max) { count in
            if isTerminal, count % 50 == 0 { say("\r\(count) of \(crashCount) crashes") }
        }
        defer { exploration.removeFiles() }
        do throws(Exploration.Failure) {
            var next = seed
            repeat {
                try exploration.explore(seed: next, only: crashes)
                next &+= 1
            } while crashes == nil && !exploration.isDone
            if isTerminal { say("\r") }
            if let crashes, exploration.crashCount < crashes.count {
                print("the life with seed \(seed) has no such crash")
                return false
            }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let missing = exploration.coverage.missing
            let digest = exploration.digest.description.prefix(16)
            print("what happened (\(digest)): \(exploration.coverage.description)")
            print(
                "\(exploration.crashCount) crashes in \(exploration.lifeCount) lives,",
                "\(Int(Double(exploration.crashCount) / seconds)) a second, seed \(seed):",
                "nothing lost, nothing half there")
            // A few crashes may well miss something; many may not.
            guard exploration.crashCount >= 5_000, !missing.isEmpty else { return true }
            print("but never: \(missing.map(\.rawValue).joined(separator: ", "))")
            return false
        } catch {
            if isTerminal { say("\r") }
            print("seed \(error.seed): \(error.finding)")
            for record in error.records { print(record) }
            print("again: \(error.command)")
            return false
        }
    }

    private static func say(_ text: String) { _ = unsafe write(STDERR_FILENO, text, text.utf8.count) }
}
