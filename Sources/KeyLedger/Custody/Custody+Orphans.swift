internal import LedgerStore

/// Material and log must belong together: a backup of one beside the other would otherwise look like what a crash leaves,
/// and what a crash leaves is erased.
extension Custody {
    /// Material beside what the log says about it.
    struct Orphans {
        /// What no event speaks of although one did, or was about to when it was stored.
        var ofALongerLog: [MaterialStore.Name] = []
        /// What a crash left between storing a key and recording it.
        var ofACrash: [MaterialStore.Name] = []
        /// What events speak of.
        var known: [MaterialStore.Name] = []
        /// How many events the log had at least, when material was stored or the ledger closed.
        var highWaterMark: UInt64 = 0
    }

    func orphans(known: (MaterialStore.Name) -> Bool) throws(KeyStoreError) -> Orphans {
        try KeyStoreError.store { () throws(StoreError) in
            var orphans = Orphans()
            orphans.highWaterMark = try material.highWaterMark()
            for name in try material.names() where name != .root {
                if known(name) {
                    orphans.known.append(name)
                    continue
                }
                switch try material.standing(of: name) {
                case .recorded: orphans.ofALongerLog.append(name)
                case .new: orphans.ofACrash.append(name)
                case .setAside, .erased, nil: break
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
                path: path, eventCount: eventCount, highWaterMark: orphans.highWaterMark,
                keyCount: orphans.ofALongerLog.count + orphans.ofACrash.count)
        }
        try KeyStoreError.store { () throws(StoreError) in
            try material.erase(orphans.ofACrash)
            try material.markRecorded(orphans.known)
        }
    }

    /// Goes on with a log that is shorter than the material's: what it does not know is kept, and left alone.
    func accept(_ orphans: Orphans) throws(KeyStoreError) {
        let eventCount = eventCount()
        try KeyStoreError.store { () throws(StoreError) in
            try material.setAside(orphans.ofALongerLog + orphans.ofACrash, highWaterMark: eventCount)
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
