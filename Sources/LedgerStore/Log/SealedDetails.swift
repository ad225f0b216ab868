internal import CryptoPrimitives
internal import Ledger

/// Details of one event, as they are stored: opaque here.
///
/// Those of a block are one value: how many there are (4), then for each the event's index in the block (4) and where its
/// bytes end (4), then all bytes.
package struct SealedDetails: Sendable {
    let sequence: UInt64
    let bytes: [UInt8]

    private static let countSize = 4
    private static let entrySize = 8

    /// The value for a block's details, in ascending order; empty for none.
    static func bytes(of details: [SealedDetails], from firstSequence: UInt64) -> [UInt8] {
        if details.isEmpty { return [] }
        let size = details.reduce(0) { $0 + $1.bytes.count }
        var bytes = LittleEndianBytes(capacity: countSize + details.count * entrySize + size)
        bytes.append(UInt32(details.count))
        var end = 0
        for detail in details {
            end += detail.bytes.count
            bytes.append(UInt32(detail.sequence - firstSequence))
            bytes.append(UInt32(end))
        }
        for detail in details { bytes.append(detail.bytes) }
        return bytes.bytes
    }

    /// How many there are in a block's value; 0 for what is none.
    static func count(in bytes: RawSpan) -> Int {
        guard bytes.byteCount >= countSize else { return 0 }
        let count = Int(bytes.load(UInt32.self, at: 0))
        return count <= (bytes.byteCount - countSize) / entrySize ? count : 0
    }

    /// The details of an event in the value of its block, or nil if it has none.
    static func bytes(
        of sequence: UInt64, in bytes: RawSpan, from firstSequence: UInt64, _ path: String
    ) throws(StoreError) -> [UInt8]? {
        let count = count(in: bytes)
        let entries = countSize..<(countSize + count * entrySize)
        func index(_ place: Int) -> UInt64 {
            UInt64(bytes.load(UInt32.self, at: entries.lowerBound + place * entrySize))
        }
        func end(_ place: Int) -> Int {
            place < 0 ? 0 : Int(bytes.load(UInt32.self, at: entries.lowerBound + place * entrySize + 4))
        }
        let place = (0..<count).partitionPoint { firstSequence + index($0) < sequence }
        guard place < count, firstSequence + index(place) == sequence else { return nil }
        let range = (start: entries.upperBound + end(place - 1), end: entries.upperBound + end(place))
        guard range.start <= range.end, range.end <= bytes.byteCount else {
            throw .damaged(path: path, sequence: sequence, reason: "the details' sizes do not fit")
        }
        return bytes.extracting(range.start..<range.end).array
    }
}
