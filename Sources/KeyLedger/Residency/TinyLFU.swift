/// Decides who leaves a full cache: W-TinyLFU (Einziger, Friedman, Manes, 2017).
///
/// What is new comes into a small *window*. When that overflows, its oldest and the least valuable of the *main* part
/// compare how often they were asked for lately; the one asked for less often leaves. So a scan of things that are asked
/// for once passes through the window and pushes out nothing that is used. The main part is in two: what was asked for
/// again there is *protected*, the rest on *probation*.
///
/// It knows the cache's places by number, and what is in them by a hash; what is there is the cache's own affair.
package struct TinyLFU: Sendable {
    private enum Segment: Int { case window, probation, protected }

    private struct Node {
        var hash: UInt64
        var segment: Segment
        var newer: Int?
        var older: Int?
    }

    /// The places of a segment, from the one asked for last to the one asked for longest ago.
    private struct Ends {
        var newest: Int?
        var oldest: Int?
        var count = 0
    }

    private var nodes: [Node?] = []
    private var segments = [Ends(), Ends(), Ends()]
    private var sketch: FrequencySketch
    private let windowCountMax: Int
    private let protectedCountMax: Int

    /// For a cache with so many places, at least one.
    package init(placeCount: Int) {
        sketch = FrequencySketch(placeCount: placeCount)
        windowCountMax = max(1, placeCount / 100)
        protectedCountMax = (placeCount - windowCountMax) * 4 / 5
    }

    /// Something was asked for, whether it is there or not.
    package mutating func record(_ hash: UInt64) { sketch.record(hash) }

    /// What is at a place was asked for.
    package mutating func touch(_ place: Int) {
        guard let segment = nodes[place]?.segment else { preconditionFailure("the place is empty") }
        unlink(place)
        link(place, segment == .probation ? .protected : segment)
        if segments[Segment.protected.rawValue].count > protectedCountMax,
            let oldest = segments[Segment.protected.rawValue].oldest
        {
            unlink(oldest)
            link(oldest, .probation)
        }
    }

    /// Something came to a place that was empty.
    package mutating func insert(_ place: Int, _ hash: UInt64) {
        while nodes.count <= place { nodes.append(nil) }
        precondition(nodes[place] == nil, "the place is taken")
        nodes[place] = Node(hash: hash, segment: .window)
        link(place, .window)
        if segments[Segment.window.rawValue].count > windowCountMax,
            let oldest = segments[Segment.window.rawValue].oldest
        {
            unlink(oldest)
            link(oldest, .probation)
        }
    }

    /// What was at a place is gone.
    package mutating func remove(_ place: Int) {
        unlink(place)
        nodes[place] = nil
    }

    /// The place to empty so that something new can come; nil if none is free.
    package func victim(isFree: (Int) -> Bool) -> Int? {
        let resident =
            oldest(in: .probation, isFree) ?? oldest(in: .protected, isFree)
        // The window's oldest is to leave it only if it is full.
        let isFull = segments[Segment.window.rawValue].count >= windowCountMax
        guard isFull || resident == nil, let candidate = oldest(in: .window, isFree) else { return resident }
        guard let resident else { return candidate }
        return frequency(of: candidate) > frequency(of: resident) ? resident : candidate
    }

    private func frequency(of place: Int) -> UInt8 { nodes[place].map { sketch.frequency(of: $0.hash) } ?? 0 }

    private func oldest(in segment: Segment, _ isFree: (Int) -> Bool) -> Int? {
        var place = segments[segment.rawValue].oldest
        while let candidate = place, !isFree(candidate) { place = nodes[candidate]?.newer }
        return place
    }

    private mutating func link(_ place: Int, _ segment: Segment) {
        let newest = segments[segment.rawValue].newest
        nodes[place]?.segment = segment
        nodes[place]?.older = newest
        nodes[place]?.newer = nil
        if let newest { nodes[newest]?.newer = place } else { segments[segment.rawValue].oldest = place }
        segments[segment.rawValue].newest = place
        segments[segment.rawValue].count += 1
    }

    private mutating func unlink(_ place: Int) {
        guard let node = nodes[place] else { preconditionFailure("the place is empty") }
        if let newer = node.newer {
            nodes[newer]?.older = node.older
        } else {
            segments[node.segment.rawValue].newest = node.older
        }
        if let older = node.older {
            nodes[older]?.newer = node.newer
        } else {
            segments[node.segment.rawValue].oldest = node.newer
        }
        segments[node.segment.rawValue].count -= 1
    }
}
