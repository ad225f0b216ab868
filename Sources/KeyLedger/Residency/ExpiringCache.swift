/// A bounded cache of values that are believed for a time; ``TinyLFU`` decides who makes room.
///
/// Nothing that is too old is handed out; it goes when it is asked for, or when room is needed.
package struct ExpiringCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        let key: Key
        let value: Value
        let expiresAt: UInt64
    }

    private var entries: [Entry?] = []
    private var places: [Key: Int] = [:]
    private var vacancies: [Int] = []
    private var policy: TinyLFU
    private let capacity: Int

    /// For at most `capacity` values, at least one.
    package init(capacity: Int) {
        self.capacity = capacity
        policy = TinyLFU(placeCount: capacity)
    }

    package enum Answer {
        case present(Value)
        case expired
        case absent
    }

    /// The value for a key, if it may still be believed at `now`.
    package mutating func value(for key: Key, fingerprint: UInt64, at now: UInt64) -> Answer {
        policy.record(fingerprint)
        guard let place = places[key], let entry = entries[place] else { return .absent }
        guard entry.expiresAt > now else {
            remove(from: place)
            return .expired
        }
        policy.touch(place)
        return .present(entry.value)
    }

    /// Puts a value in, in place of what was there for its key.
    ///
    /// - Returns: Whether another value had to make room.
    package mutating func insert(_ value: Value, for key: Key, fingerprint: UInt64, expiresAt: UInt64) -> Bool {
        if let place = places[key] { remove(from: place) }
        var isEvicting = false
        if places.count >= capacity, let place = policy.victim(isFree: { _ in true }) {
            remove(from: place)
            isEvicting = true
        }
        let place = vacancies.popLast() ?? entries.count
        if place == entries.count { entries.append(nil) }
        entries[place] = Entry(key: key, value: value, expiresAt: expiresAt)
        places[key] = place
        policy.insert(place, fingerprint)
        return isEvicting
    }

    /// Removes what is meant.
    ///
    /// - Returns: How many there were.
    package mutating func removeAll(where isMeant: (Key) -> Bool) -> Int {
        let meant = places.filter { isMeant($0.key) }
        for place in meant.values { remove(from: place) }
        return meant.count
    }

    package var count: Int { places.count }

    private mutating func remove(from place: Int) {
        guard let entry = entries[place] else { return }
        entries[place] = nil
        places[entry.key] = nil
        policy.remove(place)
        vacancies.append(place)
    }
}
