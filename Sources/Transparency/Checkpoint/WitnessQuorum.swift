/// Which witnesses must have cosigned (C2SP tlog-policy): nobody, one, or so many members of a group.
public indirect enum WitnessQuorum: Hashable, Sendable {
    /// The log's own signature is enough.
    case none
    /// This witness.
    case witness(VerifierKey)
    /// At least `threshold` of the members, each of which is a witness or another group.
    case group(threshold: Int, members: [WitnessQuorum])

    /// All witnesses it names.
    public var witnessKeys: [VerifierKey] {
        switch self {
        case .none: []
        case .witness(let key): [key]
        case .group(_, let members): members.flatMap(\.witnessKeys)
        }
    }

    /// Whether cosignatures by these keys are enough. A public key counts under whatever name it is listed.
    func isReached(by cosigners: [VerifierKey]) -> Bool {
        switch self {
        case .none: true
        case .witness(let key): cosigners.contains { $0.publicKey == key.publicKey }
        case .group(let threshold, let members): members.count { $0.isReached(by: cosigners) } >= threshold
        }
    }

    /// The fewest witnesses that can reach it.
    var witnessCountMin: Int {
        switch self {
        case .none: 0
        case .witness: 1
        case .group(let threshold, let members):
            members.map(\.witnessCountMin).sorted().prefix(threshold).reduce(0, +)
        }
    }
}
