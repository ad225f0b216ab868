internal import CryptoPrimitives
internal import Glibc
internal import Synchronization

/// An immutable file, mapped for reading for as long as anyone holds this object; also after it was removed.
///
/// Its content is in chunks, and behind the last chunk stands the checksum of each. The checksum of a chunk is compared
/// before the first of its bytes is believed, once in the life of this object.
///
/// Sendable: the pages are never written, and the only thing that changes is atomic.
@safe final class CheckedFile: @unchecked Sendable {
    /// A page: what the system reads at once, and what decays at once.
    static let chunkSize = 4096

    let path: String
    fileprivate let base: UnsafeRawPointer
    private let chunkCount: Int
    private let seed: UInt64
    /// A bit for each chunk whose checksum was found right.
    fileprivate let checked: UnsafeMutablePointer<Atomic<UInt64>>
    private let onDamage: @Sendable () -> Void

    /// - Parameters:
    ///   - chunkCount: How many chunks of content there must be.
    ///   - seed: What this file is: the content of another has other checksums.
    ///   - onDamage: Called when a chunk is not as it was written, before the error is thrown.
    init(
        path: String, chunkCount: Int, seed: UInt64, onDamage: @escaping @Sendable () -> Void
    ) throws(StoreError) {
        let byteCount = chunkCount * (Self.chunkSize + 8)
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno != ENOENT { throw LedgerFolder.systemError("opening", path) }
            throw .stateDamaged(path: path, reason: "the file is missing")
        }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw LedgerFolder.systemError("reading the size of", path) }
        guard status.st_size == byteCount, byteCount > 0 else {
            throw .stateDamaged(path: path, reason: "it has \(status.st_size) bytes instead of \(byteCount)")
        }
        guard let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, file, 0), unsafe address != MAP_FAILED
        else { throw LedgerFolder.systemError("mapping", path) }
        self.path = path
        self.chunkCount = chunkCount
        self.seed = seed
        self.onDamage = onDamage
        unsafe base = UnsafeRawPointer(address)
        let wordCount = (chunkCount + 63) / 64
        unsafe checked = .allocate(capacity: wordCount)
        for word in 0..<wordCount { unsafe (checked + word).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe munmap(UnsafeMutableRawPointer(mutating: base), chunkCount * (Self.chunkSize + 8))
        unsafe checked.deinitialize(count: (chunkCount + 63) / 64)
        unsafe checked.deallocate()
    }

    @inline(never)
    fileprivate func check(chunk: Int) throws(StoreError) {
        let start = unsafe base + chunk * Self.chunkSize
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: Self.chunkSize)
        let stored = unsafe base.load(fromByteOffset: chunkCount * Self.chunkSize + chunk * 8, as: UInt64.self)
        guard ChunkChecksum.of(unsafe bytes.bytes, seed: seed &+ UInt64(chunk)) == stored else {
            onDamage()
            throw .stateDamaged(path: path, reason: "the bytes from \(chunk * Self.chunkSize) on are not as written")
        }
        unsafe checked[chunk >> 6].bitwiseOr(1 << UInt64(chunk & 63), ordering: .relaxed)
    }
}

/// Values of a fixed layout back to back in a file, from the start of a chunk on.
///
/// Does not keep the file: whoever has an array has the segment it belongs to. Counting references would cost more than
/// the looks into many segments themselves.
///
/// Sendable: see ``CheckedFile``.
@safe struct CheckedArray<Element: BitwiseCopyable>: @unchecked Sendable {
    private let base: UnsafeRawPointer
    private let checked: UnsafeMutablePointer<Atomic<UInt64>>
    private let firstChunk: Int
    private unowned(unsafe) let file: CheckedFile
    let count: Int

    init(_ file: CheckedFile, at start: Int, count: Int) {
        precondition(start % CheckedFile.chunkSize == 0, "an array begins with a chunk")
        unsafe base = file.base + start
        unsafe checked = file.checked
        firstChunk = start / CheckedFile.chunkSize
        unsafe self.file = file
        self.count = count
    }

    private static var stride: Int { MemoryLayout<Element>.stride }

    subscript(index: Int) -> Element {
        @inline(__always) get throws(StoreError) {
            try check(index..<(index + 1))
            return self[checked: index]
        }
    }

    /// An element that lies in a range that was checked.
    subscript(checked index: Int) -> Element {
        @inline(__always) get {
            precondition(index >= 0 && index < count, "the index is outside the array")
            return unsafe base.loadUnaligned(fromByteOffset: index * Self.stride, as: Element.self)
        }
    }

    /// Sees to it that the elements of a range are as they were written.
    @inline(__always)
    func check(_ range: Range<Int>) throws(StoreError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "the range is outside the array")
        if range.isEmpty { return }
        let first = firstChunk + range.lowerBound * Self.stride / CheckedFile.chunkSize
        let last = firstChunk + (range.upperBound * Self.stride - 1) / CheckedFile.chunkSize
        for chunk in first...last {
            let bits = unsafe checked[chunk >> 6].load(ordering: .relaxed)
            if bits & 1 << UInt64(chunk & 63) == 0 { try unsafe file.check(chunk: chunk) }
        }
    }

    /// The first index in a range whose element is not `before`, where all that are come first.
    @inline(__always)
    func partitionPoint(in range: Range<Int>, where isBefore: (Element) -> Bool) throws(StoreError) -> Int {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = low + (high - low) / 2
            if isBefore(try self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func partitionPoint(where isBefore: (Element) -> Bool) throws(StoreError) -> Int {
        try partitionPoint(in: 0..<count, where: isBefore)
    }

    /// Reads from the first element to the last.
    struct Reader: Sendable {
        private let array: CheckedArray
        private(set) var index = 0
        private var checkedCount = 0

        init(_ array: CheckedArray) { self.array = array }

        /// The next element, or nil behind the last.
        @inline(__always)
        mutating func next() throws(StoreError) -> Element? {
            if index == checkedCount {
                if index == array.count { return nil }
                checkedCount = min(array.count, index + max(1, CheckedFile.chunkSize / CheckedArray.stride))
                try array.check(index..<checkedCount)
            }
            defer { index += 1 }
            return array[checked: index]
        }
    }

    var reader: Reader { Reader(self) }
}

extension CheckedArray<UInt128> {
    /// The first place of a value that is not below `value`, in an array in ascending order whose ends are given.
    ///
    /// Looks first where the value would be if the values were spread evenly, as random and counted ones are, and from there
    /// in steps that double: a few looks close to each other instead of many far apart. Values spread in any other way cost
    /// twice the looks of a binary search at most.
    func place(of value: UInt128, between first: UInt128, and last: UInt128) throws(StoreError) -> Int {
        guard value > first, count > 1 else { return 0 }
        guard value <= last else { return count }
        // The upper 63 bits of the range will do, so that no product overflows.
        let shift = max(0, 65 - (last - first).leadingZeroBitCount)
        let (part, whole) = (UInt64((value - first) >> shift), UInt64((last - first) >> shift))
        let product = part.multipliedFullWidth(by: UInt64(count - 1))
        let guess = whole == 0 ? 0 : Int(min(whole.dividingFullWidth(product).quotient, UInt64(count - 1)))
        var (low, high) = (guess, guess)
        var step = 1
        if try self[guess] < value {
            // The last value is not below, so this ends within the array.
            repeat {
                low = high + 1
                high = Swift.min(high + step, count - 1)
                step *= 2
            } while try self[high] < value
        } else {
            while low > 0, try self[low - 1] >= value {
                high = low - 1
                low = Swift.max(0, low - step)
                step *= 2
            }
        }
        return try partitionPoint(in: low..<high) { $0 < value }
    }
}

/// One array of a file that is being written, from its first element to its last, with the checksums of its chunks.
struct SectionWriter<Element: BitwiseCopyable> {
    private let file: Int32
    private let path: String
    private let seed: UInt64
    private var offset: Int
    private var buffer: [Element] = []
    /// Of the chunks written so far.
    private(set) var checksums: [UInt64] = []

    private static var bufferCount: Int { 16 * CheckedFile.chunkSize / MemoryLayout<Element>.stride }

    /// - Parameter offset: Where the first chunk begins.
    init(_ file: Int32, _ path: String, seed: UInt64, at offset: Int) {
        self.file = file
        self.path = path
        self.seed = seed
        self.offset = offset
        buffer.reserveCapacity(Self.bufferCount)
    }

    @inline(__always)
    mutating func append(_ element: Element) throws(StoreError) {
        buffer.append(element)
        if buffer.count == Self.bufferCount { try write() }
    }

    /// Writes what is left, and fills the last chunk with zeros.
    mutating func finish() throws(StoreError) { try write() }

    private mutating func write() throws(StoreError) {
        if buffer.isEmpty { return }
        let size = CheckedFile.chunkSize
        var bytes = (unsafe buffer.span.bytes).array
        bytes.append(contentsOf: repeatElement(0, count: (size - bytes.count % size) % size))
        for start in stride(from: 0, to: bytes.count, by: size) {
            let chunk = unsafe bytes.span.bytes.extracting(start..<(start + size))
            checksums.append(ChunkChecksum.of(chunk, seed: seed &+ UInt64((offset + start) / size)))
        }
        try writeAll(unsafe bytes.span.bytes, to: file, path, at: offset)
        offset += bytes.count
        buffer.removeAll(keepingCapacity: true)
    }
}
