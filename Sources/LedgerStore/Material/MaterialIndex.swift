/// Where the records of a material file are: the last of each name.
struct MaterialIndex {
    private(set) var places: [MaterialStore.Name: MaterialFile.Place] = [:]
    /// Where the next record goes, or is looked for.
    private(set) var end: Int
    /// As it is in the file.
    var head: MaterialFile.Head
    var isClosed = false

    init(_ head: MaterialFile.Head) {
        self.head = head
        end = MaterialFile.recordsStart
    }

    /// Takes what a look through the file found.
    ///
    /// - Returns: The records that later ones of the same name replace, and that are not erased.
    mutating func take(_ scan: MaterialFile.Scan) -> [MaterialFile.Place] {
        end = scan.end
        return scan.places.compactMap { replace($0) }
    }

    /// Starts over with what the file says now.
    mutating func reread(_ file: MaterialFile) throws(StoreError) {
        if isClosed { throw .closed }
        places = [:]
        _ = take(try file.scan(certainEnd: end))
    }

    /// Takes what was appended; returns as ``take(_:)`` does.
    mutating func add(_ appended: [MaterialFile.Place]) -> [MaterialFile.Place] {
        if let last = appended.last { end = last.offset + last.record.slotSize }
        return appended.compactMap { replace($0) }
    }

    private mutating func replace(_ place: MaterialFile.Place) -> MaterialFile.Place? {
        guard let previous = places.updateValue(place, forKey: place.record.name),
            previous.record.state != .erased
        else { return nil }
        return previous
    }

    mutating func set(_ state: MaterialRecord.State, _ changed: [MaterialFile.Place]) {
        for place in changed { places[place.record.name]?.record.state = state }
    }

    /// The places of names, in the order of the file and each once, without those in some states.
    func places(of names: [MaterialStore.Name], but states: MaterialRecord.State...) -> [MaterialFile.Place] {
        Set(names).compactMap { places[$0] }.filter { !states.contains($0.record.state) }
            .sorted { $0.offset < $1.offset }
    }
}
