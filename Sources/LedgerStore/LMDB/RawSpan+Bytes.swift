internal import CryptoPrimitives

extension RawSpan {
    /// A value of a fixed-layout type at a byte offset; traps outside the span, as array indexing does.
    func load<T: BitwiseCopyable>(_ type: T.Type = T.self, at offset: Int) -> T {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= byteCount, "load outside the span")
        return unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: type)
    }

    /// The digest stored at a byte offset.
    func digest(at offset: Int) -> SHA256Digest {
        SHA256Digest(extracting(offset..<(offset + SHA256Digest.byteCount))) ?? .zero
    }

    /// The checksum stored at a byte offset.
    func checksum(at offset: Int) -> Checksum {
        Checksum(extracting(offset..<(offset + Checksum.byteCount))) ?? .zero
    }
}

extension MutableRawSpan {
    /// Copies bytes to an offset; traps outside the span.
    package mutating func copy(_ source: RawSpan, at offset: Int) {
        precondition(offset >= 0 && offset + source.byteCount <= byteCount, "copy outside the span")
        unsafe withUnsafeMutableBytes { destination in
            unsafe source.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(rebasing: destination[offset...]).copyMemory(from: source)
            }
        }
    }
}

extension Array where Element: BitwiseCopyable {
    /// Appends `count` values stored back to back in `span`, in one copy and without regard to alignment.
    mutating func append(loading span: RawSpan, count: Int) {
        precondition(span.byteCount == count * MemoryLayout<Element>.stride, "the span holds another number of values")
        let values = unsafe span.withUnsafeBytes { source in
            unsafe Array(unsafeUninitializedCapacity: count) { buffer, initialized in
                unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
                initialized = count
            }
        }
        append(contentsOf: values)
    }
}
