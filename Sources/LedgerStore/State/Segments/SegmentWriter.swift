internal import Ledger

/// Writes a segment's arrays in order, chunk by chunk, and keeps what stays in memory.
struct SegmentWriter {
    private let number: UInt32
    private let level: UInt32
    private var rows: (timestamps: [UInt64], places: [UInt32]) = ([], [])
    private var ids: (ids: [UInt128], ordinals: [UInt32]) = ([], [])
    private var terms: [UInt64] = []
    private var idFences: [UInt128] = []
    private var termFences: [UInt64] = []
    private var filter: BloomFilter
    private var descriptor: Segment.Descriptor
    /// Chunks that are complete but not yet written.
    private(set) var chunks: [(Key, [UInt8])] = []

    init(number: UInt32, level: UInt32, sequences: Range<UInt64>, idCapacity: Int) {
        self.number = number
        self.level = level
        filter = BloomFilter(capacity: idCapacity)
        descriptor = Segment.Descriptor(
            number: number, level: level, firstSequence: sequences.lowerBound, nextSequence: sequences.upperBound,
            rowCount: 0, idCount: 0, termCount: 0, firstTimestamp: 0, lastTimestamp: 0, firstID: 0, lastID: 0)
    }

    /// The next transfer in order of creation.
    mutating func append(timestamp: UInt64, place: UInt32) {
        if descriptor.rowCount == 0 { descriptor.firstTimestamp = timestamp }
        descriptor.lastTimestamp = timestamp
        descriptor.rowCount += 1
        rows.timestamps.append(timestamp)
        rows.places.append(place)
        if rows.places.count == Segment.chunkCount { endRows() }
    }

    /// The next id in ascending order.
    mutating func append(id: UInt128, ordinal: UInt32) {
        if descriptor.idCount == 0 { descriptor.firstID = id }
        descriptor.lastID = id
        if ids.ids.isEmpty { idFences.append(id) }
        descriptor.idCount += 1
        filter.insert(id)
        ids.ids.append(id)
        ids.ordinals.append(ordinal)
        if ids.ids.count == Segment.chunkCount { endIDs() }
    }

    /// The next term in ascending order.
    mutating func append(term: UInt64) {
        if terms.isEmpty { termFences.append(term) }
        descriptor.termCount += 1
        terms.append(term)
        if terms.count == Segment.chunkCount { endTerms() }
    }

    /// All that a flush brings.
    mutating func append(_ flush: DerivedState.Flush) {
        let transfers = flush.recent.transfers
        var ids: [(id: UInt128, ordinal: UInt32)] = []
        var terms: [UInt64] = []
        ids.reserveCapacity(transfers.count + flush.recent.failedIDs.count)
        terms.reserveCapacity(7 * transfers.count)
        for (ordinal, transfer) in transfers.enumerated() {
            append(timestamp: transfer.timestamp, place: flush.places[ordinal])
            ids.append((transfer.id, UInt32(ordinal)))
            Term.append(transfer, ordinal: UInt32(ordinal), to: &terms)
        }
        for id in flush.recent.failedIDs { ids.append((id, Segment.failedOrdinal)) }
        // Ids made to ascend with time need no sorting.
        let isSorted = zip(ids, ids.dropFirst()).allSatisfy { $0.id < $1.id }
        if !isSorted { ids.sort { $0.id < $1.id } }
        for (id, ordinal) in ids { append(id: id, ordinal: ordinal) }
        terms.sortByUpperHalf()
        for term in terms { append(term: term) }
    }

    private mutating func endRows() {
        guard !rows.places.isEmpty else { return }
        let chunk = (Int(descriptor.rowCount) - 1) / Segment.chunkCount
        chunks.append((Segment.key(number, .rows, chunk), bytes(of: rows.timestamps) + bytes(of: rows.places)))
        rows.timestamps.removeAll(keepingCapacity: true)
        rows.places.removeAll(keepingCapacity: true)
    }

    private mutating func endIDs() {
        guard !ids.ids.isEmpty else { return }
        let chunk = idFences.count - 1
        chunks.append((Segment.key(number, .ids, chunk), bytes(of: ids.ids) + bytes(of: ids.ordinals)))
        ids.ids.removeAll(keepingCapacity: true)
        ids.ordinals.removeAll(keepingCapacity: true)
    }

    private mutating func endTerms() {
        guard !terms.isEmpty else { return }
        chunks.append((Segment.key(number, .terms, termFences.count - 1), bytes(of: terms)))
        terms.removeAll(keepingCapacity: true)
    }

    /// Writes the complete chunks into a transaction.
    func drain(into table: Table, _ transaction: borrowing Transaction) throws(LMDBError) {
        for (key, bytes) in chunks { try transaction.put(unsafe bytes.span.bytes, at: key, in: table) }
    }

    mutating func forgetDrained() { chunks.removeAll(keepingCapacity: true) }

    /// Completes the last chunks; after draining these the segment is whole.
    mutating func finish() -> Segment {
        endRows()
        endIDs()
        endTerms()
        chunks.append((Segment.key(number, .idFences, 0), bytes(of: idFences)))
        chunks.append((Segment.key(number, .termFences, 0), bytes(of: termFences)))
        chunks.append((Segment.key(number, .filter, 0), bytes(of: filter.words)))
        return Segment(descriptor, idFences: idFences, termFences: termFences, filter: filter)
    }

    private func bytes<Value: BitwiseCopyable>(of values: [Value]) -> [UInt8] { (unsafe values.span.bytes).copied() }
}
