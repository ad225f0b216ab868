internal import Ledger

/// Finds transfers over memory and disk together, in order of creation or backwards: the segments, what is on its way
/// to them, what is recent. Holds at most a page of records beside what it found.
struct TransferSearch {
    let log: Log
    let segments: [Segment]
    /// What is only in memory, oldest first.
    let recent: [RecentTransfers]
    /// That of the last transfer that is durable; what is younger is not shown.
    let lastTimestamp: UInt64
    /// The account whose transfers are sought, with its place in order of creation; nil for any.
    var account: (id: UInt128, place: Int)?

    private static let pageCount = 256

    /// The transfers in a window that have all of `terms` and match.
    func transfers(
        _ terms: [Term], in window: Window, where matches: (Transfer) -> Bool
    ) throws(StoreError) -> [Transfer] {
        guard lastTimestamp > 0 else { return [] }
        var window = window
        window.timestampMax = window.timestampMax == 0 ? lastTimestamp : min(window.timestampMax, lastTimestamp)
        var found: [Transfer] = []
        func take(_ transfer: Transfer) -> Bool {
            if matches(transfer) { found.append(transfer) }
            return found.count < window.rowLimit
        }
        func takeRecent() {
            for recent in window.isReversed ? recent.reversed() : recent where found.count < window.rowLimit {
                if let account {
                    search(recent, account, window, take)
                } else {
                    let transfers = recent.transfers[recent.transfers.range(of: window, at: \.timestamp)]
                    _ = window.isReversed ? transfers.reversed().allSatisfy(take) : transfers.allSatisfy(take)
                }
            }
        }
        if window.isReversed { takeRecent() }
        for segment in window.isReversed ? segments.reversed() : segments where found.count < window.rowLimit {
            try search(segment, terms, window, take)
        }
        if !window.isReversed { takeRecent() }
        return found
    }

    /// Follows an account's transfers back through memory.
    private func search(
        _ recent: RecentTransfers, _ account: (id: UInt128, place: Int), _ window: Window, _ take: (Transfer) -> Bool
    ) {
        // They come newest first. In the other order what lies in the window is collected before it is taken.
        var inWindow: [Transfer] = []
        recent.forEachTransfer(of: account.id, at: account.place) { transfer in
            if transfer.timestamp < window.timestampMin { return false }
            guard window.contains(transfer.timestamp) else { return true }
            if window.isReversed { return take(transfer) }
            inWindow.append(transfer)
            return true
        }
        _ = inWindow.reversed().allSatisfy(take)
    }

    private func search(
        _ segment: Segment, _ terms: [Term], _ window: Window, _ take: (Transfer) -> Bool
    ) throws(StoreError) {
        let candidates = segment.candidates(terms, in: window)
        var next = 0
        var isGoingOn = true
        while isGoingOn {
            var page: [UInt64] = []
            while next < candidates.count, page.count < Self.pageCount {
                let index = window.isReversed ? candidates.count - 1 - next : next
                page.append(segment.sequence(of: candidates, at: index))
                next += 1
            }
            if page.isEmpty { return }
            try log.forEachRecord(at: page) { bytes in
                isGoingOn = take(bytes.load(Transfer.self, at: 0))
                return isGoingOn
            }
        }
    }
}
