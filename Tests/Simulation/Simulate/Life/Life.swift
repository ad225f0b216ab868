internal import Ledger
internal import LedgerStore
internal import Synchronization

/// What is known of a life: what was written, what was promised and when.
struct History {
    var truth: Truth
    /// What `material/` held before and after each change.
    var materials: [[MaterialStore.Name: [UInt8]]]
    /// What was on the disk to begin with and could not be lost any more.
    var start = Promise()
    var journal = Journal(entries: [])

    /// What must be found after a crash.
    struct Promise {
        var hasLedger = false
        /// At least so many events.
        var eventCount: UInt64 = 0
        /// One of these states of the material.
        var materials = 0...0
    }

    /// What was promised before the journal's entry with this number.
    func promise(before end: Int) -> Promise {
        var promise = start
        for case .mark(let mark) in journal.entries.prefix(end) { promise.take(mark) }
        return promise
    }
}

extension History.Promise {
    mutating func take(_ mark: Journal.Mark) {
        switch mark {
        case .ledgerCreated: hasLedger = true
        case .acknowledged(let next): eventCount = max(eventCount, next)
        case .materialBegan(let number): materials = materials.lowerBound...number
        case .materialDone(let number): materials = number...number
        }
    }
}

/// A program that uses a ledger for a while: the real writer, reader and stores, with a clock of its own, all in one
/// thread and in an order that depends on the seed only.
struct Life {
    private var generator: SeededGenerator
    private var requests: Requests
    private var now: UInt64
    private let folder: LedgerFolder
    private var history: History
    private let tuning: LedgerWriter.Tuning
    private let clock = SetClock()
    private let projection = DigestProjection()
    private let answers = Answers()
    private var writer: LedgerWriter
    private var material: MaterialStore
    /// Where commits ended.
    private var commits: Set<UInt64> = []

    /// The name of the ledger's folder in the folder that is simulated.
    static let ledgerName = "ledger"

    /// Lives in a folder.
    ///
    /// - Parameters:
    ///   - before: What is true when the life begins.
    ///   - stepCount: How long it is.
    /// - Returns: What became of it, with the journal.
    static func run(
        seed: UInt64, in path: String, after before: History, stepCount: Int
    ) throws(Finding) -> History {
        var history = before
        history.journal = try Journal.record(path) { () throws(Finding) in
            var life = try Life(seed: seed, path: path, before: before)
            for _ in 0..<stepCount { try life.step() }
            history = try life.end()
        }
        return history
    }

    private init(seed: UInt64, path: String, before: History) throws(Finding) {
        generator = SeededGenerator(seed: seed)
        requests = Requests(seed: seed ^ 0xA5A5, after: before.truth.end.machine)
        now = max(before.truth.end.machine.lastTimestamp, 1_800_000_000_000_000_000)
        let folder = LedgerFolder(path: path + "/" + Self.ledgerName)
        self.folder = folder
        history = before
        if !before.start.hasLedger {
            try succeeding("creating") { () throws(StoreError) in
                try folder.create(origin: "ledger.example/simulated", created: "2026-01-01T00:00:00Z")
            }
            Journal.add(.ledgerCreated)
        }
        tuning = Self.tuning(&generator)
        writer = try Self.open(folder, tuning, projection, clock)
        material = try succeeding("opening the material") { () throws(StoreError) in
            try MaterialStore(folder, isReadOnly: false)
        }
    }

    /// So small that everything that takes a real ledger months happens in a few steps.
    static func tuning(_ generator: inout SeededGenerator) -> LedgerWriter.Tuning {
        var tuning = LedgerWriter.Tuning()
        tuning.isDrivenByHand = true
        tuning.mapSize = 1 << 16
        tuning.flushCount = generator.number(4...40)
        tuning.merging.sourceCount = generator.number(2...4)
        tuning.stateSeed = 42
        tuning.merging.stepCount = generator.number(10...400)
        return tuning
    }

    static func open(
        _ folder: LedgerFolder, _ tuning: LedgerWriter.Tuning, _ projection: DigestProjection, _ clock: SetClock
    ) throws(Finding) -> LedgerWriter {
        try succeeding("opening") { () throws(StoreError) in
            try LedgerWriter(folder, projection: projection, tuning: tuning, clock: { clock.now })
        }
    }

    // MARK: Steps

    private mutating func step() throws(Finding) {
        // Mostly forward, sometimes back.
        now = generator.chance(4) ? now - 3_000_000_000 : now + UInt64(generator.number(0...900_000_000))
        clock.now = now
        switch generator.number(below: 100) {
        case 0..<62:
            // What is submitted together is committed together.
            for _ in 0..<(generator.chance(25) ? generator.number(2...4) : 1) { try submit() }
            try work()
        case 62..<66: try work()
        case 66..<88:
            for _ in 0..<generator.number(1...4) where writer.workOnState() {}
        case 88..<96: try changeMaterial()
        default: try reopen()
        }
    }

    private mutating func submit() throws(Finding) {
        let answers = answers
        switch requests.next() {
        case .accounts(let accounts, let details):
            let ticket = try succeeding("submitting") { () throws(StoreError) in
                try writer.submit(accounts, details: details)
            }
            answers.wait(for: ticket, ids: accounts.map(\.id), details)
        case .transfers(let transfers, let details):
            let ticket = try succeeding("submitting") { () throws(StoreError) in
                try writer.submit(transfers, details: details)
            }
            answers.wait(for: ticket, ids: transfers.map(\.id), details)
        }
    }

    private mutating func work() throws(Finding) {
        writer.work()
        let reader = writer.reader
        commits.insert(try succeeding("reading") { () throws(StoreError) in try reader.eventCount() })
        try answers.expectAllThere()
    }

    private mutating func changeMaterial() throws(Finding) {
        guard var blobs = history.materials.last else { return }
        let number = history.materials.count
        let material = material
        let names = (0..<generator.number(1...3)).map { _ in
            MaterialStore.Name(
                owner: UInt128(generator.number(0...5)), version: UInt32(generator.number(0...2)), kind: 4)
        }
        if generator.chance(60) {
            var put: [(MaterialStore.Name, [UInt8])] = []
            for name in names {
                let blob = generator.bytes(
                    generator.chance(10) ? generator.number(3_000...9_000) : generator.number(1...200))
                put.append((name, blob))
                blobs[name] = blob
            }
            history.materials.append(blobs)
            Journal.add(.materialBegan(number))
            try succeeding("storing material") { () throws(StoreError) in try material.put(put, eventCount: 0) }
        } else {
            for name in names { blobs[name] = nil }
            history.materials.append(blobs)
            Journal.add(.materialBegan(number))
            try succeeding("erasing material") { () throws(StoreError) in try material.erase(names) }
        }
        Journal.add(.materialDone(number))
    }

    private mutating func reopen() throws(Finding) {
        let writer = writer
        try succeeding("closing") { () throws(StoreError) in
            try InlineExecutor.shared.run { () throws(StoreError) in try await writer.close() }
        }
        if generator.chance(40) {
            let folder = folder
            try succeeding("removing the state") { () throws(StoreError) in try folder.removeState() }
        }
        self.writer = try Self.open(folder, tuning, projection, clock)
        if generator.chance(50) {
            material.close()
            let folder = folder
            material = try succeeding("opening the material") { () throws(StoreError) in
                try MaterialStore(folder, isReadOnly: false)
            }
        }
    }

    // MARK: The end

    /// Compares what was said with what was written. The journal goes on until the power is lost, so the files are given
    /// back only afterwards: nothing is closed in an orderly way, unless chance wants it.
    private consuming func end() throws(Finding) -> History {
        let writer = writer
        let reader = writer.reader
        if generator.chance(50) { _ = writer.workOnState() }
        let blocks = try succeeding("reading") { () throws(StoreError) in try reader.allBlocks() }
        try history.truth.extend(with: blocks, commits: commits)
        try answers.compare(with: &history.truth)
        try Inspection.compare(writer, projection, with: history.truth.end)
        if generator.chance(50) { try close(writer) }
        disposeOf(writer)
        material.close()
        return history
    }

    private func close(_ writer: LedgerWriter) throws(Finding) {
        try succeeding("closing") { () throws(StoreError) in
            try InlineExecutor.shared.run { () throws(StoreError) in try await writer.close() }
        }
    }

    private func disposeOf(_ writer: LedgerWriter) {
        Journal.pause()
        try? close(writer)
    }
}

/// A clock that shows what it is set to.
final class SetClock: Sendable {
    private let nanoseconds = Mutex<UInt64>(0)

    var now: UInt64 {
        get { nanoseconds.withLock { $0 } }
        set { nanoseconds.withLock { $0 = newValue } }
    }
}
