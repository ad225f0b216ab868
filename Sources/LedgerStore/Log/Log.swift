internal import CryptoPrimitives
internal import Synchronization

/// The truth: blocks in order, and the sealed details of their events. Append-only.
package final class Log: Sendable {
    let path: String
    private let environment: Environment
    private let blocks: Table
    private let details: Table
    /// The blocks, by first sequence, whose digest was found right before a record of theirs was read alone.
    private let checked = Mutex<Set<UInt64>>([])

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
            blocks = try environment.table("blocks", isReadOnly: isReadOnly)
            details = try environment.table("details", isReadOnly: isReadOnly)
        } catch {
            throw StoreError(error)
        }
    }

    package func close() { environment.close() }

    /// Details of one event, as they are stored: opaque here.
    package struct SealedDetails: Sendable {
        let sequence: UInt64
        let bytes: [UInt8]
    }

    /// Appends blocks in one transaction; when it returns they are on disk, when it throws none of them is.
    package func append(_ newBlocks: [Block], details newDetails: [SealedDetails]) throws(StoreError) {
        do throws(LMDBError) {
            try environment.write { (transaction: borrowing Transaction) throws(LMDBError) in
                for block in newBlocks {
                    try transaction.append(count: block.byteCount, at: Key(block.firstSequence), in: blocks) { span in
                        block.write(to: &span)
                    }
                }
                for detail in newDetails {
                    try transaction.put(
                        unsafe detail.bytes.span.bytes, at: Key(detail.sequence), in: details, appending: true)
                }
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// The sealed details of an event, if it has any.
    func details(of sequence: UInt64) throws(StoreError) -> [UInt8]? {
        do throws(LMDBError) {
            return try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in
                try transaction.bytes(of: Key(sequence), in: details)
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// The sequence of the last block's first event, without a look into the block; nil in an empty log.
    func lastFirstSequence() throws(StoreError) -> UInt64? {
        try withCursor { (cursor: borrowing Cursor) throws(StoreError) in
            try cursor.move(.last, mapping: StoreError.init) { (key: RawSpan, _: RawSpan) throws(StoreError) in
                Self.sequence(key)
            }
        }
    }

    /// How many events have details.
    func detailsCount() throws(StoreError) -> UInt64 {
        do throws(LMDBError) {
            return try environment.read { (transaction: borrowing Transaction) throws(LMDBError) in
                try transaction.count(of: details)
            }
        } catch {
            throw StoreError(error)
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

    /// Runs `body` with a record's bytes in place, or returns nil beyond the end. The digest of each block is checked
    /// once in the life of this object, so that a damaged record cannot decide anything.
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
                _ = try read(bytes, first: first)
                _ = checked.withLock { $0.insert(first) }
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
        try cursor.move(move, mapping: StoreError.init) { (key: RawSpan, bytes: RawSpan) throws(StoreError) in
            try read(bytes, first: Self.sequence(key))
        }
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
        let move: Cursor.Move = start == nil ? .last : start == sequence ? .atOrAfter(Key(sequence)) : .previous
        return try cursor.move(move, mapping: StoreError.init) { (key: RawSpan, bytes: RawSpan) throws(StoreError) in
            try body(Self.sequence(key), bytes)
        }
    }

    private static func sequence(_ key: RawSpan) -> UInt64 {
        key.byteCount == 8 ? UInt64(bigEndian: key.load(at: 0)) : .max
    }

    private func withCursor<Result>(
        _ body: (borrowing Cursor) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try environment.read(mapping: StoreError.init) { (transaction: borrowing Transaction) throws(StoreError) in
            let cursor: Cursor
            do throws(LMDBError) {
                cursor = try transaction.cursor(in: blocks)
            } catch {
                throw StoreError(error)
            }
            return try body(cursor)
        }
    }
}

/// Consecutive blocks, each checked against its own digest, and what kept the next one from being read.
struct LogChunk {
    var blocks: [Block] = []
    var damage: StoreError?
}
