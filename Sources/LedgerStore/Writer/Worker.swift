/// An inbox that a thread works through.
final class Worker<Item: Sendable>: Sendable {
    private struct Inbox {
        var items: [Item] = []
        var weight = 0
        var isStopped = false
    }

    private let inbox = Monitor(Inbox())

    /// What became of an item that was offered.
    enum Admission: Equatable { case admitted, full(waitingWeight: Int), stopped }

    /// Puts an item into the inbox, unless what waits there already would weigh more than `limit` with it.
    func submit(_ item: Item, weight: Int, limit: Int) -> Admission {
        inbox.change { inbox in
            if inbox.isStopped { return .stopped }
            guard inbox.weight + weight <= limit else { return .full(waitingWeight: inbox.weight) }
            inbox.items.append(item)
            inbox.weight += weight
            return .admitted
        }
    }

    /// Waits for items and takes them all; none if nothing came within `nanoseconds`. Nil when the worker was stopped
    /// and nothing is left.
    func next(within nanoseconds: UInt64?) -> [Item]? {
        let taken: [Item]?? = inbox.wait(atMost: nanoseconds) { inbox in
            if inbox.items.isEmpty { return inbox.isStopped ? .some(nil) : nil }
            defer {
                inbox.items = []
                inbox.weight = 0
            }
            return inbox.items
        }
        return taken ?? []
    }

    /// Waits for at most `nanoseconds` until there are as many items as are expected, and takes them all.
    func more(expecting count: Int, within nanoseconds: UInt64) -> [Item] {
        inbox.wait(atMost: nanoseconds) { $0.items.count >= count || $0.isStopped ? () : nil }
        return next(within: 0) ?? []
    }

    /// Lets no more items in; what is in the inbox is still worked on.
    func stop() { inbox.change { $0.isStopped = true } }
}
