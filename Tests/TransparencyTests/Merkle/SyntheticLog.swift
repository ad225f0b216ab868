internal import CryptoPrimitives
internal import Foundation
internal import Testing
internal import Transparency

/// A log that keeps every complete subtree, as a store does, and entries made as the vectors make theirs.
struct SyntheticLog {
    private(set) var tree = MerkleTree()
    private(set) var subtrees: [Subtree: SHA256Digest] = [:]

    init() {}

    /// A log of the first leaves of the vectors, given by their hashes.
    init(leafHashes: some Sequence<SHA256Digest>) {
        for hash in leafHashes { append(hash) }
    }

    mutating func append(_ leafHash: SHA256Digest) {
        var completed: [Subtree: SHA256Digest] = [:]
        tree.append(leafHash) { completed[$0] = $1 }
        subtrees.merge(completed) { _, new in new }
    }

    struct Missing: Error { let subtree: Subtree }

    func hash(of subtree: Subtree) throws(Missing) -> SHA256Digest {
        guard let hash = subtrees[subtree] else { throw Missing(subtree: subtree) }
        return hash
    }

    func root(at size: TreeSize) throws -> SHA256Digest { try MerkleTree(size: size, hash: hash).root }
}

extension JSONValue {
    /// The 32-byte hash in this member, in hexadecimal.
    func digest(_ name: String, _ location: SourceLocation = #_sourceLocation) throws -> SHA256Digest {
        try #require(try member(name, location).digest, sourceLocation: location)
    }

    /// The list of hashes in this member.
    func digests(_ name: String, _ location: SourceLocation = #_sourceLocation) throws -> [SHA256Digest] {
        try list(name, location).map { try #require($0.digest, sourceLocation: location) }
    }

    func size(_ name: String, _ location: SourceLocation = #_sourceLocation) throws -> TreeSize {
        try #require(TreeSize(try unsigned(name, location)), sourceLocation: location)
    }

    /// This string as a hash in hexadecimal.
    var digest: SHA256Digest? {
        guard let bytes = string.flatMap([UInt8].init(hexadecimal:)) else { return nil }
        return SHA256Digest(unsafe bytes.span.bytes)
    }
}
