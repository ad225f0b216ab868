internal import COpenSSL

/// A SHA-256 digest (FIPS 180-4): 32 bytes, ordered as bytes are.
public struct SHA256Digest: BitwiseCopyable, Hashable, Sendable, Comparable {
    // Two big-endian halves: comparing and hashing them is comparing and hashing the bytes.
    private let high: UInt128
    private let low: UInt128

    /// The number of bytes.
    public static let byteCount = 32
    /// 32 zero bytes: what stands where there is no digest yet.
    public static let zero = SHA256Digest(high: 0, low: 0)

    fileprivate init(high: UInt128, low: UInt128) {
        self.high = high
        self.low = low
    }

    /// The digest with these 32 bytes, or nil for another number of bytes.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount == Self.byteCount else { return nil }
        high = unsafe UInt128(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt128.self))
        low = unsafe UInt128(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 16, as: UInt128.self))
    }

    /// The bytes in order.
    public var bytes: [UInt8] { withBytes { $0.array } }

    /// Runs `body` with the bytes, without an allocation.
    public func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let words: (UInt128, UInt128) = (high.bigEndian, low.bigEndian)
        return unsafe try withUnsafeBytes(of: words) { (buffer) throws(Failure) in unsafe try body(buffer.bytes) }
    }

    /// Overwrites the digest, where it is a key.
    mutating func wipe() {
        unsafe withUnsafeMutableBytes(of: &self) { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    }

    /// Orders digests as their bytes are ordered, first byte first.
    public static func < (a: Self, b: Self) -> Bool { (a.high, a.low) < (b.high, b.low) }
}

extension SHA256Digest: CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public var description: String { withBytes { $0.hexadecimal } }
}

/// SHA-256 (FIPS 180-4), in one call or in pieces. A value: copying it forks the computation.
///
/// Allocates nothing; every leaf and node of the Merkle tree and every block's digest comes through here.
public struct SHA256: Sendable {
    private var context: SHA256_CTX

    /// Starts with no input.
    public init() {
        context = SHA256_CTX()
        _ = unsafe SHA256_Init(&context)
    }

    /// Adds input.
    public mutating func update(_ bytes: RawSpan) {
        _ = unsafe bytes.withUnsafeBytes { buffer in unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count) }
    }

    /// The digest of the input so far; more input may follow.
    public func finalize() -> SHA256Digest {
        var fork = self
        return fork.finish()
    }

    /// The digest of one piece of input.
    public static func hash(_ bytes: RawSpan) -> SHA256Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }

    /// The digest of a byte and what follows it, for the leaves and nodes of Merkle trees.
    ///
    /// A short message is padded here (FIPS 180-4, section 5.1.1) and compressed in one call: the general way buffers
    /// each piece, which takes as long as a compression.
    public static func hash(_ prefix: UInt8, _ first: RawSpan, _ second: RawSpan = RawSpan()) -> SHA256Digest {
        let count = 1 + first.byteCount + second.byteCount
        // A bit, and the length of the message in 8 bytes.
        let paddedCount = (count + 9 + 63) / 64 * 64
        guard paddedCount <= Self.shortMessageByteCount else {
            var hash = SHA256()
            unsafe withUnsafeBytes(of: prefix) { unsafe hash.update($0.bytes) }
            hash.update(first)
            hash.update(second)
            return hash.finish()
        }
        return unsafe withUnsafeTemporaryAllocation(byteCount: Self.shortMessageByteCount, alignment: 16) { message in
            unsafe message[0] = prefix
            unsafe first.withUnsafeBytes {
                unsafe UnsafeMutableRawBufferPointer(rebasing: message[1...]).copyMemory(from: $0)
            }
            unsafe second.withUnsafeBytes {
                unsafe UnsafeMutableRawBufferPointer(rebasing: message[(1 + first.byteCount)...]).copyMemory(from: $0)
            }
            unsafe message[count] = 0x80
            unsafe UnsafeMutableRawBufferPointer(rebasing: message[(count + 1)..<(paddedCount - 8)])
                .initializeMemory(as: UInt8.self, repeating: 0)
            unsafe message.storeBytes(of: UInt64(count * 8).bigEndian, toByteOffset: paddedCount - 8, as: UInt64.self)
            var hash = SHA256()
            _ = unsafe SHA256_Update(&hash.context, message.baseAddress, paddedCount)
            let words = hash.context.h
            return SHA256Digest(
                high: UInt128(words.0) << 96 | UInt128(words.1) << 64 | UInt128(words.2) << 32 | UInt128(words.3),
                low: UInt128(words.4) << 96 | UInt128(words.5) << 64 | UInt128(words.6) << 32 | UInt128(words.7))
        }
    }

    private static let shortMessageByteCount = 192

    /// The digest, in place: nothing may be added afterwards.
    mutating func finish() -> SHA256Digest {
        var words: (UInt128, UInt128) = (0, 0)
        unsafe withUnsafeMutableBytes(of: &words) { buffer in
            _ = unsafe SHA256_Final(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &context)
        }
        return SHA256Digest(high: UInt128(bigEndian: words.0), low: UInt128(bigEndian: words.1))
    }

    /// Overwrites the state, which is a secret once a key went in.
    mutating func wipe() {
        unsafe withUnsafeMutableBytes(of: &context) { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    }
}
