import FoundationEssentials
import Glibc

/// Durations of many repetitions of one thing.
struct Samples {
    private(set) var nanoseconds: [UInt64] = []

    init(_ nanoseconds: [UInt64] = []) { self.nanoseconds = nanoseconds }

    mutating func add(_ other: Samples) { nanoseconds += other.nanoseconds }

    mutating func measure<Result>(_ body: () throws -> Result) rethrows -> Result {
        let start = monotonicNanoseconds()
        defer { nanoseconds.append(monotonicNanoseconds() - start) }
        return try body()
    }

    mutating func measure<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        let start = monotonicNanoseconds()
        let result = try await body()
        nanoseconds.append(monotonicNanoseconds() - start)
        return result
    }

    /// How long one thing takes.
    func measuring(_ body: () throws -> Void) rethrows -> UInt64 {
        var samples = self
        try samples.measure(body)
        return samples.total
    }

    /// How long one thing takes.
    func measuring(_ body: () async throws -> Void) async rethrows -> UInt64 {
        var samples = self
        try await samples.measure(body)
        return samples.total
    }

    var total: UInt64 { nanoseconds.reduce(0, +) }

    /// The value that a fraction of the samples does not exceed.
    func quantile(_ fraction: Double) -> UInt64 {
        let sorted = nanoseconds.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[min(sorted.count - 1, Int(fraction * Double(sorted.count)))]
    }

    /// Half, 99 and 99.9 of a hundred.
    var latencies: String {
        "p50 \(Self.text(quantile(0.5))), p99 \(Self.text(quantile(0.99))), p99.9 \(Self.text(quantile(0.999)))"
    }

    static func text(_ nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case ..<1000: "\(nanoseconds) ns"
        case ..<1_000_000: "\(rounded(Double(nanoseconds) / 1000)) µs"
        case ..<1_000_000_000: "\(rounded(Double(nanoseconds) / 1_000_000)) ms"
        default: "\(rounded(Double(nanoseconds) / 1_000_000_000)) s"
        }
    }
}

/// Prints a line of the report.
func show(_ name: String, _ text: String) {
    print(name + String(repeating: " ", count: max(1, 26 - name.count)) + text)
}

func rounded(_ value: Double) -> String {
    value >= 100 ? String(Int(value.rounded())) : String((value * 10).rounded() / 10)
}

/// A rate, in thousands or millions a second.
func rate(_ count: Int, _ nanoseconds: UInt64) -> String {
    let perSecond = Double(count) / (Double(max(nanoseconds, 1)) / 1e9)
    return perSecond >= 1e6
        ? "\((perSecond / 1e4).rounded() / 100) M/s"
        : perSecond >= 1e3 ? "\(rounded(perSecond / 1e3)) k/s" : "\(rounded(perSecond))/s"
}

func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
/// The middle one of several values.
func middle(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// The middle one of several values, with the smallest and the largest.
func spread(_ values: [Double], _ text: (Double) -> String) -> String {
    let sorted = values.sorted()
    return "\(text(middle(values))) (\(text(sorted[0])) to \(text(sorted[sorted.count - 1])))"
}

func percent(_ part: Double, of whole: Double) -> String { "\(Int((100 * part / whole).rounded())) %" }

func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// The processor's time that this process has used.
func processorNanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// What the process holds in memory beyond pages of files, in bytes (`RssAnon`).
func anonymousMemory() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
    return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 * 1024 } ?? 0
}

/// A folder that is gone when `body` is done.
func withTemporaryFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let parent = ProcessInfo.processInfo.environment["KEYLEDGER_BENCH_FOLDER"] ?? "/var/tmp"
    let path = "\(parent)/keyledger-bench-\(UUID())"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// SplitMix64: the same numbers on any machine.
struct Random {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
