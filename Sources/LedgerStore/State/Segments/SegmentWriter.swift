internal import Glibc
internal import Ledger

/// Writes a segment's file: each array from its first element to its last, all of them side by side.
struct SegmentWriter {
    private let descriptor: Segment.Descriptor
    private let folder: String
    private let path: String
    private let file: OpenFile
    private var timestamps: SectionWriter<UInt64>
    private var places: SectionWriter<UInt32>
    private var ids: SectionWriter<UInt128>
    private var ordinals: SectionWriter<UInt32>
    private var terms: SectionWriter<UInt64>
    private var filter: SectionWriter<UInt64>
    private var filterWords: [UInt64]

    /// Begins a file; what is left of one with this number is overwritten.
    init(_ descriptor: Segment.Descriptor, in folder: String) throws(LMDBError) {
        let layout = Segment.Layout(descriptor)
        path = Segment.path(of: descriptor.number, in: folder)
        let file = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw LMDBError(code: errno, operation: "creating", path: path) }
        self.file = OpenFile(file)
        self.descriptor = descriptor
        self.folder = folder
        timestamps = SectionWriter(file, path, at: layout.timestamps)
        places = SectionWriter(file, path, at: layout.places)
        ids = SectionWriter(file, path, at: layout.ids)
        ordinals = SectionWriter(file, path, at: layout.ordinals)
        terms = SectionWriter(file, path, at: layout.terms)
        filter = SectionWriter(file, path, at: layout.filter)
        filterWords = Array(repeating: 0, count: layout.filterCount)
    }

    /// Closes the file with the last copy of its writer.
    private final class OpenFile: Sendable {
        let descriptor: Int32
        init(_ descriptor: Int32) { self.descriptor = descriptor }
        deinit { close(descriptor) }
    }

    /// The next transfer in order of creation.
    mutating func append(timestamp: UInt64, place: UInt32) throws(LMDBError) {
        try timestamps.append(timestamp)
        try places.append(place)
    }

    /// The next id in ascending order.
    mutating func append(id: UInt128, ordinal: UInt32) throws(LMDBError) {
        BloomFilter.insert(id, into: &filterWords)
        try ids.append(id)
        try ordinals.append(ordinal)
    }

    /// The next term in ascending order.
    mutating func append(term: UInt64) throws(LMDBError) { try terms.append(term) }

    /// Makes the file durable, and opens it. There must be as many elements as the descriptor says.
    mutating func finish() throws(LMDBError) -> Segment {
        for word in filterWords { try filter.append(word) }
        try filter.flush()
        try timestamps.flush()
        try places.flush()
        try ids.flush()
        try ordinals.flush()
        try terms.flush()
        // The file, and its entry in the folder.
        let directory = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(directory) }
        guard fdatasync(file.descriptor) == 0, fsync(directory) == 0 else {
            throw LMDBError(code: errno, operation: "syncing", path: path)
        }
        return try Segment(descriptor, in: folder)
    }
}

/// Sorts what a flush brings. Keeps its memory from one flush to the next: megabytes that come and go would leave the
/// heap in pieces.
struct FlushSorter {
    private var ids: [(id: UInt128, ordinal: UInt32)] = []
    private var terms: [UInt64] = []
    private var spare: [UInt64] = []

    /// Writes the segment that indexes the recent transfers.
    mutating func writeSegment(
        _ number: UInt32, of flush: DerivedState.Flush, in folder: String
    ) throws(LMDBError) -> Segment {
        let transfers = flush.recent.transfers
        ids.removeAll(keepingCapacity: true)
        terms.removeAll(keepingCapacity: true)
        for (ordinal, transfer) in transfers.enumerated() {
            ids.append((transfer.id, UInt32(ordinal)))
            Term.append(transfer, ordinal: UInt32(ordinal), to: &terms)
        }
        for id in flush.recent.failedIDs { ids.append((id, Segment.failedOrdinal)) }
        // Ids made to ascend with time need no sorting.
        let isSorted = zip(ids, ids.dropFirst()).allSatisfy { $0.id < $1.id }
        if !isSorted { ids.sort { $0.id < $1.id } }
        terms.sortByUpperHalf(using: &spare)

        var writer = try SegmentWriter(
            Segment.Descriptor(
                number: number, level: 0, firstSequence: flush.sequences.lowerBound,
                nextSequence: flush.sequences.upperBound, rowCount: UInt32(transfers.count),
                idCount: UInt32(ids.count), termCount: UInt64(terms.count)),
            in: folder)
        for (transfer, place) in zip(transfers, flush.places) {
            try writer.append(timestamp: transfer.timestamp, place: place)
        }
        for (id, ordinal) in ids { try writer.append(id: id, ordinal: ordinal) }
        for term in terms { try writer.append(term: term) }
        return try writer.finish()
    }
}
