internal import Ledger

/// An immutable index over the transfers of one range of the log.
///
/// Every transfer has an ordinal in the segment, in order of creation. Three arrays lie on disk in chunks:
/// - rows by ordinal: timestamp, and place in the log relative to the segment's first event;
/// - ids in ascending order: id, and ordinal, or ``failedOrdinal`` for an id that failed for good;
/// - terms in ascending order: 32 bits of a property (``Term``), and ordinal.
///
/// In memory are only the first entry of each chunk and a filter that answers for most ids that are not here.
final class Segment: Sendable {
    let descriptor: Descriptor
    private let idFences: [UInt128]
    private let termFences: [UInt64]
    private let filter: BloomFilter

    /// What a segment covers; 64 bytes in the list of segments.
    struct Descriptor: BitwiseCopyable, Sendable, Equatable {
        var number: UInt32
        /// 0 for a flush, one more for each merge.
        var level: UInt32
        /// The range of the log.
        var firstSequence: UInt64
        var nextSequence: UInt64
        /// The number of entries in each array.
        var rowCount: UInt32
        var idCount: UInt32
        var termCount: UInt64
        /// Of the first and last transfer; 0 if there is none.
        var firstTimestamp: UInt64
        var lastTimestamp: UInt64
        /// No byte on disk is left to chance: the ids want 16-byte alignment.
        var reserved: UInt64 = 0
        /// The ids lie between these.
        var firstID: UInt128
        var lastID: UInt128
    }

    /// What stands for an ordinal where there is no transfer.
    static let failedOrdinal = UInt32.max
    static let chunkCount = 4096

    enum Array: UInt64, CaseIterable { case rows = 0, ids, terms, idFences, termFences, filter }

    static func key(_ number: UInt32, _ array: Array, _ chunk: Int) -> Key {
        Key(UInt64(number) << 32 | array.rawValue << 28 | UInt64(chunk))
    }

    init(_ descriptor: Descriptor, idFences: [UInt128], termFences: [UInt64], filter: BloomFilter) {
        self.descriptor = descriptor
        self.idFences = idFences
        self.termFences = termFences
        self.filter = filter
    }

    /// Brings back what stays in memory of a segment; nil if it is not all there.
    init?(_ descriptor: Descriptor, in table: Table, _ transaction: borrowing Transaction) throws(LMDBError) {
        func values<Value: BitwiseCopyable>(_ array: Array, _ type: Value.Type) throws(LMDBError) -> [Value]? {
            let key = Self.key(descriptor.number, array, 0)
            return try transaction.value(of: key, in: table, mapping: { $0 }) { (bytes: RawSpan) throws(LMDBError) in
                guard bytes.byteCount.isMultiple(of: MemoryLayout<Value>.size) else { return nil }
                var values: [Value] = []
                values.append(loading: bytes, count: bytes.byteCount / MemoryLayout<Value>.size)
                return values
            } ?? nil
        }
        func chunks(_ count: Int) -> Int { (count + Self.chunkCount - 1) / Self.chunkCount }
        guard let idFences = try values(.idFences, UInt128.self), let termFences = try values(.termFences, UInt64.self),
            let filter = try values(.filter, UInt64.self).flatMap(BloomFilter.init(words:)),
            idFences.count == chunks(Int(descriptor.idCount)), termFences.count == chunks(Int(descriptor.termCount))
        else { return nil }
        self.descriptor = descriptor
        self.idFences = idFences
        self.termFences = termFences
        self.filter = filter
    }

    // MARK: Looking up

    /// False for most ids that are not here, without a look at the disk.
    func mayContain(_ id: UInt128) -> Bool {
        id >= descriptor.firstID && id <= descriptor.lastID && descriptor.idCount > 0 && filter.mayContain(id)
    }

    /// The ordinal of an id, ``failedOrdinal`` for one that failed, nil for one that is not here.
    func ordinal(of id: UInt128, in table: Table, _ transaction: borrowing Transaction) throws(LMDBError) -> UInt32? {
        guard mayContain(id) else { return nil }
        let chunk = idFences.partitionPoint { $0 <= id } - 1
        return try read(.ids, chunk, in: table, transaction) { (bytes: RawSpan) -> UInt32? in
            let count = bytes.byteCount / 20
            let place = (0..<count).partitionPoint { bytes.load(UInt128.self, at: 16 * $0) < id }
            guard place < count, bytes.load(UInt128.self, at: 16 * place) == id else { return nil }
            return bytes.load(UInt32.self, at: 16 * count + 4 * place)
        }
    }

    /// Where the transfer with an ordinal stands in the log.
    func sequence(of ordinal: UInt32, in table: Table, _ transaction: borrowing Transaction) throws(LMDBError) -> UInt64
    {
        try read(.rows, Int(ordinal) / Self.chunkCount, in: table, transaction) { bytes in
            let place = Int(ordinal) % Self.chunkCount
            let count = bytes.byteCount / 12
            return descriptor.firstSequence + UInt64(bytes.load(UInt32.self, at: 8 * count + 4 * place))
        }
    }

    /// The first ordinal whose timestamp is not below the given one; the number of rows if there is none.
    func ordinal(
        notBefore timestamp: UInt64, in table: Table, _ transaction: borrowing Transaction
    ) throws(LMDBError) -> UInt32 {
        if timestamp <= descriptor.firstTimestamp { return 0 }
        if timestamp > descriptor.lastTimestamp { return descriptor.rowCount }
        var low = 0
        var high = Int(descriptor.rowCount)
        while low < high {
            let middle = low + (high - low) / 2
            let found = try read(.rows, middle / Self.chunkCount, in: table, transaction) { bytes in
                bytes.load(UInt64.self, at: 8 * (middle % Self.chunkCount))
            }
            if found < timestamp { low = middle + 1 } else { high = middle }
        }
        return UInt32(low)
    }

    /// Whether a transfer has this timestamp.
    func contains(timestamp: UInt64, in table: Table, _ transaction: borrowing Transaction) throws(LMDBError) -> Bool {
        guard descriptor.rowCount > 0, timestamp >= descriptor.firstTimestamp, timestamp <= descriptor.lastTimestamp
        else { return false }
        return try ordinal(notBefore: timestamp, in: table, transaction)
            != ordinal(notBefore: timestamp + 1, in: table, transaction)
    }

    /// The entries of a term whose ordinals lie in a range, by their places in the array of terms.
    func entries(
        of term: Term, ordinals: Range<UInt32>, in table: Table, _ transaction: borrowing Transaction
    ) throws(LMDBError) -> Range<Int> {
        let first = UInt64(term.hash) << 32 | UInt64(ordinals.lowerBound)
        let next = UInt64(term.hash) << 32 | UInt64(ordinals.upperBound)
        return try entry(notBelow: first, in: table, transaction)..<(try entry(notBelow: next, in: table, transaction))
    }

    private func entry(
        notBelow value: UInt64, in table: Table, _ transaction: borrowing Transaction
    ) throws(LMDBError) -> Int {
        // The last chunk that begins below the value; what is sought is in it, or is the first of the next one.
        let chunk = termFences.partitionPoint { $0 < value } - 1
        guard chunk >= 0 else { return 0 }
        return try read(.terms, chunk, in: table, transaction) { bytes in
            chunk * Self.chunkCount
                + (0..<(bytes.byteCount / 8)).partitionPoint { bytes.load(UInt64.self, at: 8 * $0) < value }
        }
    }

    /// The ordinals within a range that may have all of these terms, few at a time: those of the rarest term.
    func candidates(
        _ terms: [Term], ordinals: Range<UInt32>, in table: Table, _ transaction: borrowing Transaction
    ) throws(LMDBError) -> Candidates {
        var rarest = Candidates.all(ordinals)
        for term in terms {
            let entries = try entries(of: term, ordinals: ordinals, in: table, transaction)
            if entries.count < rarest.count { rarest = .entries(entries) }
        }
        return rarest
    }

    /// Transfers of a segment that have to be looked at.
    enum Candidates {
        case all(Range<UInt32>)
        /// Places in the array of terms.
        case entries(Range<Int>)

        var count: Int {
            switch self {
            case .all(let ordinals): ordinals.count
            case .entries(let entries): entries.count
            }
        }
    }

    /// Where the *n*-th candidate stands in the log.
    func sequence(
        of candidates: Candidates, at index: Int, in table: Table, _ transaction: borrowing Transaction
    ) throws(LMDBError) -> UInt64 {
        switch candidates {
        case .all(let ordinals):
            try sequence(of: ordinals.lowerBound + UInt32(index), in: table, transaction)
        case .entries(let entries):
            try sequence(
                of: try ordinal(atEntry: entries.lowerBound + index, in: table, transaction), in: table, transaction)
        }
    }

    /// The ordinal at a place in the array of terms.
    func ordinal(atEntry place: Int, in table: Table, _ transaction: borrowing Transaction) throws(LMDBError) -> UInt32
    {
        try read(.terms, place / Self.chunkCount, in: table, transaction) { bytes in
            UInt32(truncatingIfNeeded: bytes.load(UInt64.self, at: 8 * (place % Self.chunkCount)))
        }
    }

    /// Runs `body` with a chunk's bytes. A chunk that is missing or cut is damage.
    func read<Result>(
        _ array: Array, _ chunk: Int, in table: Table, _ transaction: borrowing Transaction, _ body: (RawSpan) -> Result
    ) throws(LMDBError) -> Result {
        let key = Self.key(descriptor.number, array, chunk)
        let result = try transaction.value(of: key, in: table, mapping: { $0 }) {
            (bytes: RawSpan) throws(LMDBError) -> Result in
            guard bytes.byteCount == byteCount(array, chunk) else { throw damage }
            return body(bytes)
        }
        guard let result else { throw damage }
        return result
    }

    private func byteCount(_ array: Array, _ chunk: Int) -> Int {
        func size(_ total: Int, _ entry: Int) -> Int {
            max(0, min(Self.chunkCount, total - chunk * Self.chunkCount)) * entry
        }
        return switch array {
        case .rows: size(Int(descriptor.rowCount), 12)
        case .ids: size(Int(descriptor.idCount), 20)
        case .terms: size(Int(descriptor.termCount), 8)
        case .idFences: idFences.count * 16
        case .termFences: termFences.count * 8
        case .filter: filter.words.count * 8
        }
    }

    private var damage: LMDBError {
        LMDBError(code: LMDBError.damaged, operation: "reading segment \(descriptor.number)", path: "state")
    }
}
