import Ledger
import Testing

@testable import LedgerStore

/// Whose turn it is.
@Suite struct RequestQueueTests {
    private static let request = Request.transfers(
        Submission(events: [TemporaryLedger.transfer(1)], details: [], ticket: Ticket()))
    private static let millisecond: UInt64 = 1_000_000

    private static func admit(_ count: Int, to queue: inout RequestQueue) {
        for _ in 0..<count {
            let admission = queue.admit(request, weight: 1, limit: 1_000)
            #expect(admission == .admitted)
        }
    }

    private static func end(_ round: Round, of queue: inout RequestQueue, now: UInt64 = 0) -> Bool {
        queue.endRound(
            answered: round.requests.count, failure: nil, nextExpiry: nil, isFlushLeft: false, now: now)
    }

    @Test func oneCallerNeverWaits() {
        var queue = RequestQueue(nextExpiry: nil)
        for _ in 0..<3 {
            #expect(!queue.isReady)
            Self.admit(1, to: &queue)
            #expect(queue.isReady)
            let round = queue.beginRound()
            #expect(round.requests.count == 1 && !queue.isReady)
            let wakes = Self.end(round, of: &queue)
            #expect(!wakes, "there is nothing to wake the thread for")
        }
    }

    @Test func whoeverIsAnsweredIsWaitedFor() {
        var queue = RequestQueue(nextExpiry: nil)
        Self.admit(2, to: &queue)
        let round = queue.beginRound()
        Self.admit(3, to: &queue)
        let wakes = Self.end(round, of: &queue)
        #expect(wakes, "the thread has to look after the gathering")
        Self.admit(1, to: &queue)
        #expect(!queue.isReady, "one of five is missing")
        Self.admit(1, to: &queue)
        #expect(queue.isReady)
        let next = queue.beginRound()
        #expect(next.requests.count == 5)
    }

    /// Callers that do not come back delay others once, then twice as seldom each time.
    @Test func waitingInVainGetsRarer() {
        var queue = RequestQueue(nextExpiry: nil)
        var now: UInt64 = 0
        var gatherings: [Int] = []
        for number in 0..<100 {
            Self.admit(2, to: &queue)
            guard case .done(.round(let round)) = queue.workForThread(now: now, time: 0) else {
                Issue.record("two requests are there, and time is up")
                return
            }
            #expect(round.requests.count == 2)
            _ = Self.end(round, of: &queue, now: now)
            if queue.turn != .free { gatherings.append(number) }
            // Nobody comes in time.
            now += Self.millisecond
            guard case .again = queue.workForThread(now: now, time: 0) else {
                Issue.record("there is nothing to do")
                return
            }
        }
        #expect(gatherings == [0, 2, 5, 10, 19, 36, 69])
    }

    @Test func theThreadTakesWhatGatheredInTime() {
        var queue = RequestQueue(nextExpiry: nil)
        Self.admit(3, to: &queue)
        _ = Self.end(queue.beginRound(), of: &queue)
        Self.admit(1, to: &queue)
        guard case .again(within: let pause?) = queue.workForThread(now: 1, time: 0) else {
            Issue.record("two of three are missing")
            return
        }
        #expect(pause < Self.millisecond)
        guard case .done(.round(let round)) = queue.workForThread(now: Self.millisecond, time: 0) else {
            Issue.record("time is up")
            return
        }
        #expect(round.requests.count == 1)
    }

    @Test func theThreadSleepsNoLongerThanUntilTheNextExpiry() {
        var queue = RequestQueue(nextExpiry: nil)
        guard case .again(within: nil) = queue.workForThread(now: 0, time: 100) else {
            Issue.record("nothing will ever expire")
            return
        }
        let round = queue.beginRound()
        let wakes = queue.endRound(answered: 1, failure: nil, nextExpiry: 500, isFlushLeft: false, now: 0)
        #expect(
            wakes, "the thread does not know of it yet")
        guard case .again(within: 400) = queue.workForThread(now: 0, time: 100) else {
            Issue.record("not yet")
            return
        }
        guard case .done(.round) = queue.workForThread(now: 0, time: 500) else {
            Issue.record("it is due")
            return
        }
        #expect(round.requests.isEmpty)
    }

    @Test func whoIsThereWhenItFailsHearsWhyTheOthersThatItDid() {
        var queue = RequestQueue(nextExpiry: nil)
        let failure = StoreError.diskFull(path: "/ledger")
        Self.admit(1, to: &queue)
        let round = queue.beginRound()
        #expect(round.refusal == nil)
        _ = queue.endRound(answered: 1, failure: failure, nextExpiry: nil, isFlushLeft: false, now: 0)
        Self.admit(1, to: &queue)
        let next = queue.beginRound()
        #expect(next.refusal == .failed(reason: failure.description))
    }

    @Test func aFailureThatNobodyHeardOfIsToldToTheNext() {
        var queue = RequestQueue(nextExpiry: nil)
        let failure = StoreError.diskFull(path: "/ledger")
        _ = queue.endRound(answered: 1, failure: nil, nextExpiry: nil, isFlushLeft: true, now: 0)
        let (first, second) = (queue.beginFlush(), queue.beginFlush())
        #expect(first && !second)
        queue.endFlush(failure: failure)
        Self.admit(1, to: &queue)
        let round = queue.beginRound()
        #expect(round.refusal == failure)
        _ = Self.end(round, of: &queue)
        Self.admit(1, to: &queue)
        let next = queue.beginRound()
        #expect(next.refusal == .failed(reason: failure.description))
    }

    @Test func aStoppedQueueWorksOffWhatItHas() {
        var queue = RequestQueue(nextExpiry: nil)
        Self.admit(1, to: &queue)
        queue.stop()
        let admission = queue.admit(Self.request, weight: 1, limit: 10)
        #expect(admission == .stopped)
        guard case .done(.round(let round)) = queue.workForThread(now: 0, time: 0) else {
            Issue.record("a request is left")
            return
        }
        let wakes = Self.end(round, of: &queue)
        #expect(wakes)
        guard case .done(.end) = queue.workForThread(now: 0, time: 0) else {
            Issue.record("nothing is left")
            return
        }
    }
}
