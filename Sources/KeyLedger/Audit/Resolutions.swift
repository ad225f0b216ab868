internal import Ledger
internal import LedgerStore

/// Follows which pending transfers are open and by what they are ended.
///
/// The ledger would void any pending transfer, also one that is to close an account for good. That none is voided, and
/// others only by their own counterpart, is the key store's word: here it is checked.
struct Resolutions {
    private var open: [UInt128: EventKind] = [:]

    /// What a block ends that was not to be ended, or not that way.
    mutating func violations(in block: Block) -> [LogVerification.Finding] {
        var findings: [LogVerification.Finding] = []
        block.forEachEvent { event in
            guard case .transfer(let transfer, .created) = event.record else { return }
            let kind = EventKind(rawValue: transfer.userData32)
            if transfer.flags.contains(.pending) {
                open[transfer.id] = kind
            } else if transfer.pendingID != 0, let ended = open.removeValue(forKey: transfer.pendingID),
                let reason = Self.violation(by: kind, of: ended)
            {
                findings.append(.init(sequence: event.sequence, description: reason))
            }
        }
        return findings
    }

    private static func violation(by kind: EventKind?, of ended: EventKind) -> String? {
        if ended.isFinal { return "\(ended) is for good, and was taken back" }
        guard let expected = ended.resolutions else { return nil }
        guard let kind, expected.contains(kind) else {
            return "\(ended) was ended by \(kind.map(\.description) ?? "something else")"
        }
        return nil
    }
}

extension EventKind {
    /// What may end a pending transfer of this kind before its time; nil where nothing says so.
    fileprivate var resolutions: Set<EventKind>? {
        switch self {
        case .admit: [.evict]
        case .hold: [.activate, .release]
        case .suspend: [.resume, .release]
        case .scheduleDestruction: [.cancelDestruction, .release]
        case .offerImport: [.redeem]
        default: nil
        }
    }
}
