internal import CryptoPrimitives
internal import LedgerStore
public import Transparency

extension KeyStore {
    /// Adds a witness's cosignatures to a checkpoint, and records that.
    ///
    /// - Parameters:
    ///   - answer: What the witness answered: signature lines. Those of others are left out.
    ///   - witness: The key to verify it with.
    ///   - size: Which checkpoint; the last one by default.
    /// - Returns: The checkpoint with the cosignature.
    /// - Throws: ``ProofError/witness(_:)`` if the answer has no cosignature of this witness over this checkpoint.
    public func addCosignature(
        _ answer: [UInt8], of witness: VerifierKey, size: TreeSize? = nil, caller: Caller? = nil
    ) async throws(ProofError) -> SignedNote {
        let caller = caller ?? options.caller
        let note = try await proving { () throws(ProofError) in
            let checkpoint = try Prover(self).checkpoint(of: size)
            let (cosigned, seconds) = try Self.cosigned(checkpoint.note, answer, witness)
            let size = checkpoint.head.size
            if cosigned == checkpoint.note { return cosigned }
            try checkpoints.store(cosigned, of: size)
            let id = try ProofError.keyStore { () throws(KeyStoreError) in try newEventID() }
            try await recordProof(
                .cosigned, id: id, amount: 0, subject: 0, number: size.leafCount,
                details: caller.details([
                    "size": .string(size.description), "time": .string(String(seconds)),
                    "witness": .string(witness.description),
                ]))
            return cosigned
        }
        try deliverCheckpoints()
        return note
    }

    /// The note with the witness's cosignature at its end, and when it was made.
    private static func cosigned(
        _ note: SignedNote, _ answer: [UInt8], _ witness: VerifierKey
    ) throws(ProofError) -> (SignedNote, secondsSince1970: UInt64) {
        guard witness.algorithm == .cosignature else {
            throw .witness("\(witness) is not a witness's key (type 0x04)")
        }
        do throws(NoteError) {
            let lines = try NoteSignature.lines(parsing: answer)
            guard let line = lines.first(where: { $0.name == witness.name && $0.keyID == witness.keyID }) else {
                throw NoteError.noTrustedSignature
            }
            let cosigned = note.signatures.contains(line) ? note : try note.signed(with: line)
            // Only its own lines are verified: an older one of the same witness may stand above.
            let time = try cosigned.verifiedSignatures(by: [witness]).last?.secondsSince1970 ?? 0
            return (cosigned, time)
        } catch {
            throw .witness("\(error)")
        }
    }
}
