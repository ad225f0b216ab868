internal import Glibc

/// A thread with an inbox: the one place where the store blocks, so that no task of the caller's pool has to.
///
/// Sendable: everything mutable is touched under `mutex` only.
@safe final class Worker<Item: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var inbox: [Item] = []
    private var waitingWeight = 0
    private var isStopped = false

    init() {
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

    private func locked<Result>(_ body: () -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body()
    }

    /// What became of an item that was offered.
    enum Admission: Equatable { case admitted, full(waitingWeight: Int), stopped }

    /// Puts an item into the inbox, unless what waits there already would weigh more than `limit` with it.
    func submit(_ item: Item, weight: Int, limit: Int) -> Admission {
        locked {
            if isStopped { return .stopped }
            guard waitingWeight + weight <= limit else { return .full(waitingWeight: waitingWeight) }
            inbox.append(item)
            waitingWeight += weight
            unsafe pthread_cond_signal(condition)
            return .admitted
        }
    }

    /// Waits for items and takes them all; none if nothing came within `nanoseconds`. Nil when the worker was stopped
    /// and nothing is left.
    func next(within nanoseconds: UInt64?) -> [Item]? {
        locked {
            var deadline = timespec()
            if let nanoseconds {
                unsafe clock_gettime(CLOCK_MONOTONIC, &deadline)
                let total = UInt64(deadline.tv_nsec) + min(nanoseconds, 3_600_000_000_000)
                deadline.tv_sec += Int(total / 1_000_000_000)
                deadline.tv_nsec = Int(total % 1_000_000_000)
            }
            while inbox.isEmpty, !isStopped {
                if nanoseconds == nil {
                    unsafe pthread_cond_wait(condition, mutex)
                } else if unsafe pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT {
                    break
                }
            }
            if inbox.isEmpty, isStopped { return nil }
            defer {
                inbox = []
                waitingWeight = 0
            }
            return inbox
        }
    }

    /// Lets no more items in; what is in the inbox is still worked on.
    func stop() {
        locked {
            isStopped = true
            unsafe pthread_cond_signal(condition)
        }
    }
}

/// Runs `body` on a new thread.
func startThread(_ body: @escaping @Sendable () -> Void) {
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
