internal import Glibc

/// A file's bytes in memory, read only, for as long as anyone holds them; also after the file was removed.
///
/// Sendable: the pages are never written.
@safe final class MappedFile: @unchecked Sendable {
    fileprivate let base: UnsafeRawPointer
    let byteCount: Int

    /// - Throws: If the file is missing or has another size.
    init(path: String, byteCount: Int) throws(LMDBError) {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        // A file that the list of segments names and that is not there is damage like any other.
        guard file >= 0 else { throw LMDBError(code: LMDBError.damaged, operation: "opening", path: path) }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_size == byteCount, byteCount > 0,
            let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, file, 0), unsafe address != MAP_FAILED
        else { throw LMDBError(code: LMDBError.damaged, operation: "mapping", path: path) }
        unsafe base = UnsafeRawPointer(address)
        self.byteCount = byteCount
    }

    deinit { unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }
}

/// Values of a fixed layout back to back in a mapped file.
///
/// Sendable: see ``MappedFile``.
@safe struct MappedArray<Element: BitwiseCopyable>: RandomAccessCollection, @unchecked Sendable {
    private let file: MappedFile
    private let base: UnsafeRawPointer
    let count: Int

    init(_ file: MappedFile, at offset: Int, count: Int) {
        precondition(
            offset >= 0 && count >= 0 && offset + count * MemoryLayout<Element>.stride <= file.byteCount,
            "an array lies within its file")
        self.file = file
        unsafe base = file.base + offset
        self.count = count
    }

    var startIndex: Int { 0 }
    var endIndex: Int { count }

    subscript(index: Int) -> Element {
        precondition(index >= 0 && index < count, "the index is outside the array")
        return unsafe base.loadUnaligned(fromByteOffset: index * MemoryLayout<Element>.stride, as: Element.self)
    }
}

/// One array of a file that is being written, from its first element to its last.
struct SectionWriter<Element: BitwiseCopyable> {
    private let file: Int32
    private let path: String
    private var offset: Int
    private var buffer: [Element] = []

    private static var bufferCount: Int { 1 << 16 / MemoryLayout<Element>.stride }

    init(_ file: Int32, _ path: String, at offset: Int) {
        self.file = file
        self.path = path
        self.offset = offset
        buffer.reserveCapacity(Self.bufferCount)
    }

    mutating func append(_ element: Element) throws(LMDBError) {
        buffer.append(element)
        if buffer.count == Self.bufferCount { try flush() }
    }

    mutating func flush() throws(LMDBError) {
        try write(unsafe buffer.span.bytes, at: offset)
        offset += buffer.count * MemoryLayout<Element>.stride
        buffer.removeAll(keepingCapacity: true)
    }

    private func write(_ bytes: RawSpan, at start: Int) throws(LMDBError) {
        var rest = bytes
        while rest.byteCount > 0 {
            let written = bytes.byteCount - rest.byteCount
            let count = unsafe rest.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, start + written) }
            guard count > 0 else {
                throw LMDBError(code: count == 0 ? ENOSPC : errno, operation: "writing", path: path)
            }
            rest = rest.extracting(droppingFirst: count)
        }
    }
}
