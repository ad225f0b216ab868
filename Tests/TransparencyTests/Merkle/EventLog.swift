internal import COpenSSL
internal import CryptoPrimitives
internal import Synchronization
internal import Transparency

/// The entries of the vectors: entry i is SHA-512(i) ‖ SHA-512(i ‖ 0x01), i in 8 bytes, big-endian.
enum EventLog {
    static func entry(at index: UInt64) -> [UInt8] {
        let place = (0..<8).map { UInt8(truncatingIfNeeded: index >> (56 - 8 * $0)) }
        return sha512(place) + sha512(place + [1])
    }

    static func leafHashes(count: Int) -> [SHA256Digest] {
        cache.withLock { hashes in
            while hashes.count < count {
                let entry = entry(at: UInt64(hashes.count))
                hashes.append(MerkleHash.leaf(unsafe entry.span.bytes))
            }
            return Array(hashes[..<count])
        }
    }

    private static let cache = Mutex<[SHA256Digest]>([])

    private static func sha512(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 64)
        _ = unsafe SHA512(bytes, bytes.count, &digest)
        return digest
    }
}
