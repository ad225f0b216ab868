public import CryptoPrimitives

/// Everything that shows offline that an entry is in a log (C2SP tlog-proof): the entry's index, its inclusion proof,
/// and a checkpoint with its signatures.
///
/// ```
/// c2sp.org/tlog-proof@v1
/// index 777
/// base64 hash, one a line
///
/// the checkpoint as a signed note
/// ```
public struct TlogProof: Hashable, Sendable {
    /// Data of the application that nothing authenticates: never to be trusted.
    public let extra: [UInt8]?
    /// The place of the entry.
    public let index: LeafIndex
    /// The inclusion proof, not checked yet.
    public let hashes: [SHA256Digest]
    /// The checkpoint, not checked yet.
    public let note: SignedNote

    private static let version = Array("c2sp.org/tlog-proof@v1".utf8)
    private static let extraPrefix = Array("extra ".utf8)
    private static let indexPrefix = Array("index ".utf8)

    /// Puts proof and checkpoint together.
    public init(_ proof: InclusionProof, note: SignedNote, extra: [UInt8]? = nil) {
        index = proof.index
        hashes = proof.hashes
        self.note = note
        self.extra = extra
    }

    /// Reads a proof file.
    ///
    /// - Throws: ``TlogProofError`` for everything the specification forbids.
    public init(parsing bytes: [UInt8]) throws(TlogProofError) {
        guard let (head, rest) = HashLines.divide(bytes) else { throw .noCheckpoint }
        guard head[0].elementsEqual(Self.version) else { throw .unknownVersion }
        var lines = head.dropFirst()
        if let line = lines.first, line.starts(with: Self.extraPrefix) {
            guard let extra = Base64.decode(line.dropFirst(Self.extraPrefix.count)) else { throw .malformedExtra }
            self.extra = extra
            lines = lines.dropFirst()
        } else {
            extra = nil
        }
        guard let line = lines.first, line.starts(with: Self.indexPrefix),
            let position = UInt64(canonicalDecimal: line.dropFirst(Self.indexPrefix.count))
        else { throw .malformedIndex }
        index = LeafIndex(position)
        do throws(HashLinesError) {
            hashes = try HashLines.parse(lines.dropFirst())
        } catch {
            throw .hashes(error)
        }
        do throws(NoteError) {
            note = try SignedNote(parsing: rest)
        } catch {
            throw .checkpoint(.note(error))
        }
    }

    /// The proof file.
    public func serialized() -> [UInt8] {
        var bytes = Self.version + [newline]
        if let extra { bytes += Self.extraPrefix + Base64.encode(extra) + [newline] }
        bytes += Self.indexPrefix + Array(index.description.utf8) + [newline]
        return bytes + HashLines.format(hashes) + [newline] + note.serialized()
    }

    /// Checks that the entry with this leaf hash, computed from the reader's own copy of it, is in the log of the
    /// policy.
    ///
    /// - Throws: ``TlogProofError/checkpoint(_:)``, ``TlogProofError/inclusion(_:)``.
    public func verify(leafHash: SHA256Digest, policy: CheckpointPolicy) throws(TlogProofError) -> VerifiedCheckpoint {
        let verified: VerifiedCheckpoint
        do throws(CheckpointError) {
            verified = try policy.verify(note)
        } catch {
            throw .checkpoint(error)
        }
        do throws(ProofRefusal) {
            let proof = try InclusionProof(index: index, size: verified.head.size, hashes: hashes)
            try proof.verify(leafHash: leafHash, root: verified.head.root)
        } catch {
            throw .inclusion(error)
        }
        return verified
    }
}

/// Why a proof file proves nothing.
public enum TlogProofError: Error, Hashable, Sendable {
    /// The first line is not that of a version that is known.
    case unknownVersion
    /// The optional line `extra` is not base64.
    case malformedExtra
    /// The line `index` is missing or not in plain decimal.
    case malformedIndex
    /// The hashes of the inclusion proof are malformed.
    case hashes(HashLinesError)
    /// No empty line separates the proof from the checkpoint.
    case noCheckpoint
    /// The checkpoint is not one to rely on.
    case checkpoint(CheckpointError)
    /// The entry is not in the tree of the checkpoint, as far as the proof shows.
    case inclusion(ProofRefusal)
}

extension TlogProofError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .unknownVersion: "not a proof of a known version (c2sp.org/tlog-proof@v1)"
        case .malformedExtra: "the line \"extra\" of the proof is not base64"
        case .malformedIndex: "the proof has no line \"index\" with a number in plain decimal"
        case .hashes(let error): "\(error)"
        case .noCheckpoint: "the proof has no checkpoint below an empty line"
        case .checkpoint(let error): "\(error)"
        case .inclusion(let refusal): "\(refusal)"
        }
    }
}
