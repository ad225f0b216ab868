/// The writer's end: any number of tasks may wait for it, before or after it has come.
final class Ending: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Void, StoreError>, Never>

    private enum State {
        case ahead([Waiter])
        case come(Result<Void, StoreError>)
    }

    private let state = Monitor(State.ahead([]))

    /// Waits until the ledger was given back; throws what kept its state from being brought up to date.
    func wait() async throws(StoreError) {
        let result = await withCheckedContinuation { (waiter: Waiter) in
            let result: Result<Void, StoreError>? = state.change { state in
                switch state {
                case .come(let result): return result
                case .ahead(let waiters):
                    state = .ahead(waiters + [waiter])
                    return nil
                }
            }
            if let result { waiter.resume(returning: result) }
        }
        try result.get()
    }

    func come(with result: Result<Void, StoreError>) {
        let waiters: [Waiter] = state.change { state in
            defer { state = .come(result) }
            if case .ahead(let waiters) = state { return waiters }
            return []
        }
        for waiter in waiters { waiter.resume(returning: result) }
    }
}
