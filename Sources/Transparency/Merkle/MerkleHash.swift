public import CryptoPrimitives

/// The three hashes a Merkle tree is made of (RFC 9162, section 2.1.1).
///
/// The byte in front is what keeps an inner node from being passed off as a leaf.
public enum MerkleHash {
    /// The root of the tree without leaves: the hash of nothing.
    public static let emptyRoot = SHA256.hash(RawSpan())

    /// `SHA-256(0x00 ‖ entry)`.
    public static func leaf(_ entry: RawSpan) -> SHA256Digest { SHA256.hash(0x00, entry) }

    /// `SHA-256(0x01 ‖ left ‖ right)`.
    public static func node(_ left: SHA256Digest, _ right: SHA256Digest) -> SHA256Digest {
        left.withBytes { left in right.withBytes { right in SHA256.hash(0x01, left, right) } }
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
