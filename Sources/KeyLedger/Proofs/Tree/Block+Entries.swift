internal import CryptoPrimitives
internal import Ledger
internal import LedgerStore
internal import Transparency

extension Block {
    /// Hands out the Merkle tree's entry for each event: the 128 bytes as committed, the operation (1), the status (4,
    /// little-endian), and the commitment to its details (32) if it has any.
    package func forEachEntry(_ body: (RawSpan) -> Void) {
        var entry = EntryBuffer(operation)
        var exceptions = exceptions[...]
        var commitments = commitments[...]
        for index in 0..<count {
            let isRefused = exceptions.first?.index == UInt32(index)
            let isCommitted = commitments.first?.index == UInt32(index)
            entry.fill(
                with: self, at: index, status: isRefused ? exceptions.removeFirst().status : nil,
                commitment: isCommitted ? commitments.removeFirst().digest : nil)
            body(unsafe entry.bytes.span.bytes.extracting(0..<entry.byteCount))
        }
    }

    /// The entry of the event at `index`.
    func entry(at index: Int) -> [UInt8] {
        var entry = EntryBuffer(operation)
        entry.fill(
            with: self, at: index, status: exceptions.first { $0.index == UInt32(index) }?.status,
            commitment: commitments.first { $0.index == UInt32(index) }?.digest)
        return Array(entry.bytes[..<entry.byteCount])
    }
}

/// Room for one entry after the other.
private struct EntryBuffer {
    private(set) var bytes = [UInt8](repeating: 0, count: EventEntry.byteCountWithDetails)
    private(set) var byteCount = EventEntry.byteCount

    init(_ operation: LedgerStore.Operation) { bytes[EventEntry.operationOffset] = operation.rawValue }

    mutating func fill(with block: Block, at index: Int, status: UInt32?, commitment: SHA256Digest?) {
        var status = status ?? CreateTransferStatus.created.rawValue
        for place in EventEntry.statusOffset..<EventEntry.byteCount {
            bytes[place] = UInt8(truncatingIfNeeded: status)
            status >>= 8
        }
        byteCount = commitment == nil ? EventEntry.byteCount : EventEntry.byteCountWithDetails
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        block.withRecord(at: index) { raw.copy($0, at: 0) }
        commitment?.withBytes { raw.copy($0, at: EventEntry.byteCount) }
    }
}
