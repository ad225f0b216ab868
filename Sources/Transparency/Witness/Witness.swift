internal import CryptoPrimitives

/// What a witness knows, and how it decides (C2SP tlog-witness): the logs it watches, their keys, and the last tree of
/// each that it cosigned. A value without keys, clock or storage.
///
/// The service around it runs, for one request at a time, in this order:
/// 1. ``accept(_:)``,
/// 2. make the new ``heads`` durable,
/// 3. ``Cosigner/cosignature(over:secondsSince1970:)``,
/// 4. answer.
///
/// A witness that forgets what it cosigned may cosign a fork: if step 2 fails, nothing may be signed.
public struct Witness: Sendable {
    /// The keys of each log.
    public let logs: [Origin: [VerifierKey]]
    /// The last tree of each log that was cosigned.
    public private(set) var heads: [Origin: TreeHead]

    /// A witness of these logs that remembers these trees.
    public init(logs: [Origin: [VerifierKey]], heads: [Origin: TreeHead] = [:]) {
        self.logs = logs
        self.heads = heads
    }

    /// Decides about a request. If it is accepted, the checkpoint's tree is the one that the next must extend.
    ///
    /// - Throws: ``WitnessRefusal``, the first in the order of its cases; the witness stays as it was.
    public mutating func accept(_ request: AddCheckpointRequest) throws(WitnessRefusal) -> Checkpoint {
        let checkpoint: Checkpoint
        do throws(CheckpointError) {
            checkpoint = try Checkpoint(syntaxOf: request.note.text)
        } catch {
            throw .malformed(.checkpoint(error))
        }
        let origin = checkpoint.origin
        guard let keys = logs[origin] else { throw .unknownOrigin(origin) }
        do throws(NoteError) {
            _ = try request.note.verifiedSignatures(by: keys.filter { $0.algorithm == .ed25519 })
        } catch {
            throw .notSignedByLog(error)
        }
        guard request.old <= checkpoint.head.size else {
            throw .oldBeyondCheckpoint(old: request.old, size: checkpoint.head.size)
        }
        let known = heads[origin] ?? .empty
        guard request.old == known.size else { throw .otherOldSize(known: known.size) }
        do throws(ProofRefusal) {
            let proof = try ConsistencyProof(first: known.size, second: checkpoint.head.size, hashes: request.proof)
            try proof.verify(firstRoot: known.root, secondRoot: checkpoint.head.root)
        } catch {
            throw .inconsistent(error)
        }
        heads[origin] = checkpoint.head
        return checkpoint
    }
}

extension Origin {
    /// Where a witness shows the last checkpoint of this log that it cosigned, below its prefix.
    public var witnessPath: String { "\(SHA256.hash(unsafe utf8.span.bytes))/checkpoint" }
}
