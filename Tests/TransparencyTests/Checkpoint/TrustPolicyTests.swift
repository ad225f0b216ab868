internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Policies as text (C2SP tlog-policy)")
struct TrustPolicyTests {
    private let log: TestKey
    private let witnesses: [VerifierKey]
    private let seeds: [[UInt8]]

    init() throws {
        log = try TestKey("log")
        seeds = (0..<6).map { [UInt8](repeating: UInt8($0 + 1), count: 32) }
        witnesses = try seeds.enumerated().map { index, seed in
            let key = try Ed25519.PrivateKey(seed: try SecretBytes(copying: unsafe seed.span.bytes))
            return VerifierKey(
                name: try #require(KeyName("w.example/\(index)")), algorithm: .cosignature, publicKey: key.publicKey)
        }
    }

    private func policy(_ text: String) throws -> TrustPolicy { try TrustPolicy(parsing: text.bytes) }

    private var twoLevels: String {
        """
        # Two organisations.
        log \(log.verifierKey) https://ledger.example/
        \twitness X1\t\(witnesses[0])
        witness X2 \(witnesses[1])
        witness X3 \(witnesses[2])
        group X-witnesses 2 X1 X2 X3

        witness Y1 \(witnesses[3])
        witness Y2 \(witnesses[4])
        witness Y3 \(witnesses[5])
        group Y-witnesses any Y1 Y2 Y3

        group X-and-Y all X-witnesses Y-witnesses
        quorum X-and-Y
        """
    }

    private func verifies(cosignedBy cosigners: [Int]) throws -> Bool {
        let origin = try #require(Origin("ledger.example/keys"))
        let checkpoint = try Checkpoint(origin: origin, head: TreeHead(size: 3, root: .zero))
        var note = try log.signer().sign(checkpoint, after: nil)
        for index in cosigners {
            let seed = seeds[index]
            let key = try Ed25519.PrivateKey(seed: try SecretBytes(copying: unsafe seed.span.bytes))
            let cosigner = Cosigner(name: witnesses[index].name, privateKey: key)
            note = try note.signed(with: try cosigner.cosignature(over: checkpoint, secondsSince1970: 1))
        }
        let policy = try policy(twoLevels).checkpointPolicy(for: origin)
        do throws(CheckpointError) {
            _ = try policy.verify(note)
            return true
        } catch {
            #expect(error == .quorumNotReached(needed: 3, found: cosigners.count))
            return false
        }
    }

    @Test func groupsOfGroupsDecide() throws {
        #expect(try verifies(cosignedBy: [0, 1, 3]))
        #expect(try verifies(cosignedBy: [1, 2, 5]))
        #expect(try verifies(cosignedBy: [0, 1, 2, 3, 4, 5]))
        #expect(try !verifies(cosignedBy: []))
        #expect(try !verifies(cosignedBy: [0, 1, 2]))
        #expect(try !verifies(cosignedBy: [0, 3, 4, 5]))
    }

    @Test func noWitnessMayBeAskedFor() throws {
        let policy = try policy("log \(log.verifierKey)\nquorum none\n")
        #expect(policy.quorum == .none)
        #expect(policy.logKeys == [log.verifierKey])
    }

    @Test func aPolicyKnowsLogsByTheirNames() throws {
        let other = try #require(Origin("other.example/keys"))
        #expect(throws: PolicyError.noLogKey) { try policy(twoLevels).checkpointPolicy(for: other) }
    }

    @Test func whatIsNotAPolicyIsRefusedWithItsLine() throws {
        let (w, x) = (witnesses[0], witnesses[1])
        let cases: [(String, TrustPolicyError)] = [
            ("", .noQuorum),
            ("witness a \(w)\n", .noQuorum),
            ("quorum a\n", .line(1, .unknownName)),
            ("quorum none\nquorum none\n", .line(2, .secondQuorum)),
            ("quorum\n", .line(1, .unknownLine)),
            ("quorum none none\n", .line(1, .unknownLine)),
            ("logs \(log.verifierKey)\n", .line(1, .unknownLine)),
            ("log \(w)\n", .line(1, .key(.unknownAlgorithm(4)))),
            ("log nonsense\n", .line(1, .key(.malformed))),
            ("log \(log.verifierKey)\n\nlog \(log.verifierKey)\n", .line(3, .duplicateKey)),
            ("witness a \(log.verifierKey)\n", .line(1, .key(.unknownAlgorithm(1)))),
            ("witness a \(w)\nwitness b \(w)\n", .line(2, .duplicateKey)),
            ("witness a \(w)\nwitness a \(x)\n", .line(2, .nameTaken)),
            ("witness none \(w)\n", .line(1, .nameTaken)),
            ("witness a \(w)\ngroup g all\n", .line(2, .unknownLine)),
            ("witness a \(w)\ngroup g 0 a\n", .line(2, .threshold)),
            ("witness a \(w)\ngroup g 2 a\n", .line(2, .threshold)),
            ("witness a \(w)\ngroup g 01 a\n", .line(2, .threshold)),
            ("witness a \(w)\ngroup g some a\n", .line(2, .threshold)),
            ("witness a \(w)\ngroup g any a a\n", .line(2, .memberTwice)),
            ("witness a \(w)\ngroup g any a\ngroup h any a g\n", .line(3, .memberTwice)),
            ("witness a \(w)\ngroup g any g\n", .line(2, .unknownName)),
            ("witness a \(w)\ngroup g any none\n", .line(2, .unknownName)),
            ("quorum none\r\n", .controlCharacter(0x0D)),
        ]
        for (text, error) in cases {
            #expect(throws: error, "\(text)") { try policy(text) }
        }
    }

    @Test func damagedPoliciesNeverTrap() throws {
        var random = SeededRandom(seed: 13)
        for _ in 0..<3000 { _ = try? TrustPolicy(parsing: random.damage(twoLevels.bytes)) }
    }
}
