internal import LedgerStore

/// Material and log must belong together: a backup of one beside the other would otherwise look like what a crash leaves,
/// and what a crash leaves is erased.
extension Custody {
    /// What the log says about a blob.
    enum Verdict {
        /// An event speaks of it, and it is needed.
        case needed
        /// An event says that it is gone.
        case unneeded
        /// No event speaks of it.
        case unknown
    }

    /// Material beside what the log says about it.
    struct Orphans {
        /// What no event speaks of although one did when it was stored.
        var ofALongerLog: [MaterialStore.Name] = []
        /// What a crash left between storing a key and recording it.
        var ofACrash: [MaterialStore.Name] = []
        /// What events say is gone, and a crash left.
        var unneeded: [MaterialStore.Name] = []
        /// What events speak of.
        var needed: [MaterialStore.Name] = []
        /// How many events the log had at least, when material was stored or the ledger closed.
        var highWaterMark: UInt64 = 0

        /// What no event speaks of.
        var unknown: [MaterialStore.Name] { ofALongerLog + ofACrash }
    }

    func orphans(_ verdict: (MaterialStore.Name) -> Verdict) throws(KeyStoreError) -> Orphans {
        try KeyStoreError.store { () throws(StoreError) in
            var orphans = Orphans()
            orphans.highWaterMark = try material.highWaterMark()
            for name in try material.names() where name != .root {
                switch (verdict(name), try material.standing(of: name)) {
                case (.needed, _): orphans.needed.append(name)
                case (.unneeded, _): orphans.unneeded.append(name)
                // An offer that is over: no event says so, and nothing depends on it.
                case (.unknown, .recorded) where name.importOffer != nil: orphans.unneeded.append(name)
                case (.unknown, .recorded): orphans.ofALongerLog.append(name)
                case (.unknown, .new): orphans.ofACrash.append(name)
                case (.unknown, .setAside), (.unknown, .erased), (.unknown, nil): break
                }
            }
            return orphans
        }
    }

    /// Erases what a crash left, and notes what events speak of.
    ///
    /// - Throws: ``KeyStoreError/logTooShort(path:eventCount:highWaterMark:keyCount:)`` if the log is not the one that
    ///   this material belongs to; nothing was erased.
    func settle(_ orphans: Orphans, path: String) throws(KeyStoreError) {
        let eventCount = eventCount()
        guard orphans.ofALongerLog.isEmpty, orphans.highWaterMark <= eventCount else {
            throw .logTooShort(
                path: path, eventCount: eventCount,
                highWaterMark: max(orphans.highWaterMark, orphans.ofALongerLog.isEmpty ? 0 : eventCount + 1),
                keyCount: orphans.unknown.count)
        }
        try KeyStoreError.store { () throws(StoreError) in
            try material.erase(orphans.ofACrash + orphans.unneeded)
            try material.markRecorded(orphans.needed)
        }
    }

    /// Goes on with a log that is shorter than the material's: what it does not know is kept, and left alone.
    func accept(_ orphans: Orphans) throws(KeyStoreError) {
        let eventCount = eventCount()
        try KeyStoreError.store { () throws(StoreError) in
            try material.setAside(orphans.unknown, highWaterMark: eventCount)
        }
    }

    /// Notes that events on disk speak of material.
    func markRecorded(_ names: MaterialStore.Name...) throws(KeyStoreError) {
        try KeyStoreError.store { () throws(StoreError) in try material.markRecorded(names) }
    }

    /// Notes how long the log is that this material belongs to.
    func noteEventCount() throws(KeyStoreError) {
        let eventCount = eventCount()
        try KeyStoreError.store { () throws(StoreError) in try material.advance(to: eventCount) }
    }
}
