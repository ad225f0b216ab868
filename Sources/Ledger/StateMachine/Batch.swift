/// What accounts and transfers have in common as events of a batch.
protocol BatchEvent {
    associatedtype Status: BatchStatus

    var timestamp: UInt64 { get }
    var isLinked: Bool { get }
    var isImported: Bool { get }

    /// Applies the rules that are this kind's own to the event at an index of the batch. A created event is replaced by
    /// its stored form.
    static func create(
        _ event: inout Self, _ index: Int, at timestamp: UInt64, in machine: inout StateMachine
    ) throws(HistoryUnreadable) -> EventResult<Status>

    /// Called once the chain around a refused event has been undone.
    static func didRefuse(_ event: Self, with status: Status, in machine: inout StateMachine)
}

/// The statuses that do not depend on the kind of event.
protocol BatchStatus: Equatable, Hashable, Sendable {
    static var created: Self { get }
    static var linkedEventFailed: Self { get }
    static var linkedEventChainOpen: Self { get }
    static var importedEventExpected: Self { get }
    static var importedEventNotExpected: Self { get }
    static var timestampMustBeZero: Self { get }
    static var importedEventTimestampOutOfRange: Self { get }
    static var importedEventTimestampMustNotAdvance: Self { get }
}

extension CreateAccountStatus: BatchStatus {}
extension CreateTransferStatus: BatchStatus {}

extension StateMachine {
    /// Walks through a batch: chains, then the rules common to all events, then those of the kind.
    mutating func decide<Event: BatchEvent>(
        _ events: inout [Event], timestamp: UInt64, results: inout [EventResult<Event.Status>]
    ) throws(HistoryUnreadable) {
        let firstTimestamp = timestamp - UInt64(events.count) + 1
        let firstResult = results.count
        let isImport = events[0].isImported
        var chain: Chain?
        // The chain's events as they were sent, for those that are replaced by their stored form.
        var sent: [Event] = []

        for index in events.indices {
            let now = firstTimestamp + UInt64(index)
            if events[index].isLinked, chain == nil {
                chain = Chain(start: index)
                sent.removeAll(keepingCapacity: true)
                undo.begin(lastTransferTimestamp: lastTransferTimestamp)
            }
            let isUnfinished = events[index].isLinked && index == events.count - 1

            let result: EventResult<Event.Status>
            if isUnfinished {
                result = EventResult(status: .linkedEventChainOpen, timestamp: now)
            } else if chain?.isBroken == true {
                result = EventResult(status: .linkedEventFailed, timestamp: now)
            } else if let status = commonRefusal(of: events[index], isImport: isImport, batch: timestamp) {
                result = EventResult(status: status, timestamp: now)
            } else {
                if chain != nil { sent.append(events[index]) }
                result = try Event.create(&events[index], index, at: now, in: &self)
            }
            results.append(result)

            if result.status != .created {
                if let start = chain?.start, chain?.isBroken == false {
                    chain?.isBroken = true
                    undoChain()
                    for earlier in start..<index {
                        events[earlier] = sent[earlier - start]
                        results[firstResult + earlier] = EventResult(
                            status: .linkedEventFailed, timestamp: firstTimestamp + UInt64(earlier))
                    }
                }
                Event.didRefuse(events[index], with: result.status, in: &self)
            }
            if chain != nil, !events[index].isLinked || isUnfinished {
                chain = nil
                undo.end()
            }
        }
    }

    private func commonRefusal<Event: BatchEvent>(
        of event: Event, isImport: Bool, batch timestamp: UInt64
    ) -> Event.Status? {
        guard event.isImported == isImport else {
            return isImport ? .importedEventExpected : .importedEventNotExpected
        }
        guard event.isImported else { return event.timestamp == 0 ? nil : .timestampMustBeZero }
        guard event.timestamp != 0, event.timestamp <= Self.timestampMax else {
            return .importedEventTimestampOutOfRange
        }
        return event.timestamp < timestamp ? nil : .importedEventTimestampMustNotAdvance
    }

    /// The largest valid timestamp, in nanoseconds since 1970.
    static let timestampMax = UInt64(1) << 63 - 2
}

/// Linked events that succeed or fail together.
private struct Chain {
    let start: Int
    var isBroken = false
}

// MARK: - Undo

/// What the open chain changed, newest last. Empty outside chains: single events have nothing to undo.
struct UndoLog: Sendable {
    enum Change: Sendable {
        case accountCreated
        case accountChanged(place: Int, before: Account)
        case transferCreated(debitPlace: Int, creditPlace: Int)
        case balanceRecorded
        case pendingOpened(UInt128)
        case pendingResolved(Transfer)
    }

    private(set) var isRecording = false
    private(set) var lastTransferTimestamp: UInt64 = 0
    private var changes: [Change] = []

    mutating func begin(lastTransferTimestamp: UInt64) {
        isRecording = true
        self.lastTransferTimestamp = lastTransferTimestamp
    }

    mutating func end() {
        isRecording = false
        changes.removeAll(keepingCapacity: true)
    }

    mutating func record(_ change: @autoclosure () -> Change) {
        if isRecording { changes.append(change()) }
    }

    mutating func popLast() -> Change? { changes.popLast() }
}

extension StateMachine {
    private mutating func undoChain() {
        while let change = undo.popLast() {
            switch change {
            case .accountCreated: accounts.removeLast()
            case .accountChanged(let place, let before): accounts.update(place) { $0 = before }
            case .transferCreated(let debitPlace, let creditPlace):
                recent.removeLast(debitPlace: debitPlace, creditPlace: creditPlace)
            case .balanceRecorded: recent.removeLastBalance()
            case .pendingOpened(let id): open.remove(id)
            case .pendingResolved(let pending):
                recent.unresolve(pending: pending.timestamp)
                open.insert(pending)
            }
        }
        lastTransferTimestamp = undo.lastTransferTimestamp
    }

    /// Changes an account so that a broken chain can take it back.
    mutating func updateAccount(_ place: Int, _ body: (inout Account) -> Void) {
        undo.record(.accountChanged(place: place, before: accounts[place]))
        accounts.update(place, body)
    }
}
