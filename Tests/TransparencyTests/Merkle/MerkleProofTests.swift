internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Inclusion proofs (RFC 9162, section 2.1.3)")
struct InclusionProofTests {
    @Test(
        "vectors verify and are what the log makes",
        arguments: [
            ("merkle_std8", 36), ("merkle_events21", 231), ("merkle_events_big", 5),
        ])
    func vectors(file: String, count: Int) throws {
        let vectors = try Vectors.load(file)
        let leafHashes = file == "merkle_std8" ? try vectors.digests("leaf_hashes") : EventLog.leafHashes(count: 70_000)
        let log = SyntheticLog(leafHashes: leafHashes)
        let cases = try vectors.list("inclusion")
        #expect(cases.count == count)
        for vector in cases {
            let size = try vector.size("size")
            let index = LeafIndex(try vector.unsigned("index"))
            let proof = try InclusionProof(index: index, size: size, hashes: try vector.digests("proof"))
            let leaf = leafHashes[Int(index.position)]
            #expect(throws: Never.self) { try proof.verify(leafHash: leaf, root: try log.root(at: size)) }
            #expect(try ProofNodes(inclusionOf: index, in: size).hashes(log.hash) == proof.hashes)
            #expect(leaf == (vector["leaf_hash"]?.digest ?? leaf))
        }
    }

    @Test func vectorsThatProveNothingAreRefused() throws {
        let cases = try Vectors.load("merkle_events21").list("must_reject").filter { $0["kind"] == "inclusion" }
        #expect(cases.count == 86)
        for vector in cases {
            let reason = try vector.text("reason")
            let refusal = #expect(throws: ProofRefusal.self, "\(reason)") {
                try InclusionProof(
                    index: LeafIndex(try vector.unsigned("index")), size: try vector.size("size"),
                    hashes: try vector.digests("proof")
                ).verify(leafHash: try vector.digest("leaf_hash"), root: try vector.digest("root"))
            }
            switch refusal {
            case .indexOutsideTree?: #expect(reason.contains("index") || reason.contains("size zero"))
            case .wrongLength?, .leadsToOtherRoot?: break
            default: Issue.record("\(reason) was refused as \(String(describing: refusal))")
            }
        }
    }

    @Test func everyLeafOfEveryTreeIsProvedByExactlyOneProof() throws {
        let leafHashes = EventLog.leafHashes(count: 40)
        let log = SyntheticLog(leafHashes: leafHashes)
        for leafCount in UInt64(1)...40 {
            let size = try #require(TreeSize(leafCount))
            let root = try log.root(at: size)
            for position in 0..<leafCount {
                let index = LeafIndex(position)
                let hashes = try ProofNodes(inclusionOf: index, in: size).hashes(log.hash)
                let proof = try InclusionProof(index: index, size: size, hashes: hashes)
                #expect(throws: Never.self) { try proof.verify(leafHash: leafHashes[Int(position)], root: root) }
                for other in leafHashes.indices where other != Int(position) {
                    #expect(throws: ProofRefusal.self) { try proof.verify(leafHash: leafHashes[other], root: root) }
                }
                #expect(throws: ProofRefusal.wrongLength(expected: hashes.count, found: hashes.count + 1)) {
                    try InclusionProof(index: index, size: size, hashes: hashes + [root])
                }
            }
        }
    }

    @Test func aLogOfTenMillionLeavesIsProvedFromFewSubtrees() throws {
        let nodes = try ProofNodes(inclusionOf: 9_999_999, in: 10_000_000)
        #expect(nodes.subtrees.joined().count < 64)
        let largest = try #require(TreeSize((1 << 63) - 1))
        let last = LeafIndex(largest.leafCount - 1)
        for index in [0, LeafIndex(1 << 62), last] {
            let nodes = try ProofNodes(inclusionOf: index, in: largest)
            #expect(nodes.subtrees.joined().count < 130)
            let hashes = nodes.hashes { _ in MerkleHash.emptyRoot }
            #expect(throws: Never.self) { try InclusionProof(index: index, size: largest, hashes: hashes) }
        }
        #expect(throws: ProofRefusal.indexOutsideTree(LeafIndex(.max), largest)) {
            try ProofNodes(inclusionOf: LeafIndex(.max), in: largest)
        }
    }

    @Test func aMissingHashIsTheStoresError() throws {
        let log = SyntheticLog(leafHashes: EventLog.leafHashes(count: 4))
        #expect(throws: SyntheticLog.Missing.self) { try ProofNodes(inclusionOf: 4, in: 8).hashes(log.hash) }
    }
}

@Suite("Consistency proofs (RFC 9162, section 2.1.4)")
struct ConsistencyProofTests {
    @Test(
        "vectors verify and are what the log makes",
        arguments: [
            ("merkle_std8", 44), ("merkle_events21", 252), ("merkle_events_big", 5),
        ])
    func vectors(file: String, count: Int) throws {
        let vectors = try Vectors.load(file)
        let leafHashes = file == "merkle_std8" ? try vectors.digests("leaf_hashes") : EventLog.leafHashes(count: 70_000)
        let log = SyntheticLog(leafHashes: leafHashes)
        let cases = try vectors.list("consistency")
        #expect(cases.count == count)
        for vector in cases {
            let (first, second) = (try vector.size("first"), try vector.size("second"))
            let (firstRoot, secondRoot) = (try log.root(at: first), try log.root(at: second))
            let proof = try ConsistencyProof(first: first, second: second, hashes: try vector.digests("proof"))
            #expect(throws: Never.self) { try proof.verify(firstRoot: firstRoot, secondRoot: secondRoot) }
            #expect(try ProofNodes(consistencyFrom: first, to: second).hashes(log.hash) == proof.hashes)
            #expect(firstRoot == (vector["first_root"]?.digest ?? firstRoot))
        }
    }

    @Test func vectorsThatProveNothingAreRefused() throws {
        let cases = try Vectors.load("merkle_events21").list("must_reject").filter { $0["kind"] == "consistency" }
        #expect(cases.count == 85)
        for vector in cases {
            let reason = try vector.text("reason")
            let refusal = #expect(throws: ProofRefusal.self, "\(reason)") {
                try ConsistencyProof(
                    first: try vector.size("first"), second: try vector.size("second"),
                    hashes: try vector.digests("proof")
                ).verify(firstRoot: try vector.digest("first_root"), secondRoot: try vector.digest("second_root"))
            }
            switch refusal {
            case .sizesReversed?: #expect(reason.contains("sizes swapped"))
            case .fork?: #expect(reason.contains("fork"))
            case .notTheEmptyRoot?: #expect(reason.contains("first size zero"))
            case .wrongLength?, .firstRootDiffers?, .secondRootDiffers?: break
            default: Issue.record("\(reason) was refused as \(String(describing: refusal))")
            }
        }
    }

    @Test func everyPairOfSizesIsProvedAndNoChangedHashPasses() throws {
        let log = SyntheticLog(leafHashes: EventLog.leafHashes(count: 40))
        let roots = try (UInt64(0)...40).map { try log.root(at: try #require(TreeSize($0))) }
        for second in UInt64(0)...40 {
            for first in 0...second {
                let (earlier, later) = (try #require(TreeSize(first)), try #require(TreeSize(second)))
                let (firstRoot, secondRoot) = (roots[Int(first)], roots[Int(second)])
                let hashes = try ProofNodes(consistencyFrom: earlier, to: later).hashes(log.hash)
                let proof = try ConsistencyProof(first: earlier, second: later, hashes: hashes)
                #expect(throws: Never.self) { try proof.verify(firstRoot: firstRoot, secondRoot: secondRoot) }
                #expect(throws: ProofRefusal.self) { try proof.verify(firstRoot: .zero, secondRoot: secondRoot) }
                // Every tree extends the empty one, so nothing is said about the second root then.
                if first > 0 {
                    #expect(throws: ProofRefusal.self) { try proof.verify(firstRoot: firstRoot, secondRoot: .zero) }
                }
                #expect(throws: ProofRefusal.self) {
                    try ConsistencyProof(first: earlier, second: later, hashes: hashes + [firstRoot])
                }
                for place in hashes.indices {
                    var changed = hashes
                    changed[place] = .zero
                    let wrong = try ConsistencyProof(first: earlier, second: later, hashes: changed)
                    #expect(throws: ProofRefusal.self) {
                        try wrong.verify(firstRoot: firstRoot, secondRoot: secondRoot)
                    }
                }
            }
        }
    }

    @Test func largestTreesFit() throws {
        let largest = try #require(TreeSize((1 << 63) - 1))
        let almost = try #require(TreeSize((1 << 63) - 2))
        for first in [0, 1, 10_000_000, almost, largest] {
            let nodes = try ProofNodes(consistencyFrom: first, to: largest)
            let hashes = nodes.hashes { _ in MerkleHash.emptyRoot }
            #expect(throws: Never.self) { try ConsistencyProof(first: first, second: largest, hashes: hashes) }
        }
    }
}
