public import CryptoPrimitives

/// What a leaf of a ledger's tree is the hash of: an event as it was committed, and what became of it.
///
/// ```
/// 0 record (128)   128 operation (1)   129 status (4)   133 commitment to the details (32), if it has any
/// ```
///
/// Integers are little-endian. Which fields a record has, `Specs/STORAGE.md` and the account/transfer model say; of those
/// of a transfer the ones that evidence rests on are here.
public struct EventEntry: Hashable, Sendable {
    /// The bytes of an entry without details.
    public static let byteCount = 133
    /// The bytes of an entry with details.
    public static let byteCountWithDetails = 165
    /// Where the operation is.
    public static let operationOffset = 128
    /// Where the status is.
    public static let statusOffset = 129

    /// The status of events that were accepted.
    public static let createdStatus = UInt32.max
    /// The operation of blocks that create transfers.
    public static let createTransfersOperation: UInt8 = 2

    /// The entry.
    public let bytes: [UInt8]

    /// The entry with these bytes, or nil if no event has them: another length, an unknown operation.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount || bytes.count == Self.byteCountWithDetails,
            (1...3).contains(bytes[Self.operationOffset])
        else { return nil }
        self.bytes = bytes
    }

    /// Its leaf in the tree.
    public var leafHash: SHA256Digest { MerkleHash.leaf(unsafe bytes.span.bytes) }

    /// 1 create accounts, 2 create transfers, 3 expire.
    public var operation: UInt8 { bytes[Self.operationOffset] }
    /// The raw value of the answer.
    public var status: UInt32 { number(at: Self.statusOffset) }
    /// The commitment to the details, if the event has any.
    public var commitment: SHA256Digest? {
        bytes.count == Self.byteCountWithDetails ? SHA256Digest(bytes[Self.byteCount...]) : nil
    }

    /// Whether it is a transfer that was accepted.
    public var isCreatedTransfer: Bool {
        operation == Self.createTransfersOperation && status == Self.createdStatus
    }
    /// `user_data_128` of a transfer: the key or the tenant.
    public var userData128: UInt128 { number(at: 80) }
    /// `user_data_64` of a transfer: the version.
    public var userData64: UInt64 { number(at: 96) }
    /// `user_data_32` of a transfer: its kind.
    public var userData32: UInt32 { number(at: 104) }
    /// Nanoseconds since 1970: when an accepted event was decided. Refused ones carry what their sender wrote.
    public var timestamp: UInt64 { number(at: 120) }

    private func number<Number: FixedWidthInteger & UnsignedInteger>(at offset: Int) -> Number {
        bytes[offset..<(offset + Number.bitWidth / 8)].reversed().reduce(0) { $0 << 8 | Number($1) }
    }
}
