internal import Ledger
public import LedgerStore

/// How the caches of plaintext keys served those who asked, from the log alone: over all processes that ever had the
/// ledger open.
///
/// A use whose key had to be fetched has an admission before it; every other use found its key in memory. Uses that were
/// recorded together count each.
public struct CacheHistory: Sendable {
    private struct Counts {
        var useCount: UInt64 = 0
        var admissionCount: UInt64 = 0
        var evictionCount: UInt64 = 0
        var expiryCount: UInt64 = 0

        var statistics: KeyCache.Statistics {
            var statistics = KeyCache.Statistics()
            // The log may end between an admission and its use.
            statistics.hitCount = useCount - min(useCount, admissionCount)
            statistics.missCount = admissionCount
            statistics.evictionCount = evictionCount
            statistics.expiryCount = expiryCount
            return statistics
        }
    }

    private var counts: [KeyAlgorithm: Counts] = [:]
    /// The residencies that have not ended.
    private var open: [EventID: (algorithm: KeyAlgorithm, expiresAt: UInt64)] = [:]

    /// Before the first event.
    public init() {}

    /// How plaintext private keys were found.
    public var privateKeys: KeyCache.Statistics { counts[.ed25519, default: Counts()].statistics }
    /// How plaintext encryption keys were found.
    public var encryptionKeys: KeyCache.Statistics { counts[.aes256GCM, default: Counts()].statistics }

    /// Folds a committed block, or those of its events that come before `end`.
    public mutating func apply(_ block: Block, to end: UInt64 = .max) {
        block.forEachEvent { event in
            guard event.sequence < end else { return }
            switch event.record {
            case .expiry: expire(at: event.timestamp)
            case .transfer(let transfer, .created): apply(transfer)
            default: break
            }
        }
    }

    private mutating func apply(_ transfer: Transfer) {
        switch EventKind(rawValue: transfer.userData32) {
        case .sign: counts[.ed25519, default: Counts()].useCount += 1
        case .encrypt, .decrypt: counts[.aes256GCM, default: Counts()].useCount += 1
        case .admit:
            let cache = KeyAlgorithm.allCases.first { AccountID.keyCache($0) == transfer.creditAccountID }
            guard let algorithm = cache else { return }
            open[EventID(transfer.id)] = (algorithm, transfer.expiresAt ?? .max)
            counts[algorithm, default: Counts()].admissionCount += 1
        case .evict:
            guard let residency = open.removeValue(forKey: EventID(transfer.pendingID)) else { return }
            counts[residency.algorithm, default: Counts()].evictionCount += 1
        default: break
        }
    }

    private mutating func expire(at timestamp: UInt64) {
        for (event, residency) in open where residency.expiresAt <= timestamp {
            open[event] = nil
            counts[residency.algorithm, default: Counts()].expiryCount += 1
        }
    }
}
