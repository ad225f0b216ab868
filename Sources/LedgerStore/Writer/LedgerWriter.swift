internal import Glibc
public import Ledger
internal import Synchronization

/// The one writer of a ledger.
///
/// Any number of tasks may call it. Requests that arrive while a block is being made durable share the next commit.
/// A reply means: on disk, and seen by the projection. Requests are decided in the order in which they were submitted.
///
/// Reads show what is durable, and everything that was replied. They wait for decisions at most, never for the disk to
/// take a block.
public final class LedgerWriter: Sendable {
    /// Nanoseconds since 1970. It may jump; the ledger's own time never runs backwards.
    public typealias WallClock = @Sendable () -> UInt64

    /// Where the ledger lives.
    public let folder: LedgerFolder
    /// Reads the same log, also what was written a moment ago; usable until ``close()``.
    public let reader: LedgerReader
    private let sequencer: Sequencer
    private let tuning: Tuning

    /// The most events that may wait; more are refused as ``StoreError/overloaded(queuedEvents:)``.
    public static let queuedEventCountMax = 64 * Block.eventCountMax

    /// Opens a ledger for writing, rebuilding its state or catching it up.
    ///
    /// - Parameters:
    ///   - folder: Where the ledger lives.
    ///   - projection: Restored and caught up before this returns, then kept up by the writer's thread.
    ///   - clock: Where time comes from.
    ///   - progress: Called while events are replayed, with how many are done and how many there are.
    /// - Throws: ``StoreError/locked(path:holder:)`` while another process writes, and whatever else is wrong with the
    ///   folder.
    public convenience init(
        _ folder: LedgerFolder, projection: any Projection, clock: @escaping WallClock = LedgerWriter.systemClock,
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(StoreError) {
        try self.init(folder, projection: projection, tuning: Tuning(), clock: clock, progress: progress)
    }

    /// Sizes that a test makes small to reach in seconds what takes a real ledger months.
    package struct Tuning: Sendable {
        package var flushCount = Engine.flushCountDefault
        package var mapSize = Environment.mapSizeAtFirst
        package var queuedEventCountMax = LedgerWriter.queuedEventCountMax
        package var merging = DerivedState.Merging()
        /// No threads: the writer works when ``LedgerWriter/work()`` and ``LedgerWriter/workOnState()`` tell it to, so
        /// that everything happens again in the same order.
        package var isDrivenByHand = false

        package init() {}
    }

    package init(
        _ folder: LedgerFolder, projection: any Projection, tuning: Tuning,
        clock: @escaping WallClock = LedgerWriter.systemClock, progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(StoreError) {
        self.folder = folder
        self.tuning = tuning
        _ = try folder.manifest()
        let lock = try WriterLock(folder)
        do throws(StoreError) {
            let log = try Log(path: folder.logPath, isReadOnly: false, mapSize: tuning.mapSize)
            let (state, snapshot) = try DerivedState.open(
                folder, mapSize: tuning.mapSize, merging: tuning.merging)
            let engine = try Engine.open(
                log: log, state: state, snapshot: snapshot, projection: projection, flushCount: tuning.flushCount,
                isDrivenByHand: tuning.isDrivenByHand, progress: progress)
            reader = LedgerReader(folder: folder, log: log)
            sequencer = Sequencer(engine: engine, lock: lock, clock: clock, isDrivenByHand: tuning.isDrivenByHand)
        } catch {
            lock.release()
            throw error
        }
        if tuning.isDrivenByHand { return }
        let sequencer = sequencer
        startThread { sequencer.run() }
    }

    deinit { sequencer.stop() }

    /// The system's real-time clock.
    public static let systemClock: WallClock = {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    // MARK: Writing

    /// Creates accounts, as one batch, and returns when the outcome is durable. May use the calling thread for the commit.
    public func create(
        _ accounts: [Account], details: [EventDetails] = []
    ) async throws(StoreError) -> Reply<CreateAccountStatus> {
        try await hand(over: accounts, details, isAwaited: true).reply()
    }

    /// Creates transfers, as one batch, and returns when the outcome is durable. May use the calling thread for the
    /// commit.
    public func create(
        _ transfers: [Transfer], details: [EventDetails] = []
    ) async throws(StoreError) -> Reply<CreateTransferStatus> {
        try await hand(over: transfers, details, isAwaited: true).reply()
    }

    /// Hands accounts over to be created, as one batch, by another thread: for callers with work to do meanwhile.
    public func submit(
        _ accounts: [Account], details: [EventDetails] = []
    ) throws(StoreError) -> Ticket<CreateAccountStatus> {
        try hand(over: accounts, details, isAwaited: false)
    }

    /// Hands transfers over to be created, as one batch, by another thread: for callers with work to do meanwhile.
    public func submit(
        _ transfers: [Transfer], details: [EventDetails] = []
    ) throws(StoreError) -> Ticket<CreateTransferStatus> {
        try hand(over: transfers, details, isAwaited: false)
    }

    private func hand<Event: QueuedEvent>(
        over events: [Event], _ details: [EventDetails], isAwaited: Bool
    ) throws(StoreError) -> Ticket<Event.Status> {
        guard (1...Block.eventCountMax).contains(events.count) else {
            throw .batchTooLarge(count: events.count, limit: Block.eventCountMax)
        }
        let ticket = Ticket<Event.Status>()
        let request = Event.request(
            Submission(events: events, details: Self.ordered(details, count: events.count), ticket: ticket))
        let admission = sequencer.submit(
            request, weight: events.count, limit: tuning.queuedEventCountMax, isAwaited: isAwaited)
        switch admission {
        case .admitted: return ticket
        case .full(let waiting): throw .overloaded(queuedEvents: waiting)
        case .stopped: throw .closed
        }
    }

    /// Blocks list details in ascending order; a list that breaks this would be on disk for ever.
    private static func ordered(_ details: [EventDetails], count: Int) -> [EventDetails] {
        if details.isEmpty { return details }
        let ordered = details.sorted { $0.index < $1.index }
        precondition(
            zip(ordered, ordered.dropFirst()).allSatisfy { $0.index < $1.index }, "an event has one set of details")
        precondition(
            ordered.allSatisfy { (0..<count).contains($0.index) }, "details belong to an event of their request")
        return ordered
    }

    // MARK: Reading

    /// The account with an id.
    public func account(_ id: UInt128) -> Account? { sequencer.engine.withLock { $0.account(id) } }

    /// The transfer with an id.
    public func transfer(_ id: UInt128) throws(StoreError) -> Transfer? {
        try sequencer.engine.withLock { (engine) throws(StoreError) in try engine.transfer(id) }
    }

    /// The transfers of an account that a filter asks for; none for an invalid filter.
    public func transfers(_ filter: AccountFilter) throws(StoreError) -> [Transfer] {
        try sequencer.engine.withLock { (engine) throws(StoreError) in try engine.transfers(filter) }
    }

    /// The balances of an account with history after each transfer that a filter asks for; none for an invalid filter.
    public func balances(_ filter: AccountFilter) throws(StoreError) -> [AccountBalance] {
        try sequencer.engine.withLock { (engine) throws(StoreError) in try engine.balances(filter) }
    }

    /// The accounts that a filter asks for; none for an invalid filter.
    public func accounts(_ filter: QueryFilter) -> [Account] { sequencer.engine.withLock { $0.accounts(filter) } }

    /// The transfers that a filter asks for; none for an invalid filter.
    public func transfers(_ filter: QueryFilter) throws(StoreError) -> [Transfer] {
        try sequencer.engine.withLock { (engine) throws(StoreError) in try engine.transfers(filter) }
    }

    // MARK: The end

    /// Finishes what was submitted, brings `state/` up to date and gives the ledger back. Every call returns when this
    /// is done.
    ///
    /// - Throws: What kept `state/` from being brought up to date. The ledger is given back all the same, and the next
    ///   opening replays what the state lacks.
    public func close() async throws(StoreError) {
        sequencer.stop()
        if tuning.isDrivenByHand { sequencer.run() }
        try await sequencer.ending.wait()
    }

    /// One round of a writer that is driven by hand: with all that was submitted, or with nothing but the time.
    package func work() { sequencer.work() }

    /// One step towards an up-to-date `state/` by a writer that is driven by hand; false if there is nothing to do.
    package func workOnState() -> Bool { sequencer.engine.withLock { $0.workOnState() } }

    /// The pending transfers that are not resolved, as decided so far, in order of creation.
    package var openTransfers: [Transfer] { sequencer.engine.withLock { $0.openTransfers } }
}
