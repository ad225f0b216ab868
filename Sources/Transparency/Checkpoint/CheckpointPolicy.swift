internal import CryptoPrimitives

/// Which checkpoints to rely on: the log, its keys, and how many witnesses must have cosigned.
///
/// A log's signature alone does not show that others see the same history; a quorum of witnesses does.
public struct CheckpointPolicy: Hashable, Sendable {
    /// The log.
    public let origin: Origin
    /// The keys of the log; more than one while it changes its key. One signature is enough.
    public let logKeys: [VerifierKey]
    /// The witnesses.
    public let witnessKeys: [VerifierKey]
    /// Which of them must have cosigned.
    public let quorum: WitnessQuorum

    /// A policy that asks for so many of the witnesses; different public keys count, not names.
    ///
    /// - Throws: ``PolicyError`` for a policy that nothing could satisfy, or that counts a key twice.
    public init(
        origin: Origin, logKeys: [VerifierKey], witnessKeys: [VerifierKey] = [], quorum: Int = 0
    ) throws(PolicyError) {
        var publicKeys: Set<Ed25519.PublicKey> = []
        let different = witnessKeys.filter { publicKeys.insert($0.publicKey).inserted }
        guard (0...different.count).contains(quorum) else {
            throw .unreachableQuorum(needed: quorum, available: different.count)
        }
        try self.init(
            origin: origin, logKeys: logKeys, witnessKeys: witnessKeys,
            rule: .group(threshold: quorum, members: different.map(WitnessQuorum.witness)))
    }

    /// A policy with a rule about its witnesses.
    ///
    /// - Throws: ``PolicyError``.
    public init(origin: Origin, logKeys: [VerifierKey], quorum: WitnessQuorum) throws(PolicyError) {
        try self.init(origin: origin, logKeys: logKeys, witnessKeys: quorum.witnessKeys, rule: quorum)
    }

    private init(
        origin: Origin, logKeys: [VerifierKey], witnessKeys: [VerifierKey], rule: WitnessQuorum
    ) throws(PolicyError) {
        guard !logKeys.isEmpty else { throw .noLogKey }
        if let key = logKeys.first(where: { $0.algorithm != .ed25519 }) { throw .wrongAlgorithm(key) }
        if let key = witnessKeys.first(where: { $0.algorithm != .cosignature }) { throw .wrongAlgorithm(key) }
        let logPublicKeys = Set(logKeys.map(\.publicKey))
        if let key = witnessKeys.first(where: { logPublicKeys.contains($0.publicKey) }) { throw .twoRoles(key) }
        self.origin = origin
        self.logKeys = logKeys
        self.witnessKeys = witnessKeys
        quorum = rule
    }

    /// Reads and checks a checkpoint: note, signatures, checkpoint syntax, origin, the log's signature, quorum.
    ///
    /// - Throws: ``CheckpointError``, the first in that order.
    public func verify(_ bytes: [UInt8]) throws(CheckpointError) -> VerifiedCheckpoint {
        let note: SignedNote
        do throws(NoteError) {
            note = try SignedNote(parsing: bytes)
        } catch {
            throw .note(error)
        }
        return try verify(note)
    }

    /// Checks a checkpoint that has been read as a note.
    ///
    /// - Throws: ``CheckpointError``.
    public func verify(_ note: SignedNote) throws(CheckpointError) -> VerifiedCheckpoint {
        let signatures: [VerifiedSignature]
        do throws(NoteError) {
            signatures = try note.verifiedSignatures(by: logKeys + witnessKeys)
        } catch {
            throw .note(error)
        }
        let checkpoint = try Checkpoint(parsing: note.text)
        guard checkpoint.origin == origin else { throw .otherOrigin(expected: origin, found: checkpoint.origin) }
        guard signatures.contains(where: { $0.key.algorithm == .ed25519 }) else { throw .noLogSignature }
        let cosignatures = signatures.filter { $0.key.algorithm == .cosignature }
        guard quorum.isReached(by: cosignatures.map(\.key)) else {
            let found = Set(cosignatures.map(\.key.publicKey)).count
            throw .quorumNotReached(needed: quorum.witnessCountMin, found: found)
        }
        return VerifiedCheckpoint(checkpoint: checkpoint, note: note, cosignatures: cosignatures)
    }
}

/// A checkpoint that satisfied a ``CheckpointPolicy``. Only a policy makes one.
public struct VerifiedCheckpoint: Hashable, Sendable {
    /// What the log commits to.
    public let checkpoint: Checkpoint
    /// The evidence: the checkpoint with all its signatures.
    public let note: SignedNote
    /// The trusted witnesses' signatures, each with its time.
    public let cosignatures: [VerifiedSignature]

    /// How many leaves, and their root.
    public var head: TreeHead { checkpoint.head }
}

/// Why a policy would accept nothing, or too much.
public enum PolicyError: Error, Hashable, Sendable {
    /// A log without a key.
    case noLogKey
    /// A log's key must be of type 0x01, a witness's of type 0x04.
    case wrongAlgorithm(VerifierKey)
    /// A witness with the log's own key witnesses nothing.
    case twoRoles(VerifierKey)
    /// There are not that many different witness keys, or the number is negative.
    case unreachableQuorum(needed: Int, available: Int)
}

extension PolicyError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .noLogKey: "the policy has no key of the log"
        case .wrongAlgorithm(let key): "\(key) has the wrong type: logs sign with 0x01, witnesses with 0x04"
        case .twoRoles(let key): "\(key) is the log's own key: it cannot be a witness"
        case .unreachableQuorum(let needed, let available): "\(needed) witnesses are needed of \(available)"
        }
    }
}
