internal import CryptoPrimitives
internal import LedgerStore
internal import Synchronization

/// A projection whose content is a digest over all blocks in order: it notices one that is missing, repeated or out of
/// place.
final class DigestProjection: Projection {
    private let digest = Mutex(SHA256Digest.zero)

    var value: SHA256Digest { digest.withLock { $0 } }

    func restore(from snapshot: [UInt8]?) -> Bool {
        guard let snapshot else {
            digest.withLock { $0 = .zero }
            return true
        }
        guard let restored = SHA256Digest(unsafe snapshot.span.bytes) else { return false }
        digest.withLock { $0 = restored }
        return true
    }

    func apply(_ block: Block) { digest.withLock { $0 = Self.fold(block, into: $0) } }

    func snapshot() -> [UInt8] { value.bytes }

    static func fold(_ block: Block, into digest: SHA256Digest) -> SHA256Digest {
        var hash = SHA256()
        digest.withBytes { hash.update($0) }
        block.checksum.withBytes { hash.update($0) }
        return hash.finalize()
    }
}
