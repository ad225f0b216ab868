/// A disk with a cache that loses power: what it was told, and what of that is certain to be there afterwards.
///
/// Certain is what `fsync` and `fdatasync` say about one file (all earlier writes to it, and its size), what O_DSYNC says
/// about one write, and what `fsync` says about the names in one folder; files and folders are independent of each
/// other. Of everything else any part may be there, by sectors of 512 bytes, which are whole or not at all.
struct Disk {
    static let sectorSize = 512

    /// A file or a folder, as far as it is certain.
    private struct Node {
        var isFolder = false
        /// What is in a lock file says nothing after a crash.
        var isLock = false
        var bytes: [UInt8] = []
        var names: [String: Int] = [:]
    }

    enum Change {
        case bytes(offset: Int, [UInt8])
        case size(Int)
        case name(String, node: Int?)
    }

    /// A change that is not certain.
    struct Pending {
        /// The number of the journal's entry.
        let entry: Int
        let node: Int
        var change: Change
    }

    private var nodes: [Node] = []
    /// Nodes by the journal's numbers.
    private var numbers: [Int: Int] = [:]
    private var paths: [String: Int] = [:]
    /// In the order in which they were made.
    private(set) var pending: [Pending] = []

    /// A disk on which all is certain.
    init(_ image: Image) {
        nodes = [Node(isFolder: true)]
        paths = ["": 0]
        for path in image.folders { add(path, Node(isFolder: true)) }
        for file in image.files { add(file.path, Node(isLock: Self.isLock(file.path), bytes: file.bytes)) }
    }

    private mutating func add(_ path: String, _ node: Node) {
        let (parent, name) = Self.split(path)
        guard let parent = paths[parent] else { preconditionFailure("an image names folders before what is in them") }
        paths[path] = nodes.count
        nodes[parent].names[name] = nodes.count
        nodes.append(node)
    }

    private static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    // MARK: What the disk is told

    mutating func take(_ entry: Journal.Entry, number: Int) {
        switch entry {
        case .seen(let node, let path):
            // Of a file that is new this is said too, just before.
            numbers[node] = paths[path]
        case .created(let node, let parent, let name, let isFolder):
            numbers[node] = nodes.count
            wait(number, self[parent], .name(name, node: nodes.count))
            nodes.append(Node(isFolder: isFolder, isLock: Self.isLock(name)))
        case .removed(let parent, let name): wait(number, self[parent], .name(name, node: nil))
        case .wrote(let node, let offset, let bytes): wait(number, self[node], .bytes(offset: offset, bytes))
        case .resized(let node, let size): wait(number, self[node], .size(size))
        case .synced(let node, let before):
            let node = self[node]
            for change in pending where change.node == node && change.entry < before { apply(change) }
            pending.removeAll { $0.node == node && $0.entry < before }
        case .writeSynced(let node, let entry): makeDurable(self[node], entry)
        case .mark: break
        }
    }

    private subscript(number: Int) -> Int {
        guard let node = numbers[number] else { preconditionFailure("the journal names what was never seen") }
        return node
    }

    private mutating func wait(_ entry: Int, _ node: Int, _ change: Change) {
        let change = Pending(entry: entry, node: node, change: change)
        if nodes[node].isLock { apply(change) } else { pending.append(change) }
    }

    private static func isLock(_ path: String) -> Bool { path.hasSuffix("lock.mdb") || path.hasSuffix("writer.lock") }

    /// The sectors of one write become durable as they are in the cache: with what was written to them before. The rest
    /// of earlier writes remains uncertain.
    private mutating func makeDurable(_ node: Int, _ entry: Int) {
        guard let write = pending.first(where: { $0.entry == entry }), case .bytes(let offset, let bytes) = write.change
        else { return }
        let sectors = Self.sectors(offset, bytes.count)
        var rest: [Pending] = []
        for change in pending {
            guard change.node == node, change.entry <= entry, case .bytes(let start, let bytes) = change.change else {
                rest.append(change)
                continue
            }
            let end = start + bytes.count
            let (first, last) = (max(start, sectors.lowerBound), min(end, sectors.upperBound))
            guard first < last else {
                rest.append(change)
                continue
            }
            apply(
                Pending(
                    entry: change.entry, node: node, change: .bytes(offset: first, bytes[first - start, last - start])))
            if start < first {
                rest.append(
                    .init(entry: change.entry, node: node, change: .bytes(offset: start, bytes[0, first - start])))
            }
            if last < end {
                let tail = bytes[last - start, bytes.count]
                rest.append(.init(entry: change.entry, node: node, change: .bytes(offset: last, tail)))
            }
        }
        pending = rest
    }

    private mutating func apply(_ change: Pending) { Self.apply(change.change, to: &nodes[change.node]) }

    private static func apply(_ change: Change, to node: inout Node) {
        switch change {
        case .bytes(let offset, let bytes): node.bytes.overwrite(at: offset, with: bytes)
        case .size(let size): node.bytes.resize(to: size)
        case .name(let name, let target): node.names[name] = target
        }
    }

    /// The whole sectors that bytes lie in.
    static func sectors(_ offset: Int, _ count: Int) -> Range<Int> {
        (offset / sectorSize * sectorSize)..<((offset + count + sectorSize - 1) / sectorSize * sectorSize)
    }

    // MARK: What is there after a crash

    /// What is found when what `choice` names has reached the disk, and nothing else that was not certain.
    func image(_ choice: Choice) -> Image {
        var nodes = nodes
        for survivor in choice.survivors {
            let change = pending[survivor.place]
            guard let kept = survivor.sectors, case .bytes(let offset, let bytes) = change.change else {
                Self.apply(change.change, to: &nodes[change.node])
                continue
            }
            let first = offset / Self.sectorSize
            for sector in kept {
                let start = max(offset, (first + sector) * Self.sectorSize)
                let end = min(offset + bytes.count, (first + sector + 1) * Self.sectorSize)
                nodes[change.node].bytes.overwrite(at: start, with: bytes[start - offset, end - offset])
            }
            if survivor.reachesSize, nodes[change.node].bytes.count < offset + bytes.count {
                nodes[change.node].bytes.resize(to: offset + bytes.count)
            }
        }
        var image = Image()
        Self.collect(0, "", nodes, into: &image)
        return image
    }

    private static func collect(_ node: Int, _ prefix: String, _ nodes: [Node], into image: inout Image) {
        for (name, child) in nodes[node].names.sorted(by: { $0.key < $1.key }) {
            let path = prefix + name
            if nodes[child].isFolder {
                image.folders.append(path)
                collect(child, path + "/", nodes, into: &image)
            } else {
                image.files.append((path, nodes[child].bytes))
            }
        }
    }

    /// What a pending change does, for people.
    func description(of change: Pending) -> String {
        let name = name(of: change.node)
        return switch change.change {
        case .bytes(let offset, let bytes): "write of \(bytes.count) bytes at \(offset) of \(name)"
        case .size(let size): "size \(size) of \(name)"
        case .name(let entry, let node): "\(node == nil ? "removal" : "creation") of \(entry) in \(name)"
        }
    }

    private func name(of node: Int) -> String {
        if node == 0 { return "the folder" }
        for (parent, candidate) in nodes.enumerated() {
            for (name, child) in candidate.names where child == node {
                return "\(parent == 0 ? "" : self.name(of: parent) + "/")\(name)"
            }
        }
        for change in pending {
            if case .name(let name, node) = change.change {
                return "\(change.node == 0 ? "" : self.name(of: change.node) + "/")\(name)"
            }
        }
        return "a file without a name"
    }
}
