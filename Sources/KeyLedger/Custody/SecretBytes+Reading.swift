package import CryptoPrimitives
internal import Glibc

extension SecretBytes {
    /// Reads an open file into locked memory: to its end, or until `capacity` bytes are there.
    ///
    /// - Parameters:
    ///   - count: How many bytes there are; zeros follow.
    ///   - failure: The `errno` of a read that failed, else 0.
    package init(
        readingUpTo capacity: Int, from file: Int32, count: inout Int, failure: inout Int32
    ) throws(CryptoError) {
        count = 0
        failure = 0
        try self.init(count: capacity) { (span: inout MutableRawSpan) in
            unsafe span.withUnsafeMutableBytes { bytes in
                while count < capacity {
                    let got = unsafe read(file, bytes.baseAddress.map { unsafe $0 + count }, capacity - count)
                    if got < 0, errno == EINTR { continue }
                    if got < 0 { failure = errno }
                    if got <= 0 { return }
                    count += got
                }
            }
        }
    }
}
