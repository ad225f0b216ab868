internal import CryptoPrimitives
internal import FoundationEssentials
internal import Glibc
internal import Ledger

/// What `state/` holds: everything that can be computed from the log, as it was at the last flush.
///
/// Nothing in it is ever the only copy, and no byte of it is believed unchecked. It names the log position it reaches and
/// the checksum of the block before that position; state that does not belong to the log beside it is thrown away and
/// rebuilt. So is state that decayed: at once if that is found at opening, at the next opening if it is found later.
package final class DerivedState: Sendable {
    let path: String
    /// Nil for a state that nobody opens again.
    private let heads: StateHeadFiles?
    private let location: SegmentLocation
    private let merging: Merging

    /// How segments are put together.
    package struct Merging: Sendable {
        /// How many segments of one level become one of the next.
        package var sourceCount = 16
        /// How many entries a step takes over.
        package var stepCount = 1 << 17

        package init() {}
    }

    private init(path: String, heads: StateHeadFiles, merging: Merging) {
        self.path = path
        self.heads = heads
        self.merging = merging
        location = SegmentLocation(
            folder: path, hash: IDHash(seed: heads.seed), onDamage: { StateHeadFiles.condemn(path) })
    }

    /// A state that goes away with this object: segments that hold nothing but what ids led to and what became of pending
    /// transfers, in a temporary folder.
    static func temporary() throws(StoreError) -> DerivedState {
        let path = FileManager.default.temporaryDirectory.path + "/keyledger-replay-\(UUID())"
        if unsafe mkdir(path, 0o700) != 0 { throw LedgerFolder.systemError("mkdir", path) }
        return DerivedState(temporaryPath: path)
    }

    private init(temporaryPath path: String) {
        self.path = path
        heads = nil
        merging = Merging()
        location = SegmentLocation(folder: path, hash: .ofThisProcess, isTemporary: true, onDamage: {})
    }

    /// Gives the files back that are written: what reads segments goes on.
    func close() { heads?.close() }

    deinit {
        // The segments are removed as soon as they are open.
        if location.isTemporary { unsafe rmdir(path) }
    }

    /// Opens the state of a ledger with what its last flush wrote. State that cannot be read or contradicts itself is
    /// removed: the log has it all.
    ///
    /// - Parameter seed: For the hashes of a state that begins; nil for one that nobody can guess.
    static func open(
        _ folder: LedgerFolder, seed: UInt64? = nil, merging: Merging = Merging()
    ) throws(StoreError) -> (DerivedState, Snapshot?) {
        let seed = seed ?? .random(in: .min ... .max)
        func open() throws(StoreError) -> (DerivedState, Snapshot?) {
            if unsafe mkdir(folder.statePath, 0o700) != 0, errno != EEXIST {
                throw LedgerFolder.systemError("mkdir", folder.statePath)
            }
            let (heads, head) = try StateHeadFiles.open(in: folder.statePath, newSeed: seed)
            let state = DerivedState(path: folder.statePath, heads: heads, merging: merging)
            return (state, try head.map { (head) throws(StoreError) in try state.snapshot(head) })
        }
        do throws(StoreError) {
            return try open()
        } catch .stateDamaged {
            remove(folder)
            return try open()
        }
    }

    /// Removes what a state consists of. Others keep files of their own beside it.
    static func remove(_ folder: LedgerFolder) {
        StateHeadFiles.condemn(folder.statePath)
        removeSegments(in: folder.statePath, except: [])
    }

    /// How far the state reaches, and the state machine's scalars there.
    struct Position: BitwiseCopyable, Equatable {
        /// The sequence of the first event that is not in the state.
        var nextSequence: UInt64
        var lastTimestamp: UInt64
        var lastTransferTimestamp: UInt64
        /// How many accounts and open transfers the segments must lead to.
        var accountCount: UInt64
        var openCount: UInt64
        /// No byte on disk is left to chance.
        private var reserved: UInt64 = 0
        /// The checksum of the last block that is in the state.
        var checksum: Checksum

        init(
            nextSequence: UInt64, lastTimestamp: UInt64, lastTransferTimestamp: UInt64, accountCount: Int,
            openCount: Int, checksum: Checksum
        ) {
            self.nextSequence = nextSequence
            self.lastTimestamp = lastTimestamp
            self.lastTransferTimestamp = lastTransferTimestamp
            self.accountCount = UInt64(accountCount)
            self.openCount = UInt64(openCount)
            self.checksum = checksum
        }
    }

    // MARK: Loading

    /// What a flush wrote, whole.
    struct Snapshot {
        let position: Position
        /// In order of creation.
        let accounts: [Account]
        let openTransfers: [Transfer]
        /// In order of what they cover, without gaps from the first event to the position.
        let segments: [Segment]
        /// What the projection gave.
        let projection: [UInt8]

        /// Before the first event.
        static let empty = Snapshot(
            position: Position(
                nextSequence: 0, lastTimestamp: 0, lastTransferTimestamp: 0, accountCount: 0, openCount: 0,
                checksum: .zero),
            accounts: [], openTransfers: [], segments: [], projection: [])
    }

    /// How far the last flush reaches, and what the projection gave; nil if there was none.
    static func flushedProjection(
        _ folder: LedgerFolder
    ) throws(StoreError) -> (position: Position, snapshot: [UInt8])? {
        try StateHeadFiles.newest(in: folder.statePath).map { ($0.head.position, $0.head.projection) }
    }

    private func snapshot(_ head: StateHead) throws(StoreError) -> Snapshot {
        var segments: [Segment] = []
        for descriptor in head.segments {
            guard descriptor.firstSequence == segments.last?.descriptor.nextSequence ?? 0 else {
                throw damage("the list of segments has a gap")
            }
            segments.append(try Segment(descriptor, in: location))
        }
        guard segments.last?.descriptor.nextSequence ?? 0 == head.position.nextSequence else {
            throw damage("the segments do not reach the position")
        }
        return Snapshot(
            position: head.position, accounts: try accounts(of: segments, count: Int(head.position.accountCount)),
            openTransfers: try openTransfers(of: segments, count: Int(head.position.openCount)), segments: segments,
            projection: head.projection)
    }

    /// Each account as the newest segment that has it.
    private func accounts(of segments: [Segment], count: Int) throws(StoreError) -> [Account] {
        // An id is never zero: these are the places that no segment has filled.
        var accounts = [Account](repeating: Account(id: 0, ledger: 0, code: 0), count: count)
        for segment in segments {
            var places = segment.accountPlaces.reader
            var records = segment.accounts.reader
            while let place = try places.next(), let account = try records.next() {
                guard place < count else { throw damage("there are too many accounts") }
                accounts[Int(place)] = account
            }
        }
        guard accounts.allSatisfy({ $0.id != 0 }) else { throw damage("an account is missing") }
        return accounts
    }

    private func openTransfers(of segments: [Segment], count: Int) throws(StoreError) -> [Transfer] {
        var open: [Transfer] = []
        for (place, segment) in segments.enumerated() {
            var transfers = segment.openTransfers.reader
            var laterResolutions = ResolutionSearch(segments.dropFirst(place + 1))
            while let transfer = try transfers.next() {
                if try !laterResolutions.contains(transfer.timestamp) { open.append(transfer) }
            }
        }
        guard open.count == count else { throw damage("there are \(open.count) open transfers instead of \(count)") }
        return open
    }

    /// The segments or the log contradict what the state says.
    func damage(_ reason: String) -> StoreError {
        location.onDamage()
        return .stateDamaged(path: path, reason: reason)
    }

    // MARK: Flushing

    /// What one flush adds.
    struct Flush: Sendable {
        let position: Position
        /// Those that changed, with their places in order of creation.
        let accounts: [(place: UInt32, account: Account)]
        let recent: RecentTransfers
        /// The events whose transfers are the recent ones.
        let sequences: Range<UInt64>
        /// How far into `sequences` each recent transfer stands.
        let places: [UInt32]
        let projectionSnapshot: [UInt8]
    }

    /// Writes a flush, and returns all segments there are then.
    func write(
        _ flush: Flush, as number: UInt32, after segments: [Segment], sortedBy sorter: inout FlushSorter
    ) throws(StoreError) -> [Segment] {
        let segments = segments + [try sorter.writeSegment(number, of: flush, in: location)]
        try heads?.write { _ in
            StateHead(
                position: flush.position, segments: segments.map(\.descriptor), projection: flush.projectionSnapshot)
        }
        return segments
    }

    /// Forgets everything, for a rebuild from the log.
    func clear() throws(StoreError) {
        try heads?.clear()
        removeSegments(except: [])
    }

    // MARK: Merging

    /// Begins to put the oldest neighbours of one level together, if there are enough of them.
    func merge(of segments: [Segment], as number: UInt32) throws(StoreError) -> SegmentMerge? {
        for level in Set(segments.map(\.descriptor.level)).sorted() {
            let neighbours = segments.filter { $0.descriptor.level == level }
            guard neighbours.count >= merging.sourceCount else { continue }
            return try SegmentMerge(
                Array(neighbours.prefix(merging.sourceCount)), number: number, in: location,
                stepCount: merging.stepCount)
        }
        return nil
    }

    /// Works on a merge. When it is done, `segments` with the new one in place of its sources is on disk, and returned.
    func advance(_ merge: inout SegmentMerge, of segments: [Segment]) throws(StoreError) -> [Segment]? {
        guard let merged = try merge.step() else { return nil }
        let sources = Set(merge.sources.map(\.descriptor.number))
        var result = segments.filter { !sources.contains($0.descriptor.number) }
        result.insert(
            merged, at: result.partitionPoint { $0.descriptor.firstSequence < merged.descriptor.firstSequence })
        let descriptors = result.map(\.descriptor)
        try heads?.write { head in
            head.map { StateHead(position: $0.position, segments: descriptors, projection: $0.projection) }
        }
        // Who still reads them keeps them: a removed file stays until nobody has it mapped.
        for number in sources { unsafe unlink(location.path(of: number)) }
        return result
    }

    /// Removes the files of other segments: what a crash left of a flush or merge.
    func removeSegments(except segments: [Segment]) {
        Self.removeSegments(in: path, except: Set(segments.map { location.path(of: $0.descriptor.number) }))
    }

    private static func removeSegments(in path: String, except kept: Set<String>) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        where name.hasPrefix(SegmentLocation.prefix) && !kept.contains(path + "/" + name) {
            unsafe unlink(path + "/" + name)
        }
    }

    /// What ids and properties are looked up by.
    var hash: IDHash { location.hash }
}
