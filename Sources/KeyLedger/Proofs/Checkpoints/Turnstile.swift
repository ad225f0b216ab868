internal import Synchronization

/// Lets one task through at a time, in the order in which they came.
final class Turnstile: Sendable {
    private struct State {
        var isOccupied = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Waits until nobody is inside.
    func enter() async {
        await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
            let enters = state.withLock { state in
                if state.isOccupied {
                    state.waiters.append(waiter)
                    return false
                }
                state.isOccupied = true
                return true
            }
            if enters { waiter.resume() }
        }
    }

    /// Lets the next one in.
    func leave() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            if state.waiters.isEmpty {
                state.isOccupied = false
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.resume()
    }
}
