internal import Glibc
public import Ledger
internal import Synchronization

/// The one writer of a ledger.
///
/// Any number of tasks may call it. Requests that arrive while a block is being made durable share the next commit.
/// A reply means: on disk, and seen by the projection. Requests are decided in the order in which they were submitted.
public final class LedgerWriter: Sendable {
    /// Nanoseconds since 1970. It may jump; the ledger's own time never runs backwards.
    public typealias WallClock = @Sendable () -> UInt64

    public let folder: LedgerFolder
    /// Reads the same log, also what was written a moment ago; usable until ``close()``.
    public let reader: LedgerReader
    private let sequencer: Sequencer

    /// The most events that may wait; more are refused as ``StoreError/overloaded(queuedEvents:)``.
    public static let queuedEventCountMax = 64 * Block.eventCountMax

    /// Opens a ledger for writing, rebuilding its state or catching it up.
    ///
    /// - Parameters:
    ///   - projection: Restored and caught up before this returns, then kept up by the writer's thread.
    ///   - clock: Where time comes from.
    ///   - progress: Called while events are replayed, with how many are done and how many there are.
    /// - Throws: ``StoreError/locked(path:holder:)`` while another process writes, and whatever else is wrong with the
    ///   folder.
    public init(
        _ folder: LedgerFolder, projection: any Projection, clock: @escaping WallClock = LedgerWriter.systemClock,
        progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(StoreError) {
        self.folder = folder
        _ = try folder.manifest()
        let lock = try WriterLock(folder)
        do throws(StoreError) {
            let log = try Log(path: folder.logPath, isReadOnly: false, createsIfMissing: true)
            let state = try DerivedState(path: folder.statePath)
            let engine = try Engine(log: log, state: state, projection: projection, progress: progress)
            reader = LedgerReader(folder: folder, log: log)
            sequencer = Sequencer(engine: engine, lock: lock, clock: clock)
        } catch {
            lock.release()
            throw error
        }
        let sequencer = sequencer
        startThread { sequencer.run() }
    }

    deinit { sequencer.worker.stop() }

    /// The system's real-time clock.
    public static let systemClock: WallClock = {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Hands accounts over to be created, as one batch.
    public func submit(
        _ accounts: [Account], details: [EventDetails] = []
    ) throws(StoreError) -> Ticket<CreateAccountStatus> {
        let ticket = Ticket<CreateAccountStatus>()
        try admit(.accounts(.init(events: accounts, details: details, ticket: ticket)), count: accounts.count)
        return ticket
    }

    /// Hands transfers over to be created, as one batch.
    public func submit(
        _ transfers: [Transfer], details: [EventDetails] = []
    ) throws(StoreError) -> Ticket<CreateTransferStatus> {
        let ticket = Ticket<CreateTransferStatus>()
        try admit(.transfers(.init(events: transfers, details: details, ticket: ticket)), count: transfers.count)
        return ticket
    }

    private func admit(_ request: Sequencer.Request, count: Int) throws(StoreError) {
        guard (1...Block.eventCountMax).contains(count) else {
            throw .batchTooLarge(count: count, limit: Block.eventCountMax)
        }
        switch sequencer.worker.submit(request, weight: count, limit: Self.queuedEventCountMax) {
        case .admitted: return
        case .full(let waiting): throw .overloaded(queuedEvents: waiting)
        case .stopped: throw .closed
        }
    }

    /// The account with an id, as decided so far: possibly a moment ahead of the disk.
    public func account(_ id: UInt128) -> Account? { sequencer.engine.withLock { $0.account(id) } }

    /// The transfer with an id, as decided so far.
    public func transfer(_ id: UInt128) throws(StoreError) -> Transfer? {
        try sequencer.engine.withLock { (engine) throws(StoreError) in try engine.transfer(id) }
    }

    /// Finishes what was submitted, brings `state/` up to date and gives the ledger back.
    public func close() async throws(StoreError) {
        let ticket = Ticket<Never>()
        guard case .admitted = sequencer.worker.submit(.close(ticket), weight: 0, limit: .max) else { return }
        sequencer.worker.stop()
        _ = try await ticket.reply()
    }
}
