internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("One proof for several leaves")
struct BatchInclusionProofTests {
    private static func leaf(_ index: UInt64) -> SHA256Digest {
        let bytes = Array("leaf \(index)".utf8)
        return MerkleHash.leaf(unsafe bytes.span.bytes)
    }

    private let log = SyntheticLog(leafHashes: (0..<70).map { Self.leaf(UInt64($0)) })

    private func proof(_ indices: [UInt64], _ size: TreeSize) throws -> BatchInclusionProof {
        let nodes = try ProofNodes(inclusionOf: indices.map { LeafIndex($0) }, in: size)
        return BatchInclusionProof(size: size, hashes: try nodes.hashes(log.hash))
    }

    private func leaves(_ indices: [UInt64]) -> [(index: LeafIndex, hash: SHA256Digest)] {
        indices.map { (LeafIndex($0), Self.leaf($0)) }
    }

    @Test func anySelectionOfLeavesIsProved() throws {
        var random = SeededRandom(seed: 6)
        for round in 0..<400 {
            let size = TreeSize(integerLiteral: UInt64.random(in: 1...70, using: &random))
            let root = try log.root(at: size)
            let share = Double(round % 5) / 4
            let indices = (0..<size.leafCount).filter { _ in Double.random(in: 0..<1, using: &random) < share }
            let proof = try proof(indices, size)
            try proof.verify(leaves(indices), root: root)
            // Each leaf counts, each hash counts, and so does their number.
            for place in indices.indices {
                var changed = leaves(indices)
                changed[place].hash = Self.leaf(1000)
                #expect(throws: ProofRefusal.self) { try proof.verify(changed, root: root) }
            }
            for place in proof.hashes.indices {
                var hashes = proof.hashes
                hashes[place] = .zero
                #expect(throws: ProofRefusal.self) {
                    try BatchInclusionProof(size: size, hashes: hashes).verify(leaves(indices), root: root)
                }
            }
            #expect(
                throws: ProofRefusal.wrongLength(expected: proof.hashes.count, found: proof.hashes.count + 1)
            ) {
                try BatchInclusionProof(size: size, hashes: proof.hashes + [.zero]).verify(leaves(indices), root: root)
            }
        }
    }

    @Test func aSingleLeafTakesWhatItsInclusionProofTakes() throws {
        for index in [0, 31, 64, 69] as [UInt64] {
            let single = try ProofNodes(inclusionOf: LeafIndex(index), in: 70).hashes(log.hash)
            #expect(Set(try proof([index], 70).hashes) == Set(single))
        }
    }

    @Test func aLeafCannotTakeAnotherPlace() throws {
        let proof = try proof([3, 5], 70)
        #expect(throws: ProofRefusal.self) {
            try proof.verify(
                [(LeafIndex(3), Self.leaf(5)), (LeafIndex(5), Self.leaf(3))], root: try log.root(at: 70))
        }
    }

    @Test func placesAreInOrderAndInsideTheTree() throws {
        let proof = try proof([3, 5], 70)
        let root = try log.root(at: 70)
        #expect(throws: ProofRefusal.notAscending(3)) { try proof.verify(leaves([5, 3]), root: root) }
        #expect(throws: ProofRefusal.notAscending(3)) { try proof.verify(leaves([3, 3]), root: root) }
        #expect(throws: ProofRefusal.indexOutsideTree(70, 70)) { try proof.verify(leaves([3, 70]), root: root) }
    }
}
