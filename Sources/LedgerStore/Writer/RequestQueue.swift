/// What waits to be decided, and whose turn it is to do so.
struct RequestQueue: Sendable {
    private(set) var requests: [Request] = []
    /// Events in them.
    private(set) var weight = 0
    private(set) var isStopped = false
    private(set) var turn = Turn.free
    private var patience = Patience()
    /// There is something to do for `state/`, which only the writer's thread does: it may have to wait.
    private var isFlushLeft = false
    /// When the next pending transfer may expire, in nanoseconds since 1970.
    private var nextExpiry: UInt64?
    private var thread = Thread()
    /// What went wrong, after which nothing can be written any more.
    private(set) var failure: StoreError?
    /// Somebody was told what it was; the others hear that there was something.
    private var isFailureReported = false

    init(nextExpiry: UInt64?) { self.nextExpiry = nextExpiry }

    enum Turn: Equatable {
        /// Whoever comes may begin a round.
        case free
        /// Those who were just answered come back one after the other. Were the first to begin a round, it would get a
        /// commit of its own, and all others wait for it.
        case gathering(count: Int, since: UInt64)
        /// A round is under way.
        case taken
    }

    /// Whether waiting for those who were answered pays. Callers that do not come back cost as little as possible: each
    /// time in vain, twice as many rounds go by before it is tried again.
    private struct Patience {
        private var skippedCount = 0
        private var penalty = 1

        mutating func isThere() -> Bool {
            if skippedCount == 0 { return true }
            skippedCount -= 1
            return false
        }

        mutating func reward() { penalty = 1 }

        mutating func punish() {
            skippedCount = penalty
            penalty = min(penalty * 2, 1024)
        }

        /// How long to gather for at most, in nanoseconds: about a durable commit.
        static let duration: UInt64 = 200_000
    }

    /// What the writer's thread knew when it fell asleep.
    private struct Thread {
        /// It looks again soon: nobody has to wake it for a gathering.
        var isDozing = false
        /// How often it looked since there was a new gathering.
        var vainCount = 0
        var gatheringCount = 0
        var expiry: UInt64?
    }
    /// How often there was a gathering.
    private var gatheringCount = 0

    // MARK: Requests

    /// What became of a request that was offered.
    enum Admission: Equatable { case admitted, full(waitingWeight: Int), stopped }

    /// Takes a request in, unless what waits here already would weigh more than `limit` with it.
    mutating func admit(_ request: Request, weight: Int, limit: Int) -> Admission {
        if isStopped { return .stopped }
        guard self.weight + weight <= limit else { return .full(waitingWeight: self.weight) }
        requests.append(request)
        self.weight += weight
        return .admitted
    }

    /// Lets no more requests in.
    mutating func stop() { isStopped = true }

    // MARK: Rounds

    /// Whether a round may begin now.
    var isReady: Bool {
        switch turn {
        case .free: !requests.isEmpty
        case .gathering(let count, _): requests.count >= count
        case .taken: false
        }
    }

    /// Begins a round with everything that is here. `endRound` must follow.
    mutating func beginRound() -> Round {
        if case .gathering(let count, _) = turn {
            if requests.count >= count { patience.reward() } else { patience.punish() }
        }
        turn = .taken
        defer {
            if !requests.isEmpty { isFailureReported = failure != nil }
            requests = []
            weight = 0
        }
        return Round(
            requests: requests,
            refusal: failure.map { isFailureReported ? .failed(reason: $0.description) : $0 })
    }

    /// Ends a round, before those in it are answered.
    ///
    /// - Parameters:
    ///   - answered: How many there are in it; they may be about to come back.
    ///   - failure: What keeps everybody from writing from now on. Those in the round are told.
    ///   - nextExpiry: When the next pending transfer may expire, in nanoseconds since 1970.
    ///   - isFlushLeft: There is something to do for `state/`.
    ///   - now: The monotonic time.
    /// - Returns: Whether the thread has to be woken.
    mutating func endRound(
        answered: Int, failure: StoreError?, nextExpiry: UInt64?, isFlushLeft: Bool, now: UInt64
    ) -> Bool {
        if let failure {
            self.failure = failure
            isFailureReported = answered > 0
        }
        self.nextExpiry = nextExpiry
        self.isFlushLeft = isFlushLeft
        if isFlushLeft { return true }
        let count = answered + requests.count
        if answered > 0, count > 1, patience.isThere() {
            turn = .gathering(count: count, since: now)
            gatheringCount += 1
            if !thread.isDozing { return true }
        } else {
            turn = .free
            if !requests.isEmpty { return true }
        }
        return isStopped || nextExpiry.map { $0 < thread.expiry ?? .max } ?? false
    }

    /// Whether there is something to do for `state/`, which is then the caller's business; `endFlush` must follow.
    mutating func beginFlush() -> Bool {
        defer { isFlushLeft = false }
        return isFlushLeft
    }

    /// Ends what `beginFlush` began. What went wrong is told to the next who ask: all before were answered.
    mutating func endFlush(failure: StoreError?) {
        self.failure = failure
        turn = .free
    }

    // MARK: The thread

    enum Work { case round(Round), flush, end }

    /// What the thread has to do now, or for how long it may sleep.
    mutating func workForThread(now: UInt64, time: UInt64) -> Monitor<RequestQueue>.Attempt<Work> {
        if beginFlush() { return .done(.flush) }
        if turn == .taken { return sleep(for: nil) }
        if isStopped && requests.isEmpty { return .done(.end) }
        let expiry = failure == nil ? nextExpiry : nil
        if isReady || expiry.map({ $0 <= time }) ?? false { return .done(.round(beginRound())) }
        if case .gathering(_, let since) = turn {
            if now < since + Patience.duration { return sleep(for: since + Patience.duration - now) }
            if !requests.isEmpty { return .done(.round(beginRound())) }
            patience.punish()
            turn = .free
        }
        // The wall clock may be set forward meanwhile, so it is looked at again every second.
        return sleep(for: expiry.map { min($0 - time, 1_000_000_000) })
    }

    private mutating func sleep(for nanoseconds: UInt64?) -> Monitor<RequestQueue>.Attempt<Work> {
        // Where gatherings follow each other it is cheaper to look again soon than to be woken for each.
        let vainCount = gatheringCount == thread.gatheringCount ? thread.vainCount + 1 : 0
        let isDozing = gatheringCount > 0 && vainCount < 20
        thread = Thread(
            isDozing: isDozing, vainCount: vainCount, gatheringCount: gatheringCount, expiry: nextExpiry)
        return .again(within: isDozing ? min(nanoseconds ?? .max, 2 * Patience.duration) : nanoseconds)
    }
}
