public import CryptoPrimitives
internal import LedgerStore
public import Transparency

// Anchoring checkpoints in time (RFC 3161): an authority says that a checkpoint existed when it saw it.
extension Prover {
    /// What a timestamp is over: a checkpoint as the log signed it, without cosignatures, which may come later.
    public func anchoredBytes(of size: TreeSize? = nil) throws(ProofError) -> [UInt8] {
        try anchoredBytes(of: try checkpoint(of: size).note)
    }

    func anchoredBytes(of note: SignedNote) throws(ProofError) -> [UInt8] {
        guard let own = note.signed(by: try checkpoints.verifierKeys()) else {
            throw .checkpoint(.noLogSignature)
        }
        return own.serialized()
    }

    /// A request to an authority for a timestamp over a checkpoint, the last one by default.
    public func timestampRequest(of size: TreeSize? = nil) throws(ProofError) -> TimestampRequest {
        let bytes = try anchoredBytes(of: size)
        do throws(TimestampError) {
            return try TimestampRequest(over: bytes)
        } catch {
            throw .timestamp(error)
        }
    }

    /// Verifies a reply over a checkpoint, also that its time is not before the newest event in it.
    ///
    /// - Parameter request: The request it answers, where it is at hand.
    /// - Parameter authority: Certificates to trust, in PEM.
    public func verifyTimestamp(
        _ reply: [UInt8], of size: TreeSize? = nil, request: TimestampRequest? = nil, authority: [UInt8]
    ) throws(ProofError) -> VerifiedTimestamp {
        let checkpoint = try checkpoint(of: size)
        let bytes = try anchoredBytes(of: checkpoint.note)
        do throws(TimestampError) {
            let timestamp = try VerifiedTimestamp(reply, over: bytes, request: request, authority: authority)
            let newest = (try? newestTime(in: checkpoint.head.size)) ?? 0
            guard timestamp.genTime + Self.skewSeconds >= newest else {
                throw TimestampError.tooEarly(genTime: timestamp.genTime, newest: newest)
            }
            return timestamp
        } catch {
            throw .timestamp(error)
        }
    }

    /// How far the clocks of ledger and authority may differ.
    static let skewSeconds: UInt64 = 300

    /// When the last event of a tree was decided, in seconds since 1970.
    private func newestTime(in size: TreeSize) throws(ProofError) -> UInt64 {
        guard size > 0 else { return 0 }
        let block = try ProofError.store { () throws(StoreError) in try log.block(containing: size.leafCount - 1) }
        return (block?.timestamp ?? 0) / 1_000_000_000
    }
}

extension KeyStore {
    /// Stores an authority's reply beside the checkpoint it is over, and records that.
    ///
    /// - Parameters:
    ///   - reply: The reply in DER.
    ///   - request: The request it answers, where it is at hand.
    ///   - authority: Certificates to trust, in PEM.
    ///   - size: Which checkpoint; the last one by default.
    public func addTimestamp(
        _ reply: [UInt8], request: TimestampRequest? = nil, authority: [UInt8], size: TreeSize? = nil,
        caller: Caller? = nil
    ) async throws(ProofError) -> VerifiedTimestamp {
        let caller = caller ?? options.caller
        let timestamp = try await proving { () throws(ProofError) in
            let prover = try Prover(self)
            let size = try prover.checkpoint(of: size).head.size
            let timestamp = try prover.verifyTimestamp(reply, of: size, request: request, authority: authority)
            let digest = SHA256.hash(unsafe reply.span.bytes)
            try checkpoints.store(timestamp: reply, of: size)
            let id = try ProofError.keyStore { () throws(KeyStoreError) in try newEventID() }
            try await recordProof(
                .anchored, id: id, amount: 0, subject: digest.leadingNumber, number: size.leafCount,
                details: caller.details([
                    "genTime": .string(String(timestamp.genTime)), "policy": .string(timestamp.policy),
                    "replyDigest": .string(digest.description), "serialNumber": .string(timestamp.serialNumber),
                    "size": .string(size.description),
                ]))
            return timestamp
        }
        try deliverCheckpoints()
        return timestamp
    }
}
