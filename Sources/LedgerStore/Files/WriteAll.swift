internal import Glibc

/// Writes bytes at an offset of a file, however many calls it takes.
package func writeAll(_ bytes: RawSpan, to file: Int32, _ path: String, at start: Int) throws(StoreError) {
    var rest = bytes
    while rest.byteCount > 0 {
        let written = bytes.byteCount - rest.byteCount
        let count = unsafe rest.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, start + written) }
        if count < 0, errno == EINTR { continue }
        if count == 0 { errno = ENOSPC }  // What a write means that writes nothing without a reason.
        guard count > 0 else { throw LedgerFolder.systemError("writing", path) }
        rest = rest.extracting(droppingFirst: count)
    }
}
