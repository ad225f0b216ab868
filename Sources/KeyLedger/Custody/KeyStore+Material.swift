internal import Ledger
internal import LedgerStore
internal import Synchronization
internal import Transparency

// What is in `material/`, and what the log says about it.
extension KeyStore {
    /// Erases what a crash left, once log and material are found to belong together.
    ///
    /// - Throws: ``KeyStoreError/logTooShort(path:eventCount:highWaterMark:keyCount:)`` unless the options accept that;
    ///   nothing was written or erased.
    func settleMaterial() async throws(KeyStoreError) {
        let orphans = try custody.orphans(verdict)
        do throws(KeyStoreError) {
            try custody.settle(orphans, path: folder.path)
        } catch .logTooShort(let path, let eventCount, let highWaterMark, let keyCount) {
            guard options.acceptsShorterLog else {
                throw .logTooShort(path: path, eventCount: eventCount, highWaterMark: highWaterMark, keyCount: keyCount)
            }
            try await acceptLog(orphans)
        }
        isSettled.store(true, ordering: .relaxed)
    }

    private var verdict: (MaterialStore.Name) -> Custody.Verdict {
        let projection = live.read { $0 }
        return { name in
            if name.checkpointKeyVersion != nil { return .needed }
            if let version = name.keyVersion {
                return projection[version].map { $0.isErased ? .unneeded : .needed } ?? .unknown
            }
            // Nothing remembers an offer that is over.
            if let offer = name.importOffer { return projection.importOffers[offer] != nil ? .needed : .unknown }
            guard let tenant = name.tenant.flatMap({ projection.tenants[$0] }) else { return .unknown }
            return tenant.shred == nil ? .needed : .unneeded
        }
    }

    private func acceptLog(_ orphans: Custody.Orphans) async throws(KeyStoreError) {
        if writer.account(AccountID.denials) == nil { try await createSystemAccounts() }
        let event = try newEventID()
        let details = options.caller.details([
            "materialEvents": .string(String(orphans.highWaterMark)),
            "logEvents": .string(String(live.read { $0.eventCount })),
            "unknownBlobs": .string(String(orphans.unknown.count)),
        ])
        // The material says afterwards which log it belongs to: until then the question comes up again.
        try await record(
            linked: [
                transfer(.acceptLog, id: event, from: AccountID.issuer(.custody), to: AccountID.denials, amount: 1)
            ], details: [try seal(details, of: event, tenant: nil)])
        try custody.accept(orphans)
    }
}
