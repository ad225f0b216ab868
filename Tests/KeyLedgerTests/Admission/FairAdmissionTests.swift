import LedgerStore
import Synchronization
import Testing

@testable import KeyLedger

@Suite("Turns")
struct TurnQueueTests {
    private let loud = TenantID(1)
    private let quiet = TenantID(2)
    private let third = TenantID(3)

    @Test func aFreePlaceIsTakenAtOnceAndNoMoreThanThereAre() {
        var queue = TurnQueue<String>(placeCount: 2)
        let taken = (0..<3).map { _ in queue.takePlace() }
        #expect(taken == [true, true, false])
        let next = queue.leavePlace()
        #expect(next == nil)
        let isFree = queue.takePlace()
        #expect(isFree)
    }

    /// However much somebody else has asked for before, one waits for one of its turns, not for all of them.
    @Test func whoComesLastIsNextAfterOneTurnOfEveryOther() {
        var queue = TurnQueue<String>(placeCount: 1)
        _ = queue.takePlace()
        for number in 0..<1000 { queue.wait("loud \(number)", for: loud) }
        queue.wait("quiet", for: quiet)
        queue.wait("third", for: third)
        queue.wait("quiet again", for: quiet)
        let served = (0..<6).map { _ in queue.leavePlace() }
        #expect(served == ["loud 0", "quiet", "third", "loud 1", "quiet again", "loud 2"])
        #expect(queue.waitingCount(of: loud) == 997)
        #expect(queue.waitingCount(of: quiet) == 0)
    }

    @Test func whatOnlyHasToBeFinishedComesBeforeWhatHasNotBegun() {
        var queue = TurnQueue<String>(placeCount: 1)
        _ = queue.takePlace()
        queue.wait("begin", for: loud)
        queue.wait("finish", for: loud, .finishing)
        queue.wait("quiet", for: quiet)
        let served = (0..<3).map { _ in queue.leavePlace() }
        #expect(served == ["finish", "quiet", "begin"])
    }

    @Test func aTenantsOwnRequestsComeInOrderAndNobodyIsForgotten() {
        var random = SeededRandom()
        var queue = TurnQueue<(TenantID, Int)>(placeCount: 3)
        var (asked, served): ([TenantID: Int], [TenantID: Int]) = ([:], [:])
        var occupied = 0
        for _ in 0..<5000 {
            let tenant = [loud, loud, loud, quiet, third][Int.random(in: 0..<5, using: &random)]
            if random.oneIn(2) {
                if queue.takePlace() {
                    occupied += 1
                } else {
                    queue.wait((tenant, asked[tenant, default: 0]), for: tenant)
                    asked[tenant, default: 0] += 1
                }
            } else if occupied > 0 {
                guard let (tenant, number) = queue.leavePlace() else {
                    occupied -= 1
                    continue
                }
                #expect(number == served[tenant, default: 0])
                served[tenant, default: 0] += 1
            }
            #expect(occupied <= 3)
        }
        while occupied > 0 {
            if let (tenant, _) = queue.leavePlace() { served[tenant, default: 0] += 1 } else { occupied -= 1 }
        }
        #expect(served == asked)
        #expect(!queue.isAnybodyWaiting)
    }
}

@Suite("Fair admission")
struct FairAdmissionTests {
    private let loud = TenantID(1)
    private let quiet = TenantID(2)

    /// Long work lets others go first between two steps.
    @Test func longWorkOfOneTenantDoesNotKeepAnotherWaitingToItsEnd() async throws {
        let admission = FairAdmission(placeCount: 1)
        let course = Course()
        let turn = try await admission.turn(of: loud)
        let quiet = quiet
        let other = Task { try await admission.turn(of: quiet) }
        #expect(await eventually { admission.waitingCount(of: quiet) == 1 })
        let visit = Task {
            let turn = try await other.value
            course.note("quiet")
            turn.end()
        }
        course.note("first step")
        await turn.pass()
        course.note("second step")
        turn.end()
        try await visit.value
        #expect(course.steps == ["first step", "quiet", "second step"])
    }

    @Test func whoAsksForTooMuchIsRefusedAndOthersAreNot() async throws {
        let admission = FairAdmission(placeCount: 1, waitingCountMax: 2)
        let (loud, quiet) = (loud, quiet)
        let turn = try await admission.turn(of: loud)
        func ask(_ tenant: TenantID) -> Task<Void, any Error> {
            Task { try await admission.turn(of: tenant).end() }
        }
        let waiting = [ask(loud), ask(loud)]
        #expect(await eventually { admission.waitingCount(of: loud) == 2 })
        await #expect(throws: KeyStoreError.store(.overloaded(queuedEvents: 2))) { try await ask(loud).value }
        let other = ask(quiet)
        #expect(await eventually { admission.waitingCount(of: quiet) == 1 })
        turn.end()
        for task in waiting + [other] { try await task.value }
        // All places are free again.
        let isFree = Task { try await admission.turn(of: loud).end() }
        try await isFree.value
        #expect(!admission.isAnybodyWaiting)
    }

    private final class Course: Sendable {
        private let noted = Mutex<[String]>([])
        var steps: [String] { noted.withLock { $0 } }
        func note(_ step: String) { noted.withLock { $0.append(step) } }
    }
}
