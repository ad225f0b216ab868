import Foundation

/// SplitMix64: a random source that a printed seed replays, with `KEYLEDGER_TEST_SEED`.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ purpose: String = #function) {
        let given = ProcessInfo.processInfo.environment["KEYLEDGER_TEST_SEED"].flatMap { UInt64($0) }
        let seed = given ?? .random(in: 0...UInt64.max)
        print("\(purpose): seed \(seed)")
        state = seed
    }

    /// A part of another's work.
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// True once in `count` times.
    mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    mutating func bytes(_ counts: ClosedRange<Int>) -> [UInt8] {
        (0..<Int.random(in: counts, using: &self)).map { _ in .random(in: 0...255, using: &self) }
    }
}
