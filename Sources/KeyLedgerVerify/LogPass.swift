internal import CryptoPrimitives
internal import Ledger
internal import Transparency

/// One passage through the log: two threads share each window, one decides its events again, both hash its leaves.
struct LogPass {
    private(set) var findings = Findings()
    private(set) var rules = RuleCheck()
    /// The unbroken events and the root over them.
    private(set) var eventCount: UInt64 = 0
    private(set) var root = MerkleHash.emptyRoot
    /// Whether these are all: nothing is broken off.
    private(set) var isComplete = false
    private(set) var blockCount: UInt64 = 0
    private(set) var byteCount: UInt64 = 0
    /// The roots at the sizes that were asked for, as far as the log reaches.
    private(set) var roots: [UInt64: SHA256Digest] = [:]
    /// The public keys that events say they generated, where details are open.
    private(set) var generatedKeys: [RuleCheck.VersionID: String] = [:]

    private var replay = Replay()
    /// Tenants whose details do not open: how many, and the first event that has some.
    private var closed: [UInt128: (count: Int, event: UInt64)] = [:]

    /// Reads the log from its first block to its last.
    ///
    /// - Parameter sizes: Tree sizes whose roots are wanted, in ascending order.
    mutating func run(_ file: PageFile, rootsAt sizes: [UInt64], unsealer: Unsealer?) async {
        var tree = CompactRange()
        if sizes.first == 0 { roots[0] = tree.root }
        var step = Step(scan: LogScan(file, keepsDetails: unsealer != nil))
        step.advance()
        while step.hasBlocks {
            let (scan, window) = (step.scan, step.window)
            let leaves = WindowTree(window, rootsAt: sizes)
            async let next = Step.after(scan, leaves)
            decide(window)
            if let unsealer { open(step.sealed, of: window, with: unsealer) }
            leaves.work()
            step = await next
            leaves.join(to: &tree) { roots[$0] = $1 }
        }
        let scan = step.scan
        eventCount = scan.unbrokenEnd
        blockCount = scan.blockCount
        byteCount = scan.byteCount
        root = tree.root
        isComplete = !scan.findings.endTrust
        replay.checkConservation()
        findings.add(scan.findings)
        findings.add(replay.findings)
        findings.add(rules.findings)
        for (tenant, details) in closed.sorted(by: { $0.value.event < $1.value.event })
        where rules.shredded[tenant] == nil {
            findings.add(
                .detailsForged, event: details.event,
                "the details of \(details.count) events do not open: the key of tenant \(TextID(tenant)) is missing or changed"
            )
        }
    }

    /// The reading of one window, which goes on while the one before it is being decided.
    private struct Step: Sendable {
        var scan: LogScan
        var window = Window()
        var sealed = SealedDetails()
        var hasBlocks = false

        mutating func advance() { hasBlocks = scan.next(&window, &sealed) }

        /// Hashes what is at hand, then reads on.
        static func after(_ scan: LogScan, _ leaves: WindowTree) -> Step {
            leaves.work()
            var step = Step(scan: scan)
            step.advance()
            return step
        }
    }

    private mutating func decide(_ window: Window) {
        for block in window.blocks {
            replay.decide(block, in: window.bytes)
            if block.operation == .expire { continue }
            var (refused, committed) = (0, 0)
            for index in 0..<block.count {
                let isRefused = refused < block.refusedCount && block.refusal(refused, in: window.bytes).index == index
                let hasDetails =
                    committed < block.commitmentCount && block.commitment(committed, in: window.bytes).index == index
                if isRefused { refused += 1 }
                if hasDetails { committed += 1 }
                if isRefused { continue }
                let (offset, sequence) = (block.record(at: index), block.sequence(at: index))
                if block.operation == .createAccounts {
                    rules.apply(window.bytes.loadRecord(Account.self, at: offset), sequence: sequence)
                } else {
                    rules.apply(
                        window.bytes.loadRecord(Transfer.self, at: offset), sequence: sequence, hasDetails: hasDetails)
                }
            }
        }
    }

    private mutating func open(_ sealed: SealedDetails, of window: Window, with unsealer: Unsealer) {
        for entry in sealed.entries {
            let block = window.blocks[entry.block]
            let sequence = block.sequence(at: entry.index)
            guard block.operation == .createTransfers else {
                findings.add(.detailsOrphaned, event: sequence, "event \(sequence) is none that has details")
                continue
            }
            let transfer = window.bytes.loadRecord(Transfer.self, at: block.record(at: entry.index))
            let tenant = rules.tenant(of: transfer)
            if let tenant, !unsealer.opensDetails(of: tenant) {
                closed[tenant, default: (0, sequence)].count += 1
                continue
            }
            let flaw = unsealer.flaw(
                ofDetails: Array(sealed.bytes[entry.range]), event: transfer.id, tenant: tenant,
                commitment: window.bytes.digest(at: entry.commitment)
            ) { details in
                guard let kind = Catalogue.EventKind(rawValue: transfer.userData32),
                    kind == .generate || kind == .importKey, let key = details["publicKey"]?.string
                else { return }
                let number = UInt32(truncatingIfNeeded: transfer.userData64)
                generatedKeys[.init(key: transfer.userData128, number: number)] = key
            }
            if let flaw {
                findings.add(
                    .detailsForged, event: sequence, since: block.timestamp(at: entry.index),
                    "the details of event \(sequence): \(flaw)")
            }
        }
    }
}
