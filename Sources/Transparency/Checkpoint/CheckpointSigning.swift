public import CryptoPrimitives

extension NoteSigner {
    /// Signs a checkpoint, unless it contradicts the last one this log signed.
    ///
    /// Two signatures for one history's size, or for a tree that shrank, are evidence against the log for ever. The
    /// caller must have made `checkpoint.head` durable, as the next `last`, before it calls this: a signature that was
    /// released and forgotten cannot be taken back. A restored backup must not sign before it has caught up.
    ///
    /// That the tree *extends* the last one is not checked here: the log itself is append-only.
    ///
    /// - Throws: ``CheckpointSigningError``.
    public borrowing func sign(
        _ checkpoint: Checkpoint, after last: TreeHead?
    ) throws(CheckpointSigningError) -> SignedNote {
        if let last {
            guard checkpoint.head.size >= last.size else {
                throw .shrinking(from: last.size, to: checkpoint.head.size)
            }
            guard checkpoint.head.size > last.size || checkpoint.head == last else { throw .fork(last.size) }
        }
        do throws(CryptoError) {
            return try sign(checkpoint.text)
        } catch {
            throw .signature(error)
        }
    }
}

/// Why a log must not sign a checkpoint.
public enum CheckpointSigningError: Error, Hashable, Sendable {
    /// The log has signed a larger tree already: an old copy of the ledger is in use.
    case shrinking(from: TreeSize, to: TreeSize)
    /// The log has signed another root for this size already: events were changed.
    case fork(TreeSize)
    /// Signing failed.
    case signature(CryptoError)
}

extension CheckpointSigningError: CustomStringConvertible {
    /// What is wrong and what to look for, for a person.
    public var description: String {
        switch self {
        case .shrinking(let from, let to):
            "a checkpoint of size \(from) was signed already, size \(to) would take it back: is this an old copy?"
        case .fork(let size): "another checkpoint of size \(size) was signed already: events were changed since"
        case .signature(let error): "\(error)"
        }
    }
}
