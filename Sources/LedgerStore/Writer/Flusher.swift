internal import Ledger

/// Brings `state/` up to date on a thread of its own, while the writer goes on: flushes first, merges in between.
final class Flusher: Sendable {
    private let progress: Monitor<Progress>

    private struct Progress {
        var waiting: DerivedState.Flush?
        /// A flush or a step of a merge is under way.
        var isBusy = false
        /// What `state/` holds now.
        var segments: [Segment]
        /// How far it reaches.
        var nextSequence: UInt64
        var failure: StoreError?
        var isStopped = false
        var hasEnded = false
    }

    init(_ state: DerivedState, segments: [Segment], nextSequence: UInt64) {
        let progress = Monitor(Progress(segments: segments, nextSequence: nextSequence))
        self.progress = progress
        startThread { Self.run(state, progress) }
    }

    deinit { stop() }

    // MARK: The writer's side

    /// Hands a flush over. At most one waits: the writer stops until the one before it is on disk.
    func submit(_ flush: DerivedState.Flush) throws(StoreError) {
        let failure: StoreError?? = progress.wait { progress in
            if let failure = progress.failure { return .some(failure) }
            guard progress.waiting == nil else { return nil }
            progress.waiting = flush
            return .some(nil)
        }
        if case .some(.some(let failure)) = failure { throw failure }
        progress.change { _ in }
    }

    /// What `state/` holds now and how far it reaches.
    ///
    /// - Parameter minimum: Waits until it reaches that far.
    func takeOver(reaching minimum: UInt64 = 0) throws(StoreError) -> (segments: [Segment], nextSequence: UInt64) {
        let result: Result<([Segment], UInt64), StoreError>? = progress.wait { progress in
            if let failure = progress.failure { return .failure(failure) }
            guard progress.nextSequence >= minimum else { return nil }
            return .success((progress.segments, progress.nextSequence))
        }
        guard let result else { preconditionFailure("waiting without a limit has a result") }
        let (segments, nextSequence) = try result.get()
        return (segments, nextSequence)
    }

    /// Ends the thread after the flush it is at; merges are left where they are.
    func stop() {
        progress.change { $0.isStopped = true }
        _ = progress.wait { $0.hasEnded ? true : nil }
    }

    // MARK: The thread's side

    private enum Work {
        case flush(DerivedState.Flush)
        case merge
        case end
    }

    private static func run(_ state: DerivedState, _ progress: Monitor<Progress>) {
        var number: UInt32 = progress.change { ($0.segments.map(\.descriptor.number).max() ?? 0) + 1 }
        var sorter = FlushSorter()
        var merge: SegmentMerge?
        var hasMerges = true
        while true {
            let mergesNext = merge != nil || hasMerges
            let next: (Work, [Segment])? = progress.wait { progress in
                if let flush = progress.waiting { return (.flush(flush), progress.segments) }
                if progress.isStopped || progress.failure != nil { return (.end, []) }
                return mergesNext ? (.merge, progress.segments) : nil
            }
            guard let (work, segments) = next else { continue }
            do throws(StoreError) {
                switch work {
                case .flush(let flush):
                    let segment = try state.write(flush, as: number, after: segments, sortedBy: &sorter)
                    number += 1
                    hasMerges = true
                    progress.change { progress in
                        progress.waiting = nil
                        progress.segments.append(segment)
                        progress.nextSequence = flush.position.nextSequence
                    }
                case .merge:
                    if merge == nil {
                        merge = try state.merge(of: segments, as: number)
                        hasMerges = merge != nil
                        // A look in vain takes no number: how often there is one is a matter of chance.
                        if hasMerges { number += 1 }
                    }
                    if var current = merge {
                        merge = nil
                        if let merged = try state.advance(&current, of: segments) {
                            progress.change { $0.segments = merged }
                        } else {
                            merge = current
                        }
                    }
                case .end:
                    progress.change { $0.hasEnded = true }
                    return
                }
            } catch {
                // The flush is given up with the engine; tried again and again it would keep the thread from ending.
                progress.change { progress in
                    progress.failure = error
                    progress.waiting = nil
                }
            }
        }
    }
}
