internal import CryptoPrimitives
internal import FoundationEssentials
internal import Glibc
internal import Ledger
internal import LedgerStore

/// Where power is lost: after how many of the journal's entries, and which of the choices tried there.
struct CrashPoint: Hashable {
    let entry: Int
    let choice: Int
}

/// Lives, and the crashes that end them: every point of a life, and lives that go on from what a crash left.
struct Exploration {
    /// Where files are put; memory serves as the disk.
    private let folder: String
    private let limit: Int
    private(set) var crashCount = 0
    private(set) var lifeCount = 0
    private(set) var coverage = Coverage()
    /// Over the ledgers as all lives left them: equal for equal seeds.
    private(set) var digest = SHA256Digest.zero
    private let progress: (Int) -> Void

    private static let stepCount = 60
    private static let laterStepCount = 12
    /// How many crashes one after another.
    private static let depthMax = 3

    init(limit: Int, progress: @escaping (Int) -> Void) {
        Self.removeLeftovers()
        folder = "\(Self.memoryDisk)/\(Self.prefix)\(getpid())"
        self.limit = limit
        self.progress = progress
        unsafe mkdir(folder, 0o700)
    }

    private static let memoryDisk = "/dev/shm"
    private static let prefix = "keyledger-simulate-"

    /// A process that was ended by a signal could not remove its files.
    private static func removeLeftovers() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: memoryDisk)) ?? []
        where name.hasPrefix(prefix) {
            guard let process = pid_t(name.dropFirst(prefix.count)), kill(process, 0) != 0, errno == ESRCH else {
                continue
            }
            try? FileManager.default.removeItem(atPath: memoryDisk + "/" + name)
        }
    }

    func removeFiles() { try? FileManager.default.removeItem(atPath: folder) }

    /// A crash, to be described only if somebody has to know.
    struct Record: CustomStringConvertible {
        let choice: Choice
        let disk: Disk
        var hasOtherState = false

        var description: String {
            choice.description(on: disk) + (hasOtherState ? "\nand state/ was that of another time" : "")
        }
    }

    /// What was found, and how to find it again.
    struct Failure: Error {
        let seed: UInt64
        let crashes: [CrashPoint]
        let finding: Finding
        /// What reached the disk.
        let records: [Record]

        var command: String {
            let points = crashes.map { "\($0.entry)/\($0.choice)" }.joined(separator: ",")
            return "tools/simulate --seed \(seed)" + (crashes.isEmpty ? "" : " --crash \(points)")
        }
    }

    /// Explores the life with a seed: all its crash points, or only the given ones, one in the life after another.
    mutating func explore(seed: UInt64, only crashes: [CrashPoint]? = nil) throws(Failure) {
        let nothing = History(truth: Truth(), materials: [[:]])
        try live(Place(seed: seed), from: Image(), after: nothing, stepCount: Self.stepCount, only: crashes?[...])
    }

    var isDone: Bool { crashCount >= limit }

    /// A life, and how one gets there.
    private struct Place {
        let seed: UInt64
        var crashes: [CrashPoint] = []
        var records: [Record] = []
        /// What `state/` was at other times, also in lives that took another course from here.
        var otherStates: [Image] = []

        /// Numbers that depend on the way here only.
        func generator(_ purpose: Int) -> SeededGenerator {
            var generator = SeededGenerator(seed: seed, purpose)
            for crash in crashes { generator = SeededGenerator(seed: generator.next(), crash.entry, crash.choice) }
            return generator
        }

        func failure(_ finding: Finding) -> Failure {
            Failure(seed: seed, crashes: crashes, finding: finding, records: records)
        }
    }

    private mutating func live(
        _ place: Place, from image: Image, after before: History, stepCount: Int, only crashes: ArraySlice<CrashPoint>?
    ) throws(Failure) {
        let path = folder + "/life"
        image.write(to: path)
        setLastWords("\nended by a signal: \(place.failure(Finding("")).command)\n")
        lifeCount += 1
        var generator = place.generator(0)
        let history: History
        do throws(Finding) {
            history = try Life.run(seed: generator.next(), in: path, after: before, stepCount: stepCount)
        } catch {
            throw place.failure(error)
        }
        coverage.count(history)
        var place = place
        place.otherStates += digest(image, history.journal)
        // What was there before the first crash was explored point by point; later on samples must do.
        let isFirst = place.crashes.isEmpty
        let sampled = 100 * 12 / max(history.journal.entries.count, 12)
        var disk = Disk(image)
        for end in 0...history.journal.entries.count where !isDone {
            if end > 0 { disk.take(history.journal.entries[end - 1], number: end - 1) }
            if let crashes {
                guard let crash = crashes.first, crash.entry == end else { continue }
                try self.crash(crash, place, disk, history, only: crashes.dropFirst())
                return
            }
            // With the mark that follows the same disk must hold more.
            if end < history.journal.entries.count, case .mark = history.journal.entries[end] { continue }
            if !isFirst, !generator.chance(sampled) { continue }
            for choice in 0..<(isFirst && !disk.pending.isEmpty ? 3 : 1) {
                try self.crash(CrashPoint(entry: end, choice: choice), place, disk, history, only: nil)
            }
        }
    }

    /// Notes how a life left its ledger. Returns `state/` as it was every now and then.
    private mutating func digest(_ image: Image, _ journal: Journal) -> [Image] {
        let distance = max(journal.entries.count / 8, 1)
        var disk = Disk(image)
        var states: [Image] = []
        for (number, entry) in journal.entries.enumerated() {
            disk.take(entry, number: number)
            if number % distance == distance - 1 {
                states.append(disk.image(Choice(allOf: disk.pending)).part(Life.ledgerName + "/state"))
            }
        }
        var hash = SHA256()
        digest.withBytes { hash.update($0) }
        // What locks hold says who ran.
        for file in disk.image(Choice(allOf: disk.pending)).files where file.path.hasSuffix("/data.mdb") {
            hash.update(unsafe file.bytes.span.bytes)
        }
        digest = hash.finalize()
        return states
    }

    private mutating func crash(
        _ crash: CrashPoint, _ place: Place, _ disk: Disk, _ history: History, only crashes: ArraySlice<CrashPoint>?
    ) throws(Failure) {
        crashCount += 1
        if !place.crashes.isEmpty { coverage.count(.laterCrashes) }
        progress(crashCount)
        var place = place
        place.crashes.append(crash)
        var generator = place.generator(1)
        let choice = Choice(of: disk.pending, using: &generator)
        coverage.count(choice, of: disk.pending)
        place.records.append(Record(choice: choice, disk: disk))
        var image = disk.image(choice)
        if generator.chance(10), image.folders.contains(Life.ledgerName),
            let other = place.otherStates.randomElement(using: &generator)
        {
            coverage.count(.states)
            place.records[place.records.count - 1].hasOtherState = true
            image.replace(Life.ledgerName + "/state", with: other)
        }
        image.spoilLockFiles(using: &generator)
        let path = folder + "/crash"
        image.write(to: path)
        setLastWords("\nended by a signal: \(place.failure(Finding("")).command)\n")
        let promise = history.promise(before: crash.entry)
        let found: Inspection.Found?
        do throws(Finding) {
            let inspection = Inspection(
                folder: LedgerFolder(path: path + "/" + Life.ledgerName), truth: history.truth,
                materials: history.materials, promise: promise)
            found = try inspection.run(&generator, &coverage)
        } catch {
            throw place.failure(error)
        }
        guard let found, place.crashes.count < Self.depthMax else { return }
        if let crashes, crashes.isEmpty { return }
        guard generator.chance(place.crashes.count == 1 ? 5 : 2) || crashes != nil else { return }
        var next = History(
            truth: history.truth.prefix(found.blockCount), materials: [found.material])
        next.start.hasLedger = true
        next.start.eventCount = next.truth.end.eventCount
        try live(place, from: image, after: next, stepCount: Self.laterStepCount, only: crashes)
    }
}
