public import CryptoPrimitives

/// What a log asks of a witness (C2SP tlog-witness, `POST add-checkpoint`): to cosign a checkpoint that extends the
/// last one it cosigned.
///
/// ```
/// old 20
/// base64 hash of the consistency proof, one a line
///
/// the checkpoint as a signed note
/// ```
public struct AddCheckpointRequest: Hashable, Sendable {
    /// The size of the last tree the witness cosigned, as far as the log knows; 0 if it never did.
    public let old: TreeSize
    /// The consistency proof from that tree.
    public let proof: [SHA256Digest]
    /// The checkpoint to cosign.
    public let note: SignedNote

    private static let oldPrefix = Array("old ".utf8)

    /// The request to cosign `note`, whose tree `proof` shows to extend that of size `proof.first`.
    public init(_ proof: ConsistencyProof, note: SignedNote) {
        old = proof.first
        self.proof = proof.hashes
        self.note = note
    }

    /// Reads the body of a request.
    ///
    /// - Throws: ``WitnessRefusal/malformed(_:)``.
    public init(parsing bytes: [UInt8]) throws(WitnessRefusal) {
        guard let (head, rest) = HashLines.divide(bytes) else { throw .malformed(.noCheckpoint) }
        guard head[0].starts(with: Self.oldPrefix),
            let old = UInt64(canonicalDecimal: head[0].dropFirst(Self.oldPrefix.count)).flatMap(TreeSize.init)
        else { throw .malformed(.oldSize) }
        self.old = old
        do throws(HashLinesError) {
            proof = try HashLines.parse(head.dropFirst())
        } catch {
            throw .malformed(.hashes(error))
        }
        do throws(NoteError) {
            note = try SignedNote(parsing: rest)
        } catch {
            throw .malformed(.checkpoint(.note(error)))
        }
    }

    /// The body of the request.
    public func serialized() -> [UInt8] {
        Self.oldPrefix + Array(old.description.utf8) + [newline] + HashLines.format(proof) + [newline]
            + note.serialized()
    }
}
