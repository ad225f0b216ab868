import Foundation
import Testing

@testable import KeyLedger

@Suite("Who leaves a full cache")
struct TinyLFUTests {
    /// Keys by number through a cache; how many were found.
    private func hitCount(_ keys: some Sequence<UInt64>, capacity: Int) -> Int {
        var cache = ExpiringCache<UInt64, Void>(capacity: capacity)
        var hits = 0
        for key in keys {
            let fingerprint = KeyVersion(key: KeyID(UInt128(key)), number: 1).fingerprint
            if case .present = cache.value(for: key, fingerprint: fingerprint, at: 0) {
                hits += 1
            } else {
                _ = cache.insert((), for: key, fingerprint: fingerprint, expiresAt: .max)
            }
        }
        return hits
    }

    /// The same with plain LRU.
    private func hitCountOfLRU(_ keys: some Sequence<UInt64>, capacity: Int) -> Int {
        var lastUses: [UInt64: Int] = [:]
        var hits = 0
        for (time, key) in keys.enumerated() {
            if lastUses[key] != nil {
                hits += 1
            } else if lastUses.count == capacity, let oldest = lastUses.min(by: { $0.value < $1.value })?.key {
                lastUses[oldest] = nil
            }
            lastUses[key] = time
        }
        return hits
    }

    @Test func aScanPushesOutNothingThatIsUsed() {
        // 80 keys in use, and between them a thousand that are asked for once.
        let keys = (0..<4000).map { (time: UInt64) -> UInt64 in time % 2 == 0 ? time / 2 % 80 : 1000 + time }
        #expect(hitCountOfLRU(keys, capacity: 100) == 0)
        #expect(hitCount(keys, capacity: 100) > 1800)
    }

    @Test func aLoopThatDoesNotFitIsPartlyKept() {
        let keys = (0..<20_000).map { (time: UInt64) -> UInt64 in time % 120 }
        #expect(hitCountOfLRU(keys, capacity: 100) == 0)
        // No cache of 100 can find more than 99 of 119 here.
        #expect(hitCount(keys, capacity: 100) > 20_000 * 3 / 5)
    }

    @Test(arguments: [0.7, 0.9, 1.1])
    func skewedUseIsServedBetterThanByLRU(exponent: Double) {
        var random = SeededRandom()
        let zipf = Zipf(count: 10_000, exponent: exponent)
        let keys = (0..<40_000).map { _ in zipf.next(using: &random) }
        #expect(hitCount(keys, capacity: 100) > hitCountOfLRU(keys, capacity: 100))
    }

    @Test func whatWasUsedLongAgoIsForgotten() {
        var sketch = FrequencySketch(placeCount: 10)
        for _ in 0..<40 { sketch.record(7) }
        #expect(sketch.frequency(of: 7) == 15)
        for other in 0..<60 as Range<UInt64> { sketch.record(other << 32 | 1000 + other) }
        // After 100 requests it was halved.
        #expect(sketch.frequency(of: 7) == 7)
    }

    @Test func theSketchNeverSaysLessThanWasCounted() {
        var random = SeededRandom()
        var sketch = FrequencySketch(placeCount: 100)
        var counts: [UInt64: Int] = [:]
        for _ in 0..<999 {
            let hash = UInt64.random(in: 0..<64, using: &random) &* 0x9E37_79B9_7F4A_7C15
            sketch.record(hash)
            counts[hash, default: 0] += 1
        }
        for (hash, count) in counts { #expect(Int(sketch.frequency(of: hash)) >= min(count, 15)) }
    }

    /// Against a list: every place is in it once, whoever comes and goes.
    @Test(arguments: [1, 2, 3, 7, 150])
    func knowsEveryPlaceAndNoOther(capacity: Int) throws {
        var random = SeededRandom()
        var policy = TinyLFU(placeCount: capacity)
        var taken: Set<Int> = []
        for _ in 0..<5000 {
            let place = Int.random(in: 0..<capacity, using: &random)
            policy.record(UInt64(place))
            if taken.contains(place) {
                if random.oneIn(3) {
                    policy.remove(place)
                    taken.remove(place)
                } else {
                    policy.touch(place)
                }
            } else {
                policy.insert(place, UInt64(place))
                taken.insert(place)
            }
            let barred = Set(taken.filter { _ in random.oneIn(2) })
            let victim = policy.victim { !barred.contains($0) }
            if let victim {
                #expect(taken.contains(victim) && !barred.contains(victim))
            } else {
                #expect(taken == barred)
            }
        }
        // All of them can be sent away, each once.
        while let victim = policy.victim(isFree: { _ in true }) {
            #expect(taken.remove(victim) != nil)
            policy.remove(victim)
        }
        #expect(taken.isEmpty)
    }

    @Test func whatIsTooOldIsNotHandedOut() {
        var cache = ExpiringCache<UInt64, String>(capacity: 2)
        _ = cache.insert("a", for: 1, fingerprint: 1, expiresAt: 100)
        guard case .present("a") = cache.value(for: 1, fingerprint: 1, at: 99) else {
            Issue.record("it is to be there")
            return
        }
        guard case .expired = cache.value(for: 1, fingerprint: 1, at: 100) else {
            Issue.record("its time is up")
            return
        }
        guard case .absent = cache.value(for: 1, fingerprint: 1, at: 0) else {
            Issue.record("it is gone for good")
            return
        }
        #expect(cache.count == 0)
    }
}

/// Numbers of which number *n* comes as often as 1/n^exponent.
private struct Zipf {
    private let cumulative: [Double]

    init(count: Int, exponent: Double) {
        var sum = 0.0
        cumulative = (1...count).map { rank in
            sum += pow(Double(rank), -exponent)
            return sum
        }
    }

    func next(using random: inout SeededRandom) -> UInt64 {
        let wanted = Double.random(in: 0..<(cumulative.last ?? 1), using: &random)
        var low = 0, high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > wanted { high = middle } else { low = middle + 1 }
        }
        return UInt64(low)
    }
}
