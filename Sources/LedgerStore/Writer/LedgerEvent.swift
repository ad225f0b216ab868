package import Ledger

/// What the two kinds of events that may be asked for have in common: accounts and transfers.
package protocol LedgerEvent: Sendable {
    associatedtype Status: RawRepresentable<UInt32> & Hashable & Sendable

    var isLinked: Bool { get }
    var isImported: Bool { get }

    /// Has the state machine decide a batch.
    static func decide(
        _ events: inout [Self], by machine: inout StateMachine, timestamp: UInt64,
        results: inout [EventResult<Status>]
    ) throws(HistoryUnreadable)

    /// A block of decided events, without anything else.
    static func block(of events: [Self]) -> Block
}

extension Account: LedgerEvent {
    package var isLinked: Bool { flags.contains(.linked) }
    package var isImported: Bool { flags.contains(.imported) }

    package static func decide(
        _ events: inout [Account], by machine: inout StateMachine, timestamp: UInt64,
        results: inout [CreateAccountResult]
    ) throws(HistoryUnreadable) {
        try machine.createAccounts(&events, timestamp: timestamp, results: &results)
    }

    package static func block(of events: [Account]) -> Block {
        var block = Block()
        block.operation = .createAccounts
        block.accounts = events
        return block
    }
}

extension Transfer: LedgerEvent {
    package var isLinked: Bool { flags.contains(.linked) }
    package var isImported: Bool { flags.contains(.imported) }

    package static func decide(
        _ events: inout [Transfer], by machine: inout StateMachine, timestamp: UInt64,
        results: inout [CreateTransferResult]
    ) throws(HistoryUnreadable) {
        try machine.createTransfers(&events, timestamp: timestamp, results: &results)
    }

    package static func block(of events: [Transfer]) -> Block {
        var block = Block()
        block.operation = .createTransfers
        block.transfers = events
        return block
    }
}
