internal import CryptoPrimitives

/// The first reading of the log: bytes, order, time, the chain of blocks, and which events have details.
///
/// Hands out what is unbroken from the start, window by window, for what has to be recomputed; what comes after a break is
/// still looked at, so that all damage is named.
struct LogScan {
    private(set) var findings = Findings()
    private(set) var blockCount: UInt64 = 0
    /// The number of the first event behind what is unbroken.
    private(set) var unbrokenEnd: UInt64 = 0
    private(set) var byteCount: UInt64 = 0

    private var walk: TableWalk?
    /// The walk is at an entry that nobody has looked at yet.
    private var isAhead = false
    private let keepsDetails: Bool
    private var last: Last?
    private var isUnbroken = true

    private struct Last {
        let nextSequence: UInt64
        let timestamp: UInt64
        let checksum: Checksum
    }

    /// About how much is read at once.
    private static let windowEventCount = 1 << 16
    private static let windowByteCount = 16 << 20

    init(_ file: PageFile, keepsDetails: Bool) {
        self.keepsDetails = keepsDetails
        do throws(Flaw) {
            walk = try TableWalk(file)
        } catch {
            findings.add(.logDamaged, event: 0, "\(file.path): \(error.reason)")
        }
    }

    /// Fills `window` with the next unbroken blocks, and `sealed` with the details of their events if they are kept. False
    /// at the end, or where the log is broken.
    mutating func next(_ window: inout Window, _ sealed: inout SealedDetails) -> Bool {
        window.removeAll()
        sealed.removeAll()
        while isUnbroken, window.eventCount < Self.windowEventCount, window.bytes.count < Self.windowByteCount {
            let (start, entryCount) = (window.bytes.count, sealed.entries.count)
            guard let block = readBlock(into: &window.bytes) else { break }
            readDetails(of: block, in: window.bytes, place: window.blocks.count, into: &sealed)
            guard isUnbroken else {
                window.bytes.removeLast(window.bytes.count - start)
                sealed.entries.removeLast(sealed.entries.count - entryCount)
                break
            }
            window.blocks.append(block)
            window.eventCount += block.count
            unbrokenEnd = block.nextSequence
        }
        if !window.blocks.isEmpty { return true }
        // What comes after a break.
        while walk != nil {
            window.removeAll()
            sealed.removeAll()
            if let block = readBlock(into: &window.bytes) {
                readDetails(of: block, in: window.bytes, place: 0, into: &sealed)
            }
        }
        window.removeAll()
        return false
    }

    /// Goes to the next entry. False at the end, or at damage.
    private mutating func advance() -> Bool {
        if isAhead {
            isAhead = false
            return true
        }
        do throws(Flaw) {
            if try walk?.advance() == true { return true }
        } catch {
            let expected = last?.nextSequence ?? 0
            report(.logDamaged, expected, "behind event \(expected): \(error.reason)")
        }
        walk = nil
        return false
    }

    // MARK: Blocks

    /// Appends the next block's bytes and checks it by itself and against the one before. Nil at the end, and for what is no
    /// block; after that, ``isUnbroken`` tells whether it may be relied on.
    private mutating func readBlock(into bytes: inout [UInt8]) -> BlockView? {
        guard advance(), let walk else { return nil }
        let start = bytes.count
        guard walk.key.count == 8 else {
            let sequence = walk.key.count == 9 ? walk.key.bigEndian(UInt64.self, at: 0) : nil
            findings.add(.detailsOrphaned, event: sequence, "the log has an entry that belongs to no block")
            return nil
        }
        let sequence = walk.key.bigEndian(UInt64.self, at: 0)
        let view: BlockView
        do throws(Flaw) {
            try walk.append(to: &bytes, upTo: .max)
            blockCount += 1
            byteCount += UInt64(bytes.count - start)
            view = try BlockView(bytes, from: start)
        } catch {
            report(.blockMalformed, sequence, "the block of event \(sequence): \(error.reason)")
            last = nil
            bytes.removeLast(bytes.count - start)
            return nil
        }
        check(view, in: bytes, key: sequence)
        last = Last(nextSequence: view.nextSequence, timestamp: view.timestamp, checksum: view.checksum(in: bytes))
        return view
    }

    private mutating func check(_ view: BlockView, in bytes: [UInt8], key: UInt64) {
        let first = view.firstSequence
        if view.computedChecksum(in: bytes) != view.checksum(in: bytes) {
            report(.blockAltered, key, "the block of events \(key) to \(key + UInt64(view.count) - 1) was changed")
        }
        if key != first {
            report(.blockMisplaced, key, "the block in place \(key) says that it starts at event \(first)")
        }
        guard let last else {
            // Behind damage there is nothing to compare with; at the start there is.
            if blockCount == 1, first != 0 {
                report(.blockMissing, 0, "events 0 to \(first - 1) are missing")
            } else if blockCount == 1, view.previousChecksum(in: bytes) != .zero {
                report(.chainBroken, first, "the first block names one before it")
            }
            return
        }
        if first > last.nextSequence {
            report(.blockMissing, last.nextSequence, "events \(last.nextSequence) to \(first - 1) are missing")
        } else if first < last.nextSequence {
            report(.blockMisplaced, first, "events \(first) to \(last.nextSequence - 1) are there twice")
        } else if view.previousChecksum(in: bytes) != last.checksum {
            report(.chainBroken, first, "the block of event \(first) does not follow the one before it")
        }
        if view.timestamp - UInt64(view.count) < last.timestamp {
            report(
                .timeNotAscending, first, since: view.timestamp(at: 0),
                "event \(first) is not later than the one before it")
        }
    }

    private mutating func report(_ kind: Finding.Kind, _ event: UInt64, since: UInt64? = nil, _ detail: String) {
        isUnbroken = false
        findings.add(kind, event: event, since: since ?? last?.timestamp, detail)
    }

    // MARK: Details

    /// Pairs a block's commitments with the details behind it: each has one, and none is there besides.
    private mutating func readDetails(
        of block: BlockView, in bytes: [UInt8], place: Int, into sealed: inout SealedDetails
    ) {
        var list: [(index: Int, range: Range<Int>)] = []
        if advance() {
            do throws(Flaw) {
                list = try detailsList(of: block.firstSequence, into: &sealed) ?? []
            } catch {
                findings.add(
                    .detailsDamaged, event: block.firstSequence, since: block.timestamp(at: 0),
                    "behind the block of event \(block.firstSequence): \(error.reason)")
                return
            }
        }
        var rest = list[...]
        for n in 0..<block.commitmentCount {
            let (index, commitment) = block.commitment(n, in: bytes)
            while let entry = rest.first, entry.index < index { orphan(rest.removeFirst().index, of: block) }
            if rest.first?.index == index {
                let entry = rest.removeFirst()
                if keepsDetails {
                    sealed.entries.append(.init(block: place, index: index, commitment: commitment, range: entry.range))
                }
            } else {
                let sequence = block.sequence(at: index)
                findings.add(
                    .detailsMissing, event: sequence, since: block.timestamp(at: index),
                    "the details of event \(sequence) are missing")
            }
        }
        for entry in rest { orphan(entry.index, of: block) }
    }

    /// The list of the details at which the walk is; nil, and the walk stays, if they are not those of this block.
    private mutating func detailsList(
        of first: UInt64, into sealed: inout SealedDetails
    ) throws(Flaw) -> [(index: Int, range: Range<Int>)]? {
        guard let walk, walk.key.count == 9, walk.key[8] == 1, walk.key.bigEndian(UInt64.self, at: 0) == first else {
            isAhead = true
            return nil
        }
        let start = keepsDetails ? sealed.bytes.count : 0
        if !keepsDetails { sealed.removeAll() }
        try walk.append(to: &sealed.bytes, upTo: keepsDetails ? .max : DetailsList.byteCountMax)
        return try DetailsList(sealed.bytes, from: start, size: walk.valueCount).entries
    }

    private mutating func orphan(_ index: Int, of block: BlockView) {
        let sequence = block.firstSequence + UInt64(index)
        findings.add(
            .detailsOrphaned, event: sequence, "details are stored for event \(sequence), which is committed to none")
    }
}
