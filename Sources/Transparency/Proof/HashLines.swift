internal import CryptoPrimitives

/// The hashes of a Merkle proof as text: one line of base64 each, at most 63. Proof files and requests to witnesses
/// have them in this form.
enum HashLines {
    /// A tree of less than 2^63 leaves needs no more.
    static let countLimit = 63

    static func parse(_ lines: some Collection<ArraySlice<UInt8>>) throws(HashLinesError) -> [SHA256Digest] {
        guard lines.count <= countLimit else { throw .tooMany(count: lines.count) }
        var hashes: [SHA256Digest] = []
        for line in lines {
            guard let hash = Base64.decode(line).flatMap(SHA256Digest.init) else {
                throw .malformed(number: hashes.count + 1)
            }
            hashes.append(hash)
        }
        return hashes
    }

    static func format(_ hashes: [SHA256Digest]) -> [UInt8] {
        hashes.flatMap { Base64.encode($0.bytes) + [newline] }
    }

    /// Divides a text at its first empty line into the lines above, and what follows; nil if there is no empty line.
    static func divide(_ bytes: [UInt8]) -> (head: [ArraySlice<UInt8>], rest: [UInt8])? {
        guard let end = bytes.indices.dropFirst().first(where: { bytes[$0 - 1] == newline && bytes[$0] == newline })
        else { return nil }
        let head = bytes[..<(end - 1)].split(separator: newline, omittingEmptySubsequences: false)
        return (head, Array(bytes[(end + 1)...]))
    }
}

/// What is wrong with the hashes of a proof as text.
public enum HashLinesError: Error, Hashable, Sendable {
    /// More than any tree needs.
    case tooMany(count: Int)
    /// The hash with this number, counted from 1, is not 32 bytes in base64.
    case malformed(number: Int)
}

extension HashLinesError: CustomStringConvertible {
    /// What is wrong, for a person.
    public var description: String {
        switch self {
        case .tooMany(let count): "the proof has \(count) hashes; no tree needs more than \(HashLines.countLimit)"
        case .malformed(let number): "hash \(number) of the proof is not 32 bytes in base64"
        }
    }
}
