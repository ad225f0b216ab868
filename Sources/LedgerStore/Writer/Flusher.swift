internal import Ledger

/// Brings `state/` up to date on a thread of its own, while the writer goes on: flushes first, merges in between.
final class Flusher: Sendable {
    private let progress: Monitor<Progress>

    private struct Progress {
        var waiting: DerivedState.Flush?
        /// What `state/` holds now.
        var segments: [Segment]
        /// How far it reaches.
        var nextSequence: UInt64
        /// How often either has changed.
        var revision = 0
        var failure: StoreError?
        var isStopped = false
        var hasEnded = false
    }

    /// What the one who works has at hand between two steps.
    private struct Bench {
        var number: UInt32
        var sorter = FlushSorter()
        var merge: SegmentMerge?
        var hasMerges = true
    }

    /// Does the work that comes next, when there is no thread for it; false if there is nothing to do.
    private let workByHand: (@Sendable () -> Bool)?

    /// - Parameter isDrivenByHand: Works only in ``work()``, and while somebody waits for it.
    init(_ state: DerivedState, segments: [Segment], nextSequence: UInt64, isDrivenByHand: Bool) {
        let progress = Monitor(Progress(segments: segments, nextSequence: nextSequence))
        self.progress = progress
        let number = (segments.map(\.descriptor.number).max() ?? 0) + 1
        if isDrivenByHand {
            let bench = Monitor(Bench(number: number))
            workByHand = {
                bench.change { bench in
                    guard let next = progress.change({ Self.next(in: $0, bench) }) else { return false }
                    _ = Self.perform(next, on: state, progress, &bench)
                    return true
                }
            }
            return
        }
        workByHand = nil
        startThread {
            var bench = Bench(number: number)
            while true {
                let next = progress.wait { Self.next(in: $0, bench) }
                if !Self.perform(next, on: state, progress, &bench) { return }
            }
        }
    }

    deinit { stop() }

    // MARK: The writer's side

    /// Hands a flush over. At most one waits: the writer stops until the one before it is on disk.
    func submit(_ flush: DerivedState.Flush) throws(StoreError) {
        let failure: StoreError? = wait { progress in
            if let failure = progress.failure { return .some(failure) }
            guard progress.waiting == nil else { return nil }
            progress.waiting = flush
            return .some(nil)
        }
        if let failure { throw failure }
        progress.change { _ in }
    }

    /// What `state/` holds now, how far it reaches, and how often that has changed; nil if it has not since `revision`.
    func progress(
        since revision: Int
    ) throws(StoreError) -> (segments: [Segment], nextSequence: UInt64, revision: Int)? {
        let (failure, news) = progress.withLock { progress in
            (
                progress.failure,
                progress.revision == revision
                    ? nil : (progress.segments, progress.nextSequence, progress.revision)
            )
        }
        if let failure { throw failure }
        return news
    }

    /// How often `state/`, or whether it can be written, has changed.
    var revision: Int { progress.withLock { $0.revision } }

    /// Waits until `state/` reaches a position.
    func wait(reaching nextSequence: UInt64) throws(StoreError) {
        let failure: StoreError? = wait { progress in
            if let failure = progress.failure { return .some(failure) }
            return progress.nextSequence >= nextSequence ? .some(nil) : nil
        }
        if let failure { throw failure }
    }

    /// Ends the thread after the flush it is at; merges are left where they are.
    func stop() {
        progress.change { $0.isStopped = true }
        wait { $0.hasEnded ? () : nil }
    }

    private func wait<Result>(_ body: (inout Progress) -> Result?) -> Result {
        while true {
            guard let workByHand else {
                return progress.wait(body)
            }
            if let result = progress.change(body) { return result }
            precondition(workByHand(), "nothing is left to do, and what is waited for did not come")
        }
    }

    /// Does what comes next; false if there is nothing to do. For a flusher that is driven by hand.
    func work() -> Bool {
        guard let workByHand else { preconditionFailure("a thread does the work") }
        return workByHand()
    }

    // MARK: The worker's side

    private enum Work {
        case flush(DerivedState.Flush)
        case merge
        case end
    }

    private static func next(in progress: Progress, _ bench: Bench) -> (Work, [Segment])? {
        // A flush that failed still waits; trying it again would only fail again.
        if progress.hasEnded { return nil }
        if progress.failure != nil { return (.end, []) }
        if let flush = progress.waiting { return (.flush(flush), progress.segments) }
        if progress.isStopped { return (.end, []) }
        return bench.merge != nil || bench.hasMerges ? (.merge, progress.segments) : nil
    }

    /// False at the end.
    private static func perform(
        _ next: (Work, [Segment]), on state: DerivedState, _ progress: Monitor<Progress>, _ bench: inout Bench
    ) -> Bool {
        let (work, segments) = next
        do throws(StoreError) {
            switch work {
            case .flush(let flush):
                let segment = try state.write(flush, as: bench.number, after: segments, sortedBy: &bench.sorter)
                bench.number += 1
                bench.hasMerges = true
                progress.change { progress in
                    progress.waiting = nil
                    progress.segments.append(segment)
                    progress.nextSequence = flush.position.nextSequence
                    progress.revision += 1
                }
            case .merge:
                if bench.merge == nil {
                    bench.merge = try state.merge(of: segments, as: bench.number)
                    bench.hasMerges = bench.merge != nil
                    // A look in vain takes no number: how often there is one is a matter of chance.
                    if bench.hasMerges { bench.number += 1 }
                }
                if var current = bench.merge {
                    bench.merge = nil
                    if let merged = try state.advance(&current, of: segments) {
                        progress.change { progress in
                            progress.segments = merged
                            progress.revision += 1
                        }
                    } else {
                        bench.merge = current
                    }
                }
            case .end:
                progress.change { $0.hasEnded = true }
                return false
            }
        } catch {
            progress.change { progress in
                progress.failure = error
                progress.revision += 1
            }
        }
        return true
    }
}
