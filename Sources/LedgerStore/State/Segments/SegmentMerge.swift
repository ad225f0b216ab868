/// Puts neighbouring segments together into one, in steps that each fit into a small transaction.
struct SegmentMerge {
    let sources: [Segment]
    /// That of the segment to come.
    let number: UInt32
    private let table: Table
    private var writer: SegmentWriter
    /// What a source's ordinals and places grow by.
    private let offsets: [(ordinal: UInt32, place: UInt32)]
    private var stage = Stage.rows(source: 0, chunk: 0)

    private enum Stage {
        case rows(source: Int, chunk: Int)
        case ids([EntryStream<IDEntries>])
        case terms([EntryStream<TermEntries>])
        case done(Segment)
    }

    /// How many chunks a step completes, about.
    private static let stepChunkCount = 32

    init(_ sources: [Segment], number: UInt32, table: Table) {
        self.sources = sources
        self.number = number
        self.table = table
        let descriptors = sources.map(\.descriptor)
        var offsets: [(UInt32, UInt32)] = []
        var rowCount: UInt32 = 0
        for descriptor in descriptors {
            offsets.append((rowCount, UInt32(descriptor.firstSequence - descriptors[0].firstSequence)))
            rowCount += descriptor.rowCount
        }
        self.offsets = offsets.map { (ordinal: $0.0, place: $0.1) }
        writer = SegmentWriter(
            number: number, level: (descriptors.map(\.level).max() ?? 0) + 1,
            sequences: descriptors[0].firstSequence..<descriptors[descriptors.count - 1].nextSequence,
            idCapacity: descriptors.reduce(0) { $0 + Int($1.idCount) })
    }

    /// Works on for a while. Returns the new segment once it is whole.
    mutating func step(in environment: Environment) throws(LMDBError) -> Segment? {
        try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in try advance(transaction) }
        try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
            try writer.drain(into: table, transaction)
        }
        writer.forgetDrained()
        if case .done(let segment) = stage { return segment }
        return nil
    }

    private mutating func advance(_ transaction: borrowing Transaction) throws(LMDBError) {
        while writer.chunks.count < Self.stepChunkCount {
            switch stage {
            case .rows(let source, let chunk): try copyRows(source, chunk, transaction)
            case .ids(var streams):
                stage = .done(sources[0])
                while writer.chunks.count < Self.stepChunkCount, let entry = try popLeast(&streams, transaction) {
                    writer.append(id: entry.id, ordinal: entry.ordinal)
                }
                stage = streams.isEmpty ? .terms(sources.indices.map { EntryStream($0) }) : .ids(streams)
            case .terms(var streams):
                stage = .done(sources[0])
                while writer.chunks.count < Self.stepChunkCount, let entry = try popLeast(&streams, transaction) {
                    writer.append(term: entry)
                }
                if streams.isEmpty {
                    stage = .done(writer.finish())
                    return
                }
                stage = .terms(streams)
            case .done: return
            }
        }
    }

    private mutating func copyRows(_ source: Int, _ chunk: Int, _ transaction: borrowing Transaction) throws(LMDBError)
    {
        guard source < sources.count else {
            stage = .ids(sources.indices.map { EntryStream($0) })
            return
        }
        let segment = sources[source]
        guard chunk * Segment.chunkCount < segment.descriptor.rowCount else {
            stage = .rows(source: source + 1, chunk: 0)
            return
        }
        let offset = offsets[source].place
        try segment.read(.rows, chunk, in: table, transaction) { bytes in
            let count = bytes.byteCount / 12
            for row in 0..<count {
                writer.append(
                    timestamp: bytes.load(UInt64.self, at: 8 * row),
                    place: bytes.load(UInt32.self, at: 8 * count + 4 * row) + offset)
            }
        }
        stage = .rows(source: source, chunk: chunk + 1)
    }

    /// Takes the least entry of all streams; those that are exhausted leave. Nil when none is left.
    private func popLeast<Entries: SegmentEntries>(
        _ streams: inout [EntryStream<Entries>], _ transaction: borrowing Transaction
    ) throws(LMDBError) -> Entries.Entry? {
        while true {
            var least = -1
            for index in streams.indices {
                if streams[index].isExhausted {
                    let stream = streams[index]
                    guard
                        try streams[index].refill(
                            sources[stream.source], offsets[stream.source].ordinal, in: table, transaction)
                    else {
                        streams.remove(at: index)
                        least = -2
                        break
                    }
                }
                if least < 0 || Entries.isBelow(streams[index].head, streams[least].head) { least = index }
            }
            if least == -2 { continue }
            if least < 0 { return nil }
            return streams[least].next()
        }
    }
}

/// How the entries of one of a segment's sorted arrays are read and ordered.
private protocol SegmentEntries {
    associatedtype Entry
    static var array: Segment.Array { get }
    static func count(in descriptor: Segment.Descriptor) -> Int
    static func entries(in bytes: RawSpan, ordinalOffset: UInt32) -> [Entry]
    static func isBelow(_ a: Entry, _ b: Entry) -> Bool
}

private enum IDEntries: SegmentEntries {
    static var array: Segment.Array { .ids }
    static func count(in descriptor: Segment.Descriptor) -> Int { Int(descriptor.idCount) }
    static func isBelow(_ a: (id: UInt128, ordinal: UInt32), _ b: (id: UInt128, ordinal: UInt32)) -> Bool {
        a.id < b.id
    }
    static func entries(in bytes: RawSpan, ordinalOffset: UInt32) -> [(id: UInt128, ordinal: UInt32)] {
        let count = bytes.byteCount / 20
        return (0..<count).map { place in
            let ordinal = bytes.load(UInt32.self, at: 16 * count + 4 * place)
            return (
                bytes.load(UInt128.self, at: 16 * place),
                ordinal == Segment.failedOrdinal ? ordinal : ordinal + ordinalOffset
            )
        }
    }
}

private enum TermEntries: SegmentEntries {
    static var array: Segment.Array { .terms }
    static func count(in descriptor: Segment.Descriptor) -> Int { Int(descriptor.termCount) }
    static func isBelow(_ a: UInt64, _ b: UInt64) -> Bool { a < b }
    static func entries(in bytes: RawSpan, ordinalOffset: UInt32) -> [UInt64] {
        (0..<(bytes.byteCount / 8)).map { bytes.load(UInt64.self, at: 8 * $0) + UInt64(ordinalOffset) }
    }
}

/// A source's entries, a chunk at a time.
private struct EntryStream<Entries: SegmentEntries> {
    let source: Int
    private var chunk = 0
    private var entries: [Entries.Entry] = []
    private var place = 0

    init(_ source: Int) { self.source = source }

    var isExhausted: Bool { place == entries.count }
    var head: Entries.Entry { entries[place] }

    mutating func next() -> Entries.Entry {
        defer { place += 1 }
        return entries[place]
    }

    /// False when the source has no more.
    mutating func refill(
        _ segment: Segment, _ ordinalOffset: UInt32, in table: Table, _ transaction: borrowing Transaction
    ) throws(LMDBError) -> Bool {
        guard chunk * Segment.chunkCount < Entries.count(in: segment.descriptor) else { return false }
        entries = try segment.read(Entries.array, chunk, in: table, transaction) {
            Entries.entries(in: $0, ordinalOffset: ordinalOffset)
        }
        chunk += 1
        place = 0
        return true
    }
}
