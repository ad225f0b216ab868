/// Why a note is not a checkpoint to rely on. In the order in which it is checked.
public enum CheckpointError: Error, Hashable, Sendable {
    /// The note itself, or one of its signatures.
    case note(NoteError)
    /// Fewer than three lines.
    case missingLines
    /// The first line is empty.
    case emptyOrigin
    /// The second line is not a number from 0 to 2^63 − 1 in plain decimal.
    case invalidSize
    /// The third line is not 32 bytes in base64.
    case invalidRoot
    /// An empty line after the root.
    case emptyExtensionLine
    /// A tree without leaves has one root only, and this is another.
    case notTheEmptyRoot
    /// The checkpoint of another log.
    case otherOrigin(expected: Origin, found: Origin)
    /// No key of the log signed. Witnesses do not stand in for it.
    case noLogSignature
    /// Too few witnesses cosigned; several names of one public key count once.
    case quorumNotReached(needed: Int, found: Int)
}

extension CheckpointError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .note(let error): "\(error)"
        case .missingLines: "a checkpoint has at least the lines origin, size and root"
        case .emptyOrigin: "the checkpoint does not name its log"
        case .invalidSize: "the size of the checkpoint is not a number from 0 to 2^63 − 1 in plain decimal"
        case .invalidRoot: "the root of the checkpoint is not 32 bytes in base64"
        case .emptyExtensionLine: "the checkpoint has an empty line after its root"
        case .notTheEmptyRoot: "the checkpoint gives a tree without leaves a root that is not the empty one"
        case .otherOrigin(let expected, let found): "this is a checkpoint of \(found), not of \(expected)"
        case .noLogSignature: "no key of the log signed the checkpoint"
        case .quorumNotReached(let needed, let found):
            "\(found) of at least \(needed) witnesses cosigned the checkpoint"
        }
    }
}
