/// The sealed details of a window's events, one after the other.
struct SealedDetails {
    var bytes: [UInt8] = []
    var entries: [Entry] = []

    /// One event's details.
    struct Entry {
        /// The place of its block in the window, and its own in the block.
        let block: Int
        let index: Int
        /// Where the commitment is in the window's bytes.
        let commitment: Int
        let range: Range<Int>
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }
}

/// Walks through the details beside the blocks: each commitment has a row, and each row a commitment.
struct DetailsPairing {
    private var walk: TableWalk?
    /// The event whose details the walk is at.
    private var current: UInt64?
    private var flaw: Flaw?

    init(_ file: PageFile) {
        do throws(Flaw) {
            walk = try TableWalk(file, named: "details")
            try advance()
        } catch {
            stop(error)
        }
    }

    /// Pairs the commitments of a block. Keeps the details if their block's place in the window is given.
    mutating func pair(
        _ view: BlockView, in bytes: [UInt8], _ findings: inout Findings, keeping block: Int?,
        into sealed: inout SealedDetails
    ) {
        for n in 0..<view.commitmentCount {
            let commitment = view.commitment(n, in: bytes)
            let sequence = view.sequence(at: commitment.index)
            skip(to: sequence, &findings)
            guard walk != nil || flaw == nil else { return }
            guard current == sequence else {
                findings.add(
                    .detailsMissing, event: sequence, since: view.timestamp(at: commitment.index),
                    "the details of event \(sequence) are missing")
                continue
            }
            do throws(Flaw) {
                if let block {
                    let start = sealed.bytes.count
                    try walk?.append(to: &sealed.bytes)
                    sealed.entries.append(
                        .init(
                            block: block, index: commitment.index, commitment: commitment.offset,
                            range: start..<sealed.bytes.count))
                }
                try advance()
            } catch {
                stop(error)
            }
        }
    }

    /// What is left behind the last block.
    mutating func finish(_ findings: inout Findings) {
        skip(to: .max, &findings)
        if let flaw { findings.add(.detailsDamaged, event: current, flaw.reason) }
    }

    private mutating func skip(to sequence: UInt64, _ findings: inout Findings) {
        while let orphan = current, orphan < sequence {
            findings.add(
                .detailsOrphaned, event: orphan, "details are stored for event \(orphan), which is committed to none")
            do throws(Flaw) {
                try advance()
            } catch {
                stop(error)
            }
        }
    }

    private mutating func advance() throws(Flaw) {
        guard try walk?.advance() == true, let walk else {
            walk = nil
            current = nil
            return
        }
        guard walk.key.count == 8 else { throw Flaw("a key is none") }
        current = walk.key.bigEndian(UInt64.self, at: 0)
    }

    private mutating func stop(_ flaw: Flaw) {
        self.flaw = flaw
        walk = nil
        current = nil
    }
}
