/// Where the record with an id stands in an array: open addressing with linear probing.
///
/// Ids are never 0, so 0 marks a free slot. The order of slots is never visible outside.
struct IDIndex {
    private var ids: [UInt128]
    private var places: [UInt32]
    private(set) var count = 0

    init(capacity: Int = 16) {
        // Three quarters of a power of two are used at most.
        var slots = 16
        while slots * 3 < capacity * 4 { slots *= 2 }
        ids = Array(repeating: 0, count: slots)
        places = Array(repeating: 0, count: slots)
    }

    subscript(id: UInt128) -> UInt32? {
        var slot = home(of: id)
        while true {
            let found = ids[slot]
            if found == id { return id == 0 ? nil : places[slot] }
            if found == 0 { return nil }
            slot = (slot + 1) & (ids.count - 1)
        }
    }

    /// Adds an id that is not there.
    mutating func insert(_ id: UInt128, at place: UInt32) {
        if (count + 1) * 4 > ids.count * 3 { grow() }
        put(id, place)
        count += 1
    }

    /// Removes an id that is there. Entries that had to pass its slot move back, so that none is cut off.
    mutating func remove(_ id: UInt128) {
        var hole = home(of: id)
        while ids[hole] != id {
            precondition(ids[hole] != 0, "the id to remove is not in the index")
            hole = (hole + 1) & (ids.count - 1)
        }
        var slot = hole
        while true {
            slot = (slot + 1) & (ids.count - 1)
            guard ids[slot] != 0 else { break }
            let distance = (slot &- home(of: ids[slot])) & (ids.count - 1)
            if distance >= (slot &- hole) & (ids.count - 1) {
                ids[hole] = ids[slot]
                places[hole] = places[slot]
                hole = slot
            }
        }
        ids[hole] = 0
        count -= 1
    }

    mutating func removeAll() {
        for slot in ids.indices { ids[slot] = 0 }
        count = 0
    }

    private mutating func put(_ id: UInt128, _ place: UInt32) {
        var slot = home(of: id)
        while ids[slot] != 0 { slot = (slot + 1) & (ids.count - 1) }
        ids[slot] = id
        places[slot] = place
    }

    private mutating func grow() {
        let old = self
        ids = Array(repeating: 0, count: old.ids.count * 2)
        places = Array(repeating: 0, count: old.ids.count * 2)
        for slot in old.ids.indices where old.ids[slot] != 0 { put(old.ids[slot], old.places[slot]) }
    }

    /// A multiplication whose halves are folded mixes all 128 bits; ids chosen to collide cost time, never correctness.
    private func home(of id: UInt128) -> Int {
        let low = UInt64(truncatingIfNeeded: id) ^ 0x9E37_79B9_7F4A_7C15
        let high = UInt64(truncatingIfNeeded: id >> 64) ^ 0xD1B5_4A32_D192_ED03
        let product = low.multipliedFullWidth(by: high | 1)
        let mixed = (product.high ^ product.low) &* 0xBF58_476D_1CE4_E5B9
        return Int(truncatingIfNeeded: mixed >> 32) & (ids.count - 1)
    }
}
