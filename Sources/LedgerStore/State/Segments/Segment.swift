internal import Ledger

/// An immutable index over the transfers of one range of the log, and what else that range changed, in a file of its own.
///
/// Every transfer has an ordinal in the segment, in order of creation. `Specs/STORAGE.md` lists the arrays.
final class Segment: Sendable {
    let descriptor: Descriptor
    private let file: CheckedFile
    /// Filter over the ids.
    let filter: CheckedArray<BloomFilter.Block>
    /// In ascending order, and for each its ordinal, or ``failedOrdinal`` for an id that failed for good.
    let ids: CheckedArray<UInt128>
    let ordinals: CheckedArray<UInt32>
    /// In ascending order: 32 bits of a property (``Term``) above the ordinal.
    let terms: CheckedArray<UInt64>
    /// By ordinal; places in the log are relative to the segment's first event.
    let timestamps: CheckedArray<UInt64>
    let places: CheckedArray<UInt32>
    /// The accounts that changed, as they were at the end of the range, by place in order of creation.
    let accountPlaces: CheckedArray<UInt32>
    let accounts: CheckedArray<Account>
    /// The pending transfers of the range that were not resolved within it, in order of creation.
    let openTransfers: CheckedArray<Transfer>
    /// In ascending order.
    let resolutions: CheckedArray<Resolution>
    /// In order of creation; and of each the account.
    let balances: CheckedArray<AccountBalance>
    let balanceAccounts: CheckedArray<UInt128>
    /// The ids lie between these: ids that ascend with time are told from old ones without a look at the file.
    let firstID: UInt128
    let lastID: UInt128

    /// What a segment covers, as it stands in the list of segments.
    struct Descriptor: BitwiseCopyable, Sendable, Equatable {
        var number: UInt32
        /// 0 for a flush, one more for each merge.
        var level: UInt32
        /// The range of the log.
        var firstSequence: UInt64
        var nextSequence: UInt64
        /// The number of elements of the arrays.
        var termCount: UInt64
        var rowCount: UInt32
        var idCount: UInt32
        var accountCount: UInt32
        var openCount: UInt32
        var resolutionCount: UInt32
        var balanceCount: UInt32
    }

    /// A pending transfer's timestamp, and above it what became of it.
    struct Resolution: BitwiseCopyable, Sendable {
        let timestamp: UInt64
        let status: UInt64

        init(timestamp: UInt64, status: UInt64) {
            self.timestamp = timestamp
            self.status = status
        }

        init(timestamp: UInt64, status: PendingStatus) {
            self.init(timestamp: timestamp, status: UInt64(status.rawValue))
        }
    }

    /// What stands for an ordinal where there is no transfer.
    static let failedOrdinal = UInt32.max

    /// - Parameter location: Where the file is, and what to do if it is not what was written.
    init(_ descriptor: Descriptor, in location: SegmentLocation) throws(StoreError) {
        let layout = Layout(descriptor)
        file = try CheckedFile(
            path: location.path(of: descriptor.number), chunkCount: layout.chunkCount,
            seed: location.seed(of: descriptor), onDamage: location.onDamage)
        self.descriptor = descriptor
        filter = CheckedArray(file, at: layout.filter, count: layout.filterCount)
        ids = CheckedArray(file, at: layout.ids, count: Int(descriptor.idCount))
        ordinals = CheckedArray(file, at: layout.ordinals, count: Int(descriptor.idCount))
        terms = CheckedArray(file, at: layout.terms, count: Int(descriptor.termCount))
        timestamps = CheckedArray(file, at: layout.timestamps, count: Int(descriptor.rowCount))
        places = CheckedArray(file, at: layout.places, count: Int(descriptor.rowCount))
        accountPlaces = CheckedArray(file, at: layout.accountPlaces, count: Int(descriptor.accountCount))
        accounts = CheckedArray(file, at: layout.accounts, count: Int(descriptor.accountCount))
        openTransfers = CheckedArray(file, at: layout.openTransfers, count: Int(descriptor.openCount))
        resolutions = CheckedArray(file, at: layout.resolutions, count: Int(descriptor.resolutionCount))
        balances = CheckedArray(file, at: layout.balances, count: Int(descriptor.balanceCount))
        balanceAccounts = CheckedArray(file, at: layout.balanceAccounts, count: Int(descriptor.balanceCount))
        firstID = ids.count > 0 ? try ids[0] : .max
        lastID = ids.count > 0 ? try ids[ids.count - 1] : 0
    }

    /// Where the arrays begin in the file, each at the start of a chunk.
    struct Layout {
        let filter: Int
        let filterCount: Int
        let ids: Int
        let ordinals: Int
        let terms: Int
        let timestamps: Int
        let places: Int
        let accountPlaces: Int
        let accounts: Int
        let resolutions: Int
        let balances: Int
        let balanceAccounts: Int
        /// The last: how many there are is not known before they are written.
        let openTransfers: Int
        let chunkCount: Int

        init(_ descriptor: Descriptor) {
            var end = 0
            func place<Element>(_ type: Element.Type, _ count: some BinaryInteger) -> Int {
                defer {
                    let size = Int(count) * MemoryLayout<Element>.stride
                    end += (size + CheckedFile.chunkSize - 1) / CheckedFile.chunkSize * CheckedFile.chunkSize
                }
                return end
            }
            filterCount = BloomFilter.blockCount(capacity: Int(descriptor.idCount))
            filter = place(BloomFilter.Block.self, filterCount)
            ids = place(UInt128.self, descriptor.idCount)
            ordinals = place(UInt32.self, descriptor.idCount)
            terms = place(UInt64.self, descriptor.termCount)
            timestamps = place(UInt64.self, descriptor.rowCount)
            places = place(UInt32.self, descriptor.rowCount)
            accountPlaces = place(UInt32.self, descriptor.accountCount)
            accounts = place(Account.self, descriptor.accountCount)
            resolutions = place(Resolution.self, descriptor.resolutionCount)
            balances = place(AccountBalance.self, descriptor.balanceCount)
            balanceAccounts = place(UInt128.self, descriptor.balanceCount)
            openTransfers = place(Transfer.self, descriptor.openCount)
            chunkCount = end / CheckedFile.chunkSize
        }
    }

    // MARK: Looking up

    /// What an id led to: a place in the log, or a failure that made it unusable.
    enum Place: Equatable { case sequence(UInt64), failed }

    /// Nil for an id that is not here.
    func place(of id: UInt128, _ question: BloomFilter.Question) throws(StoreError) -> Place? {
        guard id >= firstID, id <= lastID, try BloomFilter.mayContain(question, in: filter) else { return nil }
        let place = try ids.place(of: id, between: firstID, and: lastID)
        guard place < ids.count, try ids[place] == id else { return nil }
        let ordinal = try ordinals[place]
        return ordinal == Self.failedOrdinal ? .failed : .sequence(try sequence(of: ordinal))
    }

    /// Where the transfer with an ordinal stands in the log.
    func sequence(of ordinal: UInt32) throws(StoreError) -> UInt64 {
        descriptor.firstSequence + UInt64(try places[Int(ordinal)])
    }

    /// Whether a transfer has this timestamp.
    func contains(timestamp: UInt64) throws(StoreError) -> Bool {
        let place = try timestamps.partitionPoint { $0 < timestamp }
        guard place < timestamps.count else { return false }
        return try timestamps[place] == timestamp
    }

    /// What became of a pending transfer within the range; nil if nothing did.
    func resolution(ofPending timestamp: UInt64) throws(StoreError) -> PendingStatus? {
        let place = try resolutions.partitionPoint { $0.timestamp < timestamp }
        guard place < resolutions.count else { return nil }
        let found = try resolutions[place]
        return found.timestamp == timestamp ? PendingStatus(rawValue: UInt8(truncatingIfNeeded: found.status)) : nil
    }

    /// The balances of an account with history just after the transfer with this timestamp.
    func balance(of account: UInt128, timestamp: UInt64) throws(StoreError) -> AccountBalance? {
        let first = try balances.partitionPoint { $0.timestamp < timestamp }
        // A transfer touches two accounts.
        for place in first..<min(first + 2, balances.count) {
            let balance = try balances[place]
            if balance.timestamp == timestamp, try balanceAccounts[place] == account { return balance }
        }
        return nil
    }

    // MARK: Searching

    /// The transfers within a window of time that may have all of these terms: those of the rarest term.
    func candidates(_ terms: [Term], in window: Window) throws(StoreError) -> Candidates {
        let first = try timestamps.partitionPoint { $0 < window.timestampMin }
        let end =
            window.timestampMax == 0
            ? timestamps.count : try timestamps.partitionPoint { $0 <= window.timestampMax }
        let ordinals = first..<max(first, end)
        var rarest = Candidates.all(ordinals)
        for term in terms {
            let hash = UInt64(term.hash) << 32
            let start = try self.terms.partitionPoint { $0 < hash | UInt64(ordinals.lowerBound) }
            let end = try self.terms.partitionPoint(in: start..<self.terms.count) {
                $0 < hash + UInt64(ordinals.upperBound)
            }
            if end - start < rarest.count { rarest = .entries(start..<end) }
        }
        return rarest
    }

    /// Transfers of a segment that have to be looked at.
    enum Candidates {
        /// By ordinal.
        case all(Range<Int>)
        /// By place in the array of terms.
        case entries(Range<Int>)

        var count: Int {
            switch self {
            case .all(let range), .entries(let range): range.count
            }
        }
    }

    /// Where the *n*-th candidate stands in the log.
    func sequence(of candidates: Candidates, at index: Int) throws(StoreError) -> UInt64 {
        switch candidates {
        case .all(let ordinals): try sequence(of: UInt32(ordinals.lowerBound + index))
        case .entries(let entries):
            try sequence(of: UInt32(truncatingIfNeeded: terms[entries.lowerBound + index]))
        }
    }
}

/// Where a ledger's segments are, and what they have in common.
struct SegmentLocation: Sendable {
    let folder: String
    /// Under the state's seed: of ids for the filters, of properties for the terms.
    let hash: IDHash
    /// Whether the segments are for this process only: never synced, without names, and of ids only.
    var isTemporary = false
    /// Called when a segment is not what was written.
    let onDamage: @Sendable () -> Void

    static let prefix = "segment-"

    func path(of number: UInt32) -> String { "\(folder)/\(Self.prefix)\(number)" }

    /// What tells the checksums of one segment from those of all others.
    func seed(of descriptor: Segment.Descriptor) -> UInt64 {
        hash(UInt128(descriptor.firstSequence) << 64 | UInt128(descriptor.nextSequence))
            ^ hash(UInt128(descriptor.number) << 32 | UInt128(descriptor.level))
    }
}
