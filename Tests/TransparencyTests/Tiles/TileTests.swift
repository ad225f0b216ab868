internal import CryptoPrimitives
internal import Testing
internal import Transparency

@Suite("Tiles (C2SP tlog-tiles)")
struct TileTests {
    @Test func pathsAreThoseOfTheVectors() throws {
        let paths = try #require(try Vectors.load("tiles").member("path_encoding").object).members
        #expect(paths.count == 9)
        for path in paths {
            let index = try #require(UInt64(path.name))
            let tile = try #require(Tile(.entries, index: index))
            #expect(tile.path == "tile/entries/\(try #require(path.value.string))")
            #expect(Tile(path: tile.path) == tile)
        }
    }

    @Test func everyLogHasTheResourcesOfTheVectors() throws {
        let logs = try #require(try Vectors.load("tiles").member("logs").object).members
        #expect(logs.count == 8)
        let log = SyntheticLog(leafHashes: EventLog.leafHashes(count: 70_000))
        for vector in logs {
            let size = try #require(UInt64(vector.name).flatMap(TreeSize.init))
            let tiles = Tile.tiles(to: size)
            let resources = try vector.value.list("resources")
            #expect(tiles.map(\.path) == resources.map { $0[0]?.string })
            for (tile, resource) in zip(tiles, resources) {
                let bytes = try content(of: tile, log)
                #expect(bytes.count == resource[1]?.number?.integer(as: Int.self), "\(tile.path)")
                #expect(SHA256.hash(unsafe bytes.span.bytes) == resource[2]?.digest, "\(tile.path)")
                #expect(Tile(path: tile.path) == tile)
            }
        }
    }

    @Test func rootsAndProofsComeFromTilesAlone() throws {
        let logs = try #require(try Vectors.load("tiles").member("logs").object).members
        let log = SyntheticLog(leafHashes: EventLog.leafHashes(count: 70_000))
        for vector in logs {
            let size = try #require(UInt64(vector.name).flatMap(TreeSize.init))
            var readCount = 0
            let hash = { (subtree: Subtree) throws -> SHA256Digest in
                try subtree.hash(inTreeOf: size) { tile in
                    readCount += 1
                    return try TileHashes(tile, parsing: try content(of: tile, log))
                }
            }
            let root = try MerkleTree(size: size, hash: hash).root
            #expect(root == (try vector.value.digest("root")))
            #expect(readCount <= 16)
            let index = LeafIndex(size.leafCount / 2)
            let nodes = try ProofNodes(inclusionOf: index, in: size)
            #expect(try nodes.hashes(hash) == nodes.hashes(log.hash))
        }
    }

    @Test func aGrowingLogPublishesOnlyWhatIsNew() throws {
        var published: Set<Tile> = []
        var size = TreeSize.zero
        for next in [TreeSize(1), 255, 256, 257, 512, 1000, 70_000, 70_000] {
            let tiles = Tile.tiles(from: size, to: next)
            #expect(published.isDisjoint(with: tiles))
            published.formUnion(tiles)
            #expect(published.isSuperset(of: Tile.tiles(to: next)))
            size = next
        }
        #expect(Tile.tiles(from: size, to: size).isEmpty)
        #expect(Tile.tiles(to: .zero).isEmpty)
        #expect(Tile.tiles(from: 256, to: 257).map(\.path) == ["tile/0/001.p/1", "tile/entries/001.p/1"])
    }

    @Test(
        "paths that are no tile's",
        arguments: [
            "", "tile", "tile/0", "tile/0/", "tile/0/1", "tile/0/01", "tile/0/0001", "tile/00/001", "tile/8/001",
            "tile/-1/001",
            "tile/0/x001", "tile/0/x000/001", "tile/0/001/002", "tile/0/001.p/0", "tile/0/001.p/256", "tile/0/001.p/01",
            "tile/0/001.p/", "tile/0/001.p", "tile/0/001.p/1/2", "tile/0/.p/1", "/tile/0/001", "tile/0/001/",
            "tile/entries",
            "tile/Entries/001", "tile/0/x1/001", "tile/0/+01", "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/0/\u{661}01",
            "tile/7/000", "tile/7/000.p/128",
        ])
    func otherPathsAreRefused(path: String) {
        #expect(Tile(path: path) == nil)
    }

    @Test func theFullTileServesWhereThePartialOneIsGone() throws {
        let log = SyntheticLog(leafHashes: EventLog.leafHashes(count: 256))
        let partial = try #require(Tile(.hashes(level: 0), index: 0, width: 3))
        let full = try #require(partial.full)
        let bytes = try content(of: full, log)
        #expect(try TileHashes(partial, parsing: bytes) == TileHashes(partial, hash: log.hash))
        for count in [0, 95, 97, 128, 8191, 8193] {
            #expect(throws: TileError.wrongByteCount(expected: 96, found: count)) {
                try TileHashes(partial, parsing: [UInt8](repeating: 0, count: count))
            }
        }
        #expect(Tile(.hashes(level: 7), index: 0, width: 100)?.full == nil)
        #expect(partial.isPartial && !full.isPartial && full.leaves.upperBound == 256)
    }

    @Test func aDamagedTileLeadsToAnotherRoot() throws {
        let log = SyntheticLog(leafHashes: EventLog.leafHashes(count: 1000))
        for damaged in ["tile/0/003.p/232", "tile/1/000.p/3"] {
            let root = try MerkleTree(size: 1000) { subtree in
                try subtree.hash(inTreeOf: 1000) { tile in
                    var bytes = try content(of: tile, log)
                    if tile.path == damaged { bytes[40] ^= 1 }
                    return try TileHashes(tile, parsing: bytes)
                }
            }.root
            #expect(root != log.tree.root)
        }
    }

    private func content(of tile: Tile, _ log: SyntheticLog) throws -> [UInt8] {
        guard tile.content == .entries else { return try TileHashes(tile, hash: log.hash).serialized() }
        return try EntryBundle(entries: tile.leaves.map(EventLog.entry(at:))).serialized()
    }
}

@Suite("Entry bundles (C2SP tlog-tiles)")
struct EntryBundleTests {
    @Test func entriesOfAnyLengthAreReadBack() throws {
        let entries = [[], [1], [UInt8](repeating: 2, count: 256), [UInt8](repeating: 3, count: 65_535)]
        let bundle = try EntryBundle(entries: entries)
        let tile = try #require(Tile(.entries, index: 0, width: 4))
        #expect(bundle.serialized()[2...4] == [0, 1, 1])
        #expect(try EntryBundle(tile, parsing: bundle.serialized()) == bundle)
    }

    @Test func theFullBundleServesWhereThePartialOneIsGone() throws {
        let full = try EntryBundle(entries: (0..<256).map { [UInt8($0)] })
        let tile = try #require(Tile(.entries, index: 0, width: 3))
        #expect(try EntryBundle(tile, parsing: full.serialized()).entries == [[0], [1], [2]])
    }

    @Test func otherContentIsRefused() throws {
        let tile = try #require(Tile(.entries, index: 0, width: 2))
        let hashes = try #require(Tile(.hashes(level: 0), index: 0, width: 2))
        #expect(throws: TileError.truncatedEntry(place: 0)) { try EntryBundle(tile, parsing: [0]) }
        #expect(throws: TileError.truncatedEntry(place: 1)) { try EntryBundle(tile, parsing: [0, 0, 0, 1]) }
        #expect(throws: TileError.wrongEntryCount(expected: 2, found: 0)) { try EntryBundle(tile, parsing: []) }
        #expect(throws: TileError.wrongEntryCount(expected: 2, found: 3)) {
            try EntryBundle(tile, parsing: [UInt8](repeating: 0, count: 6))
        }
        #expect(throws: TileError.wrongEntryCount(expected: 2, found: 257)) {
            try EntryBundle(tile, parsing: [UInt8](repeating: 0, count: 600))
        }
        #expect(throws: TileError.notEntries) { try EntryBundle(hashes, parsing: []) }
        #expect(throws: TileError.notHashes) { try TileHashes(tile, parsing: []) }
        #expect(throws: TileError.entryTooLong(byteCount: 65_536)) {
            try EntryBundle(entries: [[UInt8](repeating: 0, count: 65_536)])
        }
        #expect(throws: TileError.self) { try EntryBundle(entries: []) }
    }
}
