internal import FoundationEssentials
internal import Ledger
internal import LedgerStore

/// Opens what a crash left and holds it against the truth.
struct Inspection {
    let folder: LedgerFolder
    let truth: Truth
    let materials: [[MaterialStore.Name: [UInt8]]]
    let promise: History.Promise

    /// What was found: how many blocks, and the material.
    struct Found {
        let blockCount: Int
        let material: [MaterialStore.Name: [UInt8]]
    }

    /// Nil if there is no ledger, and none was promised.
    func run(_ generator: inout SeededGenerator, _ coverage: inout Coverage) throws(Finding) -> Found? {
        guard try hasLedger() else { return nil }
        // Somebody may look before the writer comes, and must find the same.
        let seen = generator.chance(30) ? try read() : nil
        let projection = DigestProjection()
        let clock = SetClock()
        let tuning = Life.tuning(&generator)
        let writer = try Life.open(folder, tuning, projection, clock)
        let blockCount = try check(try blocks(writer.reader))
        try expect(seen == nil || seen == blockCount, "a reader saw \(seen ?? 0) blocks, the writer \(blockCount)")
        guard let point = truth.point(blockCount) else { preconditionFailure("checked") }
        try Self.compare(writer, projection, with: point)
        try checkDetails(writer.reader, point)
        try checkReads(writer, point, &generator)
        let material = try checkMaterial()
        try close(writer)

        if generator.chance(25) {
            coverage.count(.rebuilds)
            let folder = folder
            try succeeding("removing the state") { () throws(StoreError) in try folder.removeState() }
            let again = try Life.open(folder, tuning, projection, clock)
            try Self.compare(again, projection, with: point)
            try close(again)
        }
        return Found(blockCount: blockCount, material: material)
    }

    private func hasLedger() throws(Finding) -> Bool {
        do throws(StoreError) {
            _ = try folder.manifest()
            return true
        } catch {
            if case .notALedger = error, !promise.hasLedger { return false }
            throw Finding("the manifest: \(error)")
        }
    }

    private func close(_ writer: LedgerWriter) throws(Finding) {
        try succeeding("closing") { () throws(StoreError) in
            try InlineExecutor.shared.run { () throws(StoreError) in try await writer.close() }
        }
    }

    // MARK: The log

    private func blocks(_ reader: LedgerReader) throws(Finding) -> [Block] {
        try succeeding("reading the log") { () throws(StoreError) in try reader.allBlocks() }
    }

    private func read() throws(Finding) -> Int {
        let reader = try succeeding("opening a reader") { () throws(StoreError) in try LedgerReader(folder) }
        return try check(try blocks(reader))
    }

    /// A log is what was submitted up to some commit, and everything that was acknowledged.
    private func check(_ blocks: [Block]) throws(Finding) -> Int {
        let count = blocks.count
        try expect(
            count <= truth.blocks.count && blocks == Array(truth.blocks.prefix(count)),
            "the log's \(count) blocks are not what was written")
        guard let point = truth.point(count) else { throw Finding("the log's \(count) blocks end within a commit") }
        try expect(
            point.eventCount >= promise.eventCount,
            "\(promise.eventCount) events were acknowledged, \(point.eventCount) are there")
        return count
    }

    private func checkDetails(_ reader: LedgerReader, _ point: Truth.Point) throws(Finding) {
        let count = try succeeding("counting details") { () throws(StoreError) in try reader.detailsCount() }
        try expect(count == point.detailsCount, "there are details of \(count) events instead of \(point.detailsCount)")
        for (sequence, sealed) in truth.details where sequence < point.eventCount {
            let found = try succeeding("reading details") { () throws(StoreError) in
                try reader.sealedDetails(of: sequence)
            }
            try expect(found == sealed, "the details of event \(sequence) are not what was written")
        }
    }

    // MARK: What follows from it

    /// Balances, open transfers and the projection are what a replay of the log gives.
    static func compare(
        _ writer: LedgerWriter, _ projection: DigestProjection, with point: Truth.Point
    ) throws(Finding) {
        let accounts = writer.accounts(QueryFilter(window: Window(limit: UInt32(Window.rowCountMax))))
        try expect(accounts == point.machine.allAccounts, "the balances are not what follows from the log")
        try expect(
            writer.openTransfers == point.machine.openTransfers,
            "the pending transfers are not what follows from the log")
        try expect(projection.value == point.digest, "the projection is not what follows from the log")
    }

    /// What is found by id, by account and by time is what a replay of the log has in memory.
    private func checkReads(
        _ writer: LedgerWriter, _ point: Truth.Point, _ generator: inout SeededGenerator
    ) throws(Finding) {
        let transfers = point.machine.recentTransfers.transfers
        var ids = (0..<3).compactMap { _ in transfers.randomElement(using: &generator)?.id }
        ids += [truth.end.machine.recentTransfers.transfers.last?.id ?? 1, UInt128(generator.next())]
        for id in ids {
            let found = try succeeding("looking up") { () throws(StoreError) in try writer.transfer(id) }
            let expected = transfers.first { $0.id == id }
            try expect(found == expected, "transfer \(id) is not what was written")
        }
        let filter = AccountFilter(
            accountID: UInt128(generator.number(1...9)),
            window: Window(limit: UInt32(Window.rowCountMax), isReversed: generator.chance(50)))
        let found = try succeeding("searching") { () throws(StoreError) in try writer.transfers(filter) }
        let matching = transfers.filter(filter.matches)
        try expect(
            found == (filter.window.isReversed ? matching.reversed() : matching),
            "the transfers of account \(filter.accountID) are not what was written")
        guard point.machine.account(filter.accountID)?.flags.contains(.history) == true else { return }
        let balances = try succeeding("reading balances") { () throws(StoreError) in try writer.balances(filter) }
        let expected = found.map {
            point.machine.recentTransfers.balance(of: filter.accountID, timestamp: $0.timestamp)
        }
        try expect(balances.map { $0 } == expected.compactMap { $0 }, "the balances over time are not what follows")
    }

    // MARK: The material

    private func checkMaterial() throws(Finding) -> [MaterialStore.Name: [UInt8]] {
        let blobs = try succeeding("reading the material") { () throws(StoreError) in
            let store = try MaterialStore(folder, isReadOnly: false)
            defer { store.close() }
            var blobs: [MaterialStore.Name: [UInt8]] = [:]
            for name in try store.names() { blobs[name] = try store.blob(name) }
            return blobs
        }
        let isPromised = promise.materials.contains { materials[$0] == blobs }
        guard isPromised || isBetween(blobs) else {
            throw Finding("the material is in none of the states \(promise.materials)")
        }
        try checkErasure(blobs)
        return blobs
    }

    /// Erasing several blobs is done again by whoever wanted it: a part of them may be gone.
    private func isBetween(_ blobs: [MaterialStore.Name: [UInt8]]) -> Bool {
        let (before, after) = (materials[promise.materials.lowerBound], materials[promise.materials.upperBound])
        return blobs.allSatisfy { before[$0.key] == $0.value } && after.allSatisfy { blobs[$0.key] == $0.value }
    }

    /// That nothing of the blobs that were erased, replaced or not stored to the end is left in the file.
    private func checkErasure(_ blobs: [MaterialStore.Name: [UInt8]]) throws(Finding) {
        guard let file = try? Data(contentsOf: URL(filePath: folder.materialPath + "/blobs")) else {
            throw Finding("the file of the material cannot be read")
        }
        let kept = Set(blobs.values)
        let gone = Set(materials.prefix(promise.materials.upperBound + 1).flatMap(\.values)).subtracting(kept)
        // Shorter ones may be found by chance.
        for blob in gone where blob.count >= 8 {
            for part in [blob.prefix(512), blob.suffix(512)] where part.count >= 8 && file.firstRange(of: part) != nil {
                throw Finding("\(part.count) of \(blob.count) bytes that were erased are still in the file")
            }
        }
    }
}
