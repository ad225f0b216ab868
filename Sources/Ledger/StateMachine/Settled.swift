/// How accounts were at the last settling: an image of each that changed since, taken before its first change. What is
/// durable can so be read while newer decisions are on their way to disk.
struct AccountImages: Sendable {
    /// How many accounts there were.
    private(set) var count = 0
    private var images: [(place: UInt32, account: Account)] = []
    /// Where the image of each account is, if that one is of the account.
    private var slots: [UInt32] = []

    /// From here on the accounts are as they are now.
    mutating func settle(count: Int) {
        self.count = count
        images.removeAll(keepingCapacity: true)
        if slots.count < count { slots.append(contentsOf: repeatElement(0, count: count - slots.count)) }
    }

    /// Takes the image of an account that is about to change, unless there is one already or it is a new account.
    mutating func take(_ account: Account, at place: Int) {
        guard place < count, !isTaken(place) else { return }
        slots[place] = UInt32(images.count)
        images.append((UInt32(place), account))
    }

    /// The image of an account that has changed.
    subscript(place: Int) -> Account? { isTaken(place) ? images[Int(slots[place])].account : nil }

    private func isTaken(_ place: Int) -> Bool {
        let slot = Int(slots[place])
        return slot < images.count && images[slot].place == UInt32(place)
    }
}

/// The accounts in order of creation as they were at the last settling.
package struct SettledAccounts: RandomAccessCollection {
    private let records: [Account]
    private let images: AccountImages

    init(_ records: [Account], _ images: AccountImages) {
        self.records = records
        self.images = images
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { images.count }
    package subscript(place: Int) -> Account { images[place] ?? records[place] }
}

// MARK: - Reading what is durable

extension StateMachine {
    /// Declares what was decided so far to be durable. Before the first call nothing counts as settled, and nothing is
    /// remembered for it.
    package mutating func settle() {
        accounts.settle()
        settledTransferTimestamp = lastTransferTimestamp
    }

    /// All accounts in order of creation, as they were when ``settle()`` was last called.
    package var settledAccounts: SettledAccounts { accounts.settled }

    /// The account with an id, likewise.
    package func settledAccount(_ id: UInt128) -> Account? {
        guard let place = accounts.place(of: id), place < accounts.settled.count else { return nil }
        return accounts.settled[place]
    }

    /// The transfer with an id, likewise. Transfers never change, and their timestamps ascend.
    package func settledTransfer(_ id: UInt128) throws(HistoryUnreadable) -> Transfer? {
        try transfer(id).flatMap { $0.timestamp <= settledTransferTimestamp ? $0 : nil }
    }
}
