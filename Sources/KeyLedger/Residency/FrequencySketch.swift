/// How often things were asked for lately, by their hashes: a count-min sketch whose counts fade.
///
/// Four counts a thing, of which the smallest is nearest the truth; it is never less than what was counted since the last
/// fading. After ten times as many requests as there are places all counts are halved, so that what was asked for long ago
/// does not count for ever (Einziger, Friedman, Manes: TinyLFU, 2017).
struct FrequencySketch: Sendable {
    private var counts: [UInt8]
    private let rowMask: UInt64
    private var requestCount = 0
    private let requestCountMax: Int

    private static let rowCount: UInt64 = 4
    /// More says nothing: what was asked for this often stays.
    private static let countMax: UInt8 = 15

    /// For a cache with so many places.
    init(placeCount: Int) {
        // Eight counts a place and row: two things share one seldom.
        var width = 8
        while width < placeCount * 8 { width *= 2 }
        counts = Array(repeating: 0, count: width * Int(Self.rowCount))
        rowMask = UInt64(width - 1)
        requestCountMax = max(10 * placeCount, 10)
    }

    /// At most 15.
    func frequency(of hash: UInt64) -> UInt8 {
        var frequency = Self.countMax
        for row in 0..<Self.rowCount { frequency = min(frequency, counts[place(of: hash, row)]) }
        return frequency
    }

    mutating func record(_ hash: UInt64) {
        for row in 0..<Self.rowCount {
            let place = place(of: hash, row)
            if counts[place] < Self.countMax { counts[place] += 1 }
        }
        requestCount += 1
        if requestCount == requestCountMax {
            for index in counts.indices { counts[index] /= 2 }
            requestCount /= 2
        }
    }

    private func place(of hash: UInt64, _ row: UInt64) -> Int {
        let step = hash >> 32 | 1
        return Int((hash &+ row &* step) & rowMask &+ row &* (rowMask &+ 1))
    }
}
