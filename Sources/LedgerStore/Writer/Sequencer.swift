internal import Ledger
internal import Synchronization

/// Brings requests into one order and makes them durable together: while one group is on its way to disk, the next
/// collects.
final class Sequencer: Sendable {
    struct Submission<Event: Sendable, Status: Hashable & Sendable>: Sendable {
        let events: [Event]
        let details: [EventDetails]
        let ticket: Ticket<Status>
    }

    enum Request: Sendable {
        case accounts(Submission<Account, CreateAccountStatus>)
        case transfers(Submission<Transfer, CreateTransferStatus>)
    }

    let worker = Worker<Request>()
    let engine: Mutex<Engine>
    let ending = Ending()
    private let lock: WriterLock
    private let clock: LedgerWriter.WallClock
    private let course = Mutex(Course())

    /// What became of the rounds so far.
    private struct Course {
        var failure: StoreError?
        /// Somebody was told what happened; the others hear that it did.
        var isReported = false
        /// How many requests the last round had.
        var requestCount = 0
    }

    /// How long a round waits for those of the last one, in nanoseconds: less than the fastest durable commit.
    private static let patience: UInt64 = 100_000

    init(engine: consuming sending Engine, lock: WriterLock, clock: @escaping LedgerWriter.WallClock) {
        self.engine = Mutex(engine)
        self.lock = lock
        self.clock = clock
    }

    /// The writer thread's life.
    func run() { while turn(isWaiting: true) {} }

    /// Takes what is in the inbox, decides it, makes it durable and answers.
    ///
    /// - Parameter isWaiting: Waits for something to do; otherwise does what there is.
    /// - Returns: False when the writer was stopped and all is done: the ledger is given back.
    func turn(isWaiting: Bool) -> Bool {
        course.withLock { course in
            let patience = isWaiting ? (course.failure == nil ? untilNextExpiry : nil) : 0
            guard var requests = worker.next(within: patience) else {
                end(course.failure)
                return false
            }
            // Those who were just answered come back one after the other. Without a moment of patience the first would get
            // a commit of its own, and all others wait for it.
            if isWaiting, !requests.isEmpty, requests.count < course.requestCount {
                requests += worker.more(expecting: course.requestCount - requests.count, within: Self.patience)
            }
            if !requests.isEmpty { course.requestCount = requests.count }
            let round = Round(requests)
            if let failure = course.failure {
                round.refuse(course.isReported ? .failed(reason: failure.description) : failure)
                course.isReported = true
            } else {
                engine.withLock { engine in
                    course.failure = round.run(on: &engine, now: clock())
                    course.isReported = course.failure != nil && !requests.isEmpty
                    // What is durable was answered, whatever becomes of the state.
                    if course.failure == nil { course.failure = Self.flush(&engine) }
                }
            }
            return true
        }
    }

    private func end(_ failure: StoreError?) {
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

    private static func flush(_ engine: inout Engine) -> StoreError? {
        do throws(StoreError) {
            try engine.flushIfDue()
            return nil
        } catch {
            return error
        }
    }

    private var untilNextExpiry: UInt64? {
        guard let expiry = engine.withLock({ $0.nextExpiry }) else { return nil }
        let now = clock()
        // The wall clock may be set forward meanwhile, so it is looked at again every second.
        return expiry > now ? min(expiry - now, 1_000_000_000) : 0
    }
}

/// The requests of one commit.
private struct Round {
    private let requests: [Sequencer.Request]

    init(_ requests: [Sequencer.Request]) { self.requests = requests }

    /// Decides all requests, commits once, answers. Returns what went wrong before that, so that everybody was refused.
    func run(on engine: inout Engine, now: UInt64) -> StoreError? {
        var answers: [() -> Void] = []
        do throws(StoreError) {
            engine.expire(now: now)
            var rest = requests[...]
            while let next = rest.first {
                switch next {
                case .accounts:
                    let group = Self.takeGroup(from: &rest) {
                        if case .accounts(let submission) = $0 { submission } else { nil }
                    }
                    let (events, details) = Self.merge(group)
                    let first = engine.nextSequence
                    let results = try engine.decide(events, details: details, now: now)
                    answers += Self.answers(to: group, from: results, first: first)
                case .transfers:
                    let group = Self.takeGroup(from: &rest) {
                        if case .transfers(let submission) = $0 { submission } else { nil }
                    }
                    let (events, details) = Self.merge(group)
                    let first = engine.nextSequence
                    let results = try engine.decide(events, details: details, now: now)
                    answers += Self.answers(to: group, from: results, first: first)
                }
            }
            try engine.commit()
        } catch {
            refuse(error)
            return error
        }
        for answer in answers { answer() }
        return nil
    }

    /// Tells everybody the same.
    func refuse(_ error: StoreError) {
        for request in requests {
            switch request {
            case .accounts(let submission): submission.ticket.answer(.failure(error))
            case .transfers(let submission): submission.ticket.answer(.failure(error))
            }
        }
    }

    /// The requests that become the next block: as many of one kind as fit. A request stays alone if the border to
    /// its neighbour matters: an import, or one that ends within a chain.
    private static func takeGroup<Event: Chainable, Status>(
        from rest: inout ArraySlice<Sequencer.Request>,
        as kind: (Sequencer.Request) -> Sequencer.Submission<Event, Status>?
    ) -> [Sequencer.Submission<Event, Status>] {
        var group: [Sequencer.Submission<Event, Status>] = []
        var count = 0
        while let submission = rest.first.flatMap(kind), count + submission.events.count <= Block.eventCountMax {
            let isAlone = submission.events.last?.isLinked == true || submission.events.contains(where: \.isImported)
            if isAlone, !group.isEmpty { break }
            group.append(submission)
            count += submission.events.count
            rest.removeFirst()
            if isAlone { break }
        }
        return group
    }

    private static func merge<Event, Status>(
        _ group: [Sequencer.Submission<Event, Status>]
    ) -> ([Event], [EventDetails]) {
        if group.count == 1 { return (group[0].events, group[0].details) }
        var events: [Event] = []
        var details: [EventDetails] = []
        events.reserveCapacity(group.reduce(0) { $0 + $1.events.count })
        for submission in group {
            for var detail in submission.details {
                detail.index += events.count
                details.append(detail)
            }
            events += submission.events
        }
        return (events, details)
    }

    private static func answers<Event, Status>(
        to group: [Sequencer.Submission<Event, Status>], from results: [EventResult<Status>], first: UInt64
    ) -> [() -> Void] {
        var start = 0
        return group.map { submission in
            let range = start..<(start + submission.events.count)
            start = range.upperBound
            let reply = Reply(firstSequence: first + UInt64(range.lowerBound), results: Array(results[range]))
            return { submission.ticket.answer(.success(reply)) }
        }
    }
}

/// What decides whether a request may share a block with its neighbours.
private protocol Chainable {
    var isLinked: Bool { get }
    var isImported: Bool { get }
}

extension Account: Chainable {
    fileprivate var isLinked: Bool { flags.contains(.linked) }
    fileprivate var isImported: Bool { flags.contains(.imported) }
}

extension Transfer: Chainable {
    fileprivate var isLinked: Bool { flags.contains(.linked) }
    fileprivate var isImported: Bool { flags.contains(.imported) }
}
