public import Ledger
internal import Synchronization

/// A request on its way to disk. The answer comes when it is durable, so whoever holds a ticket can work meanwhile.
public final class Ticket<Status: Hashable & Sendable>: Sendable {
    typealias Answer = Result<Reply<Status>, StoreError>

    @safe private enum State {
        case waiting
        case awaited(UnsafeContinuation<Answer, Never>)
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

    func answer(_ answer: Answer) {
        let continuation: UnsafeContinuation<Answer, Never>? = unsafe state.withLock { state in
            defer { state = .answered(answer) }
            if case .awaited(let continuation) = state { return unsafe continuation }
            return nil
        }
        unsafe continuation?.resume(returning: answer)
    }
}

/// The answer to a request.
public struct Reply<Status: Hashable & Sendable>: Sendable {
    /// The log-wide number of the request's first event; event *i* has `firstSequence + i`.
    public let firstSequence: UInt64
    /// One result per event, in order.
    public let results: [EventResult<Status>]
}
