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

    private var blocks: TableWalk?
    private var details: DetailsPairing
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

    init(_ file: PageFile) {
        do throws(Flaw) {
            blocks = try TableWalk(file, named: "blocks")
        } catch {
            findings.add(.logDamaged, event: 0, "\(file.path): \(error.reason)")
        }
        details = DetailsPairing(file)
    }

    /// Fills `window` with the next unbroken blocks, and `sealed` with the details of their events if they are wanted. False
    /// at the end, or where the log is broken.
    mutating func next(_ window: inout Window, details wanted: Bool, into sealed: inout SealedDetails) -> Bool {
        window.removeAll()
        sealed.removeAll()
        while isUnbroken, window.eventCount < Self.windowEventCount, window.bytes.count < Self.windowByteCount {
            let start = window.bytes.count
            guard let block = readBlock(into: &window.bytes) else { break }
            details.pair(
                block, in: window.bytes, &findings, keeping: wanted && isUnbroken ? window.blocks.count : nil,
                into: &sealed)
            guard isUnbroken else {
                window.bytes.removeLast(window.bytes.count - start)
                break
            }
            window.blocks.append(block)
            window.eventCount += block.count
            unbrokenEnd = block.nextSequence
        }
        if !window.blocks.isEmpty { return true }
        finish()
        return false
    }

    /// What comes after a break.
    private mutating func finish() {
        var bytes: [UInt8] = []
        var sealed = SealedDetails()
        while blocks != nil {
            bytes.removeAll(keepingCapacity: true)
            if let block = readBlock(into: &bytes) {
                details.pair(block, in: bytes, &findings, keeping: nil, into: &sealed)
            }
        }
        details.finish(&findings)
    }

    /// Appends the next block's bytes and checks it by itself and against the one before. Nil at the end, and for what is no
    /// block; after that, ``isUnbroken`` tells whether it may be relied on.
    private mutating func readBlock(into bytes: inout [UInt8]) -> BlockView? {
        let expected = last?.nextSequence ?? 0
        let start = bytes.count
        do throws(Flaw) {
            guard try blocks?.advance() == true else {
                blocks = nil
                return nil
            }
            try blocks?.append(to: &bytes)
        } catch {
            report(.logDamaged, expected, "behind event \(expected): \(error.reason)")
            blocks = nil
            return nil
        }
        blockCount += 1
        byteCount += UInt64(bytes.count - start)
        let key = blocks?.key ?? []
        let sequence = key.count == 8 ? key.bigEndian(UInt64.self, at: 0) : expected
        let view: BlockView
        do throws(Flaw) {
            view = try BlockView(bytes, from: start)
        } catch {
            report(.blockMalformed, sequence, "the block of event \(sequence): \(error.reason)")
            last = nil
            bytes.removeLast(bytes.count - start)
            return nil
        }
        check(view, in: bytes, key: sequence, isKey: key.count == 8)
        last = Last(nextSequence: view.nextSequence, timestamp: view.timestamp, checksum: view.checksum(in: bytes))
        return view
    }

    private mutating func check(_ view: BlockView, in bytes: [UInt8], key: UInt64, isKey: Bool) {
        let first = view.firstSequence
        if view.computedChecksum(in: bytes) != view.checksum(in: bytes) {
            report(.blockAltered, key, "the block of events \(key) to \(key + UInt64(view.count) - 1) was changed")
        }
        if !isKey || key != first {
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
}
