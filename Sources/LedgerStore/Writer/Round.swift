internal import Ledger
internal import Synchronization

/// What one caller asks for at once.
struct Submission<Event: LedgerEvent>: Sendable {
    let events: [Event]
    let details: [EventDetails]
    let ticket: Ticket<Event.Status>
}

/// A submission of either kind.
enum Request: Sendable {
    case accounts(Submission<Account>)
    case transfers(Submission<Transfer>)

    func refuse(_ error: StoreError) {
        switch self {
        case .accounts(let submission): submission.ticket.answer(.failure(error))
        case .transfers(let submission): submission.ticket.answer(.failure(error))
        }
    }
}

/// The events that a ``Request`` may be made of.
protocol QueuedEvent: LedgerEvent {
    static func request(_ submission: Submission<Self>) -> Request
    static func submission(in request: Request) -> Submission<Self>?
}

extension Account: QueuedEvent {
    static func request(_ submission: Submission<Account>) -> Request { .accounts(submission) }
    static func submission(in request: Request) -> Submission<Account>? {
        if case .accounts(let submission) = request { submission } else { nil }
    }
}

extension Transfer: QueuedEvent {
    static func request(_ submission: Submission<Transfer>) -> Request { .transfers(submission) }
    static func submission(in request: Request) -> Submission<Transfer>? {
        if case .transfers(let submission) = request { submission } else { nil }
    }
}

/// The requests of one commit.
struct Round: Sendable {
    let requests: [Request]
    /// What all of them are told, because an earlier round failed.
    let refusal: StoreError?

    /// Decides all requests and makes the outcome durable.
    ///
    /// The engine is free while the commit is on its way to disk: whoever reads meanwhile sees what is durable.
    ///
    /// - Returns: The requests with their answers, not yet given.
    func run(on engine: borrowing Mutex<Engine>, now: UInt64) throws(StoreError) -> [any DecidedRequests] {
        if let refusal { throw refusal }
        let (decided, commit) = try engine.withLock { (engine) throws(StoreError) in
            engine.expire(now: now)
            return (try decide(on: &engine, now: now), engine.beginCommit())
        }
        if let commit {
            try commit.perform()
            engine.withLock { $0.endCommit() }
        }
        return decided
    }

    private func decide(on engine: inout Engine, now: UInt64) throws(StoreError) -> [any DecidedRequests] {
        var rest = requests[...]
        var decided: [any DecidedRequests] = []
        while let next = rest.first {
            switch next {
            case .accounts: decided.append(try Decided<Account>(&rest, on: &engine, now: now))
            case .transfers: decided.append(try Decided<Transfer>(&rest, on: &engine, now: now))
            }
        }
        return decided
    }
}

/// Requests with their answers.
protocol DecidedRequests: Sendable {
    /// Gives the answers.
    func answer()
}

/// Requests that became a block together, with the answers to all of them.
private struct Decided<Event: QueuedEvent>: DecidedRequests {
    private var group: [Submission<Event>] = []
    private var results: [EventResult<Event.Status>] = []
    private let firstSequence: UInt64

    /// Decides the requests at the front, as many of one kind as fit into a block. A request stays alone if the border
    /// to its neighbour matters: an import, or one that ends within a chain.
    init(_ rest: inout ArraySlice<Request>, on engine: inout Engine, now: UInt64) throws(StoreError) {
        firstSequence = engine.nextSequence
        var count = 0
        while let submission = rest.first.flatMap(Event.submission),
            count + submission.events.count <= Block.eventCountMax
        {
            let isAlone = submission.events.last?.isLinked == true || submission.events.contains(where: \.isImported)
            if isAlone, !group.isEmpty { break }
            group.append(submission)
            count += submission.events.count
            rest.removeFirst()
            if isAlone { break }
        }
        let (events, details) = Self.merge(group, count: count)
        results = try engine.decide(events, details: details, now: now)
    }

    private static func merge(_ group: [Submission<Event>], count: Int) -> ([Event], [EventDetails]) {
        if group.count == 1 { return (group[0].events, group[0].details) }
        var events: [Event] = []
        var details: [EventDetails] = []
        events.reserveCapacity(count)
        for submission in group {
            for var detail in submission.details {
                detail.index += events.count
                details.append(detail)
            }
            events += submission.events
        }
        return (events, details)
    }

    func answer() {
        var start = 0
        for submission in group {
            let end = start + submission.events.count
            submission.ticket.answer(
                .success(
                    Reply(
                        firstSequence: firstSequence + UInt64(start),
                        results: group.count == 1 ? results : Array(results[start..<end]))))
            start = end
        }
    }
}
