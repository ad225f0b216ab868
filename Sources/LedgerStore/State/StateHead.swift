internal import CryptoPrimitives
internal import Glibc
internal import Synchronization

/// What a state consists of: how far it reaches, which segments it has, what the projection gave.
struct StateHead {
    var position: DerivedState.Position
    /// Of all segments, in order of what they cover, without gaps from the first event to the position.
    var segments: [Segment.Descriptor]
    var projection: [UInt8]

    /// The start of the file; descriptors and projection follow.
    fileprivate struct Preamble: BitwiseCopyable {
        var magic = Self.magic
        /// Over all that follows in the file.
        var checksum: UInt64 = 0
        /// Grows with every head that is written.
        var generation: UInt64
        /// What the state's hashes are seeded with.
        var seed: UInt64
        var segmentCount: UInt64
        var projectionCount: UInt64
        var position: DerivedState.Position

        static let magic: UInt64 = 0x3130_5441_5453_4C4B  // "KLSTAT01"
        static let checkedFrom = 16
    }

    fileprivate func bytes(generation: UInt64, seed: UInt64) -> [UInt8] {
        var preamble = Preamble(
            generation: generation, seed: seed, segmentCount: UInt64(segments.count),
            projectionCount: UInt64(projection.count), position: position)
        let rest = (unsafe segments.span.bytes).array + projection
        func bytes() -> [UInt8] {
            let start = [preamble]
            return (unsafe start.span.bytes).array + rest
        }
        let unchecked = bytes()
        preamble.checksum = Self.checksum(unsafe unchecked.span.bytes)
        return bytes()
    }

    private static func checksum(_ bytes: RawSpan) -> UInt64 {
        ChunkChecksum.of(bytes.extracting(droppingFirst: Preamble.checkedFrom), seed: Preamble.magic)
    }

    /// Nil for bytes that are no head.
    fileprivate static func read(_ bytes: RawSpan) -> (head: StateHead, generation: UInt64, seed: UInt64)? {
        let start = MemoryLayout<Preamble>.stride
        let stride = MemoryLayout<Segment.Descriptor>.stride
        guard bytes.byteCount >= start else { return nil }
        let preamble = bytes.load(Preamble.self, at: 0)
        guard preamble.magic == Preamble.magic, preamble.checksum == checksum(bytes) else { return nil }
        let listEnd = start + Int(truncatingIfNeeded: preamble.segmentCount) * stride
        guard listEnd + Int(truncatingIfNeeded: preamble.projectionCount) == bytes.byteCount else { return nil }
        var segments: [Segment.Descriptor] = []
        segments.append(loading: bytes.extracting(start..<listEnd), count: Int(preamble.segmentCount))
        let head = StateHead(
            position: preamble.position, segments: segments,
            projection: bytes.extracting(listEnd..<bytes.byteCount).array)
        return (head, preamble.generation, preamble.seed)
    }
}

/// The two files in which heads are written by turns: one of them is always whole.
final class StateHeadFiles: Sendable {
    private let folder: String
    private struct State {
        /// Both, until they are closed.
        var files: [Int32]
        /// The newest head.
        var head: StateHead?
        /// How many there were before it.
        var generation: UInt64
    }

    private let state: Mutex<State>
    let seed: UInt64

    static let names = ["head-0", "head-1"]

    /// Opens the files, making them if they are missing, and with them a seed.
    static func open(in folder: String, newSeed: UInt64) throws(StoreError) -> (StateHeadFiles, StateHead?) {
        let newest = try newest(in: folder)
        var files: [Int32] = []
        for name in names {
            let path = folder + "/" + name
            let file = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard file >= 0 else {
                let error = LedgerFolder.systemError("opening", path)
                for file in files { Glibc.close(file) }
                throw error
            }
            files.append(file)
        }
        let result = StateHeadFiles(
            folder, State(files: files, head: newest?.head, generation: newest?.generation ?? 0),
            seed: newest?.seed ?? newSeed)
        try LedgerFolder.makeDurable(folderAt: folder)
        return (result, newest?.head)
    }

    private init(_ folder: String, _ state: State, seed: UInt64) {
        self.folder = folder
        self.state = Mutex(state)
        self.seed = seed
    }

    deinit { close() }

    /// Gives the files back; nothing can be written any more.
    func close() {
        state.withLock { state in
            for file in state.files { Glibc.close(file) }
            state.files = []
        }
    }

    /// The newest head that is whole; nil if there is none.
    static func newest(in folder: String) throws(StoreError) -> (head: StateHead, generation: UInt64, seed: UInt64)? {
        var newest: (head: StateHead, generation: UInt64, seed: UInt64)?
        for name in names {
            guard let bytes = try DurableFile.read(folder + "/" + name),
                let found = StateHead.read(unsafe bytes.span.bytes)
            else { continue }
            if found.generation >= newest?.generation ?? 0 { newest = found }
        }
        return newest
    }

    /// Makes a head durable that `change` makes of the newest; when it throws, that still holds.
    func write(_ change: (StateHead?) -> StateHead?) throws(StoreError) {
        try state.withLock { (state) throws(StoreError) in
            guard let head = change(state.head) else { return }
            let generation = state.generation + 1
            let place = Int(generation % 2)
            guard place < state.files.count else { throw .closed }
            let file = state.files[place]
            let path = folder + "/" + Self.names[place]
            let bytes = head.bytes(generation: generation, seed: seed)
            try writeAll(unsafe bytes.span.bytes, to: file, path, at: 0)
            guard ftruncate(file, bytes.count) == 0, fdatasync(file) == 0 else {
                throw LedgerFolder.systemError("syncing", path)
            }
            state.head = head
            state.generation = generation
        }
    }

    /// Makes both heads unreadable, so that the next opening finds no state.
    func clear() throws(StoreError) {
        try state.withLock { (state) throws(StoreError) in
            for (file, name) in zip(state.files, Self.names) {
                guard ftruncate(file, 0) == 0, fdatasync(file) == 0 else {
                    throw LedgerFolder.systemError("emptying", folder + "/" + name)
                }
            }
            state.head = nil
        }
    }

    /// Takes the heads away from under whoever writes them: what is written from here on is found by nobody, and the
    /// next opening rebuilds the state.
    static func condemn(_ folder: String) {
        for name in names { unsafe unlink(folder + "/" + name) }
        // If this fails the damage will be found again.
        try? LedgerFolder.makeDurable(folderAt: folder)
    }
}
