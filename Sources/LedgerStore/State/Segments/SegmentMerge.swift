internal import Ledger

/// Puts neighbouring segments together into one, some entries at a time: a flush does not wait for a merge.
struct SegmentMerge {
    let sources: [Segment]
    private var writer: SegmentWriter
    /// What a source's ordinals and places grow by.
    private let offsets: [(ordinal: UInt32, place: UInt32)]
    /// For each account place of the sources the newest source that has it, from 1; 0 for none.
    private let newestAccounts: [UInt8]
    private var stage = Stage.ids
    private let stepCount: Int

    // What a stage reads, and how far it is.
    private var source = 0
    private var index = 0
    private var idReaders: [CheckedArray<UInt128>.Reader]
    private var ordinalReaders: [CheckedArray<UInt32>.Reader]
    private var termReaders: [CheckedArray<UInt64>.Reader]
    private var resolutionReaders: [CheckedArray<Segment.Resolution>.Reader]
    private var wideHeads: Tournament<UInt128>
    private var termHeads: Tournament<UInt64>
    private var laterResolutions: ResolutionSearch

    private enum Stage { case ids, terms, rows, accounts, resolutions, balances, open }

    /// - Parameters:
    ///   - sources: At most 255, one range after the other.
    ///   - stepCount: How many entries a step takes over.
    init(_ sources: [Segment], number: UInt32, in location: SegmentLocation, stepCount: Int) throws(StoreError) {
        self.sources = sources
        self.stepCount = stepCount
        let descriptors = sources.map(\.descriptor)
        var offsets: [(ordinal: UInt32, place: UInt32)] = []
        var rowCount: UInt32 = 0
        for descriptor in descriptors {
            offsets.append((rowCount, UInt32(descriptor.firstSequence - descriptors[0].firstSequence)))
            rowCount += descriptor.rowCount
        }
        self.offsets = offsets
        newestAccounts = try Self.newestAccounts(of: sources)
        writer = try SegmentWriter(
            Segment.Descriptor(
                number: number, level: (descriptors.map(\.level).max() ?? 0) + 1,
                firstSequence: descriptors[0].firstSequence,
                nextSequence: descriptors[descriptors.count - 1].nextSequence,
                termCount: descriptors.reduce(0) { $0 + $1.termCount }, rowCount: rowCount,
                idCount: descriptors.reduce(0) { $0 + $1.idCount },
                accountCount: UInt32(newestAccounts.count { $0 != 0 }), openCount: 0,
                resolutionCount: descriptors.reduce(0) { $0 + $1.resolutionCount },
                balanceCount: descriptors.reduce(0) { $0 + $1.balanceCount }),
            in: location)
        idReaders = sources.map(\.ids.reader)
        ordinalReaders = sources.map(\.ordinals.reader)
        termReaders = sources.map(\.terms.reader)
        resolutionReaders = sources.map(\.resolutions.reader)
        wideHeads = Tournament([])
        termHeads = Tournament([])
        laterResolutions = ResolutionSearch([])
        try beginIDs()
    }

    private static func newestAccounts(of sources: [Segment]) throws(StoreError) -> [UInt8] {
        var newest: [UInt8] = []
        for (source, segment) in sources.enumerated() {
            var places = segment.accountPlaces.reader
            while let place = try places.next() {
                let missing = Int(place) + 1 - newest.count
                if missing > 0 { newest.append(contentsOf: repeatElement(0, count: missing)) }
                newest[Int(place)] = UInt8(source + 1)
            }
        }
        return newest
    }

    /// Works on for a while. Returns the new segment once it is whole and durable.
    mutating func step() throws(StoreError) -> Segment? {
        for _ in 0..<stepCount {
            switch stage {
            case .ids: if try !mergeID() { try beginTerms() }
            case .terms: if try !mergeTerm() { begin(.rows) }
            case .rows: if try !copyRow() { begin(.accounts) }
            case .accounts: if try !copyAccount() { try beginResolutions() }
            case .resolutions: if try !mergeResolution() { begin(.balances) }
            case .balances: if try !copyBalance() { beginOpen() }
            case .open: if try !copyOpen() { return try writer.finish() }
            }
        }
        return nil
    }

    private mutating func begin(_ stage: Stage) {
        self.stage = stage
        source = 0
        index = 0
    }

    /// Moves on to the next element of the sources' arrays, one array after the other; false behind the last.
    private mutating func advance(_ count: (Segment) -> Int) -> Bool {
        while source < sources.count {
            if index < count(sources[source]) { return true }
            source += 1
            index = 0
        }
        return false
    }

    // MARK: Ids

    private mutating func beginIDs() throws(StoreError) {
        var heads: [UInt128] = []
        for source in sources.indices { heads.append(try idReaders[source].next() ?? .max) }
        wideHeads = Tournament(heads)
        begin(.ids)
    }

    @inline(__always)
    private mutating func mergeID() throws(StoreError) -> Bool {
        guard let (id, source) = wideHeads.least else { return false }
        guard let ordinal = try ordinalReaders[source].next() else { preconditionFailure("an id has an ordinal") }
        try writer.append(
            id: id, ordinal: ordinal == Segment.failedOrdinal ? ordinal : ordinal + offsets[source].ordinal)
        wideHeads.replaceLeast(with: try idReaders[source].next() ?? .max)
        return true
    }

    // MARK: Terms

    private mutating func beginTerms() throws(StoreError) {
        var heads: [UInt64] = []
        for source in sources.indices { heads.append(try nextTerm(source)) }
        termHeads = Tournament(heads)
        begin(.terms)
    }

    /// A source's next term with its ordinal in the new segment. The sources cover one range after the other, so the order
    /// of equal properties is that of the sources.
    @inline(__always)
    private mutating func nextTerm(_ source: Int) throws(StoreError) -> UInt64 {
        try termReaders[source].next().map { $0 + UInt64(offsets[source].ordinal) } ?? .max
    }

    @inline(__always)
    private mutating func mergeTerm() throws(StoreError) -> Bool {
        guard let (term, source) = termHeads.least else { return false }
        try writer.append(term: term)
        termHeads.replaceLeast(with: try nextTerm(source))
        return true
    }

    // MARK: What is one after the other

    private mutating func copyRow() throws(StoreError) -> Bool {
        guard advance({ $0.places.count }) else { return false }
        let segment = sources[source]
        try writer.append(
            timestamp: segment.timestamps[index], place: segment.places[index] + offsets[source].place)
        index += 1
        return true
    }

    private mutating func copyBalance() throws(StoreError) -> Bool {
        guard advance({ $0.balances.count }) else { return false }
        try writer.append(sources[source].balances[index], of: sources[source].balanceAccounts[index])
        index += 1
        return true
    }

    // MARK: Accounts

    /// `index` is the place.
    private mutating func copyAccount() throws(StoreError) -> Bool {
        while index < newestAccounts.count, newestAccounts[index] == 0 { index += 1 }
        guard index < newestAccounts.count else { return false }
        let segment = sources[Int(newestAccounts[index]) - 1]
        let place = UInt32(index)
        let found = try segment.accountPlaces.partitionPoint { $0 < place }
        try writer.append(segment.accounts[found], at: place)
        index += 1
        return true
    }

    // MARK: Pending transfers

    private mutating func beginResolutions() throws(StoreError) {
        var heads: [UInt128] = []
        for source in sources.indices { heads.append(try nextResolution(source)) }
        wideHeads = Tournament(heads)
        begin(.resolutions)
    }

    private mutating func nextResolution(_ source: Int) throws(StoreError) -> UInt128 {
        try resolutionReaders[source].next().map { UInt128($0.timestamp) << 64 | UInt128($0.status) } ?? .max
    }

    private mutating func mergeResolution() throws(StoreError) -> Bool {
        guard let (resolution, source) = wideHeads.least else { return false }
        try writer.append(
            Segment.Resolution(
                timestamp: UInt64(truncatingIfNeeded: resolution >> 64),
                status: UInt64(truncatingIfNeeded: resolution)))
        wideHeads.replaceLeast(with: try nextResolution(source))
        return true
    }

    private mutating func beginOpen() {
        begin(.open)
        laterResolutions = ResolutionSearch(sources.dropFirst())
    }

    /// What a later source resolved is not open any more.
    private mutating func copyOpen() throws(StoreError) -> Bool {
        let before = source
        guard advance({ $0.openTransfers.count }) else { return false }
        if source != before { laterResolutions = ResolutionSearch(sources.dropFirst(source + 1)) }
        let transfer = try sources[source].openTransfers[index]
        if try !laterResolutions.contains(transfer.timestamp) { try writer.append(open: transfer) }
        index += 1
        return true
    }
}

/// Finds resolutions of pending transfers that are asked for in ascending order of their timestamps.
struct ResolutionSearch {
    private let arrays: [CheckedArray<Segment.Resolution>]
    private var starts: [Int]

    init(_ segments: some Sequence<Segment>) {
        arrays = segments.map(\.resolutions)
        starts = arrays.map { _ in 0 }
    }

    mutating func contains(_ timestamp: UInt64) throws(StoreError) -> Bool {
        for place in arrays.indices {
            let array = arrays[place]
            // Steps that double lead from the last answer to the range of the next: it is seldom far.
            var (low, high, step) = (starts[place], starts[place], 1)
            while high < array.count, try array[high].timestamp < timestamp {
                low = high + 1
                high += step
                step *= 2
            }
            let found = try array.partitionPoint(in: low..<min(high, array.count)) { $0.timestamp < timestamp }
            starts[place] = found
            if found < array.count, try array[found].timestamp == timestamp { return true }
        }
        return false
    }
}
