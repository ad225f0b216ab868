internal import CryptoPrimitives
internal import Synchronization

/// The truth: blocks in order, each followed by the sealed details of its events, if they have any. Append-only.
///
/// All in one tree, so that a commit writes as few pages as can be.
package final class Log: Sendable {
    let path: String
    private let environment: Environment
    private let table: Table
    private let checked = Mutex(CheckedBlocks())

    package init(
        path: String, isReadOnly: Bool, createsIfMissing: Bool = false, mapSize: Int = 1 << 30
    ) throws(StoreError) {
        self.path = path
        guard Checksum.isAvailable else {
            throw .system(
                operation: "fetching POLY1305", path: path,
                reason: "OpenSSL does not offer it; its configuration may allow only what FIPS 140 approves")
        }
        do throws(LMDBError) {
            environment = try Environment(
                path: path,
                options: .init(mapSize: mapSize, isReadOnly: isReadOnly, createsIfMissing: createsIfMissing))
            table = try environment.table(nil, isReadOnly: isReadOnly)
        } catch {
            throw StoreError(error)
        }
    }

    package func close() { environment.close() }

    /// Appends blocks in one transaction; when it returns they are on disk, when it throws none of them is.
    package func append(_ newBlocks: [Block], details: [SealedDetails]) throws(StoreError) {
        let details = newBlocks.map { block in
            let events = block.firstSequence..<block.nextSequence
            return SealedDetails.bytes(of: details.filter { events.contains($0.sequence) }, from: block.firstSequence)
        }
        do throws(LMDBError) {
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                for (block, details) in zip(newBlocks, details) {
                    try transaction.append(count: block.byteCount, at: Key(block.firstSequence), in: table) { span in
                        block.write(to: &span)
                    }
                    if details.isEmpty { continue }
                    try transaction.put(
                        unsafe details.span.bytes, at: Key(block.firstSequence, Self.detailsMark), in: table,
                        appending: true)
                }
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// What follows the sequence of a block's first event in the key of the details.
    static let detailsMark: UInt8 = 1

    /// The sealed details of an event, if it has any.
    func details(of sequence: UInt64) throws(StoreError) -> [UInt8]? {
        try withCursor { (cursor: borrowing Cursor) throws(StoreError) in
            guard let first = try seek(cursor, to: sequence, { (first, _) in first }) else { return nil }
            return try cursor.move(.next, mapping: StoreError.init) {
                (key: RawSpan, bytes: RawSpan) throws(StoreError) in
                Self.isOfDetails(key) ? try SealedDetails.bytes(of: sequence, in: bytes, from: first, path) : nil
            } ?? nil
        }
    }

    /// The sequence of the last block's first event, without a look into the block; nil in an empty log.
    func lastFirstSequence() throws(StoreError) -> UInt64? {
        try withCursor { (cursor: borrowing Cursor) throws(StoreError) in
            try block(.last, cursor) { (first, _) in first }
        }
    }

    /// How many events have details.
    func detailsCount() throws(StoreError) -> UInt64 {
        try withCursor { (cursor: borrowing Cursor) throws(StoreError) in
            var count: UInt64 = 0
            var move = Cursor.Move.first
            while true {
                let found = try cursor.move(move, mapping: StoreError.init) {
                    (key: RawSpan, bytes: RawSpan) throws(StoreError) in
                    Self.isOfDetails(key) ? SealedDetails.count(in: bytes) : 0
                }
                guard let found else { return count }
                count += UInt64(found)
                move = .next
            }
        }
    }

    /// The last block, or nil in an empty log.
    func lastBlock() throws(StoreError) -> Block? {
        try withCursor { (cursor: borrowing Cursor) throws(StoreError) in try block(at: .last, cursor) }
    }

    /// The block that holds an event, or nil beyond the end.
    func block(containing sequence: UInt64) throws(StoreError) -> Block? {
        try withCursor { (cursor: borrowing Cursor) throws(StoreError) in try block(containing: sequence, cursor) }
    }

    /// The blocks from the one that holds `sequence` on: about `eventCount` events of them, none beyond the end.
    func chunk(from sequence: UInt64, eventCount: Int) throws(StoreError) -> LogChunk {
        try withCursor { (cursor: borrowing Cursor) throws(StoreError) in
            var chunk = LogChunk()
            var events = 0
            do throws(StoreError) {
                var next = try block(containing: sequence, cursor)
                while let block = next {
                    chunk.blocks.append(block)
                    events += block.count
                    next = events < eventCount ? try self.block(at: .next, cursor) : nil
                }
            } catch {
                chunk.damage = error
            }
            return chunk
        }
    }

    /// Runs `body` with a record's bytes in place, or returns nil beyond the end. The block's checksum is
    /// checked unless that was done not long ago, so that a damaged record cannot decide anything.
    func withRecord<Result>(at sequence: UInt64, _ body: (RawSpan) -> Result) throws(StoreError) -> Result? {
        try withCursor { (cursor: borrowing Cursor) throws(StoreError) in try record(at: sequence, cursor, body) }
    }

    /// Runs `body` with the bytes of each record in place, in the order asked for, until it returns false.
    func forEachRecord(at sequences: [UInt64], _ body: (RawSpan) -> Bool) throws(StoreError) {
        try withCursor { (cursor: borrowing Cursor) throws(StoreError) in
            for sequence in sequences {
                guard let isGoingOn = try record(at: sequence, cursor, body) else {
                    throw .damaged(path: path, sequence: sequence, reason: "the index leads beyond the log")
                }
                if !isGoingOn { return }
            }
        }
    }

    private func record<Result>(
        at sequence: UInt64, _ cursor: borrowing Cursor, _ body: (RawSpan) -> Result
    ) throws(StoreError) -> Result? {
        try seek(cursor, to: sequence) { (first: UInt64, bytes: RawSpan) throws(StoreError) in
            if !checked.withLock({ $0.contains(first) }) {
                // Without taking the block apart. What is wrong with one that is not as it was, reading it says.
                if !Block.isIntact(bytes, first: first) { _ = try read(bytes, first: first) }
                checked.withLock { $0.insert(first) }
            }
            guard sequence - first < UInt64(bytes.load(UInt32.self, at: Block.Layout.count)) else { return nil }
            let start = Block.Layout.headerSize + Int(sequence - first) * Block.Layout.recordSize
            return body(bytes.extracting(start..<(start + Block.Layout.recordSize)))
        } ?? nil
    }

    private func block(containing sequence: UInt64, _ cursor: borrowing Cursor) throws(StoreError) -> Block? {
        let block = try seek(cursor, to: sequence) { (first: UInt64, bytes: RawSpan) throws(StoreError) in
            try read(bytes, first: first)
        }
        return block.flatMap { sequence < $0.nextSequence ? $0 : nil }
    }

    private func block(at move: Cursor.Move, _ cursor: borrowing Cursor) throws(StoreError) -> Block? {
        try block(move, cursor) { (first: UInt64, bytes: RawSpan) throws(StoreError) in try read(bytes, first: first) }
    }

    private func read(_ bytes: RawSpan, first: UInt64) throws(StoreError) -> Block {
        var block = Block()
        if let reason = block.read(from: bytes) { throw .damaged(path: path, sequence: first, reason: reason) }
        guard block.firstSequence == first else {
            throw .damaged(path: path, sequence: first, reason: "the block says it starts at \(block.firstSequence)")
        }
        return block
    }

    /// Finds the last block that starts at or before `sequence`.
    private func seek<Result>(
        _ cursor: borrowing Cursor, to sequence: UInt64, _ body: (UInt64, RawSpan) throws(StoreError) -> Result
    ) throws(StoreError) -> Result? {
        // The first key not below `sequence` is either the block itself or the one behind it.
        let start = try cursor.move(.atOrAfter(Key(sequence)), mapping: StoreError.init) {
            (key: RawSpan, _: RawSpan) throws(StoreError) in Self.sequence(key)
        }
        return try block(
            start == nil ? .last : start == sequence ? .atOrAfter(Key(sequence)) : .previous, cursor, body)
    }

    /// Moves on to a block, past details.
    private func block<Result>(
        _ move: Cursor.Move, _ cursor: borrowing Cursor, _ body: (UInt64, RawSpan) throws(StoreError) -> Result
    ) throws(StoreError) -> Result? {
        let onward: Cursor.Move =
            switch move {
            case .last, .previous: .previous
            case .first, .next, .atOrAfter: .next
            }
        var move = move
        while true {
            let found: Result?? = try cursor.move(move, mapping: StoreError.init) {
                (key: RawSpan, bytes: RawSpan) throws(StoreError) in
                Self.isOfDetails(key) ? nil : try body(Self.sequence(key), bytes)
            }
            guard let found else { return nil }
            if let found { return found }
            move = onward
        }
    }

    private static func isOfDetails(_ key: RawSpan) -> Bool { key.byteCount == 9 }

    private static func sequence(_ key: RawSpan) -> UInt64 {
        key.byteCount == 8 ? UInt64(bigEndian: key.load(at: 0)) : .max
    }

    private func withCursor<Result>(
        _ body: (borrowing Cursor) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try environment.read(mapping: StoreError.init) { (transaction: borrowing Transaction) throws(StoreError) in
            let cursor: Cursor
            do throws(LMDBError) {
                cursor = try transaction.cursor(in: table)
            } catch {
                throw StoreError(error)
            }
            return try body(cursor)
        }
    }
}

/// Consecutive blocks, each checked against its own checksum, and what kept the next one from being read.
struct LogChunk {
    var blocks: [Block] = []
    var damage: StoreError?
}

/// Blocks whose checksum was found right before a record of theirs was read alone, by first sequence. Remembers one block
/// in each of its slots, so it does not grow with the log: 65,536 full blocks are half a billion events. What it has
/// forgotten is checked again.
private struct CheckedBlocks {
    /// The first sequence + 1; 0 for none.
    private var slots = [UInt64](repeating: 0, count: 1 << 16)

    func contains(_ first: UInt64) -> Bool { slots[Self.slot(of: first)] == first + 1 }

    mutating func insert(_ first: UInt64) { slots[Self.slot(of: first)] = first + 1 }

    private static func slot(of first: UInt64) -> Int { Int((first &* 0x9E37_79B9_7F4A_7C15) >> 48) }
}
