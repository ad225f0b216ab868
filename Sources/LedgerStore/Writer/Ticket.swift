public import Ledger
internal import Synchronization

/// A request on its way to disk. The answer comes when it is durable, so whoever holds a ticket can work meanwhile.
public final class Ticket<Status: Hashable & Sendable>: Sendable {
    private enum State {
        case waiting
        case awaited(CheckedContinuation<Result<Reply<Status>, StoreError>, Never>)
        case answered(Result<Reply<Status>, StoreError>)
    }

    private let state = Mutex(State.waiting)

    /// The answer, once everything in it is durable.
    ///
    /// Call once. Cancelling the task does not take the request back: it may be on disk already.
    public func reply() async throws(StoreError) -> Reply<Status> {
        let result = await withCheckedContinuation { continuation in
            let answer: Result<Reply<Status>, StoreError>? = state.withLock { state in
                if case .answered(let result) = state { return result }
                precondition({ if case .waiting = state { true } else { false } }(), "a ticket is good for one reply")
                state = .awaited(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
        return try result.get()
    }

    func answer(_ result: Result<Reply<Status>, StoreError>) {
        let continuation: CheckedContinuation<Result<Reply<Status>, StoreError>, Never>? = state.withLock { state in
            defer { state = .answered(result) }
            if case .awaited(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume(returning: result)
    }
}

/// The answer to a request.
public struct Reply<Status: Hashable & Sendable>: Sendable {
    /// The log-wide number of the request's first event; event *i* has `firstSequence + i`.
    public let firstSequence: UInt64
    /// One result per event, in order.
    public let results: [EventResult<Status>]
}
