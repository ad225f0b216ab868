internal import CryptoPrimitives
package import Ledger

/// The state machine on its log: decides groups of events, makes them durable, and comes back after any stop.
///
/// Belongs to one thread. After any error it must be thrown away: memory may be ahead of the disk.
package struct Engine: ~Copyable {
    private let log: Log
    private let state: DerivedState
    private let projection: any Projection
    private var machine: StateMachine
    private var previousChecksum: Checksum
    private(set) var nextSequence: UInt64
    private let flusher: Flusher
    /// How far what was handed to the flusher reaches; what came later is recent.
    private var recentSequence: UInt64
    /// How far into the recent events each recent transfer stands.
    private var places: [UInt32] = []
    /// What is on its way to `state/`, and how far that reaches.
    private var arriving: (transfers: RecentTransfers, nextSequence: UInt64)?
    private var segments: [Segment]
    /// Blocks decided but not yet on disk, with their details.
    private var unwritten: [Block] = []
    private var unwrittenDetails: [Log.SealedDetails] = []
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
        let (state, snapshot) = try DerivedState.open(folder)
        return try open(log: log, state: state, snapshot: snapshot, projection: projection, flushCount: flushCount)
    }

    /// Starts from the last flush if it belongs to this log, from nothing otherwise, and replays what the log has more.
    static func open(
        log: Log, state: DerivedState, snapshot: DerivedState.Snapshot?, projection: any Projection,
        flushCount: Int = Engine.flushCountDefault, isDrivenByHand: Bool = false,
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(StoreError) -> Engine {
        let origin = try origin(snapshot, log, state, projection)
        var engine = Engine(
            origin, log, state, projection, flushCount: flushCount, isDrivenByHand: isDrivenByHand)
        try engine.replay(progress)
        return engine
    }

    private init(
        _ origin: DerivedState.Snapshot, _ log: Log, _ state: DerivedState, _ projection: any Projection,
        flushCount: Int, isDrivenByHand: Bool
    ) {
        self.log = log
        self.state = state
        self.projection = projection
        self.flushCount = flushCount
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
        state.removeSegments(except: [])
        guard projection.restore(from: nil) else { preconditionFailure("a projection starts from nothing") }
        return .empty
    }

    package func account(_ id: UInt128) -> Account? { machine.account(id) }

    /// The place of an account in order of creation.
    func place(ofAccount id: UInt128) -> Int? { machine.place(ofAccount: id) }

    /// All accounts in order of creation.
    var accounts: [Account] { machine.allAccounts }

    /// The pending transfers that are not resolved, in order of creation.
    var openTransfers: [Transfer] { machine.openTransfers }

    package func transfer(_ id: UInt128) throws(StoreError) -> Transfer? {
        if isClosed { throw .closed }
        do throws(HistoryUnreadable) {
            return try machine.transfer(id)
        } catch {
            throw .damaged(path: log.path, sequence: nil, reason: error.reason)
        }
    }

    /// Where the transfers are now.
    var search: TransferSearch {
        TransferSearch(
            log: log, segments: segments,
            recent: (arriving.map { [$0.transfers] } ?? []) + [machine.recentTransfers])
    }

    /// The balances of an account with history just after the transfer with this timestamp.
    func balance(of account: UInt128, timestamp: UInt64) throws(StoreError) -> AccountBalance? {
        if let recent = machine.recentTransfers.balance(of: account, timestamp: timestamp) { return recent }
        if let arriving = arriving?.transfers.balance(of: account, timestamp: timestamp) { return arriving }
        return try state.balance(of: account, timestamp: timestamp)
    }

    /// Gives the files back.
    package mutating func close() {
        isClosed = true
        flusher.stop()
        log.close()
        state.close()
    }

    // MARK: Deciding

    /// When the next pending transfer may expire, in nanoseconds since 1970.
    var nextExpiry: UInt64? { machine.nextExpiry }

    /// Decides accounts; ``commit()`` makes the outcome durable.
    package mutating func decide(
        _ accounts: [Account], details: [EventDetails], now: UInt64
    ) throws(StoreError) -> [CreateAccountResult] {
        var block = Block()
        block.operation = .createAccounts
        block.accounts = accounts
        block.timestamp = timestamp(for: accounts.count, now: now)
        var results: [CreateAccountResult] = []
        results.reserveCapacity(accounts.count)
        do throws(HistoryUnreadable) {
            try machine.createAccounts(&block.accounts, timestamp: block.timestamp, results: &results)
        } catch {
            throw .damaged(path: log.path, sequence: nextSequence, reason: error.reason)
        }
        block.exceptions = Block.exceptions(in: results.lazy.map(\.status))
        seal(block, details)
        return results
    }

    /// Decides transfers; ``commit()`` makes the outcome durable.
    package mutating func decide(
        _ transfers: [Transfer], details: [EventDetails], now: UInt64
    ) throws(StoreError) -> [CreateTransferResult] {
        var block = Block()
        block.operation = .createTransfers
        block.transfers = transfers
        block.timestamp = timestamp(for: transfers.count, now: now)
        var results: [CreateTransferResult] = []
        results.reserveCapacity(transfers.count)
        do throws(HistoryUnreadable) {
            try machine.createTransfers(&block.transfers, timestamp: block.timestamp, results: &results)
        } catch {
            throw .damaged(path: log.path, sequence: nextSequence, reason: error.reason)
        }
        block.exceptions = Block.exceptions(in: results.lazy.map(\.status))
        notePlaces(of: block)
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

    private mutating func notePlaces(of block: Block) {
        let first = UInt32(nextSequence - recentSequence)
        var exceptions = block.exceptions[...]
        for index in block.transfers.indices {
            if exceptions.first?.index == UInt32(index) {
                exceptions.removeFirst()
            } else {
                places.append(first + UInt32(index))
            }
        }
    }

    private mutating func seal(_ block: consuming Block, _ details: [EventDetails]) {
        block.firstSequence = nextSequence
        block.commitments = details.map { Block.Commitment(index: UInt32($0.index), digest: $0.commitment) }
        block.seal(after: previousChecksum)
        for detail in details {
            unwrittenDetails.append(.init(sequence: nextSequence + UInt64(detail.index), bytes: detail.sealed))
        }
        previousChecksum = block.checksum
        nextSequence = block.nextSequence
        unwritten.append(block)
    }

    // MARK: Committing

    /// Makes everything decided so far durable, then lets the projection see it.
    package mutating func commit() throws(StoreError) {
        guard !unwritten.isEmpty else { return }
        try log.append(unwritten, details: unwrittenDetails)
        for block in unwritten { projection.apply(block) }
        unwritten.removeAll(keepingCapacity: true)
        unwrittenDetails.removeAll(keepingCapacity: true)
    }

    /// Flushes when enough has come together.
    package mutating func flushIfDue() throws(StoreError) {
        // Refused events and accounts count as well: they are remembered or replayed like transfers.
        let eventCount = Int(nextSequence - recentSequence)
        if eventCount + machine.recentTransfers.resolutions.count >= flushCount { try beginFlush() }
        try takeOver(reaching: 0)
    }

    /// Brings `state/` up to the last committed block.
    package mutating func flush() throws(StoreError) {
        if recentSequence < nextSequence { try beginFlush() }
        try takeOver(reaching: nextSequence)
    }

    /// One step of a flusher that is driven by hand; false if there is nothing to do.
    func workOnState() -> Bool { flusher.work() }

    /// Hands what is recent to the flusher, once that has done with what it got before.
    private mutating func beginFlush() throws(StoreError) {
        precondition(unwritten.isEmpty, "only what is durable is flushed")
        try takeOver(reaching: recentSequence)
        let recent = machine.recentTransfers
        try flusher.submit(
            DerivedState.Flush(
                position: DerivedState.Position(
                    nextSequence: nextSequence, lastTimestamp: machine.lastTimestamp,
                    lastTransferTimestamp: machine.lastTransferTimestamp, checksum: previousChecksum),
                accounts: machine.drainChangedAccounts(), recent: recent,
                openTransfers: recent.transfers.filter {
                    $0.flags.contains(.pending) && recent.resolution(ofPending: $0.timestamp) == nil
                },
                sequences: recentSequence..<nextSequence, places: places, projectionSnapshot: projection.snapshot()))
        arriving = (recent, nextSequence)
        machine.retireRecentTransfers(to: history)
        places = []
        recentSequence = nextSequence
    }

    /// Takes over what the flusher has done; waits until it reaches `minimum`.
    private mutating func takeOver(reaching minimum: UInt64) throws(StoreError) {
        let (segments, reached) = try flusher.takeOver(reaching: minimum)
        if let arriving, reached >= arriving.nextSequence { self.arriving = nil }
        self.segments = segments
        machine.replaceHistory(with: history)
    }

    private var history: FlushedHistory {
        FlushedHistory(log: log, state: state, segments: segments, arriving: arriving?.transfers)
    }

    // MARK: Coming back

    private mutating func replay(_ progress: (UInt64, UInt64) -> Void) throws(StoreError) {
        guard let end = try log.lastBlock()?.nextSequence else { return }
        while nextSequence < end {
            let chunk = try log.chunk(from: nextSequence, eventCount: Block.eventCountMax)
            for block in chunk.blocks {
                guard block.firstSequence == nextSequence, block.previousChecksum == previousChecksum else {
                    throw .damaged(path: log.path, sequence: nextSequence, reason: "the chain of blocks is broken")
                }
                if let reason = machine.replay(block) {
                    throw .damaged(path: log.path, sequence: block.firstSequence, reason: reason)
                }
                if block.operation == .createTransfers { notePlaces(of: block) }
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
