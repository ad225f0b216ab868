internal import CryptoPrimitives
package import Ledger

/// The state machine on its log: decides groups of events, makes them durable, and comes back after any stop.
///
/// One at a time decides, and may let others read while its commit is on its way to disk. Reads show what is durable:
/// what was decided is settled by ``endCommit()``, or never. After any error nothing may be decided any more: memory
/// is ahead of the disk then.
package struct Engine: ~Copyable {
    private let log: Log
    private let state: DerivedState
    private let projection: any Projection
    private var machine: StateMachine
    private var previousChecksum: Checksum
    private(set) var nextSequence: UInt64
    let flusher: Flusher
    /// How far what was handed to the flusher reaches; what came later is recent.
    private var recentSequence: UInt64
    /// How far into the recent events each recent transfer stands.
    private var places: [UInt32] = []
    /// What is on its way to `state/`, and how far that reaches.
    private var arriving: (transfers: RecentTransfers, nextSequence: UInt64)?
    private var segments: [Segment]
    /// Which of the flusher's changes were taken over.
    private var flusherRevision = 0
    /// What was decided since the last commit began.
    private var decided: Commit
    private let flushCount: Int
    private var isClosed = false

    /// What is decided in memory before it is flushed to the indexes, in events and resolutions of pending transfers.
    /// Up to twice as many are in memory, some 200 bytes each, and are replayed at the next opening after a crash.
    static let flushCountDefault = 1 << 16

    /// Opens a ledger that is to be driven by hand: exact times, no thread of its own but the flusher's. The caller keeps
    /// other writers away.
    package static func open(
        _ folder: LedgerFolder, projection: any Projection, flushCount: Int = Engine.flushCountDefault
    ) throws(StoreError) -> Engine {
        let log = try Log(path: folder.logPath, isReadOnly: false)
        var tuning = LedgerWriter.Tuning()
        tuning.flushCount = flushCount
        return try open(folder, log: log, projection: projection, tuning: tuning)
    }

    /// Starts from the last flush if it belongs to this log, from nothing otherwise, and replays what the log has more.
    static func open(
        _ folder: LedgerFolder, log: Log, projection: any Projection, tuning: LedgerWriter.Tuning,
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(StoreError) -> Engine {
        func open() throws(StoreError) -> Engine {
            let (state, snapshot) = try DerivedState.open(folder, seed: tuning.stateSeed, merging: tuning.merging)
            var engine = Engine(
                try origin(snapshot, log, state, projection), log, state, projection, flushCount: tuning.flushCount,
                isDrivenByHand: tuning.isDrivenByHand)
            do throws(StoreError) {
                try engine.replay(progress)
                engine.machine.settle()
            } catch {
                engine.flusher.stop()
                throw error
            }
            engine.machine.settle()
            return engine
        }
        do throws(StoreError) {
            return try open()
        } catch .stateDamaged {
            // Found when the end of the log was replayed on top of it.
            DerivedState.remove(folder)
            return try open()
        }
    }

    private init(
        _ origin: DerivedState.Snapshot, _ log: Log, _ state: DerivedState, _ projection: any Projection,
        flushCount: Int, isDrivenByHand: Bool
    ) {
        self.log = log
        self.state = state
        self.projection = projection
        self.flushCount = flushCount
        decided = Commit(log: log, projection: projection)
        segments = origin.segments
        machine = StateMachine(
            history: FlushedHistory(log: log, state: state, segments: origin.segments, arriving: nil),
            accounts: origin.accounts, openTransfers: origin.openTransfers,
            lastTransferTimestamp: origin.position.lastTransferTimestamp, lastTimestamp: origin.position.lastTimestamp)
        nextSequence = origin.position.nextSequence
        recentSequence = origin.position.nextSequence
        previousChecksum = origin.position.checksum
        flusher = Flusher(
            state, segments: origin.segments, nextSequence: origin.position.nextSequence,
            isDrivenByHand: isDrivenByHand)
    }

    /// Where to begin: at a flush that belongs to this log (it ends where a block ends, and that block is the one it
    /// knew), or at nothing.
    private static func origin(
        _ snapshot: DerivedState.Snapshot?, _ log: Log, _ state: DerivedState, _ projection: any Projection
    ) throws(StoreError) -> DerivedState.Snapshot {
        if let snapshot, snapshot.position.nextSequence > 0,
            let last = try log.block(containing: snapshot.position.nextSequence - 1),
            last.nextSequence == snapshot.position.nextSequence, last.checksum == snapshot.position.checksum,
            projection.restore(from: snapshot.projection)
        {
            state.removeSegments(except: snapshot.segments)
            return snapshot
        }
        try state.clear()
        guard projection.restore(from: nil) else { preconditionFailure("a projection starts from nothing") }
        return .empty
    }

    /// The account with an id.
    package func account(_ id: UInt128) -> Account? { machine.settledAccount(id) }

    /// The place of an account in order of creation.
    func place(ofAccount id: UInt128) -> Int? { machine.place(ofAccount: id) }

    /// All accounts in order of creation.
    var settledAccounts: SettledAccounts { machine.settledAccounts }

    /// All accounts in order of creation, as decided so far.
    var accounts: [Account] { machine.allAccounts }

    /// The pending transfers that are not resolved, in order of creation, as decided so far.
    var openTransfers: [Transfer] { machine.openTransfers }

    /// The transfer with an id.
    package func transfer(_ id: UInt128) throws(StoreError) -> Transfer? {
        if isClosed { throw .closed }
        do throws(HistoryUnreadable) {
            return try machine.settledTransfer(id)
        } catch {
            throw unreadable(error)
        }
    }

    /// The log or the state could not be read; or the state's answers contradict each other.
    private func unreadable(_ error: HistoryUnreadable) -> StoreError {
        error.cause as? StoreError ?? damage(error.reason)
    }

    /// What the state says contradicts itself: it is rebuilt at the next opening.
    func damage(_ reason: String) -> StoreError { state.damage(reason) }

    /// Where the transfers are now.
    var search: TransferSearch {
        TransferSearch(
            log: log, segments: segments, hash: state.hash,
            recent: (arriving.map { [$0.transfers] } ?? []) + [machine.recentTransfers],
            lastTimestamp: machine.settledTransferTimestamp)
    }

    /// The balances of an account with history just after the transfer with this timestamp.
    func balance(of account: UInt128, timestamp: UInt64) throws(StoreError) -> AccountBalance? {
        if let recent = machine.recentTransfers.balance(of: account, timestamp: timestamp) { return recent }
        if let arriving = arriving?.transfers.balance(of: account, timestamp: timestamp) { return arriving }
        return try history.balance(of: account, timestamp: timestamp)
    }

    /// Gives the files back.
    package mutating func close() {
        isClosed = true
        flusher.stop()
        state.close()
        log.close()
    }

    // MARK: Deciding

    /// When the next pending transfer may expire, in nanoseconds since 1970.
    var nextExpiry: UInt64? { machine.nextExpiry }

    /// Decides events; ``commit()`` makes the outcome durable.
    package mutating func decide<Event: LedgerEvent>(
        _ events: [Event], details: [EventDetails], now: UInt64
    ) throws(StoreError) -> [EventResult<Event.Status>] {
        let timestamp = timestamp(for: events.count, now: now)
        var events = events
        var results: [EventResult<Event.Status>] = []
        results.reserveCapacity(events.count)
        do throws(HistoryUnreadable) {
            try Event.decide(&events, by: &machine, timestamp: timestamp, results: &results)
        } catch {
            throw unreadable(error)
        }
        var block = Event.block(of: events)
        block.timestamp = timestamp
        block.exceptions = Block.exceptions(in: results.lazy.map(\.status))
        seal(block, details)
        return results
    }

    /// Expires what is due; writes nothing if nothing is. What is due is a matter of the ledger's time: a clock that
    /// was set back does not prolong what has run out.
    package mutating func expire(now: UInt64) {
        let timestamp = timestamp(for: 1, now: now)
        guard let due = machine.nextExpiry, due <= timestamp else { return }
        let count = machine.expire(timestamp: timestamp)
        // Deadlines of transfers resolved meanwhile come up without anything to expire. The pulse is logged all
        // the same: a replay must take the same steps.
        var block = Block()
        block.operation = .expire
        block.timestamp = timestamp
        block.transfers = [Transfer(id: 0, amount: UInt128(count), timestamp: timestamp)]
        seal(block, [])
    }

    /// Time never runs backwards, whatever the clock says.
    private func timestamp(for count: Int, now: UInt64) -> UInt64 {
        max(now, machine.lastTimestamp + UInt64(count))
    }

    private mutating func seal(_ block: consuming Block, _ details: [EventDetails]) {
        block.firstSequence = nextSequence
        block.commitments = details.map { Block.Commitment(index: UInt32($0.index), digest: $0.commitment) }
        block.appendPlaces(to: &places, after: recentSequence)
        block.seal(after: previousChecksum)
        for detail in details {
            decided.details.append(.init(sequence: nextSequence + UInt64(detail.index), bytes: detail.sealed))
        }
        previousChecksum = block.checksum
        nextSequence = block.nextSequence
        decided.blocks.append(block)
    }

    // MARK: Committing

    /// Blocks on their way to disk.
    struct Commit: Sendable {
        fileprivate let log: Log
        fileprivate let projection: any Projection
        fileprivate var blocks: [Block] = []
        fileprivate var details: [SealedDetails] = []

        /// Makes the blocks durable, then lets the projection see them. The engine may be read meanwhile.
        func perform() throws(StoreError) {
            try log.append(blocks, details: details)
            for block in blocks { projection.apply(block) }
        }
    }

    /// Hands out what was decided, to be performed; nil if nothing was. ``endCommit()`` must follow before anything else
    /// is decided, or this engine is done with.
    mutating func beginCommit() -> Commit? {
        if decided.blocks.isEmpty { return nil }
        defer { decided = Commit(log: log, projection: projection) }
        return decided
    }

    /// What was handed out is durable.
    mutating func endCommit() { machine.settle() }

    /// Makes everything decided so far durable, then lets the projection see it.
    package mutating func commit() throws(StoreError) {
        guard let commit = beginCommit() else { return }
        try commit.perform()
        endCommit()
    }

    // MARK: Flushing

    /// How far `state/` has to reach before the flush that is due can begin; nil if none is.
    var dueFlush: UInt64? {
        // Refused events and accounts count as well: they are remembered or replayed like transfers.
        let eventCount = Int(nextSequence - recentSequence)
        return eventCount + machine.recentTransfers.resolutions.count >= flushCount ? recentSequence : nil
    }

    /// Whether ``flushIfDue()`` would do anything.
    var hasWorkOnState: Bool { dueFlush != nil || flusher.revision != flusherRevision }

    /// Flushes when enough has come together.
    package mutating func flushIfDue() throws(StoreError) {
        if dueFlush != nil { try beginFlush() }
        try takeOver(reaching: 0)
    }

    /// Brings `state/` up to the last committed block.
    package mutating func flush() throws(StoreError) {
        if recentSequence < nextSequence { try beginFlush() }
        try takeOver(reaching: nextSequence)
    }

    /// How many segments there are to look into.
    var segmentCount: Int { segments.count }

    /// One step of a flusher that is driven by hand; false if there is nothing to do.
    func workOnState() -> Bool { flusher.work() }

    /// Hands what is recent to the flusher, once that has done with what it got before.
    private mutating func beginFlush() throws(StoreError) {
        precondition(decided.blocks.isEmpty, "only what is durable is flushed")
        try takeOver(reaching: recentSequence)
        let recent = machine.recentTransfers
        try flusher.submit(
            DerivedState.Flush(
                position: DerivedState.Position(
                    nextSequence: nextSequence, lastTimestamp: machine.lastTimestamp,
                    lastTransferTimestamp: machine.lastTransferTimestamp, accountCount: machine.accountCount,
                    openCount: machine.openCount, checksum: previousChecksum),
                accounts: machine.drainChangedAccounts(), recent: recent, sequences: recentSequence..<nextSequence,
                places: places, projectionSnapshot: projection.snapshot()))
        arriving = (recent, nextSequence)
        machine.retireRecentTransfers(to: history)
        places = []
        recentSequence = nextSequence
    }

    /// Takes over what the flusher has done; waits until it reaches `minimum`.
    private mutating func takeOver(reaching minimum: UInt64) throws(StoreError) {
        try flusher.wait(reaching: minimum)
        guard let progress = try flusher.progress(since: flusherRevision) else { return }
        if let arriving, progress.nextSequence >= arriving.nextSequence { self.arriving = nil }
        flusherRevision = progress.revision
        segments = progress.segments
        machine.replaceHistory(with: history)
    }

    private var history: FlushedHistory {
        FlushedHistory(log: log, state: state, segments: segments, arriving: arriving?.transfers)
    }

    // MARK: Coming back

    private mutating func replay(_ block: Block) throws(StoreError) {
        let flaw: String?
        do throws(HistoryUnreadable) {
            flaw = try machine.replay(block)
        } catch {
            throw unreadable(error)
        }
        if let flaw { throw .damaged(path: log.path, sequence: block.firstSequence, reason: flaw) }
    }

    private mutating func replay(_ progress: (UInt64, UInt64) -> Void) throws(StoreError) {
        guard let end = try log.lastBlock()?.nextSequence else { return }
        while nextSequence < end {
            let chunk = try log.chunk(from: nextSequence, eventCount: Block.eventCountMax)
            for block in chunk.blocks {
                guard block.firstSequence == nextSequence, block.previousChecksum == previousChecksum else {
                    throw .damaged(path: log.path, sequence: nextSequence, reason: "the chain of blocks is broken")
                }
                try replay(block)
                block.appendPlaces(to: &places, after: recentSequence)
                previousChecksum = block.checksum
                nextSequence = block.nextSequence
                projection.apply(block)
            }
            if let damage = chunk.damage { throw damage }
            guard !chunk.blocks.isEmpty else {
                throw .damaged(path: log.path, sequence: nextSequence, reason: "the block with this event is missing")
            }
            try flushIfDue()
            progress(nextSequence, end)
        }
    }
}
