/// All accounts, in order of creation.
struct AccountTable {
    private(set) var records: [Account] = []
    private var index = IDIndex()
    /// Which accounts changed since ``drainChanged()``, each once, in no order that matters.
    private var changed: [UInt32] = []
    private var isChanged: [Bool] = []
    /// How things were when they were last settled; nil until then.
    private var images: AccountImages?

    var count: Int { records.count }
    /// That of the newest account; 0 if there is none. Timestamps ascend with the place.
    var lastTimestamp: UInt64 { records.last?.timestamp ?? 0 }

    func place(of id: UInt128) -> Int? { index.place(of: id) { records[Int($0)].id == id }.map(Int.init) }

    subscript(place: Int) -> Account { records[place] }

    func contains(timestamp: UInt64) -> Bool {
        let place = records.partitionPoint { $0.timestamp < timestamp }
        return place < records.count && records[place].timestamp == timestamp
    }

    mutating func append(_ account: Account) {
        let place = records.count
        records.append(account)
        isChanged.append(false)
        index.insert(account.id, at: UInt32(place))
        markChanged(place)
    }

    mutating func update(_ place: Int, _ body: (inout Account) -> Void) {
        images?.take(records[place], at: place)
        body(&records[place])
        markChanged(place)
    }

    /// What is in the table now is durable.
    mutating func settle() {
        if images == nil { images = AccountImages() }
        images?.settle(count: records.count)
    }

    /// The accounts as they were when they were last settled.
    var settled: SettledAccounts { SettledAccounts(records, images ?? AccountImages()) }

    /// Takes back the last `append`.
    mutating func removeLast() {
        let account = records.removeLast()
        let place = UInt32(records.count)
        index.remove(account.id, at: place)
        if isChanged.removeLast() {
            // A batch that creates accounts changes no other ones, so nothing was marked after this one.
            precondition(changed.last == place, "an account was changed after one that is taken back")
            changed.removeLast()
        }
    }

    /// The changed accounts with their places, ascending; from here on nothing counts as changed.
    mutating func drainChanged() -> [(place: UInt32, account: Account)] {
        defer {
            for place in changed { isChanged[Int(place)] = false }
            changed.removeAll(keepingCapacity: true)
        }
        return changed.sorted().map { ($0, records[Int($0)]) }
    }

    /// Puts an account in its place at opening, without marking it as changed.
    mutating func load(_ account: Account) {
        index.insert(account.id, at: UInt32(records.count))
        records.append(account)
        isChanged.append(false)
    }

    private mutating func markChanged(_ place: Int) {
        if isChanged[place] { return }
        isChanged[place] = true
        changed.append(UInt32(place))
    }
}

extension RandomAccessCollection where Index == Int {
    /// The first index whose element is not `before`, in a collection where all that are come first.
    package func partitionPoint(where isBefore: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
