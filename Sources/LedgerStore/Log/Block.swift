public import CryptoPrimitives
public import Ledger

/// What a block's events ask for.
public enum Operation: UInt8, Sendable, Hashable, CaseIterable {
    case createAccounts = 1
    case createTransfers = 2
    /// The expiry pulse: all pending transfers whose timeout has passed leave the balances. Its one event is
    /// a `Transfer` in which only `timestamp` and, for information, `amount` (how many expired) are set.
    case expire = 3

    /// Whether a raw status is one that refuses an event of this operation.
    func isRefusal(_ status: UInt32) -> Bool {
        switch self {
        case .createAccounts: CreateAccountStatus(rawValue: status).map { $0 != .created } ?? false
        case .createTransfers: CreateTransferStatus(rawValue: status).map { $0 != .created } ?? false
        case .expire: false
        }
    }
}

/// One group of events executed together, as committed: the unit of the log.
///
/// Records are the stored form of created events and the sent form of refused ones; `exceptions` names the
/// refused ones with their status. A block's checksum covers that of its predecessor, so blocks form a chain that shows
/// what decayed, was lost or got out of place. `Specs/STORAGE.md` draws the bytes.
public struct Block: Sendable, Equatable {
    /// A refused event: its index in the block and the raw status.
    public struct Exception: BitwiseCopyable, Sendable, Hashable {
        /// The event's place in the block, from 0.
        public let index: UInt32
        /// The raw value of the status, which is not "created".
        public let status: UInt32
    }

    /// The commitment to the details of an event.
    public struct Commitment: Sendable, Hashable {
        /// The event's place in the block, from 0.
        public let index: UInt32
        /// What binds the details to the event.
        public let digest: SHA256Digest
    }

    /// The most events in a block, as in the account/transfer model.
    public static let eventCountMax = 8189

    /// What all events of the block ask for.
    public internal(set) var operation: Operation = .createAccounts
    /// The log-wide number of the first event; the first event of a ledger is 0.
    public internal(set) var firstSequence: UInt64 = 0
    /// Nanoseconds since 1970 of the last event; event *i* of *n* has `timestamp − n + i + 1`.
    public internal(set) var timestamp: UInt64 = 0
    /// The events of a block that creates accounts; empty otherwise.
    public internal(set) var accounts: [Account] = []
    /// The events of any other block; empty in one that creates accounts.
    public internal(set) var transfers: [Transfer] = []
    /// In ascending order of `index`.
    public internal(set) var exceptions: [Exception] = []
    /// In ascending order of `index`.
    public internal(set) var commitments: [Commitment] = []
    /// The checksum of the block before; zero in the first.
    public internal(set) var previousChecksum = Checksum.zero
    /// Over everything else in the block.
    public internal(set) var checksum = Checksum.zero

    /// A block of transfers as they are, for measuring what the log costs alone.
    package init(transfers: [Transfer], firstSequence: UInt64, timestamp: UInt64) {
        operation = .createTransfers
        self.transfers = transfers
        self.firstSequence = firstSequence
        self.timestamp = timestamp
    }

    init() {}

    /// How many events there are.
    public var count: Int { operation == .createAccounts ? accounts.count : transfers.count }
    /// The number of the first event after this block.
    public var nextSequence: UInt64 { firstSequence + UInt64(count) }
    var firstTimestamp: UInt64 { timestamp - UInt64(count) + 1 }
}

extension Block {
    /// The refused events among answers in order.
    static func exceptions<Status: RawRepresentable<UInt32>>(in statuses: some Sequence<Status>) -> [Exception] {
        var exceptions: [Exception] = []
        for (index, status) in statuses.enumerated() where status.rawValue != CreateTransferStatus.created.rawValue {
            exceptions.append(Exception(index: UInt32(index), status: status.rawValue))
        }
        return exceptions
    }

    /// The accounts as they were sent, as far as deciding them again needs: the time of created ones was the engine's,
    /// unless they were imported. Every other field a created record got leads to itself.
    var accountsAsSent: [Account] {
        asSent(accounts) { if !$0.flags.contains(.imported) { $0.timestamp = 0 } }
    }

    /// The transfers as they were sent, likewise.
    var transfersAsSent: [Transfer] {
        asSent(transfers) { if !$0.flags.contains(.imported) { $0.timestamp = 0 } }
    }

    private func asSent<Record>(_ records: [Record], _ forgetTime: (inout Record) -> Void) -> [Record] {
        var sent = records
        for index in sent.indices { forgetTime(&sent[index]) }
        for exception in exceptions { sent[Int(exception.index)] = records[Int(exception.index)] }
        return sent
    }
}

// MARK: - Bytes

extension Block {
    /// Byte offsets of the header; everything is little-endian.
    enum Layout {
        static let magic: UInt32 = 0x314B_4C4B  // "KLK1"
        static let operation = 4
        static let firstSequence = 8
        static let timestamp = 16
        static let count = 24
        static let exceptionCount = 28
        static let commitmentCount = 32
        static let previousChecksum = 96
        static let checksum = 112
        static let headerSize = 128
        static let recordSize = 128
        static let exceptionSize = 8
        static let commitmentSize = 36
    }

    var byteCount: Int {
        Layout.headerSize + count * Layout.recordSize + exceptions.count * Layout.exceptionSize
            + commitments.count * Layout.commitmentSize
    }

    private func withRecords<Result>(_ body: (RawSpan) -> Result) -> Result {
        operation == .createAccounts ? unsafe body(accounts.span.bytes) : unsafe body(transfers.span.bytes)
    }

    /// Runs `body` with the 128 bytes of a record as they were committed.
    public func withRecord<Result>(at index: Int, _ body: (RawSpan) -> Result) -> Result {
        withRecords { body($0.extracting((index * Layout.recordSize)..<((index + 1) * Layout.recordSize))) }
    }

    /// Everything of the header before the checksum, which covers it.
    private var headerBytes: [UInt8] {
        var bytes = LittleEndianBytes(capacity: Layout.headerSize)
        bytes.append(Layout.magic)
        bytes.append(UInt32(operation.rawValue))
        bytes.append(firstSequence)
        bytes.append(timestamp)
        bytes.append(UInt32(count))
        bytes.append(UInt32(exceptions.count))
        bytes.append(UInt32(commitments.count))
        bytes.pad(to: Layout.previousChecksum)
        bytes.append(previousChecksum.bytes)
        return bytes.bytes
    }

    /// Exceptions, then commitments.
    private var tailBytes: [UInt8] {
        var bytes = LittleEndianBytes(
            capacity: exceptions.count * Layout.exceptionSize + commitments.count * Layout.commitmentSize)
        for exception in exceptions {
            bytes.append(exception.index)
            bytes.append(exception.status)
        }
        for commitment in commitments {
            bytes.append(commitment.index)
            bytes.append(commitment.digest.bytes)
        }
        return bytes.bytes
    }

    /// Sets the checksum over everything else in the block.
    package mutating func seal(after previous: Checksum) {
        previousChecksum = previous
        let header = headerBytes
        let tail = tailBytes
        var computation = Checksum.Computation()
        computation.update(unsafe header.span.bytes)
        withRecords { computation.update($0) }
        computation.update(unsafe tail.span.bytes)
        checksum = computation.finalize()
    }

    func write(to span: inout MutableRawSpan) {
        span.copy(unsafe headerBytes.span.bytes, at: 0)
        checksum.withBytes { span.copy($0, at: Layout.checksum) }
        withRecords { span.copy($0, at: Layout.headerSize) }
        span.copy(unsafe tailBytes.span.bytes, at: Layout.headerSize + count * Layout.recordSize)
    }

    /// Whether these are the bytes of the block that starts with an event, as they were committed.
    static func isIntact(_ bytes: RawSpan, first: UInt64) -> Bool {
        guard bytes.byteCount >= Layout.headerSize, bytes.load(UInt64.self, at: Layout.firstSequence) == first else {
            return false
        }
        return computedChecksum(of: bytes) == bytes.checksum(at: Layout.checksum)
    }

    private static func computedChecksum(of bytes: RawSpan) -> Checksum {
        var computation = Checksum.Computation()
        computation.update(bytes.extracting(0..<Layout.checksum))
        computation.update(bytes.extracting(Layout.headerSize..<bytes.byteCount))
        return computation.finalize()
    }

    /// Reads a block, reusing this one's buffers. What it returns is the reason the bytes are no block;
    /// nil means they are one and the checksum matches.
    mutating func read(from span: RawSpan) -> String? {
        guard span.byteCount >= Layout.headerSize else { return "the block is shorter than its header" }
        guard span.load(UInt32.self, at: 0) == Layout.magic else { return "the block's magic number is wrong" }
        guard let operation = Operation(rawValue: span.load(at: Layout.operation)) else {
            return "the block's operation is unknown"
        }
        self.operation = operation
        firstSequence = span.load(at: Layout.firstSequence)
        timestamp = span.load(at: Layout.timestamp)
        let count = Int(span.load(UInt32.self, at: Layout.count))
        let exceptionCount = Int(span.load(UInt32.self, at: Layout.exceptionCount))
        let commitmentCount = Int(span.load(UInt32.self, at: Layout.commitmentCount))
        guard (1...Block.eventCountMax).contains(count), exceptionCount <= count, commitmentCount <= count,
            span.byteCount == Layout.headerSize + count * Layout.recordSize
                + exceptionCount * Layout.exceptionSize + commitmentCount * Layout.commitmentSize
        else { return "the block's counts do not fit its size" }
        guard timestamp >= UInt64(count), timestamp < UInt64(1) << 63, firstSequence < UInt64(1) << 62 else {
            return "the block's timestamp or sequence is out of range"
        }
        previousChecksum = span.checksum(at: Layout.previousChecksum)
        checksum = span.checksum(at: Layout.checksum)

        accounts.removeAll(keepingCapacity: true)
        transfers.removeAll(keepingCapacity: true)
        let records = span.extracting(Layout.headerSize..<(Layout.headerSize + count * Layout.recordSize))
        if operation == .createAccounts {
            accounts.append(loading: records, count: count)
        } else {
            transfers.append(loading: records, count: count)
        }
        var offset = Layout.headerSize + count * Layout.recordSize
        exceptions.removeAll(keepingCapacity: true)
        for _ in 0..<exceptionCount {
            let exception = Exception(index: span.load(at: offset), status: span.load(at: offset + 4))
            guard exception.index < count, exceptions.last.map({ $0.index < exception.index }) ?? true,
                operation.isRefusal(exception.status)
            else { return "the block's list of refused events is malformed" }
            exceptions.append(exception)
            offset += Layout.exceptionSize
        }
        commitments.removeAll(keepingCapacity: true)
        for _ in 0..<commitmentCount {
            let commitment = Commitment(index: span.load(at: offset), digest: span.digest(at: offset + 4))
            guard commitment.index < count, commitments.last.map({ $0.index < commitment.index }) ?? true else {
                return "the block's list of commitments is malformed"
            }
            commitments.append(commitment)
            offset += Layout.commitmentSize
        }
        guard Self.computedChecksum(of: span) == checksum else {
            return "the block's checksum does not match its bytes"
        }
        return nil
    }
}

// MARK: - Events

extension Block {
    /// What one event was, became and said.
    public struct Event: Sendable, Hashable {
        /// The record as stored, or as sent when refused.
        public enum Record: Sendable, Hashable {
            case account(Account, CreateAccountStatus)
            case transfer(Transfer, CreateTransferStatus)
            case expiry(expiredCount: UInt128)
        }

        /// The log-wide number of the event.
        public let sequence: UInt64
        /// Nanoseconds since 1970: when the event was decided.
        public let timestamp: UInt64
        /// What it was and became.
        public let record: Record
        /// The commitment to the event's details, if it has any.
        public let commitment: SHA256Digest?
    }

    /// The block's events in order.
    public func forEachEvent<Failure: Error>(_ body: (Event) throws(Failure) -> Void) throws(Failure) {
        var exceptions = exceptions[...]
        var commitments = commitments[...]
        for index in 0..<count {
            let isRefused = exceptions.first?.index == UInt32(index)
            let status = isRefused ? exceptions.removeFirst().status : CreateTransferStatus.created.rawValue
            let isCommitted = commitments.first?.index == UInt32(index)
            let digest = isCommitted ? commitments.removeFirst().digest : nil
            try body(
                Event(
                    sequence: firstSequence + UInt64(index), timestamp: firstTimestamp + UInt64(index),
                    record: record(at: index, status: status), commitment: digest))
        }
    }

    private func record(at index: Int, status: UInt32) -> Event.Record {
        switch operation {
        case .createAccounts:
            guard let status = CreateAccountStatus(rawValue: status) else { break }
            return .account(accounts[index], status)
        case .createTransfers:
            guard let status = CreateTransferStatus(rawValue: status) else { break }
            return .transfer(transfers[index], status)
        case .expire:
            return .expiry(expiredCount: transfers[index].amount)
        }
        preconditionFailure("a block holds only statuses that reading or executing admitted")
    }
}
