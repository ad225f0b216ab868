internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Checkpoint policies and cosignatures (C2SP tlog-cosignature)")
struct CheckpointPolicyTests {
    private let log: TestKey
    private let witness1: TestKey
    private let witness2: TestKey
    private let origin: Origin
    private let checkpoint: Checkpoint

    init() throws {
        log = try TestKey("log")
        witness1 = try TestKey("witness1")
        witness2 = try TestKey("witness2")
        origin = try #require(Origin("ledger.example/keys"))
        checkpoint = try Checkpoint(origin: origin, head: TreeHead(size: 3, root: .zero))
    }

    private func policy(quorum: Int, _ witnesses: [VerifierKey]? = nil) throws -> CheckpointPolicy {
        try CheckpointPolicy(
            origin: origin, logKeys: [log.verifierKey],
            witnessKeys: witnesses ?? [witness1.verifierKey, witness2.verifierKey], quorum: quorum)
    }

    private func cosignature(_ key: TestKey, name: KeyName? = nil) throws -> NoteSignature {
        let cosigner = Cosigner(name: name ?? key.name, privateKey: try key.privateKey())
        return try cosigner.cosignature(over: checkpoint, secondsSince1970: 1_700_000_000)
    }

    @Test func aQuorumOfWitnessesIsRequired() throws {
        let alone = try log.signer().sign(checkpoint, after: nil)
        #expect(try policy(quorum: 0).verify(alone).head == checkpoint.head)
        #expect(throws: CheckpointError.quorumNotReached(needed: 1, found: 0)) { try policy(quorum: 1).verify(alone) }
        let once = try alone.signed(with: try cosignature(witness1))
        #expect(throws: Never.self) { try policy(quorum: 1).verify(once) }
        #expect(throws: CheckpointError.quorumNotReached(needed: 2, found: 1)) { try policy(quorum: 2).verify(once) }
        let twice = try once.signed(with: try cosignature(witness2))
        #expect(
            try policy(quorum: 2).verify(twice).cosignatures.map(\.secondsSince1970) == [1_700_000_000, 1_700_000_000])
    }

    @Test func oneWitnessUnderTwoNamesOrTwiceCountsOnce() throws {
        let alias = VerifierKey(
            name: try #require(KeyName("witness.example/alias")), algorithm: .cosignature,
            publicKey: witness1.verifierKey.publicKey)
        let witnesses = [witness1.verifierKey, alias, witness2.verifierKey]
        var note = try log.signer().sign(checkpoint, after: nil)
        for signature in [
            try cosignature(witness1), try cosignature(witness1), try cosignature(witness1, name: alias.name),
        ] {
            note = try note.signed(with: signature)
        }
        #expect(throws: CheckpointError.quorumNotReached(needed: 2, found: 1)) {
            try policy(quorum: 2, witnesses).verify(note)
        }
        #expect(throws: PolicyError.unreachableQuorum(needed: 3, available: 2)) { try policy(quorum: 3, witnesses) }
    }

    @Test func policiesThatAcceptNothingOrTooMuchAreRefused() throws {
        #expect(throws: PolicyError.noLogKey) { try CheckpointPolicy(origin: origin, logKeys: []) }
        #expect(throws: PolicyError.wrongAlgorithm(witness1.verifierKey)) {
            try CheckpointPolicy(origin: origin, logKeys: [witness1.verifierKey])
        }
        #expect(throws: PolicyError.wrongAlgorithm(log.verifierKey)) { try policy(quorum: 0, [log.verifierKey]) }
        let witnessOfItself = VerifierKey(
            name: witness1.name, algorithm: .cosignature, publicKey: log.verifierKey.publicKey)
        #expect(throws: PolicyError.twoRoles(witnessOfItself)) { try policy(quorum: 0, [witnessOfItself]) }
        #expect(throws: PolicyError.unreachableQuorum(needed: -1, available: 2)) { try policy(quorum: -1) }
    }
}

@Suite("Signing checkpoints")
struct CheckpointSigningTests {
    @Test func aLogNeverContradictsItself() throws {
        let log = try TestKey("log")
        let origin = try #require(Origin("ledger.example/keys"))
        var tree = MerkleTree()
        for hash in EventLog.leafHashes(count: 20) { tree.append(hash) }
        let last = tree.head
        let same = try Checkpoint(origin: origin, head: last)
        #expect(throws: Never.self) { try log.signer().sign(same, after: last) }
        let fork = try Checkpoint(origin: origin, head: TreeHead(size: 20, root: .zero))
        #expect(throws: CheckpointSigningError.fork(20)) { try log.signer().sign(fork, after: last) }
        let smaller = try Checkpoint(origin: origin, head: TreeHead(size: 19, root: .zero))
        #expect(throws: CheckpointSigningError.shrinking(from: 20, to: 19)) {
            try log.signer().sign(smaller, after: last)
        }
        tree.append(MerkleHash.emptyRoot)
        let larger = try Checkpoint(origin: origin, head: tree.head)
        #expect(throws: Never.self) { try log.signer().sign(larger, after: last) }
    }
}
