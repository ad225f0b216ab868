internal import Glibc
internal import Ledger

/// Writes a segment's file: each array from its first element to its last, all of them side by side.
struct SegmentWriter {
    private var descriptor: Segment.Descriptor
    private let location: SegmentLocation
    private let path: String
    private let file: OpenFile
    private let layout: Segment.Layout
    private var filterBlocks: [BloomFilter.Block]
    private var filter: SectionWriter<BloomFilter.Block>
    private var ids: SectionWriter<UInt128>
    private var ordinals: SectionWriter<UInt32>
    private var terms: SectionWriter<UInt64>
    private var timestamps: SectionWriter<UInt64>
    private var places: SectionWriter<UInt32>
    private var accountPlaces: SectionWriter<UInt32>
    private var accounts: SectionWriter<Account>
    private var resolutions: SectionWriter<Segment.Resolution>
    private var balances: SectionWriter<AccountBalance>
    private var balanceAccounts: SectionWriter<UInt128>
    private var openTransfers: SectionWriter<Transfer>

    /// Begins a file; what is left of one with this number is overwritten.
    ///
    /// - Parameter descriptor: With all counts but that of the open transfers, which are counted as they come.
    init(_ descriptor: Segment.Descriptor, in location: SegmentLocation) throws(StoreError) {
        self.descriptor = descriptor
        self.descriptor.openCount = 0
        self.location = location
        let layout = Segment.Layout(self.descriptor)
        self.layout = layout
        let path = location.path(of: descriptor.number)
        self.path = path
        let file = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw LedgerFolder.systemError("creating", path) }
        self.file = OpenFile(file)
        let seed = location.seed(of: descriptor)
        func section<Element>(_ offset: Int) -> SectionWriter<Element> {
            SectionWriter(file, path, seed: seed, at: offset)
        }
        filterBlocks = Array(repeating: BloomFilter.Block(), count: layout.filterCount)
        filter = section(layout.filter)
        ids = section(layout.ids)
        ordinals = section(layout.ordinals)
        terms = section(layout.terms)
        timestamps = section(layout.timestamps)
        places = section(layout.places)
        accountPlaces = section(layout.accountPlaces)
        accounts = section(layout.accounts)
        resolutions = section(layout.resolutions)
        balances = section(layout.balances)
        balanceAccounts = section(layout.balanceAccounts)
        openTransfers = section(layout.openTransfers)
    }

    /// Closes the file with the last copy of its writer.
    private final class OpenFile: Sendable {
        let descriptor: Int32
        init(_ descriptor: Int32) { self.descriptor = descriptor }
        deinit { close(descriptor) }
    }

    /// The next id in ascending order.
    mutating func append(id: UInt128, ordinal: UInt32) throws(StoreError) {
        BloomFilter.insert(location.hash(id), into: &filterBlocks)
        try ids.append(id)
        try ordinals.append(ordinal)
    }

    /// The next term in ascending order.
    mutating func append(term: UInt64) throws(StoreError) { try terms.append(term) }

    /// The next transfer in order of creation.
    mutating func append(timestamp: UInt64, place: UInt32) throws(StoreError) {
        try timestamps.append(timestamp)
        try places.append(place)
    }

    /// The next account that changed, in order of creation.
    mutating func append(_ account: Account, at place: UInt32) throws(StoreError) {
        try accountPlaces.append(place)
        try accounts.append(account)
    }

    /// The next resolution in order of the pending transfers' creation.
    mutating func append(_ resolution: Segment.Resolution) throws(StoreError) { try resolutions.append(resolution) }

    /// The next balance in order of creation.
    mutating func append(_ balance: AccountBalance, of account: UInt128) throws(StoreError) {
        try balances.append(balance)
        try balanceAccounts.append(account)
    }

    /// The next open transfer in order of creation.
    mutating func append(open transfer: Transfer) throws(StoreError) {
        try openTransfers.append(transfer)
        descriptor.openCount += 1
    }

    /// Makes the file durable, and opens it. There must be as many elements as the descriptor says.
    mutating func finish() throws(StoreError) -> Segment {
        for block in filterBlocks { try filter.append(block) }
        try filter.finish()
        try ids.finish()
        try ordinals.finish()
        try terms.finish()
        try timestamps.finish()
        try places.finish()
        try accountPlaces.finish()
        try accounts.finish()
        try resolutions.finish()
        try balances.finish()
        try balanceAccounts.finish()
        try openTransfers.finish()
        // In the order of the layout: one for each chunk of the file.
        let checksums =
            filter.checksums + ids.checksums + ordinals.checksums + terms.checksums + timestamps.checksums
            + places.checksums + accountPlaces.checksums + accounts.checksums + resolutions.checksums
            + balances.checksums + balanceAccounts.checksums + openTransfers.checksums
        let chunkCount = Segment.Layout(descriptor).chunkCount
        precondition(checksums.count == chunkCount, "a segment has as many elements as were announced")
        try writeAll(
            unsafe checksums.span.bytes, to: file.descriptor, path, at: chunkCount * CheckedFile.chunkSize)
        if location.isTemporary {
            defer { unsafe unlink(path) }
            return try Segment(descriptor, in: location)
        }
        guard fdatasync(file.descriptor) == 0 else { throw LedgerFolder.systemError("syncing", path) }
        try LedgerFolder.makeDurable(folderAt: location.folder)
        return try Segment(descriptor, in: location)
    }
}
