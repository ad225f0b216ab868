internal import Glibc

/// A value that threads share, and wait for: a mutex with a condition.
///
/// Sendable: the value is touched under `mutex` only.
@safe package final class Monitor<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        // Waiting is a matter of the time that passes, not of what the wall clock is set to.
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Changes the value and wakes whoever waits for it.
    package func change<Result>(_ body: (inout Value) -> Result) -> Result {
        defer { wake() }
        return withLock(body)
    }

    /// Looks at the value, or changes it in a way that nobody waits for: waking a thread costs a system call.
    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    /// Wakes whoever waits.
    func wake() { unsafe pthread_cond_broadcast(condition) }

    /// Waits until `body` has an answer.
    package func wait<Result>(_ body: (inout Value) -> Result?) -> Result {
        waitAsking { value in body(&value).map(Attempt.done) ?? .again(within: nil) }
    }

    /// Waits until `body` has an answer; nil if it has none within `nanoseconds`, at most an hour.
    @discardableResult
    package func wait<Result>(atMost nanoseconds: UInt64?, _ body: (inout Value) -> Result?) -> Result? {
        guard let nanoseconds else { return wait(body) }
        let deadline = monotonicTime() + min(nanoseconds, 3_600_000_000_000)
        return waitAsking { value in
            if let result = body(&value) { return .done(result) }
            let now = monotonicTime()
            return now < deadline ? .again(within: deadline - now) : .done(nil)
        }
    }

    /// What became of an attempt to get an answer.
    enum Attempt<Result> {
        case done(Result)
        /// Not yet: to be asked again when the value has changed, or after so many nanoseconds.
        case again(within: UInt64?)
    }

    /// Waits until `body` has an answer; it says how long to wait before it is asked again.
    func waitAsking<Result>(_ body: (inout Value) -> Attempt<Result>) -> Result {
        while true {
            if let result = ask(body) { return result }
        }
    }

    /// The answer of `body`; if it has none yet, nil when it is time to ask again.
    func ask<Result>(_ body: (inout Value) -> Attempt<Result>) -> Result? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        switch body(&value) {
        case .done(let result): return result
        case .again(within: nil): unsafe pthread_cond_wait(condition, mutex)
        case .again(let nanoseconds?):
            var deadline = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &deadline)
            let total = UInt64(deadline.tv_nsec) + min(nanoseconds, 3_600_000_000_000)
            deadline.tv_sec += Int(total / 1_000_000_000)
            deadline.tv_nsec = Int(total % 1_000_000_000)
            unsafe pthread_cond_timedwait(condition, mutex, &deadline)
        }
        return nil
    }
}

/// Nanoseconds since some moment, never running backwards.
func monotonicTime() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Runs `body` on a new thread.
package func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    let context = unsafe Unmanaged.passRetained(Body(body))
    var thread = pthread_t()
    let code = unsafe pthread_create(
        &thread, nil,
        { context in
            if let context = unsafe context { unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }, context.toOpaque())
    precondition(code == 0, "the system has no thread for the writer (\(code))")
    pthread_detach(thread)
}
