// What else could decide who leaves a full cache; for comparison only.

protocol RivalCache {
    /// Whether the key is there; it is afterwards.
    mutating func ask(_ key: UInt64) -> Bool
}

/// The one asked for longest ago leaves. A queue in which asking again leaves a stale entry behind.
struct LRU: RivalCache {
    private let capacity: Int
    private var lastUses: [UInt64: Int] = [:]
    private var queue = Queue<(key: UInt64, time: Int)>()
    private var time = 0

    init(capacity: Int) { self.capacity = capacity }

    mutating func ask(_ key: UInt64) -> Bool {
        time += 1
        let isHit = lastUses[key] != nil
        if !isHit, lastUses.count == capacity {
            while let oldest = queue.pop() {
                if lastUses[oldest.key] == oldest.time {
                    lastUses[oldest.key] = nil
                    break
                }
            }
        }
        lastUses[key] = time
        queue.push((key, time))
        return isHit
    }
}

/// A hand walks from the oldest to the newest and sends away the first that was not asked for again since it last came by
/// (Zhang and others: SIEVE, 2024).
struct Sieve: RivalCache {
    private let capacity: Int
    /// From the oldest to the newest; nil where one left.
    private var keys: [UInt64?] = []
    private var visited: [UInt64: Bool] = [:]
    private var hand = 0

    init(capacity: Int) { self.capacity = capacity }

    mutating func ask(_ key: UInt64) -> Bool {
        if visited[key] != nil {
            visited[key] = true
            return true
        }
        if visited.count == capacity { evict() }
        keys.append(key)
        visited[key] = false
        return false
    }

    private mutating func evict() {
        while true {
            if hand >= keys.count {
                keys.removeAll { $0 == nil }
                hand = 0
            }
            if let key = keys[hand] {
                if visited[key] == false {
                    visited[key] = nil
                    keys[hand] = nil
                    hand += 1
                    return
                }
                visited[key] = false
            }
            hand += 1
        }
    }
}

/// Three queues: a small one for what is new, a main one, and the names of what left the small one (Yang and others:
/// S3-FIFO, 2023).
struct S3FIFO: RivalCache {
    private enum Part { case small, main }

    private let capacity: Int
    private var small = Queue<UInt64>()
    private var main = Queue<UInt64>()
    private var ghosts = Queue<(key: UInt64, time: Int)>()
    private var ghostTimes: [UInt64: Int] = [:]
    private var entries: [UInt64: (part: Part, uses: Int)] = [:]
    private var time = 0

    init(capacity: Int) { self.capacity = capacity }

    mutating func ask(_ key: UInt64) -> Bool {
        time += 1
        if let entry = entries[key] {
            entries[key]?.uses = min(entry.uses + 1, 3)
            return true
        }
        while entries.count >= capacity { evict() }
        let part: Part = ghostTimes.removeValue(forKey: key) == nil ? .small : .main
        entries[key] = (part, 0)
        if part == .small { small.push(key) } else { main.push(key) }
        return false
    }

    private mutating func evict() {
        if small.count >= capacity / 10 || main.count == 0, let key = small.pop() {
            if entries[key]?.uses ?? 0 > 0 {
                entries[key] = (.main, 0)
                main.push(key)
            } else {
                entries[key] = nil
                remember(key)
            }
        } else if let key = main.pop() {
            if let uses = entries[key]?.uses, uses > 0 {
                entries[key]?.uses = uses - 1
                main.push(key)
            } else {
                entries[key] = nil
            }
        }
    }

    private mutating func remember(_ key: UInt64) {
        ghostTimes[key] = time
        ghosts.push((key, time))
        while ghostTimes.count > capacity, let oldest = ghosts.pop() {
            if ghostTimes[oldest.key] == oldest.time { ghostTimes[oldest.key] = nil }
        }
    }
}

/// First in, first out.
struct Queue<Element> {
    private var elements: [Element] = []
    private var start = 0

    var count: Int { elements.count - start }

    mutating func push(_ element: Element) { elements.append(element) }

    mutating func pop() -> Element? {
        guard start < elements.count else { return nil }
        defer {
            start += 1
            if start > 4096, start * 2 > elements.count {
                elements.removeFirst(start)
                start = 0
            }
        }
        return elements[start]
    }
}
