internal import LedgerStore
internal import Synchronization

/// Lets as many uses of keys at the processor as there is work for it, tenant by tenant, so that nobody's load makes
/// another wait for more than a turn.
///
/// A place is held while details are sealed and cryptography runs, and again from the answer on until the outcome is
/// handed out; not while a commit is under way: those who wait for the disk are in nobody's way, and share its commits.
/// Without this, all tasks of a busy tenant would stand in the queue of Swift's executor, which knows no tenants.
final class FairAdmission: Sendable {
    private typealias Waiter = CheckedContinuation<Bool, Never>

    private let queue: Mutex<TurnQueue<Waiter>>
    private let waitingCountMax: Int

    /// - Parameters:
    ///   - placeCount: How many may work at the same time.
    ///   - waitingCountMax: How many requests of one tenant may wait to begin.
    init(placeCount: Int, waitingCountMax: Int = 1 << 14) {
        queue = Mutex(TurnQueue(placeCount: placeCount))
        self.waitingCountMax = waitingCountMax
    }

    /// One request's place, until it ends.
    final class Turn: Sendable {
        private let admission: FairAdmission
        private let tenant: TenantID

        fileprivate init(_ admission: FairAdmission, _ tenant: TenantID) {
            self.admission = admission
            self.tenant = tenant
        }

        /// Lets others go first, if there are any. Long work calls this between its steps.
        func pass() async {
            guard admission.isAnybodyWaiting else { return }
            _ = await withCheckedContinuation { (waiter: Waiter) in
                let next = admission.queue.withLock { queue in
                    queue.wait(waiter, for: tenant)
                    return queue.leavePlace()
                }
                next?.resume(returning: true)
            }
        }

        /// Gives the place to whoever is next.
        func end() { admission.queue.withLock { $0.leavePlace() }?.resume(returning: true) }
    }

    /// Waits for a turn of a tenant; whoever gets it ends it.
    ///
    /// - Throws: `StoreError.overloaded` if too many of the tenant's requests wait already.
    func turn(of tenant: TenantID) async throws(KeyStoreError) -> Turn {
        let turn = Turn(self, tenant)
        if queue.withLock({ $0.takePlace() }) { return turn }
        let isAdmitted = await withCheckedContinuation { (waiter: Waiter) in
            enum Answer { case now(Bool), later }
            let answer: Answer = queue.withLock { queue in
                // A place may have become free since.
                if queue.takePlace() { return .now(true) }
                guard queue.waitingCount(of: tenant) < waitingCountMax else { return .now(false) }
                queue.wait(waiter, for: tenant)
                return .later
            }
            if case .now(let isAdmitted) = answer { waiter.resume(returning: isAdmitted) }
        }
        guard isAdmitted else { throw .store(.overloaded(queuedEvents: waitingCountMax)) }
        return turn
    }

    /// Waits until a request is answered, and then for a turn to go on.
    func turn<Status>(of tenant: TenantID, toFinish ticket: Ticket<Status>) async -> Turn {
        _ = await withCheckedContinuation { (waiter: Waiter) in
            ticket.whenAnswered { [self] in
                let isNow = queue.withLock { queue in
                    if queue.takePlace() { return true }
                    queue.wait(waiter, for: tenant, .finishing)
                    return false
                }
                if isNow { waiter.resume(returning: true) }
            }
        }
        return Turn(self, tenant)
    }

    /// Whether anybody waits.
    var isAnybodyWaiting: Bool { queue.withLock { $0.isAnybodyWaiting } }

    /// How many requests of a tenant wait to begin.
    func waitingCount(of tenant: TenantID) -> Int { queue.withLock { $0.waitingCount(of: tenant) } }
}
