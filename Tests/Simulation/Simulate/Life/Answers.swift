internal import Ledger
internal import LedgerStore
internal import Synchronization

/// The replies to requests, noted in the journal at the moment in which they come.
final class Answers: Sendable {
    private struct Answer: Sendable {
        let ids: [UInt128]
        let details: [EventDetails]
        let firstSequence: UInt64
        let statuses: [UInt32]
    }

    private struct Notes {
        var answers: [Answer] = []
        var waitingCount = 0
        var failure: StoreError?
    }

    private let notes = Mutex(Notes())

    /// Begins to wait for the reply to a request.
    func wait<Status: RawRepresentable<UInt32>>(
        for ticket: Ticket<Status>, ids: [UInt128], _ details: [EventDetails]
    ) {
        notes.withLock { $0.waitingCount += 1 }
        Task(executorPreference: InlineExecutor.shared) { [self] in
            do throws(StoreError) {
                let reply = try await ticket.reply()
                Journal.add(.acknowledged(reply.firstSequence + UInt64(reply.results.count)))
                notes.withLock { notes in
                    notes.answers.append(
                        Answer(
                            ids: ids, details: details, firstSequence: reply.firstSequence,
                            statuses: reply.results.map(\.status.rawValue)))
                    notes.waitingCount -= 1
                }
            } catch {
                notes.withLock { $0.failure = error }
            }
        }
    }

    /// After a round nobody waits any more, and nobody was refused.
    func expectAllThere() throws(Finding) {
        let (waitingCount, failure) = notes.withLock { ($0.waitingCount, $0.failure) }
        if let failure { throw Finding("a request was refused: \(failure)") }
        try expect(waitingCount == 0, "a request was not answered")
    }

    /// Whether the log says what was answered, at the place that was named. Adds the details that were accepted.
    func compare(with truth: inout Truth) throws(Finding) {
        var events: [UInt64: (id: UInt128, status: UInt32)] = [:]
        for block in truth.blocks {
            block.forEachEvent { event in
                switch event.record {
                case .account(let account, let status): events[event.sequence] = (account.id, status.rawValue)
                case .transfer(let transfer, let status): events[event.sequence] = (transfer.id, status.rawValue)
                case .expiry: break
                }
            }
        }
        for answer in notes.withLock({ $0.answers }) {
            for (index, (id, status)) in zip(answer.ids, answer.statuses).enumerated() {
                let sequence = answer.firstSequence + UInt64(index)
                guard let event = events[sequence], event == (id, status) else {
                    throw Finding("event \(sequence) is not what was answered")
                }
            }
            for detail in answer.details { truth.details[answer.firstSequence + UInt64(detail.index)] = detail.sealed }
        }
    }
}
