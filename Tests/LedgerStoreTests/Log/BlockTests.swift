import CryptoPrimitives
import Ledger
import Testing

@testable import LedgerStore

/// A block's bytes are the block, whole and unchanged, or they are refused with a reason.
@Suite struct BlockTests {
    static let transfers = Self.sealed { block in
        block.operation = .createTransfers
        block.firstSequence = 7
        block.timestamp = 1_000
        block.transfers = (1...5).map { Transfer(id: $0, debit: 1, credit: 2, amount: $0 << 90, ledger: 1, code: 8) }
        block.exceptions = [
            .init(index: 1, status: CreateTransferStatus.exceedsCredits.rawValue),
            .init(index: 4, status: CreateTransferStatus.linkedEventChainOpen.rawValue),
        ]
        block.commitments = [.init(index: 0, digest: Self.digest(1)), .init(index: 3, digest: Self.digest(2))]
    }

    static let accounts = Self.sealed { block in
        block.operation = .createAccounts
        block.timestamp = 2
        block.accounts = [Account(id: 1, ledger: 1, code: 8), Account(id: 2, ledger: 1, code: 8, flags: .history)]
        block.exceptions = [.init(index: 0, status: CreateAccountStatus.exists.rawValue)]
    }

    static let expiry = Self.sealed { block in
        block.operation = .expire
        block.firstSequence = 1 << 40
        block.timestamp = 1 << 60
        block.transfers = [Transfer(id: 0, amount: 3, timestamp: 1 << 60)]
    }

    @Test(arguments: [transfers, accounts, expiry]) func bytesAreTheBlock(_ block: Block) {
        let bytes = Self.bytes(of: block)
        #expect(bytes.count == block.byteCount)
        #expect(Self.read(bytes) == .success(block))
    }

    @Test func aReusedBlockKeepsNothingOfTheOneBefore() {
        var block = Block()
        for next in [Self.transfers, Self.accounts, Self.expiry, Self.transfers] {
            let bytes = Self.bytes(of: next)
            #expect(unsafe block.read(from: bytes.span.bytes) == nil)
            #expect(block == next)
        }
    }

    @Test(arguments: [transfers, accounts, expiry]) func everyFlippedByteIsRefused(_ block: Block) {
        let bytes = Self.bytes(of: block)
        for place in bytes.indices {
            for flip: UInt8 in [1, 0x80, 0xFF] {
                var damaged = bytes
                damaged[place] ^= flip
                #expect(Self.refusal(of: damaged) != nil, "byte \(place) flipped by \(flip)")
            }
        }
    }

    @Test func everyTruncationAndExtensionIsRefused() {
        let bytes = Self.bytes(of: Self.transfers)
        for count in 0..<bytes.count { #expect(Self.refusal(of: Array(bytes[..<count])) != nil, "\(count) bytes") }
        #expect(Self.refusal(of: bytes + [0]) == "the block's counts do not fit its size")
    }

    /// Here the checksum is right: what refuses these is that they say what no writer says.
    @Test func contradictionsAreRefusedThoughTheChecksumIsRight() {
        let layout = Block.Layout.self
        let exceptions = layout.headerSize + 5 * layout.recordSize
        let commitments = exceptions + 2 * layout.exceptionSize
        let wrongCounts = "the block's counts do not fit its size"
        let outOfRange = "the block's timestamp or sequence is out of range"
        let wrongExceptions = "the block's list of refused events is malformed"
        let wrongCommitments = "the block's list of commitments is malformed"
        let cases: [(Int, [UInt8], String)] = [
            (0, [0], "the block's magic number is wrong"),
            (layout.operation, [9], "the block's operation is unknown"),
            (layout.count, [0, 0, 0, 0], wrongCounts),
            (layout.count, [4], wrongCounts),
            (layout.count, [0xFF, 0xFF, 0xFF, 0xFF], wrongCounts),
            (layout.exceptionCount, [0xFF, 0xFF, 0xFF, 0xFF], wrongCounts),
            (layout.commitmentCount, [0xFF, 0xFF, 0xFF, 0xFF], wrongCounts),
            (layout.timestamp, [4, 0, 0, 0, 0, 0, 0, 0], outOfRange),
            (layout.timestamp + 7, [0x80], outOfRange),
            (layout.firstSequence + 7, [0x40], outOfRange),
            (exceptions, [5], wrongExceptions),  // an index beyond the last event
            (exceptions + layout.exceptionSize, [1], wrongExceptions),  // an index twice
            (exceptions + layout.exceptionSize, [0], wrongExceptions),  // descending
            (exceptions + 4, [0xFF, 0xFF, 0xFF, 0xFF], wrongExceptions),  // "created" is no refusal
            (exceptions + 4, [200], wrongExceptions),  // a status nobody knows
            (commitments, [5], wrongCommitments),
            (commitments + layout.commitmentSize, [0], wrongCommitments),
        ]
        for (place, replacement, reason) in cases {
            var bytes = Self.bytes(of: Self.transfers)
            bytes.replaceSubrange(place..<(place + replacement.count), with: replacement)
            Self.reseal(&bytes)
            #expect(Self.refusal(of: bytes) == reason, "bytes at \(place)")
        }
    }

    @Test func arbitraryBytesNeverTrap() {
        var generator = SeededGenerator(seed: 42)
        let original = Self.bytes(of: Self.transfers)
        for _ in 0..<5_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...12, using: &generator) {
                // Mostly the header, where the counts are.
                let end = Bool.random(using: &generator) ? 64 : bytes.count
                bytes[Int.random(in: 0..<end, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            Self.reseal(&bytes)
            if case .success(let block) = Self.read(bytes) { block.forEachEvent { _ in } }
        }
    }

    @Test func eventsCarryTheirNumberTimeOutcomeAndCommitment() {
        var events: [Block.Event] = []
        Self.transfers.forEachEvent { events.append($0) }
        #expect(events.map(\.sequence) == [7, 8, 9, 10, 11])
        #expect(events.map(\.timestamp) == [996, 997, 998, 999, 1_000])
        #expect(events.map(\.commitment) == [Self.digest(1), nil, nil, Self.digest(2), nil])
        let statuses: [CreateTransferStatus?] = events.map {
            if case .transfer(_, let status) = $0.record { status } else { nil }
        }
        #expect(statuses == [.created, .exceedsCredits, .created, .created, .linkedEventChainOpen])
    }

    // MARK: Helpers

    static func digest(_ byte: UInt8) -> SHA256Digest {
        let bytes = [byte]
        return unsafe SHA256.hash(bytes.span.bytes)
    }

    static func sealed(_ fill: (inout Block) -> Void) -> Block {
        var block = Block()
        fill(&block)
        let before: [UInt8] = [1, 2, 3]
        block.seal(after: unsafe Checksum.of(before.span.bytes))
        return block
    }

    static func bytes(of block: Block) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xAA, count: block.byteCount)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        block.write(to: &raw)
        return bytes
    }

    /// Makes the checksum right again after the bytes were changed.
    static func reseal(_ bytes: inout [UInt8]) {
        var computation = Checksum.Computation()
        let head = Array(bytes[..<Block.Layout.checksum])
        let rest = Array(bytes[Block.Layout.headerSize...])
        computation.update(unsafe head.span.bytes)
        computation.update(unsafe rest.span.bytes)
        bytes.replaceSubrange(Block.Layout.checksum..<Block.Layout.headerSize, with: computation.finalize().bytes)
    }

    struct Refusal: Error, Equatable { let reason: String }

    static func read(_ bytes: [UInt8]) -> Result<Block, Refusal> {
        var block = Block()
        if let reason = unsafe block.read(from: bytes.span.bytes) { return .failure(Refusal(reason: reason)) }
        return .success(block)
    }

    static func refusal(of bytes: [UInt8]) -> String? {
        if case .failure(let refusal) = read(bytes) { refusal.reason } else { nil }
    }
}
