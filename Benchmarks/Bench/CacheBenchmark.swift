import KeyLedger

/// How often a cache of 1,000 keys finds what is asked for, as a share of what plain LRU finds and of what a cache that
/// knows the future would find.
enum CacheBenchmark {
    private static let capacity = 1000

    static func run(_ arguments: [String]) async throws {
        let count = arguments.first.flatMap { Int($0) } ?? 300_000
        print("\(count) requests, \(capacity) places; hits in percent, × LRU, share of the optimum\n")
        let policies: [(name: String, hits: ([UInt64]) -> Int)] = [
            ("W-TinyLFU", { hits(ofTinyLFU: $0) }),
            ("S3-FIFO", { hits(of: S3FIFO(capacity: capacity), $0) }),
            ("SIEVE", { hits(of: Sieve(capacity: capacity), $0) }),
        ]
        let headings = ["load", "optimum", "LRU"] + policies.map(\.name)
        print(headings.map { padded($0, 20) }.joined())
        for (name, keys) in workloads(count) {
            let optimum = hits(ofOptimum: keys), lru = hits(of: LRU(capacity: capacity), keys)
            var cells = [name, percent(Double(optimum), of: Double(count)), percent(Double(lru), of: Double(count))]
            for policy in policies {
                let hits = policy.hits(keys)
                let ratio = lru == 0 ? "∞" : rounded2(Double(hits) / Double(lru))
                cells.append(
                    "\(percent(Double(hits), of: Double(count)))  ×\(ratio)  \(rounded2(Double(hits) / Double(max(optimum, 1))))"
                )
            }
            print(cells.map { padded($0, 20) }.joined())
        }
        let keys = workloads(count)[2].keys
        let nanoseconds = Samples().measuring { _ = hits(ofTinyLFU: keys) }
        print("\nW-TinyLFU takes \(Int(nanoseconds) / count) ns a request, misses and evictions included (Zipf 1.1)")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private static func rounded2(_ value: Double) -> String { String((value * 100).rounded() / 100) }

    // MARK: Loads

    private static func workloads(_ count: Int) -> [(name: String, keys: [UInt64])] {
        var random = Random(state: 1)
        var loads: [(name: String, keys: [UInt64])] = []
        for exponent in [0.7, 0.9, 1.1] {
            let zipf = ZipfNumbers(count: 20_000, exponent: exponent)
            loads.append(("Zipf \(exponent)", (0..<count).map { _ in zipf.next(&random) }))
        }
        let zipf = ZipfNumbers(count: 20_000, exponent: 0.9)
        // Every now and then somebody walks through 2,000 keys that nobody else wants.
        loads.append(
            (
                "Zipf 0.9 and scans",
                (0..<count).map { $0 % 8000 < 2000 ? UInt64(1_000_000 + $0) : zipf.next(&random) }
            ))
        loads.append(("loop of 1,200", (0..<count).map { UInt64($0 % 1200) }))
        loads.append(("loop of 10,000", (0..<count).map { UInt64($0 % 10_000) }))
        // What is in demand changes altogether, six times.
        loads.append(
            ("Zipf 0.9, moving", (0..<count).map { zipf.next(&random) + UInt64($0 / (count / 6 + 1)) * 20_000 }))
        return loads
    }

    // MARK: Caches

    private static func hits(ofTinyLFU keys: [UInt64]) -> Int {
        var cache = ExpiringCache<UInt64, Void>(capacity: capacity)
        var hits = 0
        for key in keys {
            var fingerprint = Random(state: key)
            let hash = fingerprint.next()
            if case .present = cache.value(for: key, fingerprint: hash, at: 0) {
                hits += 1
            } else {
                _ = cache.insert((), for: key, fingerprint: hash, expiresAt: .max)
            }
        }
        return hits
    }

    private static func hits(of cache: some RivalCache, _ keys: [UInt64]) -> Int {
        var cache = cache
        return keys.count { cache.ask($0) }
    }

    /// Belady: what is needed latest leaves.
    private static func hits(ofOptimum keys: [UInt64]) -> Int {
        var nextUse = Array(repeating: Int.max, count: keys.count)
        var seen: [UInt64: Int] = [:]
        for index in keys.indices.reversed() {
            nextUse[index] = seen[keys[index]] ?? .max
            seen[keys[index]] = index
        }
        /// When each key in the cache is needed next, and those times in a heap with the latest on top; old ones stay in the
        /// heap until they surface.
        var resident: [UInt64: Int] = [:]
        var heap = LatestFirst()
        var hits = 0
        for (index, key) in keys.enumerated() {
            if resident[key] != nil {
                hits += 1
            } else if resident.count == capacity {
                while let (time, victim) = heap.pop() {
                    if resident[victim] == time {
                        resident[victim] = nil
                        break
                    }
                }
            }
            resident[key] = nextUse[index]
            heap.push(nextUse[index], key)
        }
        return hits
    }
}

/// Numbers of which number *n* comes as often as 1/(n + 1)^exponent.
struct ZipfNumbers {
    private let cumulative: [Double]

    init(count: Int, exponent: Double) {
        var sum = 0.0
        cumulative = (1...count).map { rank in
            sum += power(Double(rank), -exponent)
            return sum
        }
    }

    func next(_ random: inout Random) -> UInt64 {
        let wanted = Double(random.next() >> 11) / Double(1 << 53) * (cumulative.last ?? 1)
        var low = 0, high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > wanted { high = middle } else { low = middle + 1 }
        }
        return UInt64(low)
    }
}

/// A binary heap with the latest time on top.
private struct LatestFirst {
    private var items: [(time: Int, key: UInt64)] = []

    mutating func push(_ time: Int, _ key: UInt64) {
        items.append((time, key))
        var place = items.count - 1
        while place > 0, items[(place - 1) / 2].time < items[place].time {
            items.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func pop() -> (time: Int, key: UInt64)? {
        guard let top = items.first else { return nil }
        items.swapAt(0, items.count - 1)
        items.removeLast()
        var place = 0
        while true {
            let children = [2 * place + 1, 2 * place + 2].filter { $0 < items.count }
            guard let later = children.max(by: { items[$0].time < items[$1].time }),
                items[later].time > items[place].time
            else { return top }
            items.swapAt(place, later)
            place = later
        }
    }
}
