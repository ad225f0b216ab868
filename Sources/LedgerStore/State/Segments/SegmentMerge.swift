/// Puts neighbouring segments together into one, some entries at a time: a flush does not wait for a merge.
struct SegmentMerge {
    let sources: [Segment]
    private var writer: SegmentWriter
    /// What a source's ordinals and places grow by.
    private let offsets: [(ordinal: UInt32, place: UInt32)]
    private var stage = Stage.rows
    /// How far each source has been read in this stage.
    private var read: [Int]
    /// The sources' next entries in the sorted stages; the largest value, which is neither an id nor a term, for one that
    /// has no more.
    private var heads: [UInt128] = []

    private enum Stage { case rows, ids, terms }

    private let stepCount: Int

    /// - Parameter stepCount: How many entries a step takes over.
    init(_ sources: [Segment], number: UInt32, in folder: String, stepCount: Int) throws(LMDBError) {
        self.sources = sources
        self.stepCount = stepCount
        let descriptors = sources.map(\.descriptor)
        var offsets: [(UInt32, UInt32)] = []
        var rowCount: UInt32 = 0
        for descriptor in descriptors {
            offsets.append((rowCount, UInt32(descriptor.firstSequence - descriptors[0].firstSequence)))
            rowCount += descriptor.rowCount
        }
        self.offsets = offsets.map { (ordinal: $0.0, place: $0.1) }
        read = sources.map { _ in 0 }
        writer = try SegmentWriter(
            Segment.Descriptor(
                number: number, level: (descriptors.map(\.level).max() ?? 0) + 1,
                firstSequence: descriptors[0].firstSequence,
                nextSequence: descriptors[descriptors.count - 1].nextSequence, rowCount: rowCount,
                idCount: descriptors.reduce(0) { $0 + $1.idCount },
                termCount: descriptors.reduce(0) { $0 + $1.termCount }), in: folder)
    }

    /// Works on for a while. Returns the new segment once it is whole and durable.
    mutating func step() throws(LMDBError) -> Segment? {
        for _ in 0..<stepCount {
            switch stage {
            case .rows:
                guard let source = sources.indices.first(where: { read[$0] < sources[$0].places.count }) else {
                    begin(.ids, sources.map { $0.ids.first ?? .max })
                    continue
                }
                let row = read[source]
                try writer.append(
                    timestamp: sources[source].timestamps[row],
                    place: sources[source].places[row] + offsets[source].place)
                read[source] += 1
            case .ids:
                guard let (source, id) = least else {
                    begin(.terms, sources.indices.map { term(of: $0, at: 0) })
                    continue
                }
                let ordinal = sources[source].ordinals[read[source]]
                try writer.append(
                    id: id,
                    ordinal: ordinal == Segment.failedOrdinal ? ordinal : ordinal + offsets[source].ordinal)
                read[source] += 1
                heads[source] = read[source] < sources[source].ids.count ? sources[source].ids[read[source]] : .max
            case .terms:
                guard let (source, term) = least else { return try writer.finish() }
                try writer.append(term: UInt64(truncatingIfNeeded: term))
                read[source] += 1
                heads[source] = self.term(of: source, at: read[source])
            }
        }
        return nil
    }

    private mutating func begin(_ stage: Stage, _ heads: [UInt128]) {
        self.stage = stage
        self.heads = heads
        read = sources.map { _ in 0 }
    }

    /// A source's term with its ordinal in the new segment. The sources cover one range after the other, so the order of
    /// equal properties is that of the sources.
    private func term(of source: Int, at index: Int) -> UInt128 {
        let terms = sources[source].terms
        return index < terms.count ? UInt128(terms[index] + UInt64(offsets[source].ordinal)) : .max
    }

    /// The source with the least head; nil when none has any more.
    private var least: (source: Int, head: UInt128)? {
        var least = (source: -1, head: UInt128.max)
        for source in heads.indices where heads[source] < least.head { least = (source, heads[source]) }
        return least.source < 0 ? nil : least
    }
}
