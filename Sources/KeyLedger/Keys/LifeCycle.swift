/// The states of a version of a key (SP 800-57 part 1 rev. 5, section 7).
///
/// ```
///  pre-activation ──► active ◄──► suspended          protect   process
///        │              │             │     pre-activation   –         –
///        │              ▼             │     active           yes       yes
///        │         deactivated ◄──────┤     suspended        –         yes, at the recipient's risk
///        │              │             │     deactivated      –         yes
///        ├──────────► compromised ◄───┘     compromised      –         yes, at the recipient's risk
///        ▼              ▼                   destroyed        –         –
///    every state but destroyed can become destroyed, at once or after a waiting time
/// ```
public enum KeyState: UInt8, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// Made, and not to be used before its date.
    case preActivation = 1
    case active = 2
    /// Protects nothing until it is resumed.
    case suspended = 3
    /// Processes what it protected before, protects nothing new.
    case deactivated = 4
    /// As deactivated, and somebody else may know it: whoever processes with it takes that risk.
    case compromised = 5
    /// Nothing can be done with it any more.
    case destroyed = 6

    /// The state's name.
    public var description: String {
        switch self {
        case .preActivation: "pre-activation"
        case .active: "active"
        case .suspended: "suspended"
        case .deactivated: "deactivated"
        case .compromised: "compromised"
        case .destroyed: "destroyed"
        }
    }
}

/// What can happen to a version of a key on somebody's order.
public enum KeyTransition: Sendable, Hashable, CaseIterable {
    /// Makes it active before its date.
    case activate
    case suspend
    case resume
    case deactivate
    case compromise
    /// Deactivates it and closes it for everything, until it is cancelled or the waiting time is over.
    case scheduleDestruction
    /// Opens it again for processing.
    case cancelDestruction
    /// Ends it; while a destruction is scheduled, only once that is due.
    case destroy

    /// The event that says it.
    public var event: EventKind {
        switch self {
        case .activate: .activate
        case .suspend: .suspend
        case .resume: .resume
        case .deactivate: .deactivate
        case .compromise: .compromise
        case .scheduleDestruction: .scheduleDestruction
        case .cancelDestruction: .cancelDestruction
        case .destroy: .destroy
        }
    }
}

extension KeyState {
    /// How far the destruction of a version is.
    public enum Destruction: Sendable, Hashable, CaseIterable {
        case notScheduled
        /// It can still be cancelled.
        case waiting
        /// The waiting time is over.
        case due
    }

    /// The transitions that a state allows.
    ///
    /// This is the diagram written down, not what is asked before an operation: the ledger decides, by the accounts that
    /// are closed. Tests hold the two against each other.
    public func allowedTransitions(_ destruction: Destruction = .notScheduled) -> Set<KeyTransition> {
        switch (self, destruction) {
        case (.destroyed, _): []
        case (_, .waiting): [.cancelDestruction]
        case (_, .due): [.destroy]
        case (.preActivation, _): [.activate, .compromise, .scheduleDestruction, .destroy]
        case (.active, _): [.suspend, .deactivate, .compromise, .scheduleDestruction, .destroy]
        case (.suspended, _): [.resume, .deactivate, .compromise, .scheduleDestruction, .destroy]
        case (.deactivated, _): [.compromise, .scheduleDestruction, .destroy]
        case (.compromised, _): [.scheduleDestruction, .destroy]
        }
    }

    /// The state after a transition that is allowed.
    public func after(_ transition: KeyTransition) -> KeyState {
        switch transition {
        case .activate, .resume: .active
        case .suspend: .suspended
        case .deactivate: .deactivated
        case .compromise: .compromised
        case .scheduleDestruction: self == .compromised ? .compromised : .deactivated
        case .cancelDestruction: self
        case .destroy: .destroyed
        }
    }

    /// Whether it may apply protection: sign, encrypt (originator usage).
    public var protects: Bool { self == .active }

    /// Whether it may process what is protected, unless its destruction is scheduled: verify, decrypt.
    public var processes: Bool { self != .preActivation && self != .destroyed }
}
