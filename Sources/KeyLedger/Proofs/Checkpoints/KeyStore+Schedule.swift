internal import Ledger
internal import LedgerStore
internal import Synchronization
internal import Transparency

/// When checkpoints are made without being asked for. Both limits may be set; the first one reached counts. Where nothing
/// happened, none is made.
public struct CheckpointSchedule: Sendable, Hashable {
    /// At the latest so many seconds after the last one.
    public var seconds: UInt32?
    /// At the latest so many events after the last one.
    public var eventCount: UInt64?

    /// Only when asked.
    public static let onDemand = CheckpointSchedule()

    /// By time, by count, by both or by none.
    public init(seconds: UInt32? = nil, eventCount: UInt64? = nil) {
        self.seconds = seconds
        self.eventCount = eventCount
    }
}

extension KeyStore {
    /// Makes a checkpoint when the schedule says so, and sends again what a second place did not take, until the task is
    /// cancelled.
    func checkpointOnSchedule() -> Task<Void, Never>? {
        guard options.checkpointSchedule != .onDemand || !options.checkpointPlaces.isEmpty else { return nil }
        return Task { [weak self] in await Self.checkpointUntilCancelled { self } }
    }

    private static func checkpointUntilCancelled(_ store: () -> KeyStore?) async {
        var pause = scheduleTick
        while true {
            do {
                try await Task.sleep(for: pause)
            } catch {
                return
            }
            guard let store = store() else { return }
            // What fails once will likely fail again at once.
            pause = await store.checkpointIfDue() ? scheduleTick : min(pause * 2, scheduleTickMax)
        }
    }

    private static let scheduleTick = Duration.milliseconds(200)
    private static let scheduleTickMax = Duration.seconds(60)

    /// Makes the checkpoint that is due, if one is. False if that failed; the failure was reported.
    @discardableResult
    func checkpointIfDue() async -> Bool {
        do throws(ProofError) {
            try await makeDueCheckpoint()
        } catch {
            options.reportProofFailure(error)
            return false
        }
        return true
    }

    private func makeDueCheckpoint() async throws(ProofError) {
        guard try isCheckpointDue() else { return try deliverCheckpoints() }
        try await checkpoint(caller: options.caller)
    }

    private func isCheckpointDue() throws(ProofError) -> Bool {
        let (eventCount, now) = (live.read { $0.eventCount }, options.clock())
        let last = try checkpoints.sizes().last ?? .zero
        guard eventCount > last.leafCount else { return false }
        let isEnough = options.checkpointSchedule.eventCount.map { eventCount - last.leafCount >= $0 } ?? false
        if isEnough { return true }
        guard let seconds = options.checkpointSchedule.seconds else { return false }
        let event = try ProofError.store { () throws(StoreError) in
            try writer.transfer(EventID(once: .checkpoint, UInt128(last.leafCount)).value)
        }
        return now >= (event?.timestamp ?? 0) + UInt64(seconds) * 1_000_000_000
    }
}
