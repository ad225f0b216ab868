internal import Glibc

// The one place where bytes are moved in bulk: a crash moves a few hundred kilobytes of them.
extension [UInt8] {
    /// Puts bytes at an offset; the array grows as a file does.
    mutating func overwrite(at offset: Int, with bytes: [UInt8]) {
        if bytes.isEmpty { return }
        if count < offset + bytes.count { resize(to: offset + bytes.count) }
        unsafe withUnsafeMutableBytes { target in
            unsafe bytes.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: source)
            }
        }
    }

    /// Cuts the end off, or adds zeros.
    mutating func resize(to size: Int) {
        let kept = Swift.min(size, count)
        unsafe self = [UInt8](unsafeUninitializedCapacity: size) { target, initialized in
            unsafe withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(target).copyMemory(from: .init(rebasing: source[..<kept]))
            }
            if size > kept, let start = target.baseAddress { unsafe memset(start + kept, 0, size - kept) }
            initialized = size
        }
    }

    /// The same byte over and over.
    static func repeating(_ byte: UInt8, count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            if let start = target.baseAddress { unsafe memset(start, Int32(byte), count) }
            initialized = count
        }
    }

    /// A part, as an array of its own.
    subscript(start: Int, end: Int) -> [UInt8] { Array(self[start..<end]) }

    /// Writes a file that did not exist.
    func write(toNewFile path: String) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        precondition(file >= 0, "\(path) cannot be written (\(errno))")
        let written = unsafe Glibc.write(file, self, count)
        precondition(written == count, "\(path) cannot be written (\(errno))")
        close(file)
    }
}
