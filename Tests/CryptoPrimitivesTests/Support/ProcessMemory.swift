import CryptoPrimitives
import Dispatch
import Foundation
import Glibc

/// This process's memory as the kernel shows it (`proc(5)`): the only honest witness to where a secret is and is not.
///
/// Use it in a process of its own: other tests move memory while one looks.
enum ProcessMemory {
    struct Mapping {
        let addresses: Range<UInt>
        let permissions: String
        /// Flags as in `/proc/self/smaps`: `lo` locked, `dd` left out of core dumps.
        var flags: Set<String> = []
    }

    /// All mappings, in order of address.
    static func mappings() throws -> [Mapping] {
        var mappings: [Mapping] = []
        // To be read to its end: it claims to have no bytes.
        let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/self/smaps"))
        let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let first = fields.first else { continue }
            if first == "VmFlags:", !mappings.isEmpty {
                mappings[mappings.count - 1].flags = Set(fields.dropFirst().map(String.init))
                continue
            }
            let ends = first.split(separator: "-").map { UInt($0, radix: 16) }
            if ends.count == 2, let start = ends[0], let end = ends[1], fields.count > 1 {
                mappings.append(Mapping(addresses: start..<end, permissions: String(fields[1])))
            }
        }
        return mappings
    }

    /// Every address in writable memory where the bytes of `secret` stand, but for its own.
    static func copies(of secret: borrowing SecretBytes) throws -> [UInt] {
        let memory = unsafe open("/proc/self/mem", O_RDONLY)
        precondition(memory >= 0, "/proc/self/mem can be read")
        defer { close(memory) }
        let window = UnsafeMutableRawPointer.allocate(byteCount: windowByteCount, alignment: 4096)
        defer {
            unsafe explicit_bzero(window, windowByteCount)
            unsafe window.deallocate()
        }
        let own = secret.address()
        let windowStart = UInt(bitPattern: window)
        let windowAddresses = windowStart..<windowStart + UInt(windowByteCount)
        var found: Set<UInt> = []
        for mapping in try mappings() where mapping.permissions.hasPrefix("rw") {
            var address = mapping.addresses.lowerBound
            while address < mapping.addresses.upperBound {
                let count = min(windowByteCount, Int(mapping.addresses.upperBound - address))
                let readCount = unsafe pread(memory, window, count, off_t(address))
                if readCount <= 0 { break }
                let read = unsafe UnsafeRawBufferPointer(start: window, count: readCount)
                for offset in secret.withBytes({ unsafe offsets(of: $0, in: read) }) {
                    let hit = address + UInt(offset)
                    if hit != own && !windowAddresses.contains(hit) { found.insert(hit) }
                }
                if readCount < windowByteCount { break }
                // Windows overlap, so that no copy hides across their borders.
                address += UInt(readCount - secret.count)
            }
        }
        return found.sorted()
    }

    /// Runs `body` on a thread of its own and keeps that thread for ever: so neither its stack nor the blocks that it
    /// freed last are put to another use, and overwritten, by the search that follows.
    static func afterThread<Result: ~Copyable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        let outcome = Outcome<Result>()
        let isDone = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            do { outcome.result = try body() } catch { outcome.error = error }
            isDone.signal()
            while true { sleep(1000) }
        }
        isDone.wait()
        if let error = outcome.error { throw error }
        guard let result = outcome.result.take() else { preconditionFailure("a result or an error") }
        return result
    }

    /// Sendable: written before the semaphore is signalled, read after.
    private final class Outcome<Result: ~Copyable>: @unchecked Sendable {
        var result: Result?
        var error: (any Error)?
    }

    private static let windowByteCount = 1 << 20

    private static func offsets(of needle: RawSpan, in hay: UnsafeRawBufferPointer) -> [Int] {
        unsafe needle.withUnsafeBytes { (needle: UnsafeRawBufferPointer) -> [Int] in
            guard let start = hay.baseAddress, let bytes = needle.baseAddress, let first = unsafe needle.first else {
                return []
            }
            var offsets: [Int] = []
            var offset = 0
            while let hit = unsafe memchr(start + offset, Int32(first), hay.count - offset) {
                offset = unsafe UnsafeRawPointer(hit) - start
                guard offset + needle.count <= hay.count else { break }
                if unsafe memcmp(hit, bytes, needle.count) == 0 { offsets.append(offset) }
                offset += 1
            }
            return offsets
        }
    }
}
