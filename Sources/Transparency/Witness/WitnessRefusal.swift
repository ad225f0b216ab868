/// Why a witness does not cosign, in the order in which it is checked.
public enum WitnessRefusal: Error, Hashable, Sendable {
    /// What cannot be read in a request.
    public enum Malformation: Hashable, Sendable {
        /// The first line is not `old` and a size in plain decimal.
        case oldSize
        /// The consistency proof.
        case hashes(HashLinesError)
        /// No empty line before the checkpoint.
        case noCheckpoint
        /// The checkpoint.
        case checkpoint(CheckpointError)
    }

    /// The request cannot be read.
    case malformed(Malformation)
    /// This witness does not watch the log.
    case unknownOrigin(Origin)
    /// No key of the log signed the checkpoint, or a signature does not hold.
    case notSignedByLog(NoteError)
    /// The log asks to go back to a smaller tree.
    case oldBeyondCheckpoint(old: TreeSize, size: TreeSize)
    /// The last tree cosigned has another size than the log thinks.
    case otherOldSize(known: TreeSize)
    /// The checkpoint's tree is not shown to extend the last one.
    case inconsistent(ProofRefusal)
}

extension WitnessRefusal: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .malformed(.oldSize): "the request does not begin with a line \"old\" and a size in plain decimal"
        case .malformed(.hashes(let error)): "\(error)"
        case .malformed(.noCheckpoint): "the request has no checkpoint below an empty line"
        case .malformed(.checkpoint(let error)): "\(error)"
        case .unknownOrigin(let origin): "this witness does not watch the log \(origin)"
        case .notSignedByLog(let error): "\(error)"
        case .oldBeyondCheckpoint(let old, let size): "the checkpoint has size \(size), which is before \(old)"
        case .otherOldSize(let known): "the last tree of the log that was cosigned has size \(known)"
        case .inconsistent(let refusal): "\(refusal)"
        }
    }
}
