/// SplitMix64: a random source that a printed seed replays.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// `bytes` with a few flipped bits, and sometimes a piece cut out or repeated.
    mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
        var damaged = bytes
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            guard let index = damaged.indices.randomElement(using: &self) else { return damaged }
            switch UInt8.random(in: 0..<4, using: &self) {
            case 0: damaged[index] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 1: damaged[index] = UInt8.random(in: 0...255, using: &self)
            case 2: damaged.removeSubrange(index..<min(index + Int.random(in: 1...8, using: &self), damaged.count))
            default: damaged.insert(contentsOf: damaged[index...].prefix(16), at: index)
            }
        }
        return damaged
    }
}
