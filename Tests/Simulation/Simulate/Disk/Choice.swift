/// Which of the changes that were not certain reached the disk before it lost power, in which order, and torn where.
struct Choice {
    struct Survivor {
        /// Which of the pending changes.
        let place: Int
        /// The sectors of a write that arrived, from its first one; nil for all.
        var sectors: [Int]?
        /// The file has grown to the write's end, though not all of its bytes arrived.
        var reachesSize = false
    }

    private(set) var survivors: [Survivor] = []
    private(set) var kind = Kind.none

    /// The ways in which a disk is most likely to catch a program out, and some that are merely possible.
    enum Kind: CaseIterable {
        case none, all, allButOne, onlyOne, onlyTheLast, aBeginning, anEnd, backwards, some, someTorn, allTorn
    }

    /// Everything, as if there had been no crash.
    init(allOf pending: [Disk.Pending]) {
        kind = .all
        survivors = pending.indices.map { Survivor(place: $0) }
    }

    init(of pending: [Disk.Pending], using generator: inout SeededGenerator) {
        guard !pending.isEmpty else { return }
        // A disk does not put things off for ever: mostly it is only the latest changes that are uncertain.
        let places = Array(pending.indices.suffix(generator.chance(60) ? generator.number(1...12) : pending.count))
        let settled = pending.indices.dropLast(places.count)
        kind = Kind.allCases[generator.number(below: Kind.allCases.count)]
        let index = generator.number(below: places.count)
        let one = places[index]
        let chosen: [Int] =
            switch kind {
            case .none: []
            case .all, .allTorn: places
            case .allButOne: places.filter { $0 != one }
            case .onlyOne: [one]
            case .onlyTheLast: places.suffix(1)
            case .aBeginning: Array(places.prefix(index))
            case .anEnd: Array(places.suffix(index + 1))
            case .backwards: Array(places.reversed())
            case .some, .someTorn: places.filter { _ in generator.chance(50) }.shuffled(using: &generator)
            }
        survivors = (settled + chosen).map { Survivor(place: $0) }
        if kind == .allTorn || kind == .someTorn {
            for place in survivors.indices.dropFirst(settled.count) where generator.chance(60) {
                tear(place, pending, &generator)
            }
        }
        // What was not chosen may have made its file grow all the same.
        if generator.chance(25) {
            for place in places where !chosen.contains(place) && generator.chance(50) {
                survivors.append(Survivor(place: place, sectors: [], reachesSize: true))
            }
        }
        keepNamesInOrder(pending)
    }

    private mutating func tear(_ place: Int, _ pending: [Disk.Pending], _ generator: inout SeededGenerator) {
        guard case .bytes(let offset, let bytes) = pending[survivors[place].place].change else { return }
        let count = Disk.sectors(offset, bytes.count).count / Disk.sectorSize
        let cut = generator.number(below: count + 1)
        survivors[place].sectors =
            switch generator.number(below: 3) {
            case 0: Array(0..<cut)
            case 1: Array(cut..<count)
            default: (0..<count).filter { _ in generator.chance(50) }
            }
        survivors[place].reachesSize = generator.chance(50)
    }

    /// A folder takes names in and loses them in the order in which it was told; it is not sectors that are written there.
    /// A size without bytes says nothing about a name, so such a survivor must not be one.
    private mutating func keepNamesInOrder(_ pending: [Disk.Pending]) {
        func isName(_ survivor: Survivor) -> Bool {
            if case .name = pending[survivor.place].change { true } else { false }
        }
        func isBytes(_ survivor: Survivor) -> Bool {
            if case .bytes = pending[survivor.place].change { true } else { false }
        }
        survivors.removeAll { $0.sectors == [] && !isBytes($0) }
        let names = survivors.filter(isName).sorted { $0.place < $1.place }
        survivors = survivors.filter { !isName($0) } + names
    }

    /// What arrived, for people.
    func description(on disk: Disk) -> String {
        let lines = survivors.map { survivor in
            let torn =
                survivor.sectors.map { ", of it sectors \($0)\(survivor.reachesSize ? " and the size" : "")" } ?? ""
            return "  + \(disk.description(of: disk.pending[survivor.place]))\(torn)"
        }
        let places = Set(survivors.map(\.place))
        let lost = disk.pending.indices.filter { !places.contains($0) }.map {
            "  - \(disk.description(of: disk.pending[$0]))"
        }
        return (["what had not been synced and arrived (+, in this order) or not (-): \(kind)"] + lines + lost)
            .joined(separator: "\n")
    }
}
