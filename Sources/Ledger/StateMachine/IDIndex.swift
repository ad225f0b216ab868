/// Where the record with an id stands in an array: open addressing with linear probing.
///
/// Keeps no ids but 32 bits of their hash, next to the place: eight bytes a slot, so that a look-up costs one cache
/// miss. Whoever owns the records says whether the one at a place has the id. The order of slots is never visible
/// outside, so the hash may have another seed in every process: nobody can choose ids that slow others down.
struct IDIndex {
    /// Hash in the upper half, place in the lower; 0 is a free slot.
    private var slots: [UInt64]
    private(set) var count = 0
    private let idHash: IDHash

    init(capacity: Int = 16, hash: IDHash = .ofThisProcess) {
        idHash = hash
        // Three quarters of a power of two are used at most.
        var slotCount = 16
        while slotCount * 3 < capacity * 4 { slotCount *= 2 }
        slots = Array(repeating: 0, count: slotCount)
    }

    /// The place of an id, if it is there.
    @inline(__always)
    func place(of id: UInt128, where hasID: (UInt32) -> Bool) -> UInt32? {
        let hash = hash(of: id)
        var slot = home(of: hash)
        while slots[slot] != 0 {
            let place = UInt32(truncatingIfNeeded: slots[slot])
            if slots[slot] >> 32 == hash, hasID(place) { return place }
            slot = next(after: slot)
        }
        return nil
    }

    /// Adds an id that is not there.
    mutating func insert(_ id: UInt128, at place: UInt32) {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        put(hash(of: id) << 32 | UInt64(place))
        count += 1
    }

    /// Removes an id that is there. Entries that had to pass its slot move back, so that none is cut off.
    mutating func remove(_ id: UInt128, at place: UInt32) {
        let entry = hash(of: id) << 32 | UInt64(place)
        var hole = home(of: entry >> 32)
        while slots[hole] != entry {
            precondition(slots[hole] != 0, "the id to remove is not in the index")
            hole = next(after: hole)
        }
        var slot = next(after: hole)
        while slots[slot] != 0 {
            let distance = (slot &- home(of: slots[slot] >> 32)) & (slots.count - 1)
            if distance >= (slot &- hole) & (slots.count - 1) {
                slots[hole] = slots[slot]
                hole = slot
            }
            slot = next(after: slot)
        }
        slots[hole] = 0
        count -= 1
    }

    private mutating func put(_ entry: UInt64) {
        var slot = home(of: entry >> 32)
        while slots[slot] != 0 { slot = next(after: slot) }
        slots[slot] = entry
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        for entry in old where entry != 0 { put(entry) }
    }

    private func home(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (slots.count - 1) }

    private func next(after slot: Int) -> Int { (slot + 1) & (slots.count - 1) }

    /// 32 bits, never 0.
    @inline(__always)
    func hash(of id: UInt128) -> UInt64 { idHash(id) >> 32 | 1 << 31 }
}
