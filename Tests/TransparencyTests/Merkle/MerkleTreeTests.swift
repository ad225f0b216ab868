internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Merkle tree (RFC 9162, section 2.1.1)")
struct MerkleTreeTests {
    @Test func standardLeavesHaveTheirHashesAndRoots() throws {
        let vectors = try Vectors.load("merkle_std8")
        let hashes = try vectors.digests("leaf_hashes")
        for (entry, hash) in zip(try vectors.list("leaves_hex"), hashes) {
            let bytes = try #require(entry.string.flatMap([UInt8].init(hexadecimal:)))
            #expect(MerkleHash.leaf(unsafe bytes.span.bytes) == hash)
        }
        try expectRoots(try vectors.member("roots"), count: 9, of: hashes)
    }

    @Test func eventLogsHaveTheirRootsAtEverySize() throws {
        let small = try Vectors.load("merkle_events21")
        let large = try Vectors.load("merkle_events_big")
        let hashes = EventLog.leafHashes(count: 70_000)
        #expect(EventLog.entry(at: 0) == (try small.bytes("leaf0_hex")))
        #expect(EventLog.entry(at: 20) == (try small.bytes("leaf20_hex")))
        try expectRoots(try small.member("roots"), count: 22, of: hashes)
        try expectRoots(try large.member("roots"), count: 15, of: hashes)
    }

    @Test func theFrontierIsTheCompactRange() throws {
        let frontiers = try Vectors.load("merkle_events21").member("frontiers")
        var tree = MerkleTree()
        for hash in EventLog.leafHashes(count: 22) {
            let expected = try frontiers.list(tree.size.description)
            #expect(tree.completeSubtrees == (try expected.map { try #require($0[1]?.digest) }))
            let levels = (0..<63).reversed().filter { tree.size.leafCount >> $0 & 1 == 1 }
            #expect(levels == (try expected.map { try #require($0[0]?.number?.integer(as: Int.self)) }))
            tree.append(hash)
        }
    }

    @Test func aTreeGoesOnFromItsState() throws {
        var tree = MerkleTree()
        for hash in EventLog.leafHashes(count: 100) {
            var restored = try #require(MerkleTree(state: tree.state))
            #expect(restored == tree)
            restored.append(hash)
            tree.append(hash)
            #expect(restored.root == tree.root)
        }
        #expect(tree.state.count == 8 + 3 * 32)
    }

    @Test func bytesThatAreNoStateAreRefused() {
        var tree = MerkleTree()
        for hash in EventLog.leafHashes(count: 7) { tree.append(hash) }
        let state = tree.state
        for length in 0..<state.count { #expect(MerkleTree(state: Array(state[..<length])) == nil) }
        #expect(MerkleTree(state: state + [0]) == nil)
        #expect(MerkleTree(state: [0x80] + [UInt8](repeating: 0, count: 39)) == nil)
        #expect(MerkleTree(size: 2, completeSubtrees: []) == nil)
    }

    @Test func everyCompletedSubtreeIsHandedOutOnce() throws {
        var log = SyntheticLog(leafHashes: EventLog.leafHashes(count: 64))
        #expect(log.subtrees.count == 127)
        #expect(log.subtrees[Subtree(level: 6, index: 0)] == log.tree.root)
        log.append(MerkleHash.emptyRoot)
        #expect(log.subtrees.count == 128)
        #expect(try log.root(at: 64) == log.subtrees[Subtree(level: 6, index: 0)])
    }

    @Test func aFailingStoreLeavesTheTreeAsItWas() {
        struct Full: Error {}
        var tree = MerkleTree()
        for hash in EventLog.leafHashes(count: 3) { tree.append(hash) }
        let before = tree
        #expect(throws: Full.self) {
            try tree.append(MerkleHash.emptyRoot) { (subtree, _) throws(Full) in if subtree.level == 2 { throw Full() }
            }
        }
        #expect(tree == before)
    }

    @Test func sizesAndPlacesStayInRange() {
        let most: UInt64 = (1 << 63) - 1
        #expect(TreeSize(most)?.leafCount == most)
        #expect(TreeSize(1 << 63) == nil)
        #expect(TreeSize(UInt64.max) == nil)
        let small: Range<UInt64> = 16..<24
        let largest: Range<UInt64> = 0..<1 << 62
        #expect(Subtree(level: 3, index: 2).leaves == small)
        #expect(Subtree(level: 62, index: 0).leaves == largest)
    }

    private func expectRoots(_ roots: JSONValue, count: Int, of leafHashes: [SHA256Digest]) throws {
        let expected = try #require(roots.object).members
        #expect(expected.count == count)
        let log = SyntheticLog(leafHashes: leafHashes)
        for root in expected {
            let size = try #require(UInt64(root.name).flatMap(TreeSize.init))
            #expect(try log.root(at: size) == root.value.digest, "size \(size)")
        }
    }
}
