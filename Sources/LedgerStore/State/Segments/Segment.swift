internal import Ledger

/// An immutable index over the transfers of one range of the log, in a file of its own.
///
/// Every transfer has an ordinal in the segment, in order of creation. The file holds, back to back:
/// - by ordinal: timestamps, and places in the log relative to the segment's first event;
/// - ids in ascending order, and their ordinals, or ``failedOrdinal`` for an id that failed for good;
/// - terms in ascending order: 32 bits of a property (``Term``) above the ordinal;
/// - a filter that answers for most ids that are not here.
struct Segment: Sendable {
    let descriptor: Descriptor
    let timestamps: MappedArray<UInt64>
    let places: MappedArray<UInt32>
    let ids: MappedArray<UInt128>
    let ordinals: MappedArray<UInt32>
    let terms: MappedArray<UInt64>
    private let filter: MappedArray<UInt64>
    /// The ids lie between these: ids that ascend with time are told from old ones without a look at the file.
    private let firstID: UInt128
    let lastID: UInt128

    /// What a segment covers, as it stands in the list of segments.
    struct Descriptor: BitwiseCopyable, Sendable, Equatable {
        var number: UInt32
        /// 0 for a flush, one more for each merge.
        var level: UInt32
        /// The range of the log.
        var firstSequence: UInt64
        var nextSequence: UInt64
        /// The number of elements of the arrays.
        var rowCount: UInt32
        var idCount: UInt32
        var termCount: UInt64
    }

    /// What stands for an ordinal where there is no transfer.
    static let failedOrdinal = UInt32.max

    init(_ descriptor: Descriptor, in folder: String) throws(LMDBError) {
        let layout = Layout(descriptor)
        let file = try MappedFile(path: Self.path(of: descriptor.number, in: folder), byteCount: layout.byteCount)
        self.descriptor = descriptor
        timestamps = MappedArray(file, at: layout.timestamps, count: Int(descriptor.rowCount))
        places = MappedArray(file, at: layout.places, count: Int(descriptor.rowCount))
        ids = MappedArray(file, at: layout.ids, count: Int(descriptor.idCount))
        ordinals = MappedArray(file, at: layout.ordinals, count: Int(descriptor.idCount))
        terms = MappedArray(file, at: layout.terms, count: Int(descriptor.termCount))
        filter = MappedArray(file, at: layout.filter, count: layout.filterCount)
        firstID = ids.first ?? .max
        lastID = ids.last ?? 0
    }

    static func path(of number: UInt32, in folder: String) -> String { "\(folder)/segment-\(number)" }

    /// Where the arrays stand in the file; the widest elements first, so that all are aligned.
    struct Layout {
        let ids: Int
        let filter: Int
        let filterCount: Int
        let terms: Int
        let timestamps: Int
        let ordinals: Int
        let places: Int
        let byteCount: Int

        init(_ descriptor: Descriptor) {
            filterCount = BloomFilter.wordCount(capacity: Int(descriptor.idCount))
            ids = 0
            filter = ids + 16 * Int(descriptor.idCount)
            terms = filter + 8 * filterCount
            timestamps = terms + 8 * Int(descriptor.termCount)
            ordinals = timestamps + 8 * Int(descriptor.rowCount)
            places = ordinals + 4 * Int(descriptor.idCount)
            byteCount = places + 4 * Int(descriptor.rowCount)
        }
    }

    // MARK: Looking up

    /// The ordinal of an id, ``failedOrdinal`` for one that failed, nil for one that is not here.
    func ordinal(of id: UInt128) -> UInt32? {
        guard id >= firstID, id <= lastID, BloomFilter.mayContain(id, in: filter) else { return nil }
        let place = ids.partitionPoint { $0 < id }
        return place < ids.count && ids[place] == id ? ordinals[place] : nil
    }

    /// Where the transfer with an ordinal stands in the log.
    func sequence(of ordinal: UInt32) -> UInt64 { descriptor.firstSequence + UInt64(places[Int(ordinal)]) }

    /// Whether a transfer has this timestamp.
    func contains(timestamp: UInt64) -> Bool {
        let place = timestamps.partitionPoint { $0 < timestamp }
        return place < timestamps.count && timestamps[place] == timestamp
    }

    /// The transfers within a window of time that may have all of these terms: those of the rarest term.
    func candidates(_ terms: [Term], in window: Window) -> Candidates {
        let ordinals = timestamps.range(of: window) { $0 }
        var rarest = Candidates.all(ordinals)
        for term in terms {
            let hash = UInt64(term.hash) << 32
            let entries =
                self.terms.partitionPoint {
                    $0 < hash | UInt64(ordinals.lowerBound)
                }..<self.terms.partitionPoint { $0 < hash + UInt64(ordinals.upperBound) }
            if entries.count < rarest.count { rarest = .entries(entries) }
        }
        return rarest
    }

    /// Transfers of a segment that have to be looked at.
    enum Candidates {
        /// By ordinal.
        case all(Range<Int>)
        /// By place in the array of terms.
        case entries(Range<Int>)

        var count: Int {
            switch self {
            case .all(let range), .entries(let range): range.count
            }
        }
    }

    /// Where the *n*-th candidate stands in the log.
    func sequence(of candidates: Candidates, at index: Int) -> UInt64 {
        switch candidates {
        case .all(let ordinals): sequence(of: UInt32(ordinals.lowerBound + index))
        case .entries(let entries): sequence(of: UInt32(truncatingIfNeeded: terms[entries.lowerBound + index]))
        }
    }
}
