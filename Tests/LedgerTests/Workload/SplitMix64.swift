/// A small generator of pseudo-random numbers (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014). The same seed gives the same numbers on any machine and with any standard library.
struct SplitMix64: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 to `bound` − 1. The tiny bias of a product's upper half does not matter here.
    mutating func below<Value: FixedWidthInteger>(_ bound: Value) -> Value {
        Value(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    mutating func chance(percent: Int) -> Bool { below(100) < percent }

    /// One of `elements`, of which there must be some.
    mutating func pick<Elements: RandomAccessCollection>(_ elements: Elements) -> Elements.Element {
        elements[elements.index(elements.startIndex, offsetBy: below(elements.count))]
    }
}
