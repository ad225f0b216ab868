import CryptoPrimitives
import Ledger
import LedgerStore
import Testing
import Transparency

@testable import KeyLedger

/// A transfer as the log has it, with what its details say.
struct RecordedEvent {
    let sequence: UInt64
    let timestamp: UInt64
    let transfer: Transfer
    let status: CreateTransferStatus
    let details: JSONObject?

    var kind: EventKind? { EventKind(rawValue: transfer.userData32) }
    var id: EventID { EventID(transfer.id) }
    var version: KeyVersion {
        KeyVersion(key: KeyID(transfer.userData128), number: UInt32(truncatingIfNeeded: transfer.userData64))
    }
}

extension AuditReader {
    /// The transfers of a ledger, from its log alone.
    func events(_ kinds: EventKind..., from start: UInt64 = 0) throws -> [RecordedEvent] {
        let projection = try Replay(log).projection
        var events: [RecordedEvent] = []
        try log.forEachBlock(mapping: { $0 as any Error }) { block in
            try block.forEachEvent { event in
                guard case .transfer(let transfer, let status) = event.record, event.sequence >= start else { return }
                let kind = EventKind(rawValue: transfer.userData32)
                guard kinds.isEmpty || kind.map(kinds.contains) == true else { return }
                let details = try details(
                    at: Int(event.sequence - block.firstSequence), of: block, tenant: projection.tenant(of: transfer))
                events.append(
                    RecordedEvent(
                        sequence: event.sequence, timestamp: event.timestamp, transfer: transfer, status: status,
                        details: try details.map { try JSONValue(parsing: $0) }?.object))
            }
            return true
        }
        return events
    }

    /// The reasons of the refusals that came before the ledger was asked.
    func denials(from start: UInt64 = 0) throws -> [String] {
        try events(.deny, from: start).map { $0.details?["denied"]?.string ?? "(none)" }
    }
}

extension KeyStore {
    /// How many events are on disk.
    var eventCount: UInt64 { get throws { try audit.log.eventCount() } }

    /// The usage of a key's version as its ledger balances have it, not as the projection counted it.
    func balance(_ version: KeyVersion, _ algorithm: KeyAlgorithm, _ ledger: LedgerKind) -> UInt128? {
        writer.account(AccountID.version(version, algorithm, ledger))?.debitsPosted
    }
}

extension KeyHandle {
    func version(numbered number: UInt32) -> KeyVersion { KeyVersion(key: id, number: number) }
}

/// Where a ledger says that a use was made of a key that was not in memory, a key was in memory twice, or more keys of a
/// kind were in memory than may be. Empty for a ledger that kept its word at every event.
func residencyViolations(in reader: LedgerReader, capacity: Int) throws -> [String] {
    var violations: [String] = []
    var open: [EventID: KeyVersion] = [:]
    var expiry: [EventID: UInt64] = [:]
    var caches: [EventID: UInt128] = [:]
    try reader.forEachBlock(mapping: { $0 as any Error }) { block in
        block.forEachEvent { event in
            switch event.record {
            case .expiry:
                for (id, end) in expiry where end <= event.timestamp {
                    open[id] = nil
                    expiry[id] = nil
                }
            case .transfer(let transfer, .created):
                let version = KeyVersion(
                    key: KeyID(transfer.userData128), number: UInt32(truncatingIfNeeded: transfer.userData64))
                switch EventKind(rawValue: transfer.userData32) {
                case .admit:
                    if open.values.contains(version) {
                        violations.append("event \(event.sequence): a second residency")
                    }
                    open[EventID(transfer.id)] = version
                    expiry[EventID(transfer.id)] = transfer.expiresAt
                    caches[EventID(transfer.id)] = transfer.creditAccountID
                    let count = open.keys.count { caches[$0] == transfer.creditAccountID }
                    if count > capacity { violations.append("event \(event.sequence): \(count) in memory") }
                case .evict:
                    open[EventID(transfer.pendingID)] = nil
                    expiry[EventID(transfer.pendingID)] = nil
                case .sign, .encrypt, .decrypt:
                    if !open.values.contains(version) {
                        violations.append("event \(event.sequence): a use of a key that is not in memory")
                    }
                default: break
                }
            default: break
            }
        }
        return true
    }
    return violations
}

extension SHA256 {
    static func hash(of bytes: [UInt8]) -> SHA256Digest { unsafe hash(bytes.span.bytes) }
}

extension Ed25519.PublicKey {
    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        unsafe isValidSignature(signature.span.bytes, for: message.span.bytes)
    }
}

extension SecretBytes {
    borrowing func revealed() -> [UInt8] { withBytes { $0.array } }
}
