public import CryptoPrimitives

/// The three hashes a Merkle tree is made of (RFC 9162, section 2.1.1).
///
/// The byte in front is what keeps an inner node from being passed off as a leaf.
public enum MerkleHash {
    /// The root of the tree without leaves: the hash of nothing.
    public static let emptyRoot = SHA256.hash(RawSpan())

    private static let leafPrefix: InlineArray<1, UInt8> = [0x00]
    private static let nodePrefix: InlineArray<1, UInt8> = [0x01]

    /// `SHA-256(0x00 ‖ entry)`.
    public static func leaf(_ entry: RawSpan) -> SHA256Digest {
        var hash = SHA256()
        hash.update(unsafe leafPrefix.span.bytes)
        hash.update(entry)
        return hash.finalize()
    }

    /// `SHA-256(0x01 ‖ left ‖ right)`.
    public static func node(_ left: SHA256Digest, _ right: SHA256Digest) -> SHA256Digest {
        var hash = SHA256()
        hash.update(unsafe nodePrefix.span.bytes)
        left.withBytes { hash.update($0) }
        right.withBytes { hash.update($0) }
        return hash.finalize()
    }

    /// The root over neighbouring complete subtrees, largest and leftmost first; nil over none.
    static func fold(_ hashes: some BidirectionalCollection<SHA256Digest>) -> SHA256Digest? {
        guard let last = hashes.last else { return nil }
        return hashes.dropLast().reversed().reduce(last) { node($1, $0) }
    }
}

extension SHA256Digest {
    /// The digest with these bytes, or nil unless there are 32.
    init?(_ bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        self.init(unsafe bytes.span.bytes)
    }
}
