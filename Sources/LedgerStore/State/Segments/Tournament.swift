/// The least of many sources' heads: a tree of losers, so that the next one costs a comparison a level.
///
/// Heads of different sources differ. The largest value of the type stands for a source that has no more.
struct Tournament<Head: FixedWidthInteger & Sendable>: Sendable {
    private struct Entry: Sendable {
        var head: Head
        var source: Int
    }

    /// Who lost at each inner node; at 0 the winner of all.
    private var entries: [Entry]
    private let leafCount: Int

    init(_ heads: [Head]) {
        var leafCount = 1
        while leafCount < heads.count { leafCount *= 2 }
        self.leafCount = leafCount
        // The winner at each node, from the leaves up.
        var winners = (0..<(2 * leafCount)).map { node in
            let source = node - leafCount
            return Entry(head: heads.indices.contains(source) ? heads[source] : .max, source: max(source, 0))
        }
        entries = Array(repeating: winners[leafCount], count: leafCount)
        for node in (1..<leafCount).reversed() {
            let (left, right) = (winners[2 * node], winners[2 * node + 1])
            (winners[node], entries[node]) = right.head < left.head ? (right, left) : (left, right)
        }
        entries[0] = winners[1]
    }

    /// The source with the least head; nil when none has any more.
    @inline(__always)
    var least: (head: Head, source: Int)? {
        let winner = entries[0]
        return winner.head == .max ? nil : (winner.head, winner.source)
    }

    /// Puts the next head of the source that has the least in its place.
    @inline(__always)
    mutating func replaceLeast(with head: Head) {
        var winner = Entry(head: head, source: entries[0].source)
        var node = (leafCount + winner.source) / 2
        while node > 0 {
            let other = entries[node]
            if other.head < winner.head {
                entries[node] = winner
                winner = other
            }
            node /= 2
        }
        entries[0] = winner
    }
}
