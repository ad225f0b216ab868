internal import Ledger

/// Sorts what a flush brings. Keeps its memory from one flush to the next: megabytes that come and go would leave the
/// heap in pieces.
struct FlushSorter {
    private var ids: [(id: UInt128, ordinal: UInt32)] = []
    private var terms: [UInt64] = []
    private var spare: [UInt64] = []

    /// Writes the segment that holds a flush.
    mutating func writeSegment(
        _ number: UInt32, of flush: DerivedState.Flush, in location: SegmentLocation
    ) throws(StoreError) -> Segment {
        let recent = flush.recent
        ids.removeAll(keepingCapacity: true)
        terms.removeAll(keepingCapacity: true)
        for (ordinal, transfer) in recent.transfers.enumerated() {
            ids.append((transfer.id, UInt32(ordinal)))
            if !location.isTemporary {
                Term.append(transfer, ordinal: UInt32(ordinal), hash: location.hash, to: &terms)
            }
        }
        for id in recent.failedIDs { ids.append((id, Segment.failedOrdinal)) }
        // Ids made to ascend with time need no sorting.
        let isSorted = zip(ids, ids.dropFirst()).allSatisfy { $0.id < $1.id }
        if !isSorted { ids.sort { $0.id < $1.id } }
        terms.sortByUpperHalf(using: &spare)
        let resolutions = recent.resolutions.sorted { $0.key < $1.key }
        let balances = location.isTemporary ? [] : recent.balances

        var writer = try SegmentWriter(
            Segment.Descriptor(
                number: number, level: 0, firstSequence: flush.sequences.lowerBound,
                nextSequence: flush.sequences.upperBound, termCount: UInt64(terms.count),
                rowCount: UInt32(recent.transfers.count), idCount: UInt32(ids.count),
                accountCount: UInt32(flush.accounts.count), openCount: 0,
                resolutionCount: UInt32(resolutions.count), balanceCount: UInt32(balances.count)),
            in: location)
        for (id, ordinal) in ids { try writer.append(id: id, ordinal: ordinal) }
        for term in terms { try writer.append(term: term) }
        for (transfer, place) in zip(recent.transfers, flush.places) {
            try writer.append(timestamp: transfer.timestamp, place: place)
        }
        for (place, account) in flush.accounts { try writer.append(account, at: place) }
        for (timestamp, status) in resolutions {
            try writer.append(Segment.Resolution(timestamp: timestamp, status: status))
        }
        for (account, balance) in balances { try writer.append(balance, of: account) }
        for transfer in location.isTemporary ? [] : recent.transfers
        where transfer.flags.contains(.pending) && recent.resolution(ofPending: transfer.timestamp) == nil {
            try writer.append(open: transfer)
        }
        return try writer.finish()
    }
}
