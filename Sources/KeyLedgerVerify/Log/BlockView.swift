internal import CryptoPrimitives
internal import Ledger

/// A block of the log where it lies in a buffer, read as `Specs/STORAGE.md` lays it out.
struct BlockView {
    let operation: Operation
    let firstSequence: UInt64
    /// Of the last event, in nanoseconds since 1970.
    let timestamp: UInt64
    let count: Int
    let refusedCount: Int
    let commitmentCount: Int
    /// Where it starts in the buffer.
    let start: Int

    enum Operation: UInt32 {
        case createAccounts = 1
        case createTransfers = 2
        case expire = 3
    }

    enum Layout {
        static let magic: UInt32 = 0x314B_4C4B  // "KLK1"
        static let zeros = 36..<96
        static let previousChecksum = 96
        static let checksum = 112
        static let headerSize = 128
        static let recordSize = 128
        static let refusalSize = 8
        static let commitmentSize = 36
        static let eventCountMax = 8189
    }

    /// The status of an event that was not refused.
    static let created: UInt32 = 4_294_967_295

    var nextSequence: UInt64 { firstSequence + UInt64(count) }
    var records: Int { start + Layout.headerSize }
    private var refusals: Int { records + count * Layout.recordSize }
    private var commitments: Int { refusals + refusedCount * Layout.refusalSize }
    var end: Int { commitments + commitmentCount * Layout.commitmentSize }

    /// When the event at an index was decided.
    func timestamp(at index: Int) -> UInt64 { timestamp - UInt64(count) + UInt64(index) + 1 }
    func sequence(at index: Int) -> UInt64 { firstSequence + UInt64(index) }
    func record(at index: Int) -> Int { records + index * Layout.recordSize }

    /// The refused event in place `n` of the list: its index and status.
    func refusal(_ n: Int, in bytes: [UInt8]) -> (index: Int, status: UInt32) {
        let offset = refusals + n * Layout.refusalSize
        return (Int(bytes.load(UInt32.self, at: offset)), bytes.load(at: offset + 4))
    }

    /// The commitment in place `n` of the list: the event's index, and where the 32 bytes are.
    func commitment(_ n: Int, in bytes: [UInt8]) -> (index: Int, offset: Int) {
        let offset = commitments + n * Layout.commitmentSize
        return (Int(bytes.load(UInt32.self, at: offset)), offset + 4)
    }

    /// Reads the block that fills the buffer from `start` to its end.
    ///
    /// - Throws: ``Flaw`` if the bytes are no block.
    init(_ bytes: [UInt8], from start: Int) throws(Flaw) {
        guard bytes.count - start >= Layout.headerSize else { throw Flaw("the block is shorter than its header") }
        guard bytes.load(UInt32.self, at: start) == Layout.magic else { throw Flaw("the magic number is wrong") }
        guard let operation = Operation(rawValue: bytes.load(at: start + 4)) else {
            throw Flaw("the operation is unknown")
        }
        self.start = start
        self.operation = operation
        firstSequence = bytes.load(at: start + 8)
        timestamp = bytes.load(at: start + 16)
        count = Int(bytes.load(UInt32.self, at: start + 24))
        refusedCount = Int(bytes.load(UInt32.self, at: start + 28))
        commitmentCount = Int(bytes.load(UInt32.self, at: start + 32))
        guard (1...Layout.eventCountMax).contains(count), refusedCount <= count, commitmentCount <= count,
            operation != .expire || (count == 1 && refusedCount == 0 && commitmentCount == 0), end == bytes.count
        else { throw Flaw("the counts do not fit the size") }
        guard Layout.zeros.allSatisfy({ bytes[start + $0] == 0 }) else { throw Flaw("the reserved bytes are not zero") }
        guard timestamp >= UInt64(count), timestamp < 1 << 63 - 1, firstSequence < 1 << 62 else {
            throw Flaw("timestamp or sequence is out of range")
        }
        var last = -1
        for n in 0..<refusedCount {
            let refusal = refusal(n, in: bytes)
            guard refusal.index > last, refusal.index < count, isRefusal(refusal.status) else {
                throw Flaw("the list of refused events is malformed")
            }
            last = refusal.index
        }
        last = -1
        for n in 0..<commitmentCount {
            let index = commitment(n, in: bytes).index
            guard index > last, index < count else { throw Flaw("the list of commitments is malformed") }
            last = index
        }
    }

    private func isRefusal(_ status: UInt32) -> Bool {
        guard status != Self.created else { return false }
        return operation == .createAccounts
            ? CreateAccountStatus(rawValue: status) != nil : CreateTransferStatus(rawValue: status) != nil
    }

    /// The checksum of the block before, as this block has it.
    func previousChecksum(in bytes: [UInt8]) -> Checksum { checksum(in: bytes, at: Layout.previousChecksum) }

    /// The block's checksum as it is recorded.
    func checksum(in bytes: [UInt8]) -> Checksum { checksum(in: bytes, at: Layout.checksum) }

    private func checksum(in bytes: [UInt8], at offset: Int) -> Checksum {
        let range = (start + offset)..<(start + offset + Checksum.byteCount)
        return unsafe Checksum(bytes.span.bytes.extracting(range)) ?? .zero
    }

    /// The block's checksum as its bytes have it.
    func computedChecksum(in bytes: [UInt8]) -> Checksum {
        var computation = Checksum.Computation()
        unsafe computation.update(bytes.span.bytes.extracting(start..<(start + Layout.checksum)))
        unsafe computation.update(bytes.span.bytes.extracting((start + Layout.headerSize)..<end))
        return computation.finalize()
    }

    /// The transfers as they are recorded.
    func transfers(in bytes: [UInt8]) -> [Transfer] { recordsArray(in: bytes) }
    /// The accounts as they are recorded.
    func accounts(in bytes: [UInt8]) -> [Account] { recordsArray(in: bytes) }

    private func recordsArray<Record: BitwiseCopyable>(in bytes: [UInt8]) -> [Record] {
        precondition(MemoryLayout<Record>.size == Layout.recordSize && end <= bytes.count, "records of 128 bytes")
        return unsafe [Record](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[records..<refusals]))
            }
            initializedCount = count
        }
    }
}
