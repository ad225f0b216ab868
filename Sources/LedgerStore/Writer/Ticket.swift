public import Ledger
internal import Synchronization

/// A request on its way to disk. The answer comes when it is durable, so whoever holds a ticket can work meanwhile.
public final class Ticket<Status: Hashable & Sendable>: Sendable {
    typealias Answer = Result<Reply<Status>, StoreError>

    @safe private enum State {
        case waiting
        case awaited(UnsafeContinuation<Answer, Never>)
        case observed(@Sendable () -> Void)
        case answered(Answer)
    }

    private let state = Mutex(State.waiting)

    /// The answer, once everything in it is durable.
    ///
    /// Call once. Cancelling the task does not take the request back: it may be on disk already.
    public func reply() async throws(StoreError) -> Reply<Status> {
        if let answer { return try answer.get() }
        // Unsafe only if it were resumed twice or never: whoever finds it in the state takes it out of there.
        let answer = unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Answer, Never>) in
            let answer: Answer? = state.withLock { state in
                if case .answered(let answer) = state { return answer }
                precondition({ if case .waiting = state { true } else { false } }(), "a ticket is good for one reply")
                unsafe state = .awaited(continuation)
                return nil
            }
            if let answer { unsafe continuation.resume(returning: answer) }
        }
        return try answer.get()
    }

    private var answer: Answer? {
        state.withLock { if case .answered(let answer) = $0 { answer } else { nil } }
    }

    /// Runs `body` once there is an answer, on the thread that brings it: for those who decide themselves when to go on.
    /// ``reply()`` has the answer without waiting then. Call once.
    package func whenAnswered(_ body: @escaping @Sendable () -> Void) {
        let isAnswered = state.withLock { state in
            if case .answered = state { return true }
            precondition({ if case .waiting = state { true } else { false } }(), "a ticket is good for one reply")
            state = .observed(body)
            return false
        }
        if isAnswered { body() }
    }

    func answer(_ answer: Answer) {
        let before = state.withLock { state in
            defer { state = .answered(answer) }
            return state
        }
        switch before {
        case .awaited(let continuation): unsafe continuation.resume(returning: answer)
        case .observed(let body): body()
        case .waiting, .answered: break
        }
    }
}

/// The answer to a request.
public struct Reply<Status: Hashable & Sendable>: Sendable {
    /// The log-wide number of the request's first event; event *i* has `firstSequence + i`.
    public let firstSequence: UInt64
    /// One result per event, in order.
    public let results: [EventResult<Status>]
}
