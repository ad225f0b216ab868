internal import LedgerStore
internal import Synchronization

/// Runs tasks right where they are woken: whoever waits for a reply gets it, and says so, at the very moment in which the
/// writer gives it. What was promised too early is promised too early in the journal.
final class InlineExecutor: TaskExecutor {
    static let shared = InlineExecutor()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    }

    /// Runs what waits for nobody to its end.
    func run(_ body: @escaping @Sendable () async throws(StoreError) -> Void) throws(StoreError) {
        let outcome = Outcome()
        Task(executorPreference: self) {
            do throws(StoreError) {
                try await body()
                outcome.value.withLock { $0 = .success(()) }
            } catch {
                outcome.value.withLock { $0 = .failure(error) }
            }
        }
        guard let result = outcome.value.withLock({ $0 }) else { preconditionFailure("what ran waits for somebody") }
        try result.get()
    }

    private final class Outcome: Sendable {
        let value = Mutex<Result<Void, StoreError>?>(nil)
    }
}
