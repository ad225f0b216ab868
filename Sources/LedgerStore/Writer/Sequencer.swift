internal import Glibc
internal import Ledger
internal import Synchronization

/// Brings requests into one order and makes them durable together: while one round is on its way to disk, the next
/// collects.
///
/// A round needs a thread for the length of a commit. Whoever asks and finds that nobody is at it lends its own: waking
/// another one, and being woken by it, takes half as long again as the commit. A task that does so keeps a thread of
/// Swift's cooperative pool waiting for the disk. That is why at most one does at a time, for one block, never where the
/// pool has a single thread (nobody could join the round), and never for a flush, which may have to wait for the one
/// before: everything else is the writer's thread's.
final class Sequencer: Sendable {
    let engine: Mutex<Engine>
    let ending = Ending()
    private let queue: Monitor<RequestQueue>
    private let flusher: Flusher
    private let lock: WriterLock
    private let clock: LedgerWriter.WallClock
    private let callersMayLead: Bool

    /// - Parameter isDrivenByHand: Rounds begin only in ``work()``.
    init(
        engine: consuming sending Engine, lock: WriterLock, clock: @escaping LedgerWriter.WallClock,
        isDrivenByHand: Bool
    ) {
        queue = Monitor(RequestQueue(nextExpiry: engine.nextExpiry))
        flusher = engine.flusher
        self.engine = Mutex(engine)
        self.lock = lock
        self.clock = clock
        callersMayLead = !isDrivenByHand && sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1
    }

    // MARK: Those who ask

    /// Takes a request in.
    ///
    /// - Parameter isAwaited: The caller has nothing else to do meanwhile, so a round may take place on its thread before
    ///   this returns.
    func submit(_ request: Request, weight: Int, limit: Int, isAwaited: Bool) -> RequestQueue.Admission {
        let (admission, round, wakes) = queue.withLock { queue in
            let admission = queue.admit(request, weight: weight, limit: limit)
            guard admission == .admitted, queue.isReady else { return (admission, nil as Round?, false) }
            if isAwaited, callersMayLead, queue.weight <= Block.eventCountMax {
                return (admission, queue.beginRound(), false)
            }
            return (admission, nil, true)
        }
        if let round { perform(round) }
        if wakes { queue.wake() }
        return admission
    }

    /// Lets no more requests in, and ends when all are answered.
    func stop() { queue.change { $0.stop() } }

    // MARK: The writer's thread

    /// The thread's life.
    func run() {
        while true {
            // The clock is somebody else's code: it is not asked under the lock that everybody waits for.
            let time = clock()
            switch queue.ask({ $0.workForThread(now: monotonicTime(), time: time) }) {
            case .round(let round): perform(round)
            case .flush: flush()
            case .end: return end()
            case nil: continue
            }
        }
    }

    /// One round of a writer that is driven by hand: with all there is, or with nothing but the time.
    func work() {
        perform(queue.withLock { $0.beginRound() })
        if queue.withLock({ $0.beginFlush() }) { flush() }
    }

    // MARK: Rounds

    private func perform(_ round: Round) {
        do throws(StoreError) {
            let decided = try round.run(on: engine, now: clock())
            end(round, failure: nil)
            for requests in decided { requests.answer() }
        } catch {
            end(round, failure: error)
            for request in round.requests { request.refuse(error) }
        }
    }

    private func end(_ round: Round, failure: StoreError?) {
        let (nextExpiry, isFlushLeft) = engine.withLock { ($0.nextExpiry, $0.hasWorkOnState) }
        let wakes = queue.withLock { queue in
            queue.endRound(
                answered: round.requests.count, failure: queue.failure == nil ? failure : nil, nextExpiry: nextExpiry,
                isFlushLeft: failure == nil && isFlushLeft, now: monotonicTime())
        }
        if wakes { queue.wake() }
    }

    private func flush() {
        do throws(StoreError) {
            // Waiting for the flush before takes place here, so that the engine can be read meanwhile.
            if let minimum = engine.withLock({ $0.dueFlush }) { try flusher.wait(reaching: minimum) }
            try engine.withLock { (engine) throws(StoreError) in try engine.flushIfDue() }
            queue.withLock { $0.endFlush(failure: nil) }
        } catch {
            queue.withLock { $0.endFlush(failure: error) }
        }
    }

    private func end() {
        let failure = queue.withLock { $0.failure }
        let outcome: Result<Void, StoreError> = engine.withLock { engine in
            defer {
                engine.close()
                lock.release()
            }
            do throws(StoreError) {
                if failure == nil { try engine.flush() }
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        ending.come(with: outcome)
    }
}
