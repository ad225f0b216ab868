/// The pending transfers that are neither posted, voided nor expired, and when they expire.
struct OpenTransfers {
    private var index: IDIndex
    private var slots: [Transfer] = []
    private var freeSlots: [UInt32] = []
    /// A binary heap of deadlines. Entries of transfers that were resolved meanwhile stay until they come up or
    /// are the majority.
    private var deadlines: [Deadline] = []
    /// How many there are, those of resolved transfers included.
    var deadlineCount: Int { deadlines.count }

    init(hash: IDHash = .ofThisProcess) { index = IDIndex(hash: hash) }

    private struct Deadline: BitwiseCopyable {
        var expiresAt: UInt64
        var timestamp: UInt64
        var id: UInt128

        static func < (a: Deadline, b: Deadline) -> Bool { (a.expiresAt, a.timestamp) < (b.expiresAt, b.timestamp) }
    }

    var count: Int { index.count }

    subscript(id: UInt128) -> Transfer? { slot(of: id).map { slots[Int($0)] } }

    private func slot(of id: UInt128) -> UInt32? { index.place(of: id) { slots[Int($0)].id == id } }

    mutating func insert(_ transfer: Transfer) {
        let slot = freeSlots.popLast() ?? UInt32(slots.count)
        if Int(slot) == slots.count { slots.append(transfer) } else { slots[Int(slot)] = transfer }
        index.insert(transfer.id, at: slot)
        guard let expiresAt = transfer.expiresAt else { return }
        push(Deadline(expiresAt: expiresAt, timestamp: transfer.timestamp, id: transfer.id))
    }

    mutating func remove(_ id: UInt128) {
        guard let slot = slot(of: id) else { return }
        index.remove(id, at: slot)
        freeSlots.append(slot)
        if deadlines.count > 64, deadlines.count > 2 * index.count { dropStaleDeadlines() }
    }

    /// When the next transfer expires, in nanoseconds since 1970. May be early, never late.
    var nextExpiry: UInt64? { deadlines.first?.expiresAt }

    /// Removes and returns the next transfer that has expired at `timestamp`, in order of (expiry, creation).
    mutating func popExpired(at timestamp: UInt64) -> Transfer? {
        while let next = deadlines.first, next.expiresAt <= timestamp {
            popDeadline()
            guard isCurrent(next), let transfer = self[next.id] else { continue }
            remove(next.id)
            return transfer
        }
        return nil
    }

    /// In order of creation.
    var inOrder: [Transfer] {
        var free = [Bool](repeating: false, count: slots.count)
        for slot in freeSlots { free[Int(slot)] = true }
        return slots.indices.lazy.filter { !free[$0] }.map { slots[$0] }.sorted { $0.timestamp < $1.timestamp }
    }

    /// An id rolled back and used again has another timestamp: its old deadline is not this transfer's.
    private func isCurrent(_ deadline: Deadline) -> Bool { self[deadline.id]?.timestamp == deadline.timestamp }

    /// Keeps one entry for each transfer that has a deadline. A transfer whose resolution was rolled back has
    /// several: left in, they would be looked through again and again.
    private mutating func dropStaleDeadlines() {
        // What is sorted is a heap, and equal entries are neighbours.
        let current = deadlines.filter(isCurrent).sorted(by: <)
        deadlines.removeAll(keepingCapacity: true)
        for deadline in current where deadline.timestamp != deadlines.last?.timestamp { deadlines.append(deadline) }
    }

    private mutating func push(_ deadline: Deadline) {
        deadlines.append(deadline)
        var child = deadlines.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard deadlines[child] < deadlines[parent] else { break }
            deadlines.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func popDeadline() {
        deadlines.swapAt(0, deadlines.count - 1)
        deadlines.removeLast()
        var parent = 0
        while true {
            var least = parent
            let left = 2 * parent + 1
            if left < deadlines.count, deadlines[left] < deadlines[least] { least = left }
            if left + 1 < deadlines.count, deadlines[left + 1] < deadlines[least] { least = left + 1 }
            if least == parent { return }
            deadlines.swapAt(parent, least)
            parent = least
        }
    }
}
